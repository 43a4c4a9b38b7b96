"""From the body on the wire to the payload: framing off, signature and length verified while it streams."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

from objectlens.access import Signature
from objectlens.errors import InvalidArgument, InvalidRequest, XAmzContentSHA256Mismatch
from objectlens.http import HttpRequest
from objectlens.s3.chunked import ChunkedDecoder, Framing
from objectlens.streams import RequestBody

_UNSIGNED = "UNSIGNED-PAYLOAD"
_DIGEST = re.compile("[0-9a-f]{64}")


class HashedPayload:
    """A payload whose SHA-256 was signed: reading it to the end proves it."""

    def __init__(self, body: RequestBody, sha256: str) -> None:
        self._body = body
        self._sha256 = sha256

    @property
    def trailers(self) -> Mapping[str, str]:
        """Return nothing: this framing has none."""
        return {}

    @property
    def length(self) -> int | None:
        """Return the number of bytes announced."""
        return self._body.length

    async def __aiter__(self) -> AsyncIterator[bytes]:
        digest = hashlib.sha256()
        async for chunk in self._body:
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != self._sha256:
            raise XAmzContentSHA256Mismatch(
                ClientComputedContentSHA256=self._sha256, S3ComputedContentSHA256=digest.hexdigest()
            )


class ChunkedPayload:
    """A payload in `aws-chunked` framing; `trailers` is filled when it has been read to the end."""

    def __init__(self, body: RequestBody, framing: Framing, decoder: ChunkedDecoder) -> None:
        self._body = body
        self._framing = framing
        self._decoder = decoder

    @property
    def length(self) -> int | None:
        """Return the number of payload bytes announced."""
        return self._framing.length

    @property
    def trailers(self) -> Mapping[str, str]:
        """Return the trailing headers by lower-case name, empty until the body has ended."""
        return self._decoder.trailers

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._body:
            for chunk in self._decoder.feed(data):
                yield chunk
        self._decoder.close()


def verified(http: HttpRequest, signature: Signature | None) -> RequestBody:
    """Return the payload of a request; what was signed about it is proved by whoever reads it to the end.

    `signature` is None for a request that needs none. Raises `InvalidArgument` for an `x-amz-content-sha256` that is
    neither a digest nor one of the words for "not signed".
    """
    framing = Framing.parse(http.headers)
    if framing is not None:
        if signature is None:
            # The token is the credential: chunk signatures of an unsigned request prove nothing.
            framing = replace(framing, signed=False)
        elif framing.signed and signature.seed is None:
            raise InvalidRequest("A presigned request cannot have a body in signed chunks: send it as it is.")
        verifier = signature.seed.verifier() if framing.signed and signature and signature.seed else None
        return ChunkedPayload(http.body, framing, ChunkedDecoder(framing, verifier))
    claimed = http.headers.get("x-amz-content-sha256")
    if signature is not None and signature.kind == "REST-QUERY-STRING":
        # What counts is what was signed; the header may have been added by whoever uses the URL.
        claimed = signature.payload_hash.lower() or None
    if claimed is None or claimed.upper() == _UNSIGNED:
        return http.body
    if not _DIGEST.fullmatch(claimed):
        raise InvalidArgument(
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, or a valid sha256 "
            "value.",
            ArgumentName="x-amz-content-sha256",
            ArgumentValue=claimed,
        )
    return HashedPayload(http.body, claimed)
