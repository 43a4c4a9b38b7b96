"""Chunk signatures of `aws-chunked` uploads: each chunk signs itself and the signature before it.

Source: "Signature calculations for the Authorization header: Transferring payload in multiple chunks" and the page on
trailing headers beside it, in the S3 API reference. The framing itself is not ours: who takes it apart hands us the
digests.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from objectlens.errors import SignatureDoesNotMatch
from objectlens.sigv4.canonical import EMPTY_SHA256
from objectlens.sigv4.claim import Scope
from objectlens.sigv4.keys import signature

STREAMING = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAMING_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
STREAMING_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

_CHUNK = "AWS4-HMAC-SHA256-PAYLOAD"
_TRAILER = "AWS4-HMAC-SHA256-TRAILER"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkSeed:
    """What the signatures of the chunks grow from: the proved signature of the request and its signing key."""

    signing_key: bytes = field(repr=False)
    timestamp: str
    scope: Scope
    signature: str

    def verifier(self) -> ChunkVerifier:
        """Start verifying the chunks of one body."""
        return ChunkVerifier(self)


class ChunkVerifier:
    """Verifies the chunks of one body in their order; the empty last chunk is one of them."""

    def __init__(self, seed: ChunkSeed) -> None:
        self._seed = seed
        self._previous = seed.signature

    def next_chunk(self, sha256: str) -> str:
        """Return the signature that the next chunk must have; `sha256` is the hexadecimal digest of its bytes."""
        return self._next(_CHUNK, f"{EMPTY_SHA256}\n{sha256}")

    def chunk(self, sha256: str, claimed: str) -> None:
        """Verify the next chunk; raises `SignatureDoesNotMatch`."""
        self._prove(self.next_chunk(sha256), claimed, "a chunk")

    def next_trailer(self, trailer: bytes) -> str:
        """Return the signature of the trailing headers, given as `name:value` lines that each end in a line feed."""
        return self._next(_TRAILER, hashlib.sha256(trailer).hexdigest())

    def trailer(self, trailer: bytes, claimed: str) -> None:
        """Verify the trailing headers; raises `SignatureDoesNotMatch`."""
        self._prove(self.next_trailer(trailer), claimed, "the trailing headers")

    def _next(self, algorithm: str, digests: str) -> str:
        seed = self._seed
        text = f"{algorithm}\n{seed.timestamp}\n{seed.scope}\n{self._previous}\n{digests}"
        self._previous = signature(seed.signing_key, text)
        return self._previous

    def _prove(self, expected: str, claimed: str, what: str) -> None:
        if not hmac.compare_digest(expected.encode(), claimed.encode("utf-8", "surrogateescape")):
            raise SignatureDoesNotMatch(f"The signature of {what} does not match the one we calculated.")
