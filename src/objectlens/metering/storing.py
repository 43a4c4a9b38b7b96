"""Budgets and their use in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from objectlens.metering import sharing
from objectlens.metering.budgets import MEASURES, MOST, BadBudget, Budget, edited, payers, span
from objectlens.metering.ledger import Selection, read_rows
from objectlens.metering.rows import Dimension
from objectlens.metering.share import Claim, Granted
from objectlens.metering.spent import Spent
from objectlens.metering.tables import budget_shares, budget_uses, budgets
from objectlens.metering.writing import add

_FIELDS = tuple(one.name for one in fields(Budget))
_KEPT_SECONDS = 400 * 86_400


@dataclass(frozen=True, slots=True)
class Kept:
    """A budget as the database has it, with its use in the running period.

    `granted` is this server's part, None when there is no other.
    """

    budget: Budget
    spent: Spent
    warned: bool
    granted: Granted | None = None


def read_budgets(connection: Connection, now: datetime, server: str | None = None) -> list[Kept]:
    """Return all budgets in the order of their names; `server` is who asks, when there may be others."""
    found = _budgets(connection)
    starts = {_start(one, now) for one in found}
    used = [budget_uses.c[name] for name in ("name", "start", *MEASURES, "warned")]
    rows = connection.execute(select(*used).where(budget_uses.c.start.in_(starts)))
    uses = {(row[0], row[1]): (Spent(*row[2:5]), bool(row[5])) for row in rows}
    kept = [Kept(one, *uses.get((one.name, _start(one, now)), (Spent(), False))) for one in found]
    if server is None:
        return kept
    periods = {one.name: (one.name, _start(one, now)) for one in found}
    parts = sharing.granted(connection, server, list(periods.values()))
    nothing = Granted(None, Spent(), 0)
    return [replace(one, granted=parts.get(periods[one.budget.name], nothing)) for one in kept]


def renew(connection: Connection, server: str, claims: Sequence[Claim], now: datetime, seconds: int) -> list[Kept]:
    """Give a server the shares that it claims, good for so many seconds; returns all budgets as `read_budgets` does."""
    found = {one.entry: one for one in _budgets(connection)}
    # One that was removed, or made another one, is nobody's any more.
    good = [
        (claim, budget)
        for claim in claims
        if (budget := found.get(claim.entry)) is not None and claim.start == _start(budget, now)
    ]
    if good:
        sharing.renew(connection, server, good, now=int(now.timestamp()), seconds=seconds)
    return read_budgets(connection, now, server)


def _budgets(connection: Connection) -> list[Budget]:
    columns = [budgets.c[name] for name in _FIELDS]
    return [Budget(**row) for row in connection.execute(select(*columns).order_by(budgets.c.name)).mappings()]


def put_budget(connection: Connection, name: str, changes: Mapping[str, str], now: datetime) -> Budget:
    """Make or change a budget, see `edited`, and return it; raises `BadBudget`, also when there are too many.

    What was used in the running period counts: of a budget that is there as it was counted, else as the ledger has it.
    """
    old = next((one.budget for one in read_budgets(connection, now) if one.budget.name == name), None)
    budget = edited(old, name, changes)
    if old is None and (connection.scalar(select(func.count()).select_from(budgets)) or 0) >= MOST:
        raise BadBudget(f"there are {MOST} budgets, and there may be no more: remove one first")
    connection.execute(delete(budgets).where(budgets.c.name == budget.name))
    connection.execute(insert(budgets).values({name: getattr(budget, name) for name in _FIELDS}))
    if old is None or (old.payer, old.kind, old.period) != (budget.payer, budget.kind, budget.period):
        _forget(connection, budget.name)
        add_spent(connection, {(budget.name, _start(budget, now)): _from_ledger(connection, budget, now)})
    else:
        # A limit that was raised deserves its own warning.
        _set_warned(connection, budget.name, _start(budget, now), warned=False)
    return budget


def remove_budget(connection: Connection, name: str) -> bool:
    """Remove a budget; returns whether it was there."""
    found = connection.execute(delete(budgets).where(budgets.c.name == name)).rowcount
    _forget(connection, name)
    return bool(found)


def add_spent(connection: Connection, spent: Mapping[tuple[str, int], Spent]) -> None:
    """Add to the use of budgets, by name and beginning of the period."""
    rows = [
        {"name": name, "start": start, "warned": False} | {one: amounts.of(one) for one in MEASURES}
        for (name, start), amounts in sorted(spent.items(), key=lambda one: one[0])
    ]
    add(connection, budget_uses, rows, MEASURES)


def mark_warned(connection: Connection, warned: Mapping[str, int]) -> None:
    """Take note of budgets of which a warning was given, by name, in the period that began then."""
    for name, start in warned.items():
        _set_warned(connection, name, start, warned=True)


def forget_uses(connection: Connection, now: int) -> None:
    """Forget what was used of budgets more than a year ago."""
    for table in (budget_uses, budget_shares):
        connection.execute(delete(table).where(table.c.start < now - _KEPT_SECONDS))


def _forget(connection: Connection, name: str) -> None:
    for table in (budget_uses, budget_shares):
        connection.execute(delete(table).where(table.c.name == name))


def _set_warned(connection: Connection, name: str, start: int, *, warned: bool) -> None:
    where = (budget_uses.c.name == name, budget_uses.c.start == start)
    connection.execute(budget_uses.update().where(*where).values(warned=warned))


def _from_ledger(connection: Connection, budget: Budget, now: datetime) -> Spent:
    by: Dimension = "caller" if budget.kind == "caller" else "access_point"
    start, end = span(budget.period, now)
    rows = read_rows(connection, Selection(start=start, end=end, by=(by,)))
    total = Spent()
    for row in rows:
        if budget.payer in payers(str(getattr(row.key, by))):
            total.add(Spent(row.sums.invocations, row.sums.memory_mb_ms, row.sums.bytes_out))
    return total


def _start(budget: Budget, now: datetime) -> int:
    return int(span(budget.period, now)[0].timestamp())
