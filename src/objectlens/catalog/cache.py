"""The read cache: what was looked up lately, and how it learns that something changed.

Every change of the catalog, by whatever process, counts up one row in its own transaction. What is remembered is good
for the version it was read at. The row is read again when the last reading is older than `STALENESS` seconds, before
anything is answered; a change made through the same catalog counts at once. So a look-up never answers with what was
superseded more than `STALENESS` seconds, or the time of one reading if that is longer, before the look-up began.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

from objectlens.clock import Clock

STALENESS = 0.05
FOUND_LIMIT = 20_000
# What does not exist is remembered apart, so that guessed names cannot push out what is in use.
MISSING_LIMIT = 2_000

Versioned = tuple[int, Any]


class ReadCache:
    """Remembers look-ups until the catalog changes. It belongs to one event loop."""

    def __init__(self, clock: Clock, current: Callable[[], Awaitable[int]], staleness: float = STALENESS) -> None:
        self._clock = clock
        self._current = current
        self._staleness = staleness
        self._version = -1
        self._checked = -float("inf")
        self._checking: asyncio.Task[None] | None = None
        self._found: OrderedDict[Hashable, Any] = OrderedDict()
        self._missing: OrderedDict[Hashable, None] = OrderedDict()

    async def version(self) -> int:
        """Return the version for which answers are good now."""
        if self._clock.monotonic() - self._checked >= self._staleness:
            await self._check()
        return self._version

    async def get(self, key: Hashable, load: Callable[[], Awaitable[Versioned]]) -> Any:
        """Return what `key` stands for, None for nothing; `load` reads it together with the version it is read at."""
        if self._clock.monotonic() - self._checked >= self._staleness:
            await self._check()
        if key in self._found:
            self._found.move_to_end(key)
            return self._found[key]
        if key in self._missing:
            return None
        version, value = await load()
        self.advance(version)
        if version == self._version:
            self._remember(key, value)
        return value

    def advance(self, version: int) -> None:
        """Take note that the catalog is at least at `version`: what was read before it is forgotten."""
        if version > self._version:
            self._version = version
            self._found.clear()
            self._missing.clear()

    async def _check(self) -> None:
        """Read the version; those who come while it is read wait for the same reading."""
        if self._checking is None:
            self._checking = asyncio.create_task(self._read_version())
            self._checking.add_done_callback(self._checked_in)
        await asyncio.shield(self._checking)

    def _checked_in(self, task: asyncio.Task[None]) -> None:
        self._checking = None
        if not task.cancelled():
            task.exception()  # Whoever waits is told; when all have gone, nobody needs to be.

    async def _read_version(self) -> None:
        began = self._clock.monotonic()
        self.advance(await self._current())
        self._checked = began

    def _remember(self, key: Hashable, value: Any) -> None:
        shelf, limit = (self._missing, MISSING_LIMIT) if value is None else (self._found, FOUND_LIMIT)
        shelf[key] = value
        if len(shelf) > limit:
            shelf.popitem(last=False)
