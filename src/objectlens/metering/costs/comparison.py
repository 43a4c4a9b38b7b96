"""The article's comparison, with measured work: on the host, by the report's book, on Lambda's processors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from objectlens.metering.costs.article import BOOKS, PRINTED
from objectlens.metering.costs.comparing import on_host
from objectlens.metering.costs.costing import Cost, price_rows
from objectlens.metering.costs.library import DEFAULT_HOST
from objectlens.metering.costs.money import divided
from objectlens.metering.price_books import Price, PriceBook, load
from objectlens.metering.rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What the measured work costs somewhere: in all, and for a thousand answers.

    `article` is what the article prints for an hour there, `of_host` the share of what the host asks; None is unknown.
    """

    where: str
    article: Decimal | None
    cost: Decimal
    per_thousand: Decimal | None
    of_host: Decimal | None


def compare(rows: Sequence[Row], book: PriceBook, host: Price | None) -> list[Compared]:
    """Return the host first, then the book of the report, then Lambda's others in its currency."""
    answers = sum(row.sums.requests for row in rows) or sum(row.sums.invocations for row in rows)
    theirs = None if host is None else on_host(sum(row.sums.cpu_us for row in rows), host)
    books = {one.name: one for one in (book, *map(load, BOOKS)) if one.currency == book.currency}

    def compared(where: str, cost: Decimal, article: Decimal | None) -> Compared:
        return Compared(
            where=where,
            article=article,
            cost=cost,
            per_thousand=divided(cost * 1000, answers) if answers else None,
            of_host=divided(cost, theirs) if theirs else None,
        )

    found = [compared(one.title, _priced(rows, one), PRINTED.get(one.name)) for one in books.values()]
    if host is not None and theirs is not None:
        printed = host.amount if host.host == DEFAULT_HOST else None
        found.insert(0, compared(f"{host.host}, its GPU idle" if host.gpus else host.host, theirs, printed))
    return found


def _priced(rows: Sequence[Row], book: PriceBook) -> Decimal:
    return sum((cost for _, cost in price_rows(rows, book)), Cost()).total
