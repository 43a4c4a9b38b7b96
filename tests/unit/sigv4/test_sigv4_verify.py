"""What a valid claim still has to satisfy."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from objectlens import errors
from objectlens.http import Headers, HttpRequest
from objectlens.sigv4 import ChunkSeed, Credentials, Scope, Secret, SigningKeys, presign, read, sign, verify
from objectlens.sigv4.keys import derive

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = Credentials("AKIA", "secret")
HOST = "pics.localhost:9000"
EMPTY = hashlib.sha256(b"").hexdigest()


def signed(path: str = "/a", query: str = "", *, add: dict[str, str] | None = None, **headers: str) -> HttpRequest:
    made = sign("GET", HOST, path, query, KEY, region="r", now=NOW, payload_hash=EMPTY, headers=headers)
    items = [("Host", HOST), *made.items(), *(add or {}).items()]
    return HttpRequest("GET", path, query, Headers(items), host=HOST)


def presigned(*, add: dict[str, str] | None = None, expires: int = 60, **headers: str) -> HttpRequest:
    url = presign("GET", f"http://{HOST}/a?x=1", KEY, region="r", now=NOW, expires=expires, headers=headers)
    items = [("Host", HOST), *headers.items(), *(add or {}).items()]
    return HttpRequest("GET", "/a", url.partition("?")[2], Headers(items), host=HOST)


def check(http: HttpRequest, *, now: datetime = NOW, keys: SigningKeys | None = None) -> ChunkSeed:
    claim = read(http)
    assert claim is not None
    return verify(http, claim, KEY.secret, now, keys if keys is not None else SigningKeys())


class TestHeadersThatMustBeSigned:
    def test_other_headers_may_come_along(self):
        check(
            signed(add={"Range": "bytes=0-1", "If-Match": "x", "User-Agent": "u", "Content-Type": "t", "x-amzn-y": "z"})
        )

    @pytest.mark.parametrize("make", [signed, presigned])
    def test_amz_headers_may_not(self, make):
        with pytest.raises(errors.AccessDenied, match="There were headers present in the request which were") as caught:
            check(make(add={"X-Amz-Meta-A": "1", "x-amz-acl": "public-read"}))
        assert caught.value.detail == {"HeadersNotSigned": "x-amz-meta-a, x-amz-acl"}

    def test_presigned_requests_take_conditions_and_ranges(self):
        conditions = ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since")
        check(presigned(add={"Range": "bytes=0-1", "x-amz-content-sha256": EMPTY} | dict.fromkeys(conditions, "x")))

    def test_presigned_requests_may_ask_for_checksums(self):
        check(presigned(add={"x-amz-checksum-mode": "ENABLED", "X-Amz-User-Agent": "aws-sdk-js"}))
        with pytest.raises(errors.AccessDenied, match="not signed"):
            check(signed(add={"x-amz-checksum-mode": "ENABLED"}))

    def test_what_was_signed_must_be_sent(self):
        signed_with = {"x-amz-checksum-mode": "ENABLED"}
        check(presigned(**signed_with))
        bare = presigned(**signed_with)
        bare = replace(bare, headers=Headers([("Host", HOST)]))
        with pytest.raises(errors.SignatureDoesNotMatch):
            check(bare)

    def test_the_host_must_be_signed(self):
        http = signed()
        items = [(name, value.replace("SignedHeaders=host;", "SignedHeaders=")) for name, value in http.headers]
        with pytest.raises(errors.AccessDenied) as caught:
            check(replace(http, headers=Headers(items)))
        assert caught.value.detail == {"HeadersNotSigned": "host"}

    def test_the_token_may_follow_outside_s3(self):
        made = sign("GET", HOST, "/", "", KEY, region="r", now=NOW, payload_hash=EMPTY, service="iam")
        items = [("Host", HOST), *made.items(), ("x-amz-security-token", "t")]
        http = HttpRequest("GET", "/", headers=Headers(items), host=HOST)
        claim = read(http)
        assert claim is not None
        verify(http, replace(claim, payload_hash=EMPTY), KEY.secret, NOW, SigningKeys())


class TestTime:
    @pytest.mark.parametrize("seconds", [-900, 0, 900])
    def test_a_quarter_of_an_hour_either_way(self, seconds: int):
        check(signed(), now=NOW + timedelta(seconds=seconds))

    @pytest.mark.parametrize("seconds", [-901, 901])
    def test_and_no_more(self, seconds: int):
        with pytest.raises(errors.RequestTimeTooSkewed) as caught:
            check(signed(), now=NOW + timedelta(seconds=seconds))
        assert caught.value.detail["RequestTime"] == "20260102T030405Z"
        assert caught.value.detail["MaxAllowedSkewMilliseconds"] == "900000"

    def test_presigned_for_the_future(self):
        check(presigned(), now=NOW - timedelta(minutes=15))
        with pytest.raises(errors.AccessDenied, match="Request is not yet valid"):
            check(presigned(), now=NOW - timedelta(minutes=16))

    def test_presigned_for_a_week(self):
        check(presigned(expires=604_800), now=NOW + timedelta(days=7))
        with pytest.raises(errors.AccessDenied, match="Request has expired"):
            check(presigned(expires=604_800), now=NOW + timedelta(days=7, seconds=1))


class TestPathsAndQueries:
    @pytest.mark.parametrize(
        ("sent", "as_signed"),
        [
            ("/a%2fb", "/a/b"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/(x)*'!", "/%28x%29%2A%27%21"),
            ("/~a-b_c.d", "/%7Ea-b_c.d"),
        ],
    )
    def test_escapes_are_written_by_the_rule(self, sent: str, as_signed: str):
        assert check(replace(signed(as_signed), path=sent))
        assert check(replace(signed(sent), path=sent))

    def test_a_plus_in_the_query_is_a_blank(self):
        assert check(replace(signed("/", "prefix=a%20b"), query="prefix=a+b"))

    def test_order_and_repetition(self):
        assert check(replace(signed("/", "a=2&b=1&a=1"), query="b=1&a=1&a=2"))
        with pytest.raises(errors.SignatureDoesNotMatch):
            check(replace(signed("/", "a=1&b=1"), query="a=1&b=1&b=1"))

    @pytest.mark.parametrize("path", ["/b", "/a/", "//a", "/a/../a", "/a%00"])
    def test_another_path(self, path: str):
        with pytest.raises(errors.SignatureDoesNotMatch):
            check(replace(signed("/a"), path=path))

    def test_another_method(self):
        with pytest.raises(errors.SignatureDoesNotMatch):
            check(replace(signed(), method="DELETE"))

    @pytest.mark.parametrize("signature", ["", "é" * 64, "0" * 64, "\udcff"])
    def test_odd_signatures(self, signature: str):
        http = signed()
        claim = read(http)
        assert claim is not None
        with pytest.raises(errors.SignatureDoesNotMatch):
            verify(http, replace(claim, signature=signature), KEY.secret, NOW, SigningKeys())

    def test_the_refusal_shows_what_was_signed(self):
        with pytest.raises(errors.SignatureDoesNotMatch) as caught:
            check(replace(signed(), path="/b"))
        detail = caught.value.detail
        assert detail["CanonicalRequest"].startswith("GET\n/b\n\nhost:pics.localhost:9000\n")
        digest = hashlib.sha256(detail["CanonicalRequest"].encode()).hexdigest()
        assert detail["StringToSign"] == f"AWS4-HMAC-SHA256\n20260102T030405Z\n20260102/r/s3/aws4_request\n{digest}"


class TestSigningKeys:
    def test_only_what_was_proved_is_remembered(self):
        keys = SigningKeys()
        http = signed()
        claim = read(http)
        assert claim is not None
        with pytest.raises(errors.SignatureDoesNotMatch):
            verify(http, claim, Secret("AKIA", "wrong"), NOW, keys)
        assert len(keys) == 0
        check(http, keys=keys)
        check(http, keys=keys)
        assert len(keys) == 1

    def test_another_secret_is_not_mistaken(self):
        keys = SigningKeys()
        check(signed(), keys=keys)
        scope = Scope("20260102", "r", "s3")
        assert keys.find(Secret("AKIA", "changed"), scope) == derive("changed", scope)
        assert keys.find(KEY.secret, scope) == derive("secret", scope)

    def test_bounded(self):
        keys = SigningKeys(limit=2)
        for region in ("a", "b", "a", "c"):
            keys.remember(KEY.secret, Scope("20260102", region, "s3"), b"key-" + region.encode())
        assert len(keys) == 2
        assert keys.find(KEY.secret, Scope("20260102", "a", "s3")) == b"key-a"
        assert keys.find(KEY.secret, Scope("20260102", "b", "s3")) != b"key-b"


def test_secrets_stay_out_of_repr():
    seed = check(signed())
    for value in (KEY, KEY.secret, seed, Credentials("a", "hidden", "hidden")):
        assert "hidden" not in repr(value)
        assert "secret'" not in repr(value)
        assert str(seed.signing_key) not in repr(value)
