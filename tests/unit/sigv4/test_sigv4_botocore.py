"""What botocore's own signers make is proved, and what we make equals theirs."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from unittest import mock
from urllib.parse import quote, urlsplit

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from objectlens.errors import SignatureDoesNotMatch
from objectlens.http import Headers, HttpRequest
from objectlens.sigv4 import Credentials, Secret, SigningKeys, presign, read, sign, verify

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECRET = Secret("AKIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
BOTO = BotoCredentials(SECRET.access_key_id, SECRET.secret_access_key)
KEYS = [
    "plain.jpg",
    "a//b",
    "/lead",
    "trail/",
    "a/../b/./c",
    "my=key",
    "one+two",
    "with space",
    "café/É.png",
    "percent%20sign",
    "semi;colon,comma",
    "(paren)'*!~",
    "emoji-🙂",
    "a&b?c#d",
    '"quoted"<angle>',
]
QUERIES = ["", "list-type=2&prefix=a%2Fb%20c&delimiter=%2F", "versionId=x&partNumber=2", "uploads", "tag=%C3%A9&a=%2B"]


def from_boto(prepared, body: bytes = b"") -> HttpRequest:
    parts = urlsplit(prepared.url)
    text = {name: value.decode() if isinstance(value, bytes) else value for name, value in prepared.headers.items()}
    headers = Headers([*text.items(), ("Host", parts.netloc)])
    return HttpRequest(prepared.method, parts.path, parts.query, headers, host=parts.netloc)


def signed_by(signer_class, key: str, query: str, *, service="s3", method="GET", **extra) -> HttpRequest:
    url = f"http://localhost:9000/pics/{quote(key, safe='/~')}" + (f"?{query}" if query else "")
    request = AWSRequest(method=method, url=url, headers=extra, data=b"")
    with mock.patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None)):
        signer_class(BOTO, service, "eu-central-1").add_auth(request)
    return from_boto(request.prepare())


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("service", ["s3", "s3-object-lambda"])
def test_header_signatures_of_s3_are_proved(key: str, query: str, service: str):
    http = signed_by(auth.S3SigV4Auth, key, query, service=service)
    claim = read(http)
    assert claim is not None
    assert (claim.carrier, claim.scope.service, claim.signed_at) == ("REST-HEADER", service, NOW)
    verify(http, claim, SECRET, NOW, SigningKeys())
    with pytest.raises(SignatureDoesNotMatch):
        verify(http, claim, Secret("AKIAEXAMPLE", "another"), NOW, SigningKeys())


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("key", KEYS)
def test_query_signatures_of_s3_are_proved(key: str, query: str):
    http = signed_by(auth.S3SigV4QueryAuth, key, query)
    claim = read(http)
    assert claim is not None
    assert (claim.carrier, claim.expires, claim.payload_hash) == ("REST-QUERY-STRING", 3600, "UNSIGNED-PAYLOAD")
    verify(http, claim, SECRET, NOW, SigningKeys())


@pytest.mark.parametrize("service", ["lambda", "iam", "sts"])
@pytest.mark.parametrize("key", ["2015-03-31/functions/arn%3Aaws%3Alambda/invocations", "a//b", "a/../b", "x y"])
def test_other_services_encode_twice_and_normalise(service: str, key: str):
    http = signed_by(auth.SigV4Auth, key, "Qualifier=%24LATEST", service=service)
    claim = read(http)
    assert claim is not None
    assert claim.payload_hash is None
    verify(http, claim, SECRET, NOW, SigningKeys())


@pytest.mark.parametrize("service", ["lambda", "sts"])
def test_other_services_presign_the_empty_body(service: str):
    http = signed_by(auth.SigV4QueryAuth, "", "Action=GetCallerIdentity&Version=2011-06-15", service=service)
    claim = read(http)
    assert claim is not None
    assert (claim.carrier, claim.payload_hash) == ("REST-QUERY-STRING", None)
    verify(http, claim, SECRET, NOW, SigningKeys())


def test_chunked_uploads_of_botocore_sign_a_marker():
    headers = {"X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Trailer": "x-amz-checksum-crc32"}
    request = AWSRequest(method="PUT", url="https://pics.localhost/k", headers=headers, data=b"")
    request.context["checksum"] = {"request_algorithm": {"in": "trailer", "algorithm": "crc32", "name": "x"}}
    with mock.patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None)):
        auth.S3SigV4Auth(BOTO, "s3", "eu-central-1").add_auth(request)
    http = from_boto(request.prepare())
    claim = read(http)
    assert claim is not None
    assert claim.payload_hash == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    verify(http, claim, SECRET, NOW, SigningKeys())


@pytest.mark.parametrize("token", [None, "a+token/with=signs"])
@pytest.mark.parametrize("key", KEYS)
def test_presign_makes_what_botocore_makes(key: str, token: str | None):
    url = f"http://my-ap-123456789012.localhost:9000/{quote(key, safe='/~')}"
    request = AWSRequest(method="GET", url=url)
    boto = BotoCredentials(SECRET.access_key_id, SECRET.secret_access_key, token)
    with mock.patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None)):
        auth.S3SigV4QueryAuth(boto, "s3", "us-west-2", expires=61).add_auth(request)
    ours = presign(
        "GET",
        url,
        Credentials(SECRET.access_key_id, SECRET.secret_access_key, token),
        region="us-west-2",
        now=NOW,
        expires=61,
    )
    theirs = request.prepare().url
    assert urlsplit(ours).path == urlsplit(theirs).path
    assert sorted(urlsplit(ours).query.split("&")) == sorted(urlsplit(theirs).query.split("&"))


@pytest.mark.parametrize(("service", "signer"), [("s3", auth.S3SigV4Auth), ("lambda", auth.SigV4Auth)])
def test_sign_makes_what_botocore_makes(service: str, signer):
    digest = hashlib.sha256(b"").hexdigest()
    credentials = Credentials(SECRET.access_key_id, SECRET.secret_access_key, "token")
    ours = sign(
        "PUT",
        "localhost:9000",
        "/pics/a%3Ab/..//c",
        "x=%20&a",
        credentials,
        region="us-east-1",
        now=NOW,
        payload_hash=digest,
        service=service,
        headers={"X-Amz-Meta-A": "  two   blanks "},
    )
    request = AWSRequest(
        "PUT",
        "http://localhost:9000/pics/a%3Ab/..//c?x=%20&a",
        headers={"X-Amz-Meta-A": "  two   blanks "},
        data=b"",
    )
    with mock.patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None)):
        boto = BotoCredentials(SECRET.access_key_id, SECRET.secret_access_key, "token")
        signer(boto, service, "us-east-1").add_auth(request)
    assert ours["Authorization"] == request.headers["Authorization"]
