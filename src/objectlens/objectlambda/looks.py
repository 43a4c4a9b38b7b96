"""Looking at the present state of a source, before every answer that may come from the cache."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress

from objectlens.clock import Clock
from objectlens.stores import Get, KeyNotFound, Stat

_KEPT = 10_000


class Looks:
    """Asks stores, once for all who ask meanwhile.

    `freshness` is for how many seconds an answer may be used again; with 0, a request only shares a look that began
    after it came: a look that was under way may have seen what was there before a write that the client knows of.
    """

    def __init__(self, clock: Clock, freshness: float = 0.0) -> None:
        self._clock = clock
        self._freshness = freshness
        self._seen: OrderedDict[tuple[Hashable, str], tuple[float, Stat]] = OrderedDict()
        self._next: dict[tuple[Hashable, str], asyncio.Task[Stat]] = {}
        self._running: dict[tuple[Hashable, str], asyncio.Task[Stat]] = {}

    async def stat(self, store: Get, key: str, of: Hashable, *, now: bool = False) -> Stat:
        """Describe an object; raises `KeyNotFound`. With `now` nothing that was seen before is used.

        `of` names the store, and the version when it is one's, whatever object stands for it at the moment.
        """
        # Not `isinstance`, which looks at every attribute of a protocol: most requests end here.
        at_once: Callable[[str], Stat | None] | None = getattr(store, "stat_at_once", None)
        if at_once is not None:
            # What is not there may be a delete marker: the store tells, in its own time.
            with suppress(KeyNotFound):
                if (found := at_once(key)) is not None:
                    return found
        place = (of, key)
        if self._freshness and not now and (seen := self._seen.get(place)) is not None:
            if self._clock.monotonic() - seen[0] < self._freshness:
                return seen[1]
            del self._seen[place]
        if place in self._running:
            return await self._with_the_next(store, place)
        began = self._clock.monotonic()
        task = asyncio.ensure_future(store.stat(key))
        return self._remember(place, began, await self._run(place, task))

    async def _run(self, place: tuple[Hashable, str], task: asyncio.Task[Stat]) -> Stat:
        self._running[place] = task
        task.add_done_callback(lambda done: self._ended(place, done))
        return await asyncio.shield(task)

    def _ended(self, place: tuple[Hashable, str], look: asyncio.Task[Stat]) -> None:
        if self._running.get(place) is look:
            del self._running[place]

    async def _with_the_next(self, store: Get, place: tuple[Hashable, str]) -> Stat:
        """Share the look that begins when the one under way has ended."""
        task = self._next.get(place)
        if task is None:
            before = self._running[place]
            task = self._next[place] = asyncio.ensure_future(self._follow(store, place, before))
        return await asyncio.shield(task)

    async def _follow(self, store: Get, place: tuple[Hashable, str], before: asyncio.Task[Stat]) -> Stat:
        await asyncio.wait({before})
        del self._next[place]
        began = self._clock.monotonic()
        return self._remember(place, began, await self._run(place, asyncio.ensure_future(store.stat(place[1]))))

    def _remember(self, place: tuple[Hashable, str], began: float, stat: Stat) -> Stat:
        if self._freshness:
            self._seen[place] = began, stat
            self._seen.move_to_end(place)
            if len(self._seen) > _KEPT:
                self._seen.popitem(last=False)
        return stat
