"""Bytes on their way: bodies of requests and answers.

A body is never assumed to fit into memory. Whoever produces one yields `bytes` chunks and is slowed down by whoever
consumes them; whoever takes one over must exhaust it or close it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

CHUNK = 256 * 1024

ByteStream = AsyncIterator[bytes]


class RequestBody(Protocol):
    """The body of a request while it arrives.

    Iterating yields chunks and sends `100 Continue` first where the client waits for it. `length` is the number of
    bytes announced, None when the body comes chunked. A cut connection raises `ConnectionError`. `trailers` are the
    headers that came after the payload, by lower-case name; they are there once the body has been read to its end.
    """

    @property
    def trailers(self) -> Mapping[str, str]:
        """Return the trailing headers, none before the end."""
        ...

    @property
    def length(self) -> int | None:
        """Return the number of bytes announced, None when unknown."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the chunks once."""
        ...


class BytesBody:
    """A request body that is already here, for tests and for requests without one."""

    def __init__(self, data: bytes = b"", trailers: Mapping[str, str] | None = None) -> None:
        self._data = data
        self._trailers = trailers or {}

    @property
    def trailers(self) -> Mapping[str, str]:
        """Return the trailing headers."""
        return self._trailers

    @property
    def length(self) -> int | None:
        """Return the number of bytes."""
        return len(self._data)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._data:
            yield self._data


class TooLarge(ValueError):
    """A body was longer than the room that reads it allows."""


async def read_all(stream: AsyncIterator[bytes] | RequestBody, limit: int) -> bytes:
    """Gather a body of at most `limit` bytes; raises `TooLarge` as soon as it proves longer."""
    parts: list[bytes] = []
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"the body is longer than {limit} bytes")
        parts.append(chunk)
    return b"".join(parts)


@dataclass(slots=True)
class FileSlice:
    """A run of bytes of an open file, the answer body that can be sent without passing through Python.

    It owns `fd`; `close` may be called more than once, and is called when nobody holds the slice any more: a generator
    that was never started closes nothing itself.
    """

    fd: int
    offset: int
    length: int
    _closed: bool = False

    def close(self) -> None:
        """Close the file."""
        if not self._closed:
            self._closed = True
            os.close(self.fd)

    def __del__(self) -> None:
        self.close()

    def narrowed(self, offset: int, length: int) -> FileSlice:
        """Return another run of the same file, which takes the file over."""
        self._closed = True
        return FileSlice(self.fd, offset, length)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        position, end = self.offset, self.offset + self.length
        try:
            while position < end:
                chunk = await asyncio.to_thread(os.pread, self.fd, min(CHUNK, end - position), position)
                if not chunk:
                    raise ConnectionError("the file became shorter while it was read")
                position += len(chunk)
                yield chunk
        finally:
            self.close()


def read_cached(fd: int, size: int, offset: int) -> bytes | None:
    """Return bytes if they can be had without waiting for the disk, else None."""
    buffer, count = _cached(fd, size, offset)
    return bytes(memoryview(buffer)[:count]) if count else None


def all_cached(fd: int, size: int, offset: int) -> bytearray | None:
    """Return so many bytes if all can be had without waiting for the disk, else None."""
    buffer, count = _cached(fd, size, offset)
    return buffer if count == size else None


def _cached(fd: int, size: int, offset: int) -> tuple[bytearray, int]:
    """Return a buffer with what lies in the page cache (preadv2 with RWF_NOWAIT), and how much of it that is."""
    buffer = bytearray(size)
    try:
        return buffer, os.preadv(fd, [buffer], offset, os.RWF_NOWAIT)
    except (BlockingIOError, OSError):
        # Not cached, or a file system that knows no RWF_NOWAIT.
        return buffer, 0
