"""The payload of an upload: digested on its way to the store, and compared with what the request announced."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping

from objectlens.errors import BadDigest, EntityTooLarge, MalformedTrailerError
from objectlens.s3 import checksums
from objectlens.s3.checksums import Algorithm, Announced, Digest
from objectlens.s3.inputs.writing import MAX_PUT

# S3 keeps this one for uploads that name none (S3 user guide, "Checking object integrity").
DEFAULT: Algorithm = "CRC64NVME"

# From this size on, a hash is worth the way into a thread; CRCs are faster than that way.
_THREAD = 64 * 1024
_FAST = frozenset({"CRC32", "CRC32C", "CRC64NVME", "XXHASH64", "XXHASH3", "XXHASH128"})


class Received:
    """A payload, iterated over once; afterwards `checksums()` are those of all its bytes.

    `announced` and `content_md5` are what the body must have; `trailers` are asked for once the body has ended.
    """

    def __init__(
        self,
        body: AsyncIterable[bytes],
        algorithm: Algorithm,
        announced: Announced | None = None,
        content_md5: bytes | None = None,
        *,
        trailers: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._body = body
        self._trailers = trailers
        self._announced = announced
        self._content_md5 = content_md5
        self._digests: dict[Algorithm, Digest] = {algorithm: checksums.new(algorithm)}
        if announced is not None:
            self._digests.setdefault(announced.algorithm, checksums.new(announced.algorithm))
        self._md5 = hashlib.md5(usedforsecurity=False) if content_md5 is not None else None
        self._fast = self._md5 is None and self._digests.keys() <= _FAST

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._body:
            size += len(chunk)
            if size > MAX_PUT:
                # Of a body that came chunked, nobody knew before.
                raise EntityTooLarge(ProposedSize=str(size), MaxSizeAllowed=str(MAX_PUT))
            if self._fast or len(chunk) < _THREAD:
                self._update(chunk)
            else:
                await asyncio.to_thread(self._update, chunk)
            yield chunk

    def _update(self, chunk: bytes) -> None:
        for digest in self._digests.values():
            digest.update(chunk)
        if self._md5 is not None:
            self._md5.update(chunk)

    def checksums(self) -> Mapping[str, str]:
        """Return the checksums by algorithm, to be asked once; raises `BadDigest` when one is not as announced."""
        if self._md5 is not None and self._md5.digest() != self._content_md5:
            raise BadDigest("The Content-MD5 you specified did not match what we received.")
        found: dict[str, str] = {
            algorithm: checksums.encode(digest.digest()) for algorithm, digest in self._digests.items()
        }
        if self._announced is not None:
            self._compare(self._announced, found[self._announced.algorithm])
        return found

    def _compare(self, announced: Announced, computed: str) -> None:
        value = announced.value
        if value is None:
            name = checksums.header_name(announced.algorithm)
            value = self._trailers().get(name)
            if value is None:
                raise MalformedTrailerError(f"The trailer {name} that x-amz-trailer announces did not come.")
        if value != computed:
            raise BadDigest(f"The {announced.algorithm} you specified did not match the calculated checksum.")
