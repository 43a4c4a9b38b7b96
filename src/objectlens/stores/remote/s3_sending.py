"""A body on its way to a bucket of S3.

A body of up to one part goes in one request, so that the server compares its checksum and keeps it. A longer one goes
in parts while it comes in: while one part is sent, the next is received, and no more than these two wait here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Callable, Mapping
from concurrent.futures import Executor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from objectlens.s3.checksums import algorithm_named
from objectlens.stores.protocols import ALGORITHM, TYPE, Attributes, Late, Part, StoreUnavailable, UploadNotFound
from objectlens.stores.remote.s3_calls import Calls
from objectlens.stores.remote.s3_facts import FULL, can_full, checksum_argument, kept
from objectlens.stores.remote.s3_uploads import S3Uploads
from objectlens.stores.remote.spool import Chunks, Spool

_log = logging.getLogger(__name__)

# S3 takes 10,000 parts, and clients of ours may put 5 GiB.
PART: Final = 16 * 1024 * 1024
_ABORT_SECONDS: Final = 30.0

Given = Attributes | Callable[[], Attributes]


class Sending:
    """Receives bodies for one bucket."""

    def __init__(self, calls: Calls, uploads: S3Uploads, executor: Executor, folder: Path) -> None:
        self._calls = calls
        self._uploads = uploads
        self._executor = executor
        self._folder = folder

    async def receive(self, key: str, body: AsyncIterable[bytes], attributes: Given) -> InOne | InParts:
        """Take a body in; what is returned makes the object of it, and must be ended."""
        algorithm = _algorithm(attributes)
        spool, chunks = self._spool(algorithm), Chunks(aiter(body))
        try:
            more = await spool.take(chunks, PART)
            if more and isinstance(attributes, Attributes | Late) and can_full(algorithm):
                return await self._in_parts(key, spool, chunks, attributes, algorithm)
            # Attributes that nobody knows yet are needed to begin an upload, and of a hash that is to be that of all
            # bytes S3 makes none from parts: then all of it must be here before.
            await spool.take(chunks)
            return InOne(self._calls, key, spool, settled(attributes))
        except BaseException:
            spool.close()
            raise

    def _spool(self, algorithm: str | None) -> Spool:
        return Spool(self._folder, self._executor, algorithm_named(algorithm) if algorithm else None)

    async def _in_parts(
        self, key: str, first: Spool, chunks: Chunks, given: Attributes | Late, algorithm: str | None
    ) -> InParts:
        known = given.known if isinstance(given, Late) else given
        note = {ALGORITHM: algorithm, TYPE: FULL} if algorithm else {}
        parts = InParts(self._calls, self._uploads, key, await self._uploads.start(key, known, note))
        try:
            await self._send_all(parts, first, chunks, algorithm)
            parts.attributes = settled(given)
        except BaseException:
            await parts.end()
            raise
        return parts

    async def _send_all(self, parts: InParts, first: Spool, chunks: Chunks, algorithm: str | None) -> None:
        spool: Spool | None = first
        sending: asyncio.Task[None] | None = None
        try:
            while spool is not None:
                if sending is not None:
                    await sending
                sending = asyncio.create_task(parts.add(spool))
                spool = await self._next(chunks, algorithm)
            if sending is not None:
                await sending
        finally:
            if sending is not None:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
            if spool is not None:
                spool.close()

    async def _next(self, chunks: Chunks, algorithm: str | None) -> Spool | None:
        if await chunks.ended():
            return None
        spool = self._spool(algorithm)
        try:
            await spool.take(chunks, PART)
        except BaseException:
            spool.close()
            raise
        return spool


class InOne:
    """A body that is here, to be sent in one request."""

    def __init__(self, calls: Calls, key: str, spool: Spool, attributes: Attributes) -> None:
        self._calls = calls
        self._key = key
        self._spool = spool
        self.attributes = attributes
        self.size = spool.size

    async def send(self, guard: Mapping[str, str]) -> dict[str, Any]:
        """Write the object; raises botocore's errors."""
        return await self._calls.attempt(
            "put_object",
            **await self._calls.named(self._key),
            **kept(self.attributes),
            **checksum_argument(self.attributes.checksums),
            Body=self._spool.rewound(),
            ContentLength=self._spool.size,
            **guard,
        )

    async def end(self) -> None:
        """Forget the body."""
        self._spool.close()


class InParts:
    """A body whose parts are there, to be made one object."""

    def __init__(self, calls: Calls, uploads: S3Uploads, key: str, upload: str) -> None:
        self._calls = calls
        self._uploads = uploads
        self._key = key
        self._upload = upload
        self._parts: list[Part] = []
        self._done = False
        self.attributes = Attributes()
        self.size = 0

    async def add(self, spool: Spool) -> None:
        """Send one part, and forget it here."""
        try:
            number, checksums = len(self._parts) + 1, spool.checksums
            etag = await self._uploads.send(self._key, self._upload, number, spool, checksums)
            now = datetime.now(UTC)
            self._parts.append(Part(number=number, size=spool.size, etag=etag, modified=now, checksums=checksums))
            self.size += spool.size
        finally:
            spool.close()

    async def send(self, guard: Mapping[str, str]) -> dict[str, Any]:
        """Make the object; raises botocore's errors."""
        answer = await self._uploads.finish(self._key, self._upload, self._parts, self.attributes, guard)
        self._done = True
        return answer

    async def end(self) -> None:
        """Give the parts up, unless they became an object."""
        if self._done:
            return
        self._done = True
        try:
            async with asyncio.timeout(_ABORT_SECONDS):
                await self._uploads.give_up(self._key, self._upload)
        except (StoreUnavailable, UploadNotFound, TimeoutError) as error:
            _log.warning("parts of %r are left at %s: %s", self._key, self._calls.location.shown, error)


def _algorithm(attributes: Given) -> str | None:
    if isinstance(attributes, Late):
        return attributes.algorithm
    known = attributes.checksums if isinstance(attributes, Attributes) and attributes.checksum_type == FULL else {}
    return next(iter(known), None) if len(known) == 1 else None


def settled(attributes: Given) -> Attributes:
    """Return attributes that are known now."""
    return attributes() if callable(attributes) else attributes
