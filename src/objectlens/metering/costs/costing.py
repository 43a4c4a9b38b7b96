"""What rows cost under a book.

What AWS charges for a GET through an Object Lambda access point (https://aws.amazon.com/s3/pricing/,
https://aws.amazon.com/lambda/pricing/): the function's GB-seconds and its request, S3's request for the caller's GET
and for the one by which the function reads its source, and each GB that is returned. What the cache answered took no
function: it is charged the caller's GET and the GB returned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal, localcontext

from objectlens.metering.costs.money import EXACT, divided
from objectlens.metering.price_books import Price, PriceBook
from objectlens.metering.rows import Row, Sums

GB = 2**30
"""Bytes in a GB of S3's prices: the examples of https://aws.amazon.com/s3/faqs/ divide by 1,024."""

_US_PER_HOUR = 3_600_000_000
_JOULE_US_PER_KWH = 3_600_000 * 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """An amount and what it is made of: code that ran, the power for it, Lambda's and S3's requests, bytes returned."""

    compute: Decimal = Decimal(0)
    power: Decimal = Decimal(0)
    requests: Decimal = Decimal(0)
    s3_requests: Decimal = Decimal(0)
    data_returned: Decimal = Decimal(0)

    @property
    def total(self) -> Decimal:
        """All of it."""
        with localcontext(EXACT):
            return sum(self.parts().values(), Decimal(0))

    def parts(self) -> dict[str, Decimal]:
        """Return the parts by their names."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def __add__(self, other: Cost) -> Cost:
        with localcontext(EXACT):
            return Cost(**{name: value + getattr(other, name) for name, value in self.parts().items()})


def gb_seconds(sums: Sums) -> Decimal:
    """Return the GB-seconds, exactly."""
    with localcontext(EXACT):
        return sums.gb_seconds


def price_rows(rows: Iterable[Row], book: PriceBook) -> list[tuple[Row, Cost]]:
    """Return the rows with what each costs, as they come, so that the costs add up to that of all.

    Tiers go by what was used in a calendar month before, in the order of the rows.
    """
    before: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
    priced = []
    for row in rows:
        month = _month(row.start)
        used = gb_seconds(row.sums)
        compute = _computing(row.sums, book, before[month])
        with localcontext(EXACT):
            before[month] += used
        priced.append((row, _cost(row, book, compute)))
    return priced


def _month(start: int) -> tuple[int, int]:
    day = datetime.fromtimestamp(start, UTC)
    return day.year, day.month


def _computing(sums: Sums, book: PriceBook, before: Decimal) -> Decimal:
    core = book.price("core")
    if core is not None:
        return divided(core.each * sums.cpu_us, _US_PER_HOUR)
    with localcontext(EXACT):
        return _tiered(before + gb_seconds(sums), book.tiers) - _tiered(before, book.tiers)


def _tiered(used: Decimal, tiers: Sequence[Price]) -> Decimal:
    """Return what the first `used` GB-seconds of a month cost."""
    total, start = Decimal(0), Decimal(0)
    for tier in tiers:
        end = used if tier.up_to is None else min(used, tier.up_to)
        total += max(Decimal(0), end - start) * tier.each
        start = max(start, end)
    return total


def _cost(row: Row, book: PriceBook, compute: Decimal) -> Cost:
    sums, power = row.sums, book.price("power")
    drawn = Decimal(0) if power is None else power.each * power.watts_per_core * sums.cpu_us
    # Who invokes a function directly asks S3 for nothing.
    through_s3 = row.key.access_point != ""
    with localcontext(EXACT):
        return Cost(
            compute=compute,
            power=divided(drawn, _JOULE_US_PER_KWH),
            requests=book.each("requests") * sums.invocations,
            s3_requests=book.each("s3-get") * (sums.requests + sums.invocations) * through_s3,
            data_returned=book.each("data-returned") * sums.bytes_out / GB * through_s3,
        )
