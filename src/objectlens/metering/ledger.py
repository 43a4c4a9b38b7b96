"""The ledger: rows of sums in the database."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, case, func, literal_column, select

from objectlens.database import Database
from objectlens.metering.rows import DIMENSIONS, SUMS, Dimension, Key, Row, Sums
from objectlens.metering.tables import usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which rows are wanted: those that begin at `start` or later and before `end`, None for no bound.

    They are added up over all dimensions that are not in `by`. `step` is the length of the spans they are added up in,
    in seconds, from midnight UTC on; 0 makes one of all, and None gives spans as they are kept. `where` has values
    that dimensions must have. Of all rows, `limit` are returned after the first `offset`.

    Older rows are kept by hour or by day: a span belongs to where it begins, and is not parted.
    """

    start: datetime | None = None
    end: datetime | None = None
    by: Sequence[Dimension] = DIMENSIONS
    step: int | None = 0
    where: Mapping[Dimension, str | int | bool] = field(default_factory=dict)
    limit: int | None = None
    offset: int = 0


class Ledger:
    """What was used, as the database has it: what the meter holds in memory is not in it yet."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rows(self, selection: Selection) -> list[Row]:
        """Return the rows of a selection, ordered by time and key."""
        return await self._database.read(lambda connection: read_rows(connection, selection))

    async def total(self, selection: Selection) -> Sums:
        """Return the sums of all that is selected; its `by` and `step` play no part."""
        found = await self.rows(
            Selection(start=selection.start, end=selection.end, by=(), step=0, where=selection.where)
        )
        return found[0].sums if found else Sums()


def read_rows(connection: Connection, selection: Selection) -> list[Row]:
    """Do what `Ledger.rows` promises over a connection."""
    spans = _spans(selection.step)
    keys = [*spans, *(usage.c[name] for name in selection.by)]
    sums = [func.max(usage.c[name]) if name == "peak_mb" else func.sum(usage.c[name]) for name in SUMS]
    query = select(*keys, *sums).where(*_conditions(selection)).group_by(*keys).order_by(*keys)
    if selection.limit is not None:
        query = query.limit(selection.limit).offset(selection.offset)
    return [
        _row(tuple(row), len(spans), selection)
        for row in connection.execute(query)
        if row[-1] is not None  # the sum of no rows, where nothing is told apart
    ]


def _row(values: tuple[Any, ...], spans: int, selection: Selection) -> Row:
    start, seconds = values[:spans] or (0, 0)
    width = spans + len(selection.by)
    asked = dict(zip(selection.by, values[spans:width], strict=True))
    key = Key(*(asked.get(name) for name in DIMENSIONS))
    # PostgreSQL's sums of integers are decimals.
    return Row(start=start, seconds=seconds, key=key, sums=Sums(*map(int, values[width:])))


def _spans(step: int | None) -> list[ColumnElement[int]]:
    """Return the columns that tell spans apart: where they begin, and how long they are."""
    if step is None:
        return [usage.c.start, usage.c.seconds]
    if step == 0:
        return []
    # Written out: PostgreSQL takes an expression with parameters for another one when it comes again in GROUP BY.
    length = literal_column(str(int(step)), BigInteger)
    return [usage.c.start - usage.c.start % length, case((usage.c.seconds > length, usage.c.seconds), else_=length)]


def _conditions(selection: Selection) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [usage.c[name] == value for name, value in selection.where.items()]
    if selection.start is not None:
        found.append(usage.c.start >= math.ceil(selection.start.timestamp()))
    if selection.end is not None:
        found.append(usage.c.start < math.ceil(selection.end.timestamp()))
    return found
