"""Making old rows coarser: minutes become hours, hours days, and days end.

So the table is bounded: of each span only so many rows stay apart, those that used most; the others become `(other)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from objectlens.metering.gathering import NOTHING, without_names
from objectlens.metering.rows import DIMENSIONS, SUMS, Key, Row, Sums
from objectlens.metering.tables import usage
from objectlens.metering.writing import add_rows

MINUTE, HOUR, DAY = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Step:
    """Rows over `fine` seconds that are older than `kept` seconds become rows over `coarse`, 0 for none at all."""

    fine: int
    coarse: int
    kept: int


def roll(connection: Connection, step: Step, now: int, most: int) -> bool:
    """Make the oldest span that is due coarser; returns whether there was one.

    Deleting first is what lets only one of several servers have the rows.
    """
    length = step.coarse or step.fine
    due = (now - step.kept) // length * length
    first = connection.scalar(select(func.min(usage.c.start)).where(usage.c.seconds == step.fine, usage.c.start < due))
    if first is None:
        return False
    start = first // length * length
    taken = delete(usage).where(usage.c.seconds == step.fine, usage.c.start >= start, usage.c.start < start + length)
    if not step.coarse:
        connection.execute(taken)
        return True
    removed = connection.execute(taken.returning(*(usage.c[name] for name in (*DIMENSIONS, *SUMS)))).all()
    width = len(DIMENSIONS)
    parts = [(Key(*row[:width]), Sums(*row[width:])) for row in removed]
    add_rows(connection, [_row(start, step.coarse, *one) for one in bounded(merge(parts), most)])
    return True


def merge(parts: Iterable[tuple[Key, Sums]]) -> dict[Key, Sums]:
    """Add up what has the same key."""
    found: dict[Key, Sums] = {}
    for key, sums in parts:
        found.setdefault(key, Sums()).add(sums)
    return found


def bounded(found: dict[Key, Sums], most: int) -> list[tuple[Key, Sums]]:
    """Keep the keys that used most, and merge the others: first without callers and jobs, then altogether."""
    kept = _ranked(found)
    merged = _ranked(merge((without_names(key), sums) for key, sums in kept[most:]))
    rest = merge((NOTHING, sums) for _, sums in merged[most:])
    return list(merge([*kept[:most], *merged[:most], *rest.items()]).items())


def _ranked(found: dict[Key, Sums]) -> Sequence[tuple[Key, Sums]]:
    return sorted(found.items(), key=lambda one: (one[1].memory_mb_ms, one[1].bytes_out, one[1].requests), reverse=True)


def _row(start: int, seconds: int, key: Key, sums: Sums) -> Row:
    return Row(start=start, seconds=seconds, key=key, sums=sums)
