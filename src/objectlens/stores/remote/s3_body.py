"""The bytes of an object of S3 on their way here, as fast as they are read.

A connection that breaks in the middle is taken up where it broke, as long as the object is still the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from objectlens.stores.protocols import StoreUnreachable
from objectlens.streams import CHUNK

_TRIES: Final = 3


class Body(AsyncIterator[bytes]):
    """A body that was opened. `reopen` returns it again from a byte on, blocking; `name` is what errors call it."""

    def __init__(self, stream: Any, length: int, executor: Executor, reopen: Callable[[int], Any], name: str) -> None:
        self._stream = stream
        self._left = length
        self._length = length
        self._executor = executor
        self._reopen = reopen
        self._name = name
        self._tries = 0

    def __aiter__(self) -> Body:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            await self.aclose()
            raise StopAsyncIteration
        try:
            chunk: bytes = await asyncio.get_running_loop().run_in_executor(self._executor, self._read)
        except BaseException:
            await self.aclose()
            raise
        self._left -= len(chunk)
        return chunk

    async def aclose(self) -> None:
        """Give the connection back; one with bytes on the way cannot be used again and is closed."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _read(self) -> bytes:
        while True:
            try:
                chunk: bytes = self._stream.read(min(CHUNK, self._left))
                if chunk:
                    self._tries = 0
                    return chunk
                cause: Exception | None = None
            except (BotoCoreError, OSError) as error:
                cause = error
            self._again(cause)

    def _again(self, cause: Exception | None) -> None:
        self._tries += 1
        at = self._length - self._left
        if self._tries < _TRIES:
            self._stream.close()
            try:
                self._stream = self._reopen(at)
                return
            except (BotoCoreError, ClientError) as error:
                cause = error
        raise StoreUnreachable(f"{self._name} broke off after {at} bytes: {cause or 'the connection ended'}") from cause
