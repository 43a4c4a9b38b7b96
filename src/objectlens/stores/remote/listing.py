"""Listings in the order of UTF-8 bytes, of stores that tell pages of names in theirs.

S3 itself, and most of what speaks like it, sort by bytes. A store that keeps keys as paths sorts folder by folder:
there `a/b` comes before `a-b`, and what follows a key in bytes is nothing that it can be asked for. Such a store is
walked, folder by folder, and the names of each folder are put in order on the way.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from objectlens.stores.protocols import Entry, Listing
from objectlens.stores.spans import Span

LAST: Final = "\U0010ffff"
# Keys under one common prefix that are read, before asking again for what comes after them.
_JUMP: Final = 1000
_AT_ONCE: Final = 16

Found = AsyncIterator[Entry | str]


@dataclass(frozen=True, slots=True)
class RawPage:
    """One answer of a store: names as it has them, and what to continue with."""

    entries: tuple[Entry, ...]
    prefixes: tuple[str, ...]
    token: str | None


class Pages(Protocol):
    """What asks the store."""

    async def page(
        self, prefix: str, delimiter: str, after: str, limit: int = 1000, token: str | None = None
    ) -> RawPage:
        """Return names after `after`, or what follows the page that gave `token`."""
        ...


async def page_of(found: Found, limit: int) -> Listing:
    """Make one page of what comes in order."""
    entries: list[Entry] = []
    prefixes: list[str] = []
    last: str | None = None
    try:
        async for one in found:
            if len(entries) + len(prefixes) >= limit:
                return Listing(
                    entries=tuple(entries), prefixes=tuple(prefixes), truncated=last is not None, next_after=last
                )
            if isinstance(one, str):
                prefixes.append(one)
            else:
                entries.append(one)
            last = name_of(one)
    finally:
        await close(found)
    return Listing(entries=tuple(entries), prefixes=tuple(prefixes))


async def flat(pages: Pages, prefix: str, delimiter: str, after: str) -> Found:
    """Yield names of a store that sorts by bytes."""
    token: str | None = None
    while True:
        answer = await pages.page(prefix, delimiter, after, token=token)
        names: list[Entry | str] = [*answer.entries, *answer.prefixes]
        for one in sorted(names, key=_order):
            yield one
        token = answer.token
        if token is None:
            return


async def rolled(keys: Callable[[str], AsyncIterator[Entry]], span: Span) -> Found:
    """Roll keys up at a span's delimiter; `keys` yields those after a key, in order."""
    after = span.after.decode() + (LAST if span.after_is_rolled else "")
    last: bytes | None = None
    while True:
        skipped = 0
        source = keys(after)
        async for entry in source:
            raw = entry.key.encode()
            if not span.holds(raw):
                continue
            common = span.rolled(raw)
            if common is None:
                yield entry
            elif common != last:
                last, skipped = common, 0
                yield common.decode()
            else:
                skipped += 1
                if skipped >= _JUMP:
                    break
        else:
            return
        await close(source)
        after = (last or b"").decode() + LAST


async def walk(pages: Pages, prefix: str, after: str, *, deep: bool, hidden: str = "") -> Found:
    """Yield the names of a store that sorts folder by folder: all keys, or one folder's keys and folders.

    What begins with `hidden` is left out.
    """
    folder = prefix[: prefix.rfind("/") + 1]
    if after.encode() > folder.encode() and not after.startswith(folder):
        return
    async for one in _in_order(_level(pages, prefix, folder, after, deep=deep, hidden=hidden)):
        if isinstance(one, str):
            inside = walk(pages, one, after, deep=True)
            if deep:
                async for inner in inside:
                    yield inner
            elif one.encode() > after.encode() or (one != after and await anext(inside, None) is not None):
                yield one
            await close(inside)
        elif one.key.encode() > after.encode():
            yield one


async def merged(one: Found, other: Found) -> Found:
    """Merge two listings in order; a common prefix that both have comes once."""
    left, right = await anext(one, None), await anext(other, None)
    last: str | None = None
    while left is not None or right is not None:
        if right is None or (left is not None and _order(left) <= _order(right)):
            assert left is not None
            found, left = left, await anext(one, None)
        else:
            found, right = right, await anext(other, None)
        if not (isinstance(found, str) and found == last):
            yield found
        last = name_of(found)


async def held(names: Found, span: Span) -> Found:
    """Yield what belongs to a span, whatever a server adds; each name once."""
    last: bytes | None = None
    try:
        async for one in names:
            raw = name_of(one).encode()
            fits = span.holds(raw) if isinstance(one, Entry) else span.may_hold(raw)
            if fits and raw != last:
                last = raw
                yield one
    finally:
        await close(names)


def name_of(one: Entry | str) -> str:
    """Return the key or the common prefix."""
    return one if isinstance(one, str) else one.key


async def close(source: AsyncIterator[object]) -> None:
    """Close a listing that is not read to its end."""
    ending = getattr(source, "aclose", None)
    if ending is not None:
        await ending()


async def _level(pages: Pages, prefix: str, folder: str, after: str, *, deep: bool, hidden: str) -> Found:
    """Yield one folder's names in the store's order, from where `after` may be."""
    start = ""
    if after.startswith(folder):
        segment = after[len(folder) :].partition("/")[0]
        # Folders sort without their slash there: one whose name the segment begins with is behind us, and may follow.
        for place, char in enumerate(segment):
            name = f"{folder}{segment[:place]}/"
            if char < "/" and place and name.startswith(prefix) and await _holds_any(pages, name):
                yield name
        start = folder + just_before(segment) if segment else ""
    token: str | None = None
    while True:
        answer = await pages.page(prefix, "/", start, token=token)
        prefixes = [name for name in answer.prefixes if not (hidden and name.startswith(hidden))]
        if not deep:
            # A folder that nothing is left in is no common prefix.
            prefixes = await _filled(pages, prefixes)
        names: list[Entry | str] = [*answer.entries, *prefixes]
        for one in sorted(names, key=_bare_order):
            yield one
        token = answer.token
        if token is None:
            return


async def _in_order(names: Found) -> Found:
    waiting: list[tuple[bytes, Entry | str]] = []
    async for one in names:
        heapq.heappush(waiting, (_order(one), one))
        while waiting and waiting[0][0] <= _bare_order(one):
            yield heapq.heappop(waiting)[1]
    while waiting:
        yield heapq.heappop(waiting)[1]


async def _filled(pages: Pages, prefixes: list[str]) -> list[str]:
    places = asyncio.Semaphore(_AT_ONCE)

    async def asked(name: str) -> bool:
        async with places:
            return await _holds_any(pages, name)

    answers = await asyncio.gather(*map(asked, prefixes))
    return [name for name, held in zip(prefixes, answers, strict=True) if held]


async def _holds_any(pages: Pages, prefix: str) -> bool:
    return bool((await pages.page(prefix, "", "", limit=1)).entries)


def just_before(segment: str) -> str:
    """Return a name that comes before `segment` with next to nothing between them."""
    before = ord(segment[-1]) - 1
    if 0xD800 <= before <= 0xDFFF:
        before = 0xD7FF
    return segment[:-1] + (chr(before) + LAST if before > 0x20 else "")


def _order(one: Entry | str) -> bytes:
    return name_of(one).encode()


def _bare_order(one: Entry | str) -> bytes:
    return one[:-1].encode() if isinstance(one, str) else one.key.encode()
