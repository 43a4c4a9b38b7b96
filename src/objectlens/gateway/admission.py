"""How much is let in at once.

One transformed GET is three requests through one door: the GET, the function's read of the source, and its answer. Were
there one limit for all, waiting GETs could hold every place while their own functions queue outside, for ever. So
there are two lanes: strangers wait for a place, and work that was already admitted passes.
"""

from __future__ import annotations

import asyncio
from collections import deque

from objectlens.errors import SlowDown


class Admission:
    """Counts strangers inside, at most `places`; at most `queue` more wait, each for at most `seconds`."""

    def __init__(self, places: int, queue: int, seconds: float) -> None:
        self._free = places
        self._queue = queue
        self._seconds = seconds
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """The number of requests that wait for a place."""
        return len(self._waiting)

    async def enter(self) -> None:
        """Take a place; raises `SlowDown` when the queue is full or the wait too long. Each entry needs one `leave`."""
        if self._free > 0:
            self._free -= 1
            return
        if len(self._waiting) >= self._queue:
            raise SlowDown(headers={"Retry-After": "1"})
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(self._seconds):
                await place
        except BaseException as error:
            self._give_back(place)
            if isinstance(error, TimeoutError):
                raise SlowDown(headers={"Retry-After": "1"}) from None
            raise

    def _give_back(self, place: asyncio.Future[None]) -> None:
        """Undo a wait that ended early, also when the place came at the very same moment."""
        if place.done() and not place.cancelled():
            self.leave()
        elif place in self._waiting:
            self._waiting.remove(place)

    def leave(self) -> None:
        """Give a place to the next in the queue, or back."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
