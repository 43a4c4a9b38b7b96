"""What the cache saved: what its answers would have cost had code run for each of them.

That is the mean of the answers for which it did run, by function and access point and over all callers and jobs: so the
sum is the same whatever a report tells apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal, localcontext
from functools import partial

from objectlens.metering.costs.comparing import running
from objectlens.metering.costs.costing import by_month, price_rows
from objectlens.metering.costs.money import EXACT, Growing, divided
from objectlens.metering.price_books import PriceBook
from objectlens.metering.rows import DIMENSIONS, Key, Row

CACHED = frozenset({"hit", "fill"})
"""What the ledger says of an answer for which no code ran: it was kept, or was being made for another one."""

_Place = tuple[str, str]


def cached(row: Row) -> int:
    """Return how many answers of a row took no invocation."""
    return row.sums.requests if row.key.cache in CACHED else 0


class Saved:
    """What answers from the cache saved, of those rows of which a report is made."""

    def __init__(self, rows: Iterable[Row], book: PriceBook) -> None:
        ran: dict[_Place, Decimal] = defaultdict(Decimal)
        times: dict[_Place, int] = defaultdict(int)
        # Of rows without callers and jobs, in one order: tiers and roundings fall the same way in every report.
        for row, cost in price_rows(sorted(by_month(rows, _place_alone), key=_order), book):
            if row.sums.invocations and row.key.access_point:
                with localcontext(EXACT):
                    ran[_place(row)] += running(cost, row.sums.invocations, row.sums.requests)
                times[_place(row)] += row.sums.invocations
        self._growing = {place: Growing(partial(_mean, ran[place], times[place])) for place in times}

    def by(self, rows: Iterable[Row]) -> Decimal | None:
        """Return what the next rows' answers saved; None when there are some, and no code ran for any of their kind."""
        answers = [(_place(row), count) for row in rows if (count := cached(row))]
        known = [self._growing[place].by(count) for place, count in answers if place in self._growing]
        if answers and not known:
            return None
        with localcontext(EXACT):
            return sum(known, Decimal(0))


def _mean(ran: Decimal, times: int, answers: int) -> Decimal:
    return divided(ran * answers, times)


def _place(row: Row) -> _Place:
    return row.key.function or "", row.key.access_point or ""


def _place_alone(row: Row) -> Key:
    nothing = Key(*([None] * len(DIMENSIONS)))
    return nothing._replace(function=row.key.function, access_point=row.key.access_point, cache=row.key.cache)


def _order(row: Row) -> tuple[int, str, str, str]:
    return row.start, *_place(row), row.key.cache or ""
