"""Making one derived object, once, for all who wait for it.

A flight is a task of the cache's and of no request's: whoever asks joins it, and whoever leaves only leaves. It writes
what it is given into a file that its readers follow, each at its own pace: the function is done as soon as the disk has
its answer, and no slow reader holds up another one. When the answer breaks off in the middle (its environment was
killed, say), it is asked for again, compared with what readers have had of it, and goes on from there.

What cannot be kept (the disk is full, the answer is larger than the cache, it must not be shared) goes *live* to one of
those who wait; each other one makes its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from awscrt import checksums

from objectlens.cache.entry import Entry, Head
from objectlens.cache.files import Draft, encoded
from objectlens.cache.key import Derived
from objectlens.streams import CHUNK, FileSlice, read_cached

_log = logging.getLogger(__name__)

_BATCH = 1024 * 1024
_ATTEMPTS = 3


class Failed(Exception):
    """Nothing was made. `cause` is what each who waits is to raise or to answer.

    `lasting` tells that another attempt at once would come to the same; `again` that it may not.
    """

    def __init__(self, cause: object, *, lasting: bool = False, again: bool = False) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.lasting = lasting
        self.again = again


class Hopeless(ConnectionError):
    """An answer broke off in the middle, and one that is made again would break off as well."""


class Unusable(Exception):
    """The disk does not take it; the message says why."""


class Spilled(ConnectionError):
    """The rest of an answer could not be kept: who reads it must have it made again, without the cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a maker answers: the head, and the bytes, whole or as they come.

    `length` is in bytes, None when it is not known before the end. `reusable` is False for an answer that must not be
    given to anybody else. `current`, called when all is there, tells whether it was made of what it should be.
    """

    head: Head
    body: bytes | AsyncIterator[bytes]
    length: int | None
    reusable: bool = True
    current: Callable[[], Awaitable[bool]] | None = None


Make = Callable[[], Awaitable[Made]]


@dataclass(slots=True)
class Begun:
    """How an answer began. `whole` has it all when it is small; `live` is set when it could not be kept."""

    head: Head
    length: int | None
    whole: bytes | None = None
    live: Made | None = field(default=None, repr=False)


class Keeper(Protocol):
    """What a flight asks of the cache."""

    def now(self) -> datetime:
        """Return the time."""
        ...

    def now_ms(self) -> float:
        """Return a clock that never runs backwards, in milliseconds."""
        ...

    def takes(self, derived: Derived, length: int | None) -> bool:
        """Tell whether it can be kept at present, being so long."""
        ...

    async def draft(self) -> Draft:
        """Begin a file; raises `Unusable`."""
        ...

    async def append(self, derived: Derived, draft: Draft, chunks: list[bytes]) -> None:
        """Write to it; raises `Unusable`."""
        ...

    async def keep(self, entry: Entry, content: Draft | bytes) -> None:
        """Put what was made in its place; what goes wrong is logged."""
        ...

    async def shared(self, derived: Derived) -> tuple[Draft, Entry] | None:
        """Look in the second level; what is found is proved and in its place."""
        ...


class Flight:
    """One derived object in the making. Whoever is given one holds it, and must `release` it."""

    def __init__(self, keeper: Keeper, derived: Derived, make: Make, *, fresh: bool) -> None:
        loop = asyncio.get_running_loop()
        self.derived = derived
        self.revoked = False
        # Called when somebody joins who waits, where the one who began it can wait for others.
        self.hurry: Callable[[], object] | None = None
        self.found = False
        self._keeper, self._make, self._fresh = keeper, make, fresh
        self._begun: asyncio.Future[Begun] = loop.create_future()
        self._ended: asyncio.Future[Entry] = loop.create_future()
        # Nobody may be there to see how it went.
        for one in (self._begun, self._ended):
            one.add_done_callback(_seen)
        self._growth = asyncio.Event()
        self._began = keeper.now_ms()
        self._draft: Draft | None = None
        self._written = 0
        self._live_taken = False
        self._closing: asyncio.Task[None] | None = None
        self._holders = 1

    # --- those who wait -----------------------------------------------------------------------------------------------

    async def begun(self) -> Begun:
        """Wait for the beginning of the answer; raises `Failed`, and what making raises besides."""
        return await asyncio.shield(self._begun)

    async def ended(self) -> Entry:
        """Wait until all of it is there and return its description; raises `Failed` or `ConnectionError`."""
        return await asyncio.shield(self._ended)

    @property
    def elapsed_ms(self) -> int:
        """Milliseconds since it began."""
        return self._duration()

    @property
    def failure(self) -> Failed | None:
        """Why nothing was made, None when it was or still may be."""
        error = self._begun.exception() if self._begun.done() and not self._begun.cancelled() else None
        return error if isinstance(error, Failed) else None

    @property
    def entry(self) -> Entry | None:
        """The description, when all of it is there already."""
        return self._ended.result() if self._ended.done() and self._ended.exception() is None else None

    def take_live(self) -> Made | None:
        """Return the answer itself, to the first one who asks; it is that one's to exhaust or to close."""
        begun = self._begun.result()
        if begun.live is None or self._live_taken:
            return None
        self._live_taken = True
        return begun.live

    def _abandon_live(self) -> None:
        if self._begun.done() and not self._begun.cancelled() and self._begun.exception() is None:
            made = self.take_live()
            close = None if made is None else getattr(made.body, "aclose", None)
            if close is not None:
                self._closing = asyncio.get_running_loop().create_task(close())

    def reader(
        self, start: int, end: int | None, resume: Callable[[int], AsyncIterator[bytes]]
    ) -> FileSlice | bytes | AsyncIterator[bytes]:
        """Return the bytes from `start` up to but without `end`, None for the end of all, as they come.

        `resume` is called with a position when the rest has to be made anew.
        """
        begun = self._begun.result()
        if begun.whole is not None:
            return begun.whole[start:end]
        entry, draft = self.entry, self._draft
        if entry is not None and draft is not None:
            return FileSlice(os.dup(draft.fd), start, (entry.size if end is None else end) - start)
        return Reader(self, start, end, resume)

    # --- the task -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Make it; what goes wrong is told to those who wait."""
        try:
            if not self._fresh and (found := await self._keeper.shared(self.derived)) is not None:
                self._draft, entry = found
                self.found = True
                self._written = entry.size
                self._begun.set_result(Begun(entry.head, entry.size))
                self._finish(entry)
                return
            made = await self._tried()
            if isinstance(made.body, bytes):
                await self._whole(made, made.body)
            elif made.reusable and self._keeper.takes(self.derived, made.length):
                await self._stream(made, made.body)
            else:
                self._go_live(made)
        except Exception as error:  # noqa: BLE001  (each who waits raises it again)
            self._fail(error)
        except BaseException:
            self._fail(ConnectionError("the server is stopping"))
            raise
        finally:
            self.release()

    async def _tried(self) -> Made:
        """Make it; when that fails for no reason of its own (a process was killed), try again for those who wait."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._make()
            except Failed as error:
                if not error.again or not self._is_wanted:
                    raise
                if attempt == _ATTEMPTS:
                    raise Failed(error.cause, lasting=True) from error
                _log.info("making %s failed for no reason of its own; it is tried again", self.derived.source.key)
        raise AssertionError("unreachable")

    async def _whole(self, made: Made, body: bytes) -> None:
        if not made.reusable:
            self._go_live(made)
            return
        entry = Entry.of(
            self.derived,
            made.head,
            size=len(body),
            crc32=encoded(checksums.crc32(body, 0)),
            created=self._keeper.now(),
            duration_ms=self._duration(),
        )
        self._begun.set_result(Begun(made.head, len(body), whole=body))
        self._finish(entry)
        if self._keeper.takes(self.derived, len(body)) and await self._is_current(made):
            await self._keeper.keep(entry, body)

    async def _stream(self, made: Made, body: AsyncIterator[bytes]) -> None:
        try:
            draft = self._draft = await self._keeper.draft()
        except Unusable:
            self._go_live(made)
            return
        self._begun.set_result(Begun(made.head, made.length))
        try:
            last = await self._pump(draft, made, body)
            entry = Entry.of(
                self.derived,
                made.head,
                size=draft.size,
                crc32=draft.crc32,
                created=self._keeper.now(),
                duration_ms=self._duration(),
            )
            self._finish(entry)
            if await self._is_current(last):
                await self._keeper.keep(entry, draft)
            else:
                draft.discard()
        except BaseException:
            draft.discard()
            raise

    async def _pump(self, draft: Draft, made: Made, body: AsyncIterator[bytes]) -> Made:
        """Write the answer; one that breaks off is asked for again. Returns the one that came to its end."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await self._take(draft, body, made.length)
            except Unusable as error:
                raise Spilled(str(error)) from error
            except Hopeless:
                raise
            except ConnectionError:
                if attempt == _ATTEMPTS:
                    raise
                _log.info("the answer for %s broke off; it is asked for again", self.derived.source.key)
                made, body = await self._again(made)
            else:
                return made
        raise AssertionError("unreachable")

    async def _again(self, before: Made) -> tuple[Made, AsyncIterator[bytes]]:
        try:
            # What broke the first one may do it to the next one too, before it has begun.
            made = await self._tried()
        except Failed as error:
            raise ConnectionError("the answer broke off, and another attempt failed") from error
        body = _stream(made.body)
        if (made.head, made.length, made.reusable) != (before.head, before.length, True):
            await _closed(body)
            raise ConnectionError("the answer broke off, and another attempt came to another one")
        return made, body

    async def _take(self, draft: Draft, body: AsyncIterator[bytes], length: int | None) -> None:
        pen = _Pen(lambda batch, at: self._put(draft, batch, at))
        try:
            async for chunk in body:
                await pen.write(chunk)
                if length is not None and pen.position > length:
                    raise ConnectionError("the answer is longer than announced")
            await pen.finish()
        finally:
            await pen.close()
            await _closed(body)
        if pen.position < draft.size or pen.position != (pen.position if length is None else length):
            raise ConnectionError("the answer ended too early")

    async def _put(self, draft: Draft, batch: list[bytes], at: int) -> None:
        if at < draft.size:
            # Made again: what readers have had must be the same.
            joined = b"".join(batch)
            had = await asyncio.to_thread(os.pread, draft.fd, min(len(joined), draft.size - at), at)
            if joined[: len(had)] != had:
                raise Failed(ConnectionError("an answer that was made again came to other bytes"))
            batch = [joined[len(had) :]]
        await self._keeper.append(self.derived, draft, batch)
        self._grow(draft.size)

    def _go_live(self, made: Made) -> None:
        self._begun.set_result(Begun(made.head, made.length, live=made))
        self._ended.set_exception(Spilled("the answer is not kept"))

    async def _is_current(self, made: Made) -> bool:
        return not self.revoked and (made.current is None or await made.current())

    def _duration(self) -> int:
        return max(int(self._keeper.now_ms() - self._began), 0)

    def _grow(self, size: int) -> None:
        self._written = size
        growth, self._growth = self._growth, asyncio.Event()
        growth.set()

    def _finish(self, entry: Entry) -> None:
        self._ended.set_result(entry)
        self._grow(entry.size)

    def _fail(self, error: Exception) -> None:
        for one in (self._begun, self._ended):
            if not one.done():
                one.set_exception(error)
        self._grow(self._written)

    # --- reading along ------------------------------------------------------------------------------------------------

    def hold(self) -> None:
        """Keep the file open, for who reads or will read it; each one lets go of it once."""
        self._holders += 1

    def release(self) -> None:
        """Let go of the file."""
        self._holders -= 1
        if self._holders:
            return
        self._abandon_live()
        if self._draft is not None:
            # Its number may be another file's from now on.
            draft, self._draft = self._draft, None
            os.close(draft.fd)

    @property
    def _is_wanted(self) -> bool:
        """Whether anybody waits for it, beside the task that makes it."""
        return self._holders > 1

    async def piece(self, position: int, end: int | None) -> bytes | None:
        """Return bytes from `position` on, None at the end of all; raises what broke the answer."""
        while position >= self._written:
            if self._ended.done():
                self._ended.result()
                return None
            await self._growth.wait()
        size = min(CHUNK, (self._written if end is None else min(end, self._written)) - position)
        assert self._draft is not None
        found = read_cached(self._draft.fd, size, position)
        return found or await asyncio.to_thread(os.pread, self._draft.fd, size, position)


class Reader:
    """One reader of a flight's bytes. A class and not a generator: see `FileSlice`."""

    def __init__(
        self, flight: Flight, start: int, end: int | None, resume: Callable[[int], AsyncIterator[bytes]]
    ) -> None:
        self._flight: Flight | None = flight
        self._position, self._end, self._resume = start, end, resume
        self._rest: AsyncIterator[bytes] | None = None
        flight.hold()

    def __aiter__(self) -> Reader:
        return self

    async def __anext__(self) -> bytes:
        if self._end is not None and self._position >= self._end:
            await self.aclose()
            raise StopAsyncIteration
        piece = await self._next()
        if piece is None:
            await self.aclose()
            raise StopAsyncIteration
        self._position += len(piece)
        return piece

    async def _next(self) -> bytes | None:
        if self._rest is None and self._flight is not None:
            try:
                return await self._flight.piece(self._position, self._end)
            except Spilled:
                self._rest = self._resume(self._position)
            except Failed as error:
                raise ConnectionError(str(error)) from error
        return None if self._rest is None else await anext(self._rest, None)

    def __del__(self) -> None:
        self._let_go()

    def _let_go(self) -> None:
        if self._flight is not None:
            self._flight.release()
            self._flight = None

    async def aclose(self) -> None:
        """Stop reading."""
        self._let_go()
        if self._rest is not None:
            await _closed(self._rest)
            self._rest = None


def _seen(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


class _Pen:
    """Writes chunks at once; those that come while it writes are written together."""

    def __init__(self, put: Callable[[list[bytes], int], Awaitable[None]]) -> None:
        self.position = 0
        self._put = put
        self._batch: list[bytes] = []
        self._size = 0
        self._task: asyncio.Task[None] | None = None

    async def write(self, chunk: bytes) -> None:
        """Take a chunk; returns when not too much is waiting. Raises what writing the ones before raised."""
        self._batch.append(chunk)
        self._size += len(chunk)
        self.position += len(chunk)
        if self._task is not None and (self._task.done() or self._size >= _BATCH):
            await self._task
            self._task = None
        if self._task is None and self._batch:
            self._task = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        while self._batch:
            batch, at = self._batch, self.position - self._size
            self._batch, self._size = [], 0
            await self._put(batch, at)

    async def finish(self) -> None:
        """Wait until all is written."""
        if self._task is not None:
            await self._task

    async def close(self) -> None:
        """Stop writing."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})


async def _whole_body(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _stream(body: bytes | AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    return _whole_body(body) if isinstance(body, bytes) else body


async def _closed(body: AsyncIterator[bytes]) -> None:
    close = getattr(body, "aclose", None)
    if close is not None:
        with contextlib.suppress(ConnectionError):
            await close()
