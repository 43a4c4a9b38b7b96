"""Who may come in: header and presigned signatures, clocks, and the exact words of a refusal."""

from __future__ import annotations

import http.client
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support.live import LiveServer
from support.wire import UNSIGNED, Answer, Wire, refused


@pytest.fixture
def path(wire: Wire, bucket: str) -> str:
    wire.send("PUT", f"/{bucket}/k", body=b"abc")
    return f"/{bucket}/k"


def fetch(url: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request(method, f"{parts.path}?{parts.query}", body, headers or {})
    answer = connection.getresponse()
    found = Answer(answer.status, answer.reason, answer.getheaders(), answer.read())
    connection.close()
    return found


def test_without_a_signature(wire: Wire, path: str, bucket: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = wire.plain(method, path, {}, b"")
        assert (answer.status, answer.code) == (403, "AccessDenied"), method
        assert answer.element("Message") == "Access Denied"
    assert wire.plain("HEAD", path, {}).status == 403
    assert wire.plain("GET", "/", {}).status in {403, 307}
    # Nobody learns which objects there are; which buckets there are, S3 tells everyone.
    assert wire.plain("GET", "/no-such-bucket-here/k", {}).code == "NoSuchBucket"
    assert wire.plain("GET", f"/{bucket}/none", {}).code == "AccessDenied"


def test_wrong_keys(wire: Wire, path: str) -> None:
    unknown = wire.send("GET", path, credentials=Credentials("AKIAIOSFODNN7EXAMPLE", "x"))
    assert (unknown.status, unknown.code) == (403, "InvalidAccessKeyId")
    assert unknown.element("AWSAccessKeyId") == "AKIAIOSFODNN7EXAMPLE"
    wrong = wire.send("GET", path, credentials=Credentials(wire.server.access_key_id, "wrong"))
    assert (wrong.status, wrong.code) == (403, "SignatureDoesNotMatch")
    assert wrong.element("AWSAccessKeyId") == wire.server.access_key_id
    assert (wrong.element("StringToSign") or "").startswith("AWS4-HMAC-SHA256\n")
    assert (wrong.element("CanonicalRequest") or "").startswith(f"GET\n{path}\n")
    # The signature to be expected is never told.
    assert wrong.element("SignatureProvided")
    token = wire.send(
        "GET", path, credentials=Credentials(wire.server.access_key_id, wire.server.secret_access_key, "token")
    )
    assert (token.status, token.code) == (400, "InvalidToken")


def test_what_was_signed_cannot_be_changed(wire: Wire, path: str, bucket: str) -> None:
    headers = wire.signed("GET", path)
    assert wire.plain("HEAD", path, headers).status == 403
    assert wire.plain("GET", f"/{bucket}/other", headers).code == "SignatureDoesNotMatch"
    assert wire.plain("GET", f"{path}?versionId=null", headers).code == "SignatureDoesNotMatch"
    changed = wire.signed("PUT", path, {"x-amz-meta-a": "1"})
    assert wire.plain("PUT", path, changed | {"x-amz-meta-a": "2"}, b"").code == "SignatureDoesNotMatch"
    added = wire.signed("PUT", path)
    assert wire.plain("PUT", path, added | {"x-amz-meta-a": "2"}, b"").code == "AccessDenied"


@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [
        ("AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=", 400, "InvalidRequest"),
        ("Bearer x", 400, "InvalidArgument"),
        ("AWS4-HMAC-SHA256", 400, "AuthorizationHeaderMalformed"),
        ("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=x", 400, "AuthorizationHeaderMalformed"),
        ("AWS4-HMAC-SHA256 Credential=a/20200101/r/s3/aws4_request", 400, "AuthorizationHeaderMalformed"),
    ],
)
def test_malformed(wire: Wire, path: str, authorization: str, status: int, code: str) -> None:
    answer = wire.plain("GET", path, {"Authorization": authorization, "x-amz-content-sha256": UNSIGNED})
    assert (answer.status, answer.code) == (status, code)


def test_signature_version_2_is_refused_with_the_remedy(wire: Wire, server: LiveServer, path: str, bucket: str) -> None:
    answer = wire.plain("GET", path, {"Authorization": "AWS AKIA:sig", "Date": "Mon, 01 Jan 2024 00:00:00 GMT"})
    message = answer.element("Message") or ""
    assert message.startswith(
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256"
    )
    assert "s3v4" in message
    url = server.client("s3", signature_version="s3").generate_presigned_url(
        "get_object", {"Bucket": bucket, "Key": "k"}
    )
    assert "AWSAccessKeyId=" in url
    answer = fetch(url)
    assert (answer.status, answer.code) == (400, "InvalidRequest")


def test_clock_skew(wire: Wire, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = botocore.auth.get_current_datetime

    def shifted(minutes: int) -> Answer:
        monkeypatch.setattr(
            botocore.auth,
            "get_current_datetime",
            lambda *args, **kwargs: real(*args, **kwargs) + timedelta(minutes=minutes),
        )
        return wire.send("GET", path)

    assert shifted(-10).status == 200
    assert shifted(10).status == 200
    for minutes in (-20, 20):
        answer = shifted(minutes)
        assert (answer.status, answer.code) == (403, "RequestTimeTooSkewed")
        assert answer.element("MaxAllowedSkewMilliseconds") == "900000"
        assert answer.element("ServerTime")


def presigned(wire: Wire, url: str, expires: int = 60, method: str = "GET") -> str:
    request = AWSRequest(method, url)
    auth = botocore.auth.S3SigV4QueryAuth(wire.credentials, "s3", wire.server.region, expires)
    auth.add_auth(request)
    return str(request.url)


def test_presigned(server: LiveServer, bucket: str) -> None:
    # For endpoints that are not AWS's, boto3 presigns with version 2 unless it is told.
    s3 = server.client("s3", proxies={}, signature_version="s3v4")

    def url(operation: str, **arguments: Any) -> str:
        return str(s3.generate_presigned_url(operation, {"Bucket": bucket, "Key": "a b+ü/x"} | arguments))

    assert fetch(url("put_object", ContentType="image/png"), "PUT", b"abc", {"Content-Type": "image/png"}).status == 200
    assert fetch(url("put_object", ContentType="image/png"), "PUT", b"abc", {"Content-Type": "x/y"}).status == 403
    got = fetch(url("get_object", ResponseContentType="text/plain"))
    assert (got.body, got.header("Content-Type")) == (b"abc", "text/plain")
    assert fetch(url("get_object"), headers={"Range": "bytes=1-1"}).body == b"b"
    assert fetch(url("head_object"), "HEAD").header("Content-Type") == "image/png"
    assert fetch(url("get_object"), "PUT", b"x").code == "SignatureDoesNotMatch"
    assert fetch(url("get_object") + "&versionId=null").code == "SignatureDoesNotMatch"
    listing = s3.generate_presigned_url("list_objects_v2", {"Bucket": bucket, "Prefix": "a b"})
    assert b"<Key>a%20b%2B" in fetch(listing).body
    assert fetch(url("delete_object"), "DELETE").status == 204
    assert fetch(url("get_object")).code == "NoSuchKey"


def test_a_presigned_url_expires(wire: Wire, server: LiveServer, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = server.url + path
    assert fetch(presigned(wire, url)).status == 200
    real = botocore.auth.get_current_datetime
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *a, **k: real(*a, **k) - timedelta(seconds=120))
    assert fetch(presigned(wire, url, expires=600)).status == 200
    old = fetch(presigned(wire, url, expires=60))
    assert (old.status, old.code, old.element("Message")) == (403, "AccessDenied", "Request has expired")
    assert old.element("X-Amz-Expires") == "60"
    assert old.element("Expires")
    assert old.element("ServerTime")
    assert fetch(presigned(wire, url, expires=604_800)).status == 200
    long = fetch(presigned(wire, url, expires=604_801))
    assert (long.status, long.code) == (403, "AccessDenied")
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *a, **k: real(*a, **k) + timedelta(minutes=20))
    early = fetch(presigned(wire, url))
    assert (early.status, early.code) == (403, "AccessDenied")


def test_both_carriers_at_once(wire: Wire, server: LiveServer, path: str) -> None:
    url = presigned(wire, server.url + path)
    answer = fetch(url, headers={"Authorization": "AWS4-HMAC-SHA256 x"})
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_the_payload_hash_must_be_told(wire: Wire, path: str) -> None:
    headers = wire.signed("GET", path)
    del headers["X-Amz-Content-SHA256"]
    answer = wire.plain("GET", path, headers)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert answer.element("Message") == "Missing required header for this request: x-amz-content-sha256"


def test_any_region_is_accepted(server: LiveServer, wire: Wire, path: str) -> None:
    for region in ("us-east-1", "eu-central-1"):
        assert wire.send("GET", path, region=region).status == 200


def test_the_query_in_any_order_and_form(wire: Wire, bucket: str) -> None:
    wire.send("PUT", f"/{bucket}/k", body=b"abc")
    for query in (
        "prefix=k&list-type=2&delimiter=%2F",
        "list-type=2&prefix=%6B",
        "prefix=&list-type=2&max-keys=5",
        "list-type=2&unknown=x%20y&empty",
        "list-type=2&prefix=k&x=%E2%98%83",
    ):
        assert wire.send("GET", f"/{bucket}?{query}").status == 200, query


def test_a_client_is_told_on_head(s3: Any, server: LiveServer, bucket: str) -> None:
    stranger = server.client(
        "s3", credentials={"aws_access_key_id": server.access_key_id, "aws_secret_access_key": "wrong"}
    )
    with refused("403", 403):
        stranger.head_object(Bucket=bucket, Key="k")
    with refused("SignatureDoesNotMatch", 403):
        stranger.list_buckets()
