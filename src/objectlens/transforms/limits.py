"""What one transform may cost, checked from headers before anything is decoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from objectlens.transforms.errors import BadPipeline, LimitExceeded

# The limit called `bytes` hides the type inside the class.
Whole = bytes
Chunks = Iterable[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The ceilings of one run.

    `bytes` bounds the object (or, when it is streamed, what is gathered of it), `output_bytes` everything that is made
    of it, `pixels` one picture (width x height), `frames` the pictures of one animation, page sequence or film,
    `duration` seconds of sound or film, `members` the entries of an archive and of those within it (a million of them
    would take most of the minute that an answer has), `ratio` decompressed by compressed size, `nesting` the depth of
    JSON and HTML, `columns` and `rows` those of a table, `pattern_seconds` the time that custom patterns take
    on one text. `cpu_seconds` is what a process of a server may spend on one run, and bounds what none of these tells.
    """

    bytes: int = 256 * 1024 * 1024
    output_bytes: int = 1024 * 1024 * 1024
    pixels: int = 100_000_000
    frames: int = 1_000
    duration: float = 3_600.0
    members: int = 250_000
    ratio: float = 1_000.0
    nesting: int = 64
    columns: int = 10_000
    rows: int = 50_000_000
    pattern_seconds: float = 10.0
    cpu_seconds: float = 45.0

    def check(self, name: str, value: float, what: str = "") -> None:
        """Raise `LimitExceeded` when `value` is over the limit called `name`; `what` says it in words."""
        allowed = getattr(self, name)
        if value > allowed:
            raise LimitExceeded(name, what or f"{value:,}", allowed)

    def tightened(self, wanted: Mapping[str, Any]) -> Limits:
        """Return these limits lowered to `wanted`; a pipeline cannot raise the ceilings of its server."""
        wanted = checked(wanted)
        return replace(self, **{name: min(value, getattr(self, name)) for name, value in wanted.items()})

    def gather(self, chunks: Chunks, name: str = "bytes") -> Whole:
        """Join a stream; raises `LimitExceeded` as soon as it proves longer than the limit called `name`."""
        return b"".join(self.counted(chunks, name))

    def counted(self, chunks: Chunks, name: str) -> Iterator[Whole]:
        """Pass a stream on while it keeps within the limit called `name`."""
        size = 0
        for chunk in chunks:
            size += len(chunk)
            self.check(name, size, f"a stream of {size:,} bytes or more")
            yield chunk


def checked(wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return limits by name as they are; raises `BadPipeline` where there is none, or it is no number over 0."""
    known = {field.name for field in fields(Limits)}
    for name, value in wanted.items():
        if name not in known:
            raise BadPipeline(f"there is no limit {name!r}; the limits are {', '.join(sorted(known))}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise BadPipeline(f"limit {name!r} must be a number over 0, not {value!r}")
    return wanted
