"""Framing off, digests proved."""

import asyncio
import hashlib
from dataclasses import replace

import pytest

from objectlens.access import Signature
from objectlens.errors import IncompleteBody, InvalidArgument, XAmzContentSHA256Mismatch
from objectlens.gateway.payload import verified
from objectlens.http import Headers, HttpRequest
from objectlens.streams import BytesBody, read_all

HEADER = Signature(
    kind="REST-HEADER", version="AWS4-HMAC-SHA256", age_ms=0, service="s3", region="us-east-1", payload_hash=""
)
QUERY = Signature(
    kind="REST-QUERY-STRING", version="AWS4-HMAC-SHA256", age_ms=0, service="s3", region="us-east-1", payload_hash=""
)


def request(body: bytes, **headers: str) -> HttpRequest:
    items = Headers((name.replace("_", "-"), value) for name, value in headers.items())
    return HttpRequest(method="PUT", path="/b/k", headers=items, body=BytesBody(body))


def payload(http: HttpRequest, signature: Signature | None = HEADER) -> bytes:
    return asyncio.run(read_all(verified(http, signature), 1000))


def test_a_signed_digest_is_proved_at_the_end() -> None:
    good = hashlib.sha256(b"abc").hexdigest()
    assert payload(request(b"abc", x_amz_content_sha256=good)) == b"abc"
    with pytest.raises(XAmzContentSHA256Mismatch) as caught:
        payload(request(b"abd", x_amz_content_sha256=good))
    assert caught.value.detail["ClientComputedContentSHA256"] == good


@pytest.mark.parametrize("word", ["UNSIGNED-PAYLOAD", None])
def test_what_is_not_signed_passes(word: str | None) -> None:
    headers = {} if word is None else {"x_amz_content_sha256": word}
    assert payload(request(b"abc", **headers)) == b"abc"


def test_a_presigned_request_does_not_sign_its_payload() -> None:
    assert payload(request(b"abc", x_amz_content_sha256="0" * 64), QUERY) == b"abc"


def test_a_digest_that_a_presigned_request_did_sign_is_proved() -> None:
    bound = replace(QUERY, payload_hash=hashlib.sha256(b"abc").hexdigest())
    assert payload(request(b"abc"), bound) == b"abc"
    with pytest.raises(XAmzContentSHA256Mismatch):
        payload(request(b"abd", x_amz_content_sha256="UNSIGNED-PAYLOAD"), bound)


@pytest.mark.parametrize("word", ["", "abc", "0" * 63 + "g", "STREAMING"])
def test_a_word_that_is_no_digest_is_named(word: str) -> None:
    with pytest.raises(InvalidArgument, match="sha256"):
        payload(request(b"abc", x_amz_content_sha256=word))


def test_unsigned_chunks_with_a_trailer() -> None:
    framed = b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n"
    http = request(
        framed,
        x_amz_content_sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        x_amz_decoded_content_length="3",
        x_amz_trailer="x-amz-checksum-crc32",
    )
    body = verified(http, HEADER)
    assert body.length == 3
    assert asyncio.run(read_all(body, 1000)) == b"abc"
    assert body.trailers == {"x-amz-checksum-crc32": "NSRBwg=="}


def test_chunks_that_end_too_early_are_refused() -> None:
    http = request(
        b"3\r\nabc\r\n",
        x_amz_content_sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        x_amz_decoded_content_length="3",
    )
    with pytest.raises(IncompleteBody):
        payload(http)
