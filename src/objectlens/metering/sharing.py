"""Servers' shares of budgets in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, tuple_, update

from objectlens.metering.budgets import MEASURES, Budget, Measure
from objectlens.metering.share import Claim, Granted
from objectlens.metering.spent import Spent
from objectlens.metering.tables import budget_shares, budget_uses
from objectlens.metering.writing import add

Period = tuple[str, int]
"""A budget's name and when the period began."""

RESPECTED_SECONDS = 300
"""So long others leave a share alone that is over: clocks must not be apart by more."""

_SHARES = tuple(f"{measure}_share" for measure in MEASURES)
_USED = [budget_shares.c[measure] for measure in MEASURES]
_SHARE = [budget_shares.c[name] for name in _SHARES]
_PERIOD = (budget_shares.c.name, budget_shares.c.start)


def take_over(connection: Connection, server: str, before: str) -> None:
    """Let a server have what was its own under the name it had before: what it used, and its shares."""
    connection.execute(update(budget_shares).where(budget_shares.c.server == before).values(server=server))


def add_own(connection: Connection, server: str, spent: Mapping[Period, Spent]) -> None:
    """Take note of what a server itself used, in the transaction that adds it to what all of them used."""
    nothing = dict.fromkeys(_SHARES, 0) | {"until": 0}
    rows = [
        {"name": name, "start": start, "server": server} | _by_measure(amounts) | nothing
        for (name, start), amounts in sorted(spent.items(), key=lambda one: one[0])
    ]
    add(connection, budget_shares, rows, MEASURES)


def granted(connection: Connection, server: str, periods: Sequence[Period]) -> dict[Period, Granted]:
    """Return what a server has."""
    asked = select(*_PERIOD, budget_shares.c.until, *_USED, *_SHARE).where(
        budget_shares.c.server == server, tuple_(*_PERIOD).in_(periods)
    )
    found = connection.execute(asked) if periods else ()
    return {(row[0], row[1]): Granted(Spent(*row[3:6]), Spent(*row[6:9]), row[2]) for row in found}


def renew(
    connection: Connection,
    server: str,
    claims: Sequence[tuple[Claim, Budget]],
    *,
    now: int,
    seconds: int,
) -> None:
    """Give a server its shares anew, good for so many seconds, and respected by others somewhat longer."""
    rows = []
    used = _locked(connection, [(claim.name, claim.start) for claim, _ in claims])
    others = _others(connection, server, list(used), now - RESPECTED_SECONDS)
    for claim, budget in claims:
        period = (claim.name, claim.start)
        share = _share(claim, budget, used[period], others.get(period, Spent()))
        amounts = {name: share.of(measure) for name, measure in zip(_SHARES, MEASURES, strict=True)}
        key = {"name": claim.name, "start": claim.start, "server": server}
        rows.append(key | _by_measure(Spent()) | amounts | {"until": now + seconds})
    add(connection, budget_shares, rows, latest=(*_SHARES, "until"))


def _share(claim: Claim, budget: Budget, used: Spent, others: Spent) -> Spent:
    """Return half of what is left, or what is needed at least; never more than there is."""
    share = Spent()
    for measure, limit in budget.limits.items():
        rest = max(0, limit - used.of(measure) - others.of(measure))
        # Of the last one, nothing is given to those who do not need it now.
        wanted = max(claim.least.of(measure), rest // 2 if claim.more else 0)
        setattr(share, measure, min(rest, wanted))
    return share


def _locked(connection: Connection, periods: Sequence[Period]) -> dict[Period, Spent]:
    """Return what was used, and let nobody else write of it, nor give shares, until the transaction is over."""
    nothing = _by_measure(Spent()) | {"warned": False}
    add(connection, budget_uses, [{"name": name, "start": start} | nothing for name, start in sorted(periods)])
    period = (budget_uses.c.name, budget_uses.c.start)
    found = connection.execute(
        select(*period, *(budget_uses.c[measure] for measure in MEASURES))
        .where(tuple_(*period).in_(periods))
        .order_by(*period)
        .with_for_update()
    )
    return {(row[0], row[1]): Spent(*row[2:5]) for row in found}


def _others(connection: Connection, server: str, periods: Sequence[Period], since: int) -> dict[Period, Spent]:
    """Return the shares of all other servers together, but those that were good until before `since`."""
    found = connection.execute(
        select(*_PERIOD, *(func.sum(column) for column in _SHARE))
        .where(tuple_(*_PERIOD).in_(periods), budget_shares.c.server != server, budget_shares.c.until >= since)
        .group_by(*_PERIOD)
    )
    # PostgreSQL's sums of integers are decimals.
    return {(row[0], row[1]): Spent(*map(int, row[2:5])) for row in found}


def _by_measure(amounts: Spent) -> dict[Measure, Any]:
    return {measure: amounts.of(measure) for measure in MEASURES}
