"""The cache as other rooms see it."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from objectlens.cache.entry import Entry, Selection
from objectlens.cache.files import Damaged, Draft, Files, Identity, prove, read_entry, stored
from objectlens.cache.flights import Failed, Flight, Make, Unusable
from objectlens.cache.index import Index
from objectlens.cache.key import Derived
from objectlens.cache.shared import Shared
from objectlens.clock import Clock
from objectlens.stores.haste import Haste
from objectlens.stores.threads import run_owned
from objectlens.streams import FileSlice

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_KNOWN = 16_384
_REMEMBERED = 10_000
_THREADS = 4
# What waits to be written: more than this is rather made again than held in memory.
_BACKLOG = 64 * 1024 * 1024
_REST = 5.0
_USES = 256
_AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a cache may take: `bytes` on the disk; seconds, of which `ttl` None is for ever.

    `negative` is how long a failure that would come again is remembered.
    """

    bytes: int
    ttl: float | None = None
    negative: float = 5.0


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry with its bytes, opened; whoever is given one closes `body`."""

    entry: Entry
    body: FileSlice


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Counts since the start, and what is kept now: `entries` that take `bytes` of at most `limit` bytes.

    `joined` are requests that waited for what another one had asked for; `flights` what is being made now.
    """

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
    """What a purge removed, in entries and in bytes on the disk."""

    entries: int
    bytes: int


class Cache:
    """Derived objects below one folder. It belongs to one event loop; several processes may have one on one folder."""

    def __init__(self, folder: Path, limits: Limits, clock: Clock, *, shared: Shared | None = None) -> None:
        root = os.fsencode(folder)
        self.limits = limits
        self._files = Files(root)
        self._index_path = os.path.join(root, b"index.sqlite")
        self._index: Index | None = None
        self._clock = clock
        self._shared = shared
        self._haste = Haste(os.path.dirname(root))
        self._threads = ThreadPoolExecutor(_THREADS, "cache")
        # One thread alone puts files in place and removes them, and knows what they take together.
        self._clerk = ThreadPoolExecutor(1, "cache-clerk")
        self._known: OrderedDict[str, tuple[Entry, Identity]] = OrderedDict()
        self._proving: dict[str, asyncio.Task[bool]] = {}
        self._flights: dict[str, Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: OrderedDict[str, tuple[float, Failed]] = OrderedDict()
        self._private: OrderedDict[str, None] = OrderedDict()
        self._too_large: OrderedDict[str, None] = OrderedDict()
        self._uses: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._backlog = 0
        self._rests_until = -float("inf")
        self._complaint: str | None = None
        self._jumped = False
        self._recovering = threading.Lock()
        try:
            # At once: what is made meanwhile would take folders that are not there yet for removed ones.
            self._files.prepare()
        except OSError as error:
            self._complain("write", error)
        self._clerk.submit(self._start)

    @property
    def enabled(self) -> bool:
        """Whether anything is kept at all."""
        return self.limits.bytes > 0

    # --- finding ------------------------------------------------------------------------------------------------------

    async def find(self, derived: Derived) -> Hit | None:
        """Return what is kept, opened; None when nothing is. It takes microseconds and no thread where it can."""
        for _ in range(3 if self.enabled else 0):
            opened = await self._open(derived.id)
            if opened is None:
                self._known.pop(derived.id, None)
                break
            fd, found = opened
            known = self._known.get(derived.id)
            if known is not None and known[1] == found:
                if self._is_over(known[0]):
                    os.close(fd)
                    break
                self._use(derived.id)
                return Hit(known[0], FileSlice(fd, 0, known[0].size))
            os.close(fd)
            if not await self._proved(derived.id):
                break
        self._counts["misses"] += 1
        return None

    def is_known(self, derived: Derived) -> Entry | None:
        """Return the entry if it was seen before, without a look at the disk: it may be gone since."""
        known = self._known.get(derived.id)
        return None if known is None or self._is_over(known[0]) else known[0]

    async def peek(self, derived: Derived) -> Entry | None:
        """Return the entry without its bytes, and without counting it as used."""
        if (known := self.is_known(derived)) is not None:
            return known
        try:
            entry = await self._in_thread(self._described, derived.id)
        except (OSError, Damaged):
            return None
        return None if entry is None or self._is_over(entry) else entry

    async def _open(self, id_: str) -> tuple[int, Identity] | None:
        try:
            if self._haste.allowed:
                return self._haste.take(lambda: self._files.open(id_))
            return await run_owned(self._threads, _close_opened, self._files.open, id_)
        except OSError as error:
            self._complain("read", error)
            return None

    async def _proved(self, id_: str) -> bool:
        """Read a file that is new here, once for all who ask, and remember its entry."""
        task = self._proving.get(id_)
        if task is None:
            task = self._proving[id_] = asyncio.get_running_loop().create_task(self._prove(id_))
            task.add_done_callback(lambda _: self._proving.pop(id_, None))
        return await asyncio.shield(task)

    async def _prove(self, id_: str) -> bool:
        try:
            found = await self._in_thread(self._read_through, id_)
        except Damaged as error:
            _log.warning("a cached object is damaged and is made again: %s (%s)", error, id_)
            await self._forget([id_])
            return False
        except OSError as error:
            self._complain("read", error)
            return False
        if found is not None:
            self._remember(*found)
        return found is not None

    def _read_through(self, id_: str) -> tuple[Entry, Identity] | None:
        opened = self._files.open(id_)
        if opened is None:
            return None
        fd, found = opened
        try:
            entry = read_entry(fd)
            if entry.id != id_:
                raise Damaged("it is another one's")
            prove(fd, entry)
            return entry, found
        finally:
            os.close(fd)

    def _described(self, id_: str) -> Entry | None:
        opened = self._files.open(id_)
        if opened is None:
            return None
        try:
            return read_entry(opened[0])
        finally:
            os.close(opened[0])

    def _remember(self, entry: Entry, found: Identity) -> None:
        self._known[entry.id] = entry, found
        self._known.move_to_end(entry.id)
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)

    def _is_over(self, entry: Entry) -> bool:
        """Tell whether an entry's time is over. What seems to come from the future was made before the clock went."""
        if self.limits.ttl is None:
            return False
        age = self._clock.now() - entry.created
        if age < -_AHEAD and not self._jumped:
            self._jumped = True
            _log.warning(
                "a cached object was made in %s, which is not yet: the machine's clock was set back; such objects are "
                "made again (ttl_seconds is counted from then)",
                entry.created.isoformat(timespec="seconds"),
            )
        return age < -_AHEAD or age.total_seconds() > self.limits.ttl

    def _use(self, id_: str) -> None:
        self._counts["hits"] += 1
        self._uses[id_] += 1
        if len(self._uses) >= _USES:
            self._flush_uses()

    def _flush_uses(self) -> None:
        uses, self._uses = self._uses, Counter()
        if uses:
            self._clerk.submit(self._indexed, lambda index: index.used(uses))

    # --- making -------------------------------------------------------------------------------------------------------

    def flight(self, derived: Derived, make: Make, *, fresh: bool = False) -> tuple[Flight, bool]:
        """Return the flight that makes a derived object, held, and whether it was begun for this call.

        With `fresh`, it is made anew whatever there is. Raises `Failed` for what failed a moment ago and would again.
        """
        if fresh:
            self._failures.pop(derived.id, None)
        elif (under_way := self._flights.get(derived.id)) is not None:
            self._counts["joined"] += 1
            under_way.hold()
            return under_way, False
        self._raise_known(derived.id)
        flight = self._flights[derived.id] = Flight(self, derived, make, fresh=fresh)
        flight.hold()
        self._counts["fills"] += 1
        task = asyncio.get_running_loop().create_task(self._fly(flight))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return flight, True

    async def _fly(self, flight: Flight) -> None:
        try:
            await flight.run()
        finally:
            if self._flights.get(flight.derived.id) is flight:
                del self._flights[flight.derived.id]
            if flight.failure is not None:
                self._counts["failures"] += 1
                if flight.failure.lasting:
                    self._remember_failure(flight.derived.id, flight.failure)

    def _raise_known(self, id_: str) -> None:
        until, failure = self._failures.get(id_, (0.0, None))
        if failure is None:
            return
        if self._clock.monotonic() >= until:
            del self._failures[id_]
            return
        raise Failed(failure.cause, lasting=True)

    def _remember_failure(self, id_: str, failure: Failed) -> None:
        if self.limits.negative:
            self._failures[id_] = self._clock.monotonic() + self.limits.negative, failure
            if len(self._failures) > _REMEMBERED:
                self._failures.popitem(last=False)

    def mark_private(self, derived: Derived) -> None:
        """Note that what is made here must not be given to anybody else."""
        _mark(self._private, derived.id)

    def is_private(self, derived: Derived) -> bool:
        """Tell whether it was noted."""
        return derived.id in self._private

    # --- what flights ask (see `flights.Keeper`) ----------------------------------------------------------------------

    def now(self) -> datetime:
        """Return the time."""
        return self._clock.now()

    def now_ms(self) -> float:
        """Return a clock that never runs backwards, in milliseconds."""
        return self._clock.monotonic() * 1000

    def takes(self, derived: Derived, length: int | None) -> bool:
        """Tell whether a derived object of `length` bytes can be kept at present."""
        fits = (length or 0) <= self.limits.bytes // 2 and derived.id not in self._too_large
        return fits and self._clock.monotonic() >= self._rests_until

    async def draft(self) -> Draft:
        """Begin a file; raises `Unusable`."""
        try:
            return await run_owned(self._threads, _drop, self._begin)
        except OSError as error:
            self._complain("write", error)
            raise Unusable(str(error)) from error

    def _begin(self) -> Draft:
        try:
            return self._files.draft()
        except FileNotFoundError:
            self._recover()
            return self._files.draft()

    async def append(self, derived: Derived, draft: Draft, chunks: list[bytes]) -> None:
        """Write to a file; raises `Unusable`."""
        if draft.size > self.limits.bytes // 2:
            # Known from now on, or each request would find it out by writing so much.
            _mark(self._too_large, derived.id)
            raise Unusable("it is larger than half the cache")
        try:
            await self._to_the_end(self._threads, draft.append, chunks)
        except OSError as error:
            self._complain("write", error)
            raise Unusable(str(error)) from error

    async def keep(self, entry: Entry, content: Draft | bytes) -> None:
        """Put what was made in its place; what goes wrong is logged."""
        if self._backlog > _BACKLOG:
            self._counts["skipped"] += 1
            return
        size = len(content) if isinstance(content, bytes) else 0
        self._backlog += size
        try:
            found = await self._to_the_end(self._clerk, self._put, entry, content)
        except OSError as error:
            self._complain("write", error)
            return
        finally:
            self._backlog -= size
        if found is None:
            return
        self._remember(entry, found)
        self._at_ease()
        if self._shared is not None:
            await self._shared.put(entry, self._files.path(entry.id))

    async def shared(self, derived: Derived) -> tuple[Draft, Entry] | None:
        """Look in the second level; what is found is proved and in its place."""
        if self._shared is None:
            return None
        try:
            draft = await self.draft()
        except Unusable:
            return None
        kept = False
        try:
            entry = await self._shared.get(derived.id, draft, self._threads)
            if entry is None or self._is_over(entry):
                return None
            self._remember(
                entry,
                await asyncio.get_running_loop().run_in_executor(self._clerk, self._place, entry, draft),
            )
            kept = True
            return draft, entry
        except OSError as error:
            self._complain("write", error)
            return None
        finally:
            if not kept:
                _drop(draft)

    # --- the clerk's thread -------------------------------------------------------------------------------------------

    def _start(self) -> None:
        try:
            self._files.prepare()
            self._files.sweep()
            self._reopen()
        except (OSError, sqlite3.Error) as error:
            self._complain("write", error)

    def _reopen(self) -> None:
        if self._index is not None:
            self._index.close()
        index = self._index = Index(self._index_path)
        for id_ in index.missing(self._files.scan()):
            try:
                entry = self._described(id_)
            except Damaged:
                self._files.remove(id_)
                continue
            if entry is not None:
                index.add(entry, _footprint(entry))
        self._shrink(0)

    def _recover(self) -> None:
        """Make the folders again when somebody removed them."""
        with self._recovering:
            if self._files.stand():
                return
            _log.warning(
                "the cache's folder was removed; it is made again, and empty: what it had is made anew when needed"
            )
            self._files.prepare()
        self._clerk.submit(self._start)

    def _put(self, entry: Entry, content: Draft | bytes) -> Identity | None:
        """Put what was made in its place; None when the folder was removed under it."""
        try:
            return (
                self._place(entry, content, described=False)
                if isinstance(content, Draft)
                else self._write(entry, content)
            )
        except FileNotFoundError:
            self._recover()
            return None if isinstance(content, Draft) else self._write(entry, content)

    def _write(self, entry: Entry, content: bytes) -> Identity:
        draft = self._begin()
        try:
            draft.append((content,))
            return self._place(entry, draft, described=False)
        except BaseException:
            draft.discard()
            raise
        finally:
            os.close(draft.fd)

    def _place(self, entry: Entry, draft: Draft, *, described: bool = True) -> Identity:
        footprint = _footprint(entry)
        self._shrink(footprint)
        found = self._files.commit(draft, entry, described=described)
        self._indexed(lambda index: index.add(entry, footprint))
        return found

    def _shrink(self, coming: int) -> None:
        """Remove what is worth least until `coming` bytes more have room."""

        def work(index: Index) -> None:
            gone = index.excess(self.limits.bytes - coming)
            for id_ in gone:
                self._files.remove(id_)
            if gone:
                index.remove(gone)
                self._counts["evicted"] += len(gone)

        self._indexed(work)

    def _indexed(self, work: Callable[[Index], _T]) -> _T | None:
        """Do something with the index; one that fails is opened anew for the next time."""
        try:
            if self._index is None:
                # Files that came while it failed would be in no row, and stay for ever.
                self._reopen()
            return None if self._index is None else work(self._index)
        except (sqlite3.Error, OSError) as error:
            self._complain("write", error)
            if self._index is not None:
                self._index.close()
                self._index = None
            return None

    # --- looking and purging ------------------------------------------------------------------------------------------

    async def stats(self) -> Stats:
        """Return the figures."""
        count, total = await self._by_clerk(lambda index: (index.count, index.total)) or (0, 0)
        of = self._counts
        return Stats(
            entries=count,
            bytes=total,
            limit=self.limits.bytes,
            hits=of["hits"],
            misses=of["misses"],
            joined=of["joined"],
            fills=of["fills"],
            failures=of["failures"],
            evicted=of["evicted"],
            flights=len(self._flights),
        )

    async def top(self, limit: int = 20) -> list[tuple[Entry, int]]:
        """Return the entries used most with how often they were, at most `limit`."""
        self._flush_uses()
        rows = await self._by_clerk(lambda index: index.top(limit)) or []
        found = await self._read_all([id_ for id_, _ in rows])
        return [(entry, uses) for (_, uses), entry in zip(rows, found, strict=True) if entry is not None]

    async def entries(self, selection: Selection, *, after: str = "", limit: int = 1000) -> list[Entry]:
        """Return at most `limit` entries in the order of their ids, those after the id `after`."""
        ids = await self._by_clerk(lambda index: index.selected(selection, after, limit)) or []
        return [entry for entry in await self._read_all(ids) if entry is not None]

    async def purge(self, selection: Selection) -> Purged:
        """Forget entries, also those that are being made just now; they are made anew when they are asked for.

        Of a second level, what this server knows of is removed too.
        """
        for id_, flight in list(self._flights.items()):
            if selection.takes(flight.derived):
                flight.revoked = True
                del self._flights[id_]
        ids = await self._by_clerk(lambda index: index.selected(selection)) or []
        return Purged(entries=len(ids), bytes=await self._forget(ids))

    async def _forget(self, ids: list[str]) -> int:
        for id_ in ids:
            self._known.pop(id_, None)

        def work(index: Index) -> int:
            for id_ in ids:
                self._files.remove(id_)
            return index.remove(ids)

        freed = await self._by_clerk(work) or 0
        if self._shared is not None:
            await self._shared.remove(ids)
        return freed

    async def _read_all(self, ids: list[str]) -> list[Entry | None]:
        def work() -> list[Entry | None]:
            found: list[Entry | None] = []
            for id_ in ids:
                try:
                    found.append(self._described(id_))
                except (OSError, Damaged):
                    found.append(None)
            return found

        return await self._in_thread(work)

    async def _by_clerk(self, work: Callable[[Index], _T]) -> _T | None:
        return await asyncio.get_running_loop().run_in_executor(self._clerk, self._indexed, work)

    async def _in_thread(self, work: Callable[..., _T], *args: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    @staticmethod
    async def _to_the_end(pool: ThreadPoolExecutor, work: Callable[..., _T], *args: object) -> _T:
        """Run `work` in a thread; should the wait be cancelled, it ends all the same first: its file must stay open."""
        future = asyncio.get_running_loop().run_in_executor(pool, work, *args)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait({future})
            raise

    # --- troubles -----------------------------------------------------------------------------------------------------

    def _complain(self, doing: str, error: Exception) -> None:
        """Warn, once for a trouble that stays; requests are answered all the same."""
        self._rests_until = self._clock.monotonic() + _REST
        cause = getattr(error, "strerror", None) or str(error)
        if self._complaint != cause:
            self._complaint = cause
            _log.warning(
                "the cache cannot %s (%s): requests are answered without it, more slowly; free some space, or see "
                "to the cache's folder (cache.directory)",
                doing,
                cause,
            )

    def _at_ease(self) -> None:
        if self._complaint is not None:
            self._complaint = None
            _log.info("the cache works again")

    async def close(self) -> None:
        """End what is being made, and wait for what is being written."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._flush_uses()
        for pool in (self._threads, self._clerk):
            await asyncio.to_thread(pool.shutdown)
        if self._index is not None:
            self._index.close()


def _mark(ids: OrderedDict[str, None], id_: str) -> None:
    ids[id_] = None
    if len(ids) > _REMEMBERED:
        ids.popitem(last=False)


def _footprint(entry: Entry) -> int:
    # The description is a block more, at most but for very long headers.
    return stored(entry.size) + stored(1)


def _close_opened(opened: tuple[int, Identity] | None) -> None:
    if opened is not None:
        os.close(opened[0])


def _drop(draft: Draft) -> None:
    draft.discard()
    os.close(draft.fd)
