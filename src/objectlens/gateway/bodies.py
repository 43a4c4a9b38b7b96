"""The body of a request as it arrives, with back-pressure."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping

# Above this many unread bytes the connection stops reading; below it, it reads again.
HIGH_WATER = 1024 * 1024


class BodyTimeout(ConnectionError):
    """The client stopped sending in the middle of a body."""


class IncomingBody:
    """A queue between the connection that feeds it and the handler that iterates over it.

    `on_wanted` is called when the handler first asks for bytes (then `100 Continue` goes out); `on_drained` when there
    is room for more.
    """

    def __init__(
        self, length: int | None, timeout: float, on_wanted: Callable[[], None], on_drained: Callable[[], None]
    ) -> None:
        self._length = length
        self._timeout = timeout
        self._on_wanted = on_wanted
        self._on_drained = on_drained
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._error: ConnectionError | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def trailers(self) -> Mapping[str, str]:
        """Return nothing: trailers of HTTP's own chunked coding mean nothing to S3."""
        return {}

    @property
    def length(self) -> int | None:
        """Return the announced number of bytes, None when the body comes chunked."""
        return self._length

    @property
    def ended(self) -> bool:
        """Tell whether the last byte has come in, read or not."""
        return self._ended

    @property
    def full(self) -> bool:
        """Tell whether the connection should stop reading."""
        return self._size >= HIGH_WATER

    def feed(self, data: bytes) -> None:
        """Take bytes from the connection."""
        self._chunks.append(data)
        self._size += len(data)
        self._wake()

    def end(self) -> None:
        """Note that the last byte has come in."""
        self._ended = True
        self._wake()

    def fail(self, error: ConnectionError) -> None:
        """Note that the rest will not come."""
        if not self._ended and self._error is None:
            self._error = error
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._on_wanted()
        while True:
            while self._chunks:
                chunk = self._chunks.popleft()
                self._size -= len(chunk)
                if self._size < HIGH_WATER:
                    self._on_drained()
                yield chunk
            if self._ended:
                return
            if self._error is not None:
                raise self._error
            await self._arrival()

    async def _arrival(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._timeout):
                await self._waiter
        except TimeoutError:
            raise BodyTimeout(f"no byte of the body came in for {self._timeout:g} seconds") from None
        finally:
            self._waiter = None

    async def discard(self, limit: int) -> bool:
        """Throw the rest away; returns whether it ended within `limit` bytes, so that the connection can be kept."""
        seen = 0
        async for chunk in self:
            seen += len(chunk)
            if seen > limit:
                return False
        return True
