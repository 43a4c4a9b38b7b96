"""What is refused before a secret is needed, in S3's words."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from objectlens import errors
from objectlens.http import Headers, HttpRequest
from objectlens.sigv4 import Scope, read

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
CREDENTIAL = "AKIA/20260102/us-east-1/s3/aws4_request"
HEADER = f"AWS4-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders=host;x-amz-date, Signature=abc"
QUERY = {
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": CREDENTIAL,
    "X-Amz-Date": "20260102T030405Z",
    "X-Amz-Expires": "60",
    "X-Amz-SignedHeaders": "host",
    "X-Amz-Signature": "abc",
}


def with_header(authorization: str = HEADER, **headers: str | None) -> HttpRequest:
    given = {"x-amz-date": "20260102T030405Z", "x-amz-content-sha256": EMPTY} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    items = [(name, value) for name, value in given.items() if value is not None]
    return HttpRequest("GET", "/b/k", headers=Headers([("Authorization", authorization), *items]), host="h")


def with_query(**changes: str | None) -> HttpRequest:
    given = QUERY | {name.replace("_", "-"): value for name, value in changes.items()}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items() if value is not None)
    return HttpRequest("GET", "/b/k", query, host="h")


def test_a_header():
    claim = read(with_header(x_amz_security_token="t"))
    assert claim is not None
    assert (claim.access_key_id, claim.scope) == ("AKIA", Scope("20260102", "us-east-1", "s3"))
    assert (claim.signed_headers, claim.signature) == (("host", "x-amz-date"), "abc")
    assert claim.signed_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (claim.session_token, claim.payload_hash, claim.expires) == ("t", EMPTY, None)


def test_blanks_between_the_parts_are_free():
    tight = HEADER.replace(", ", ",")
    assert read(with_header(tight)) == read(with_header(HEADER))
    assert read(with_header(HEADER.replace(", ", ",   "))) == read(with_header(HEADER))


def test_keys_may_hold_slashes():
    claim = read(with_header(HEADER.replace("AKIA/", "my/own/key/")))
    assert claim is not None
    assert claim.access_key_id == "my/own/key"


def test_a_query():
    claim = read(with_query(X_Amz_Security_Token="a+/="))
    assert claim is not None
    assert (claim.carrier, claim.expires, claim.payload_hash) == ("REST-QUERY-STRING", 60, "UNSIGNED-PAYLOAD")
    assert claim.session_token == "a+/="


def test_the_date_header_serves_too():
    claim = read(with_header(x_amz_date=None, date="Fri, 02 Jan 2026 03:04:05 GMT"))
    assert claim is not None
    assert claim.timestamp == "20260102T030405Z"


def test_unsigned():
    assert read(HttpRequest("GET", "/b/k", "prefix=X-Amz-Credential", host="h")) is None
    assert read(HttpRequest("GET", "/b/k", host="h")) is None


@pytest.mark.parametrize(
    "http",
    [
        HttpRequest("GET", "/", headers=Headers([("Authorization", "AWS AKIA:c2ln")]), host="h"),
        HttpRequest("GET", "/", "AWSAccessKeyId=AKIA&Expires=1&Signature=x", host="h"),
    ],
)
def test_version_2_is_told_what_to_set(http: HttpRequest):
    with pytest.raises(errors.InvalidRequest, match=r"AWS4-HMAC-SHA256.*signature_version='s3v4'"):
        read(http)


def test_two_carriers_at_once():
    http = with_query()
    both = HttpRequest("GET", "/", http.query, Headers([("Authorization", HEADER)]), host="h")
    with pytest.raises(errors.InvalidArgument, match="Only one auth mechanism allowed") as caught:
        read(both)
    assert caught.value.detail["ArgumentName"] == "Authorization"


@pytest.mark.parametrize("scheme", ["Bearer x", "Basic eA==", "AWS4-ECDSA-P256-SHA256 Credential=x", ""])
def test_other_schemes(scheme: str):
    with pytest.raises(errors.InvalidArgument, match="Unsupported Authorization Type"):
        read(with_header(scheme))


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        ("AWS4-HMAC-SHA256 Credential=a", "requires three components: Credential, SignedHeaders, and Signature."),
        ("AWS4-HMAC-SHA256", "requires three components"),
        (f"{HEADER}, {HEADER}", "requires three components"),  # as of two headers
        (f"{HEADER}, AWS4-HMAC-SHA256 Credential=b", "requires three components"),
        (f"{HEADER}, Signature=b", "requires three components"),
        (HEADER.replace(CREDENTIAL, "AKIA"), "the Credential is mal-formed; expecting"),
        (HEADER.replace("us-east-1", ""), "the Credential is mal-formed; expecting"),
        (HEADER.replace("AKIA/", "/"), "a non-empty Access Key"),
        (HEADER.replace("20260102", "2026-01-02"), 'incorrect date format "2026-01-02"'),
        (HEADER.replace("20260102", "²0260102"), "incorrect date format"),
        (HEADER.replace("aws4_request", "aws5"), 'incorrect terminal "aws5". This endpoint uses "aws4_request".'),
        (HEADER.replace("20260102", "20260103"), 'Invalid credential date "20260103".'),
    ],
)
def test_malformed_headers(authorization: str, message: str):
    with pytest.raises(errors.AuthorizationHeaderMalformed) as caught:
        read(with_header(authorization))
    assert caught.value.message.startswith("The authorization header is malformed; ")
    assert message in caught.value.message


@pytest.mark.parametrize("date", [None, "yesterday", "20260102", "20261302T000000Z", "2026010²T030405Z", ""])
def test_no_date(date: str | None):
    with pytest.raises(errors.AccessDenied, match="requires a valid Date or x-amz-date header"):
        read(with_header(x_amz_date=date))


def test_s3_wants_the_payload_hash():
    with pytest.raises(errors.InvalidRequest, match="Missing required header for this request: x-amz-content-sha256"):
        read(with_header(x_amz_content_sha256=None))
    claim = read(with_header(HEADER.replace("/s3/", "/lambda/"), x_amz_content_sha256=None))
    assert claim is not None
    assert claim.payload_hash is None


@pytest.mark.parametrize("value", ["", "abc", "UNSIGNED", EMPTY[:-1] + "g", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"])
def test_payload_hashes_that_are_none(value: str):
    with pytest.raises(errors.InvalidArgument, match="x-amz-content-sha256 must be"):
        read(with_header(x_amz_content_sha256=value))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        *(
            ({name: None}, "Query-string authentication version 4 requires")
            for name in QUERY
            if name != "X-Amz-Signature"
        ),
        ({"X-Amz-Algorithm": "AWS4-HMAC-SHA1"}, "X-Amz-Algorithm only supports"),
        ({"X-Amz-Credential": "AKIA"}, "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed"),
        ({"X-Amz-Date": "2026-01-02"}, "X-Amz-Date must be in the ISO8601 Long Format"),
        ({"X-Amz-Date": "20260103T030405Z"}, "Invalid credential date"),
        ({"X-Amz-Expires": "soon"}, "X-Amz-Expires should be a number"),
    ],
)
def test_malformed_queries(changes: dict[str, str | None], message: str):
    with pytest.raises(errors.AuthorizationQueryParametersError) as caught:
        read(with_query(**changes))
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("expires", "message"),
    [
        ("-1000", "Request has expired"),
        ("604801", "X-Amz-Expires must be less than a week"),
        ("9" * 400, "X-Amz-Expires must be less than a week"),
    ],
)
def test_a_life_that_was_over_when_it_began_or_is_too_long(expires: str, message: str):
    with pytest.raises(errors.AccessDenied, match=message):
        read(with_query(X_Amz_Expires=expires))


@pytest.mark.parametrize("expires", ["1", "604800"])
def test_the_longest_and_shortest_life(expires: str):
    claim = read(with_query(X_Amz_Expires=expires))
    assert claim is not None
    assert claim.expires == int(expires)
