"""What rows cost under a book.

What AWS charges for a GET through an Object Lambda access point (https://aws.amazon.com/s3/pricing/,
https://aws.amazon.com/lambda/pricing/): the function's GB-seconds and its request, S3's request for the caller's GET
and for the one by which the function reads its source, and each GB that is returned. What the cache answered took no
function: it is charged the caller's GET and the GB returned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal, localcontext

from objectlens.metering.costs.money import EXACT, Growing, divided
from objectlens.metering.price_books import Price, PriceBook
from objectlens.metering.rows import SUMS, Key, Row, Sums

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

    @property
    def computing(self) -> Decimal:
        """What the code costs alone, with its power."""
        with localcontext(EXACT):
            return self.compute + self.power

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

    Tiers go by what was used in a calendar month before, in the order of the rows. What has too many digits is rounded
    where it adds up, to 18 places: a row costs what the sum grows by, and the sum is the same however rows are parted.
    """
    sofar = _SoFar(book)
    return [(row, sofar.cost(row)) for row in rows]


class _SoFar:
    """What the rows before came to."""

    def __init__(self, book: PriceBook) -> None:
        self._book = book
        self._gb_seconds: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
        self._core, self._power, self._data = Growing(self._of_cores), Growing(self._of_power), Growing(self._of_data)

    def cost(self, row: Row) -> Cost:
        """Return what the next row costs."""
        book, sums = self._book, row.sums
        # Who invokes a function directly asks S3 for nothing.
        through_s3 = row.key.access_point != ""
        with localcontext(EXACT):
            return Cost(
                compute=self._compute(row),
                power=self._power.by(sums.cpu_us),
                requests=book.each("requests") * sums.invocations,
                s3_requests=book.each("s3-get") * (sums.requests + sums.invocations) * through_s3,
                data_returned=self._data.by(sums.bytes_out * through_s3),
            )

    def _compute(self, row: Row) -> Decimal:
        if self._book.price("core") is not None:
            return self._core.by(row.sums.cpu_us)
        month = _month(row.start)
        before = self._gb_seconds[month]
        after = self._gb_seconds[month] = before + row.sums.gb_seconds
        return _tiered(after, self._book.tiers) - _tiered(before, self._book.tiers)

    def _of_cores(self, cpu_us: int) -> Decimal:
        return divided(self._book.each("core") * cpu_us, _US_PER_HOUR)

    def _of_power(self, cpu_us: int) -> Decimal:
        power = self._book.price("power")
        return Decimal(0) if power is None else divided(power.each * power.watts_per_core * cpu_us, _JOULE_US_PER_KWH)

    def _of_data(self, size: int) -> Decimal:
        return divided(self._book.each("data-returned") * size, GB)


def added(all_sums: Iterable[Sums]) -> Sums:
    """Return sums of sums; the peak is the greatest."""
    total = Sums()
    for one in all_sums:
        for name in SUMS:
            ours, theirs = getattr(total, name), getattr(one, name)
            setattr(total, name, max(ours, theirs) if name == "peak_mb" else ours + theirs)
    return total


def by_month(rows: Iterable[Row], keys: Callable[[Row], Key] = lambda row: row.key) -> list[Row]:
    """Add rows of a month and a key up: what a year of days comes to costs the same, and takes less to price."""
    parted: dict[tuple[tuple[int, int], Key], list[Row]] = defaultdict(list)
    for row in rows:
        parted[_month(row.start), keys(row)].append(row)
    return [
        Row(start=min(row.start for row in rows), seconds=0, key=key, sums=added(row.sums for row in rows))
        for (_, key), rows in parted.items()
    ]


def _month(start: int) -> tuple[int, int]:
    day = datetime.fromtimestamp(start, UTC)
    return day.year, day.month


def _tiered(used: Decimal, tiers: Sequence[Price]) -> Decimal:
    """Return what the first `used` GB-seconds of a month cost."""
    total, start = Decimal(0), Decimal(0)
    for tier in tiers:
        end = used if tier.up_to is None else min(used, tier.up_to)
        total += max(Decimal(0), end - start) * tier.each
        start = max(start, end)
    return total
