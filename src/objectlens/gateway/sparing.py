"""Places for work that nobody waits for.

A prefetch must cost live requests as little as can be. So its GETs begin only while there is room beside all that is
live: of a few places, each live request that has no answer yet takes one away, whether it is in work or still in line.
Requests whose answers are on their way to slow clients take none. Between live requests that come one after the other
one place stays free for the next. What has begun is not pushed aside: so many GETs are all that a live one can meet.
"""

from __future__ import annotations

import asyncio
from collections import deque

from objectlens.errors import ServiceUnavailable


class Spare:
    """Counts live requests, and lets work begin on the places that they leave.

    The place of the last one stays free for `quiet` seconds, if it is not the only one.
    """

    def __init__(self, places: int, quiet: float = 1.0) -> None:
        self._places = places
        self._quiet = quiet
        self._timer: asyncio.TimerHandle | None = None
        self._live = 0
        self._inside = 0
        self._closed = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    def live_begins(self) -> None:
        """Take note of a live request."""
        self._live += 1

    def live_ends(self, *, was_live: bool = True) -> None:
        """Take note that a live request has its answer, or goes without, or was none after all."""
        self._live -= 1
        if was_live and self._waiting and not self._live and self._places > 1:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(self._quiet, self._became_quiet)
        self._serve()

    def _became_quiet(self) -> None:
        self._timer = None
        self._serve()

    @property
    def waiting(self) -> int:
        """How much work waits for room."""
        return len(self._waiting)

    async def enter(self) -> None:
        """Wait for room, as long as it takes; each entry needs one `leave`. Raises `ServiceUnavailable` at the end."""
        if self._closed:
            raise _stopping()
        if not self._waiting and self._has_room:
            self._inside += 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self.leave()
            elif place in self._waiting:
                self._waiting.remove(place)
            raise

    def leave(self) -> None:
        """Give a place back."""
        self._inside -= 1
        self._serve()

    def close(self) -> None:
        """Let nothing begin any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_exception(_stopping())

    @property
    def _has_room(self) -> bool:
        live = self._live or (1 if self._timer is not None else 0)
        return live + self._inside < self._places

    def _serve(self) -> None:
        while self._waiting and self._has_room:
            place = self._waiting.popleft()
            if not place.done():
                self._inside += 1
                place.set_result(None)


def _stopping() -> ServiceUnavailable:
    return ServiceUnavailable("The server is stopping.", headers={"Retry-After": "1"})
