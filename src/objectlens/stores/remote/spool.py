"""A run of a body, kept on the disk until the store elsewhere has it.

What is sent may have to be sent again, so it cannot be forgotten while it goes; and of a large body only so much may
be held in memory. The files have no names: nothing is left of them, however the process ends.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from pathlib import Path
from typing import IO

from objectlens.s3 import checksums
from objectlens.s3.checksums import Algorithm
from objectlens.streams import CHUNK

IN_MEMORY = 1024 * 1024


class Spool:
    """Up to `limit` bytes of a body, with a checksum of this algorithm. Whoever made it closes it."""

    def __init__(self, folder: Path, executor: Executor, algorithm: Algorithm | None = None) -> None:
        self.file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(folder))  # noqa: SIM115
        self.size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._digest = None if algorithm is None else checksums.new(algorithm)
        self._algorithm = algorithm
        self._executor = executor

    @property
    def checksums(self) -> dict[str, str]:
        """Return the checksum of what was taken, by its algorithm."""
        if self._algorithm is None or self._digest is None:
            return {}
        return {self._algorithm: checksums.encode(self._digest.digest())}

    @property
    def md5(self) -> str:
        """Return the hexadecimal MD5 of what was taken."""
        return self._md5.hexdigest()

    async def take(self, chunks: Chunks, limit: int | None = None) -> bool:
        """Take up to `limit` bytes of a body, all of it for None; returns whether more follows."""
        while limit is None or self.size < limit:
            chunk = await chunks.next(None if limit is None else limit - self.size)
            if chunk is None:
                return False
            if len(chunk) + self.size > IN_MEMORY:
                await asyncio.get_running_loop().run_in_executor(self._executor, self._write, chunk)
            else:
                self._write(chunk)
        return not await chunks.ended()

    def rewound(self) -> IO[bytes]:
        """Return the file, to be read from its start."""
        self.file.seek(0)
        return self.file

    async def read(self) -> AsyncIterator[bytes]:
        """Yield what was taken."""
        file, loop = self.rewound(), asyncio.get_running_loop()
        while chunk := await loop.run_in_executor(self._executor, file.read, CHUNK):
            yield chunk

    def close(self) -> None:
        """Forget what was taken."""
        self.file.close()

    def _write(self, chunk: bytes) -> None:
        self._md5.update(chunk)
        if self._digest is not None:
            self._digest.update(chunk)
        self.file.write(chunk)
        self.size += len(chunk)


class Chunks:
    """A body that is taken in pieces of sizes that its chunks do not know of."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._rest = b""

    async def next(self, most: int | None) -> bytes | None:
        """Return the next at most `most` bytes, None at the end."""
        if await self.ended():
            return None
        most = len(self._rest) if most is None else most
        chunk, self._rest = self._rest[:most], self._rest[most:]
        return chunk

    async def ended(self) -> bool:
        """Tell whether nothing follows, after waiting for what follows."""
        while not self._rest:
            chunk = await anext(self._body, None)
            if chunk is None:
                return True
            self._rest = chunk
        return False
