"""Rows of the ledger: a key, a span of time, and sums. All of them are integers, so that nothing is ever rounded."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Literal, NamedTuple, get_args

Dimension = Literal["function", "version", "access_point", "caller", "job", "runtime", "memory_size", "cold", "cache"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)

OTHER = "(other)"
"""Stands in a key for what there was no room for: see `minutes`."""


class Key(NamedTuple):
    """What the ledger tells apart; the fields are those of `Usage`. None is a dimension that was not asked for."""

    function: str | None
    version: str | None
    access_point: str | None
    caller: str | None
    job: str | None
    runtime: str | None
    memory_size: int | None
    cold: bool | None
    cache: str | None


@dataclass(slots=True)
class Sums:
    """What was used, added up; the fields are those of `Usage`, `peak_mb` is the greatest.

    `memory_mb_ms` is MemorySize times billed duration, what Lambda's price goes by.
    """

    requests: int = 0
    invocations: int = 0
    errors: int = 0
    duration_us: int = 0
    billed_duration_ms: int = 0
    memory_mb_ms: int = 0
    init_us: int = 0
    cpu_us: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    peak_mb: int = 0

    def add(self, other: Sums) -> None:
        """Add other sums."""
        for name in SUMS:
            mine, theirs = getattr(self, name), getattr(other, name)
            setattr(self, name, max(mine, theirs) if name == "peak_mb" else mine + theirs)

    @property
    def gb_seconds(self) -> Decimal:
        """GB-seconds, exactly: a GB is 1,024 MB, as in Lambda's prices."""
        return Decimal(self.memory_mb_ms) / 1_024_000

    @property
    def duration_ms(self) -> Decimal:
        """The duration in milliseconds, exactly."""
        return Decimal(self.duration_us) / 1000


SUMS: tuple[str, ...] = tuple(one.name for one in fields(Sums))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Sums of a key over a span of time: `start` is Unix time, `seconds` its length, 0 for all that was asked for."""

    start: int
    seconds: int
    key: Key
    sums: Sums

    def flat(self) -> dict[str, Any]:
        """Return a plain dictionary: `start`, `seconds`, what was asked for of the key, the sums."""
        asked = {name: value for name, value in self.key._asdict().items() if value is not None}
        return (
            {"start": self.start, "seconds": self.seconds} | asked | {name: getattr(self.sums, name) for name in SUMS}
        )

    @classmethod
    def of(cls, flat: dict[str, Any]) -> Row:
        """Make the row again of what `flat` gave."""
        return cls(
            start=int(flat["start"]),
            seconds=int(flat["seconds"]),
            key=Key(*(flat.get(name) for name in DIMENSIONS)),
            sums=Sums(*(int(flat[name]) for name in SUMS)),
        )
