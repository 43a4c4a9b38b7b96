"""Adding to rows of the database, so that nothing is counted twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, case, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from objectlens.metering.rows import SUMS, Row
from objectlens.metering.tables import usage, usage_writers

# What a server that is gone left behind; one that lives writes more often.
_FORGOTTEN_SECONDS = 7 * 86_400
_AT_ONCE = 500


def register(connection: Connection, writer: str, now: int) -> None:
    """Take note of a writer, which has written nothing so far."""
    connection.execute(delete(usage_writers).where(usage_writers.c.at < now - _FORGOTTEN_SECONDS))
    connection.execute(insert(usage_writers).values(writer=writer, written=0, at=now))


def is_next(connection: Connection, writer: str, number: int, now: int) -> bool:
    """Claim a writer's batch of that number, from 1 on; False when it was written already.

    When a commit breaks off, nobody knows whether it happened: the same batch is then sent again, and this tells.
    """
    row = usage_writers.c.writer == writer
    claimed = update(usage_writers).where(row, usage_writers.c.written < number).values(written=number, at=now)
    if connection.execute(claimed).rowcount == 1:
        return True
    if connection.scalar(select(usage_writers.c.written).where(row)) is not None:
        return False
    # Somebody emptied the table.
    connection.execute(insert(usage_writers).values(writer=writer, written=number, at=now))
    return True


def add_rows(connection: Connection, rows: Iterable[Row]) -> None:
    """Add rows to those that the ledger has."""
    # In one order everywhere: two writers that want the same rows would else wait for each other.
    flat = [row.flat() for row in sorted(rows, key=lambda row: (row.start, row.key))]
    for first in range(0, len(flat), _AT_ONCE):
        add(connection, usage, flat[first : first + _AT_ONCE], SUMS, greatest=("peak_mb",))


def add(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    sums: Sequence[str] = (),
    *,
    greatest: Sequence[str] = (),
    latest: Sequence[str] = (),
) -> None:
    """Insert rows; where one of that key is there, add `sums` to it, of those in `greatest` keep the greater one.

    `latest` are replaced, and what is in none of them stays as it was.
    """
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(table)
    new = statement.excluded
    merged: dict[str, Any] = {name: new[name] for name in latest}
    for name in sums:
        old = table.c[name]
        merged[name] = case((old > new[name], old), else_=new[name]) if name in greatest else old + new[name]
    if not rows:
        return
    if merged:
        statement = statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=merged)
    else:
        statement = statement.on_conflict_do_nothing()
    connection.execute(statement, list(rows))
