"""The `Range` header as S3 reads it: one range of bytes, or none.

A header that S3 does not understand (several ranges, another unit, first after last) counts as absent and the whole
object is sent (RFC 9110 section 14.2 allows it); a range that lies outside the object is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from objectlens.errors import InvalidPart, InvalidRange

_RANGE = re.compile(r"bytes=[ \t]*(?:([0-9]{1,19})-([0-9]{0,19})|-([0-9]{1,19}))[ \t]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """`bytes=first-last`, `bytes=first-` (last None) or `bytes=-N` (first None, `last` = N bytes from the end)."""

    first: int | None
    last: int | None

    def __str__(self) -> str:
        return f"bytes={'' if self.first is None else self.first}-{'' if self.last is None else self.last}"

    def span(self, size: int) -> tuple[int, int]:
        """Return (start, end) with `end` exclusive in an object of `size` bytes; raises `InvalidRange`."""
        if self.first is None:
            length = min(self.last or 0, size)
            if length:
                return size - length, size
        elif self.first < size:
            return self.first, size if self.last is None else min(self.last + 1, size)
        raise InvalidRange(
            headers={"Content-Range": f"bytes */{size}"}, RangeRequested=str(self), ActualObjectSize=str(size)
        )


def parse_range(header: str | None) -> ByteRange | None:
    """Read a `Range` header; None when there is none or it is not one single range of bytes."""
    match = _RANGE.fullmatch(header) if header else None
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        return ByteRange(None, int(suffix))
    if last and int(last) < int(first):
        return None
    return ByteRange(int(first), int(last) if last else None)


def content_range(start: int, end: int, size: int) -> str:
    """Return the `Content-Range` of bytes `start` up to but without `end` of `size`."""
    return f"bytes {start}-{end - 1}/{size}"


def part_span(part: int, parts: tuple[int, ...], size: int) -> tuple[int, int]:
    """Return (start, end) of part number `part` of an object with parts of these sizes; raises `InvalidPart`.

    An object that was not uploaded in parts has one part, itself.
    """
    sizes = parts or (size,)
    if part > len(sizes):
        raise InvalidPart(PartNumberRequested=str(part), ActualPartCount=str(len(sizes)))
    start = sum(sizes[: part - 1])
    return start, start + sizes[part - 1]
