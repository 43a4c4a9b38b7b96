"""The report: lines that add up to the ledger, each with what it would be elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext

from objectlens.metering.costs.comparing import on_host, stored
from objectlens.metering.costs.costing import Cost, added, by_month, gb_seconds, price_rows
from objectlens.metering.costs.library import Library
from objectlens.metering.costs.money import EXACT, Growing
from objectlens.metering.costs.saving import Saved, cached
from objectlens.metering.ledger import Selection
from objectlens.metering.price_books import Price, PriceBook
from objectlens.metering.rows import Dimension, Row, Sums

_DAY = 86_400


def selection_of(by: Dimension, start: datetime | None, end: datetime | None) -> Selection:
    """Return which rows of the ledger a report takes: days, for tiers go by the month, and what a price depends on."""
    wanted: tuple[Dimension, ...] = (by, "function", "access_point", "memory_size", "cache")
    return Selection(start=start, end=end, by=tuple(dict.fromkeys(wanted)), step=_DAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One value of what the report tells apart. Amounts are in the report's currency, None where no price is known.

    `cached` is how many answers took no invocation; `copied` bytes were made by code and could lie in storage instead.
    `on_host` is what the CPU time costs on the host, `copy_month` what `copied` costs a month, `cache_saved` what
    the answers from the cache would have cost.
    """

    value: str
    sums: Sums
    cached: int
    copied: int
    cost: Cost
    on_host: Decimal | None
    copy_month: Decimal | None
    cache_saved: Decimal | None

    @property
    def gb_seconds(self) -> Decimal:
        """GB-seconds, exactly."""
        return gb_seconds(self.sums)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Lines and their total, and what they were priced by.

    `starting` is what the initialisation of new environments took, in GB-seconds: no line has it among its own.
    """

    by: Dimension
    start: datetime | None
    end: datetime | None
    book: PriceBook
    host: Price | None
    lines: tuple[Line, ...]
    total: Line
    starting: Decimal


def make_report(rows: Iterable[Row], selection: Selection, library: Library, host: Price | None) -> Report:
    """Price the rows of a selection that `selection_of` made."""
    by, book = selection.by[0], library.book
    rows = by_month(rows)
    parted: dict[str, list[tuple[Row, Cost]]] = defaultdict(list)
    for row, cost in price_rows(rows, book):
        parted[str(getattr(row.key, by))].append((row, cost))
    elsewhere = _Elsewhere(rows, book, host)
    lines = tuple(elsewhere.line(value, priced) for value, priced in sorted(parted.items()))
    return Report(
        by=by,
        start=selection.start,
        end=selection.end,
        book=book,
        host=host,
        lines=lines,
        total=_total(lines),
        starting=_starting(rows),
    )


class _Elsewhere:
    """What lines would be elsewhere, and without the cache."""

    def __init__(self, rows: Sequence[Row], book: PriceBook, host: Price | None) -> None:
        self._host = None if host is None else Growing(lambda cpu_us: on_host(cpu_us, host))
        self._copy = None if book.price("storage") is None else Growing(lambda size: stored(size, book) or Decimal(0))
        self._saved = Saved(rows, book)

    def line(self, value: str, priced: Sequence[tuple[Row, Cost]]) -> Line:
        """Return the line of one value."""
        rows = [row for row, _ in priced]
        sums = added(row.sums for row in rows)
        copied = sum(row.sums.bytes_out for row in rows if row.sums.invocations and row.key.access_point)
        return Line(
            value=value,
            sums=sums,
            cached=sum(map(cached, rows)),
            copied=copied,
            cost=_added(cost for _, cost in priced),
            on_host=None if self._host is None else self._host.by(sums.cpu_us),
            copy_month=None if self._copy is None else self._copy.by(copied),
            cache_saved=self._saved.by(rows),
        )


def _starting(rows: Iterable[Row]) -> Decimal:
    with localcontext(EXACT):
        return Decimal(sum(row.sums.init_us * (row.key.memory_size or 0) for row in rows)) / 1_024_000_000


def _added(costs: Iterable[Cost]) -> Cost:
    return sum(costs, Cost())


def _total(lines: Sequence[Line]) -> Line:
    return Line(
        value="",
        sums=added(one.sums for one in lines),
        cached=sum(one.cached for one in lines),
        copied=sum(one.copied for one in lines),
        cost=_added(one.cost for one in lines),
        on_host=_summed([one.on_host for one in lines]),
        copy_month=_summed([one.copy_month for one in lines]),
        cache_saved=_summed([one.cache_saved for one in lines if one.cached]),
    )


def _summed(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """Return the sum of what is known; None when nothing is."""
    known = [one for one in amounts if one is not None]
    with localcontext(EXACT):
        return sum(known, Decimal(0)) if known or not amounts else None
