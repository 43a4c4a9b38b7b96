"""Opening an object for GetObject, HeadObject and the source of a copy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from objectlens.errors import PreconditionFailed
from objectlens.s3.headers import ObjectFacts
from objectlens.s3.inputs import ReadObject
from objectlens.s3.preconditions import range_applies
from objectlens.s3.ranges import part_span
from objectlens.stores import Far, Get, Opened, Stat
from objectlens.streams import FileSlice

Chosen = tuple[int, int] | None


async def open_chosen(
    store: Get, key: str, choose: Callable[[Stat], Awaitable[Chosen]], *, partial: bool = False
) -> tuple[Opened, Chosen]:
    """Open an object, or the run of it that `choose` finds for its state; what `choose` raises closes it.

    `partial` tells that it will hardly be the whole: a store elsewhere is then asked what there is before it sends it.
    """
    while True:
        if partial and isinstance(store, Far):
            stat = await store.stat(key)
            span = await choose(stat)
            opened = await store.open(key, span)
            if _same(opened.stat, stat):
                return opened, span
            await discard(opened.body)
            continue
        whole = await store.open(key)
        try:
            span = await choose(whole.stat)
        except BaseException:
            await discard(whole.body)
            raise
        if span is None:
            return whole, None
        if isinstance(whole.body, FileSlice):
            start, end = span
            return Opened(whole.stat, whole.body.narrowed(start, end - start)), span
        await discard(whole.body)
        part = await store.open(key, span)
        if _same(part.stat, whole.stat):
            return part, span
        # Replaced between the two looks: choose again for what is there now.
        await discard(part.body)


def _same(one: Stat, other: Stat) -> bool:
    """Tell whether an object is in the same state; not all answers of a store elsewhere tell all that is beside it."""
    mine, others = one.attributes, other.attributes
    return (one.etag, one.size, one.modified, mine.tags) == (other.etag, other.size, other.modified, others.tags)


async def discard(body: FileSlice | AsyncIterator[bytes]) -> None:
    """Close a body that nobody will read."""
    if isinstance(body, FileSlice):
        body.close()
        return
    close = getattr(body, "aclose", None)
    if close is not None:
        await close()


def chosen(asked: ReadObject, stat: Stat) -> Chosen:
    """Check the conditions and return the run of bytes that a read asks for, None for the whole.

    Raises `PreconditionFailed`, `NotModified`, `InvalidRange` or `InvalidPart`.
    """
    if asked.state is not None and asked.state != stat.state():
        raise PreconditionFailed("The object was replaced since the request for it was made.", Condition="If-Match")
    asked.conditions.check(stat.etag, stat.modified)
    if asked.byte_range is not None and range_applies(asked.if_range, stat.etag, stat.modified):
        return asked.byte_range.span(stat.size)
    if asked.part_number is not None:
        span = part_span(asked.part_number, stat.attributes.parts, stat.size)
        # An empty object has no byte that a Content-Range could name.
        return span if stat.size else None
    return None


def facts(stat: Stat, part: int | None = None) -> ObjectFacts:
    """Return what the headers of an answer tell of an object, with the checksum of a part of it when one is named."""
    attributes = stat.attributes
    checksums = attributes.checksums
    if part is not None:
        checksums = dict.fromkeys(checksums, attributes.part_checksums[part - 1])
    return ObjectFacts(
        etag=stat.etag,
        modified=stat.modified,
        system=attributes.headers,
        metadata=attributes.metadata,
        checksums=checksums,
        checksum_type=attributes.checksum_type,
        tag_count=len(attributes.tags),
        part_count=len(attributes.parts),
    )
