"""Runs of bytes of an answer that is only there as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator


class Slice:
    """Bytes `start` up to but without `end` of a stream, None for its end.

    A class and not a generator: see `rendezvous.AnswerStream`.
    """

    def __init__(self, body: AsyncIterator[bytes], start: int = 0, end: int | None = None) -> None:
        self._body = body
        self._skip = start
        self._left = None if end is None else end - start

    def __aiter__(self) -> Slice:
        return self

    async def __anext__(self) -> bytes:
        while self._left is None or self._left > 0:
            chunk = await anext(self._body)
            if self._skip >= len(chunk):
                self._skip -= len(chunk)
                continue
            chunk = chunk[self._skip :]
            self._skip = 0
            if self._left is not None:
                chunk = chunk[: self._left]
                self._left -= len(chunk)
            return chunk
        # What is not wanted is read all the same: a function whose answer is cut off takes that for a failure.
        await drained(self._body)
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Stop reading."""
        await closed(self._body)


async def drained(body: bytes | AsyncIterator[bytes]) -> int:
    """Read an answer to its end and return its length in bytes."""
    if isinstance(body, bytes):
        return len(body)
    try:
        size = 0
        async for chunk in body:
            size += len(chunk)
        return size
    finally:
        await closed(body)


async def closed(body: bytes | AsyncIterator[bytes]) -> None:
    """Close an answer that nobody reads on."""
    close = getattr(body, "aclose", None)
    if close is not None:
        await close()
