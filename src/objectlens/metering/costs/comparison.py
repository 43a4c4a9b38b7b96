"""The article's comparison, with measured work: on the host, by the report's book, on Lambda's processors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from objectlens.metering.costs.article import BOOKS, MB_OF_A_VCPU, PRINTED
from objectlens.metering.costs.comparing import on_host
from objectlens.metering.costs.costing import Cost, by_month, price_rows
from objectlens.metering.costs.library import DEFAULT_HOST
from objectlens.metering.costs.money import divided
from objectlens.metering.price_books import Price, PriceBook, load
from objectlens.metering.rows import Key, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What the measured work costs somewhere. None is unknown.

    `article` is what the article prints for an hour there. `compute` is for the code alone, as it was billed here;
    `by_cpu` for its CPU time alone, which is what a host can be compared with, and `of_host` is the share of that.
    `cost` is with requests and data, in all and for a thousand answers.
    """

    where: str
    article: Decimal | None
    compute: Decimal
    by_cpu: Decimal
    of_host: Decimal | None
    cost: Decimal
    per_thousand: Decimal | None


def compare(rows: Sequence[Row], book: PriceBook, host: Price | None) -> list[Compared]:
    """Return the host first, then the book of the report, then Lambda's others in its currency."""
    answers = sum(row.sums.requests for row in rows) or sum(row.sums.invocations for row in rows)
    rows = by_month(rows, _priced_by)
    cpu_us = sum(row.sums.cpu_us for row in rows)
    theirs = None if host is None else on_host(cpu_us, host)

    def compared(where: str, compute: Decimal, by_cpu: Decimal, cost: Decimal, article: Decimal | None) -> Compared:
        return Compared(
            where=where,
            article=article,
            compute=compute,
            by_cpu=by_cpu,
            of_host=divided(by_cpu, theirs) if theirs else None,
            cost=cost,
            per_thousand=divided(cost * 1000, answers) if answers else None,
        )

    found = []
    if host is not None and theirs is not None:
        printed = host.amount if host.host == DEFAULT_HOST else None
        # A host reads the originals from the same store.
        reading = theirs + book.each("s3-get") * sum(row.sums.requests for row in rows if row.key.access_point)
        where = f"{host.host}, GPU idle" if host.gpus else host.host
        found.append(compared(where, theirs, theirs, reading, printed))
    for one in {one.name: one for one in (book, *map(load, BOOKS)) if one.currency == book.currency}.values():
        cost = sum((part for _, part in price_rows(rows, one)), Cost())
        by_cpu = by_cpu_time(cpu_us, one, cost.computing)
        found.append(compared(one.name, cost.computing, by_cpu, cost.total, PRINTED.get(one.name)))
    return found


def _priced_by(row: Row) -> Key:
    """Return all of a key that costs depend on: whether S3 was asked."""
    nothing = Key(*([None] * len(Key._fields)))
    return nothing._replace(access_point="" if row.key.access_point == "" else "any")


def by_cpu_time(cpu_us: int, book: PriceBook, compute: Decimal) -> Decimal:
    """Return what CPU time costs where MemorySize gives a share of a processor, as on Lambda; else `compute`.

    1,769 MB have one processor there (Lambda guide, "Configure memory"), less has its share and takes longer: below
    that, the same CPU time comes to the same GB-seconds whatever MemorySize is.
    """
    if not book.tiers:
        return compute
    return divided(book.tiers[0].each * cpu_us * MB_OF_A_VCPU, 1_024_000_000)
