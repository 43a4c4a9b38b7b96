"""The cache as other rooms see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from objectlens.cache.entry import Entry, Head, Selection
from objectlens.cache.key import Derived
from objectlens.streams import FileSlice


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a maker answers: the head, and the bytes, whole or as they come. `length` in bytes, None when unknown.

    `reusable` is False for an answer that must not be given to anybody else.
    """

    head: Head
    body: bytes | AsyncIterator[bytes]
    length: int | None
    reusable: bool = True


Make = Callable[[], Awaitable[Made]]


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry with its bytes, opened; whoever is given one closes `body`."""

    entry: Entry
    body: FileSlice


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Counts since the start, and what is kept now (`entries`, `bytes` of at most `limit` bytes)."""

    entries: int
    bytes: int
    limit: int
    hits: int
    misses: int
    joined: int
    fills: int
    failures: int
    evicted: int
    flights: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What a purge removed."""

    entries: int
    bytes: int


class Cache:
    """Derived objects of one data directory."""

    def find(self, derived: Derived) -> Hit | None:
        """Return what is kept, opened, None when nothing is; takes microseconds and no thread when it can."""
        raise NotImplementedError

    def peek(self, id_: str) -> Entry | None:
        """Return an entry without opening its bytes."""
        raise NotImplementedError

    async def stats(self) -> Stats:
        """Return the figures."""
        raise NotImplementedError

    async def top(self, limit: int = 20) -> list[tuple[Entry, int]]:
        """Return the entries used most with how often they were, at most `limit`."""
        raise NotImplementedError

    async def entries(self, selection: Selection, *, after: str = "", limit: int = 1000) -> list[Entry]:
        """Return entries by id, those after the id `after`."""
        raise NotImplementedError

    async def purge(self, selection: Selection) -> Purged:
        """Forget entries, also those that are being made just now; they are made anew when asked for."""
        raise NotImplementedError

    async def close(self) -> None:
        """Give back what the cache holds, after what is being written."""
        raise NotImplementedError
