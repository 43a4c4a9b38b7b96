"""What to do about an access point, from measured figures: each sentence has the numbers that it rests on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from objectlens.metering.costs.comparing import on_host, running, stored
from objectlens.metering.costs.costing import Cost, added, price_rows
from objectlens.metering.costs.money import divided, money
from objectlens.metering.costs.saving import cached
from objectlens.metering.costs.sizing import memory_advice
from objectlens.metering.costs.verdicts import Verdict
from objectlens.metering.ledger import Selection
from objectlens.metering.price_books import Price, PriceBook
from objectlens.metering.rows import Dimension, Row, Sums

STEP = 3600
_MONTH = 30 * 86_400
_MONTHS_OF_A_COPY = 12
Objects = int | None


def advice_selection(selection: Selection) -> Selection:
    """Return which rows advice is made of, in the span of `selection`: hours, for a rate needs a length."""
    by: tuple[Dimension, ...] = ("access_point", "function", "runtime", "memory_size", "cache")
    return Selection(start=selection.start, end=selection.end, by=by, step=STEP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was measured of one access point. `objects` is how many keys lie behind it, None when nobody counted."""

    access_point: str
    objects: int | None
    seconds: int
    ran: Sums
    cached: int
    cost: Cost
    rows: Sequence[Row] = field(repr=False)

    @property
    def each(self) -> Decimal:
        """What it costs on average to run the code for an object."""
        return divided(running(self.cost, self.ran.invocations, self.ran.requests), self.ran.invocations)

    @property
    def answer(self) -> Decimal:
        """The mean size of an answer that code made, in bytes."""
        return divided(Decimal(self.ran.bytes_out), self.ran.invocations)

    @property
    def monthly(self) -> Decimal:
        """How many invocations a month would have, at the rate of the span."""
        return divided(Decimal(self.ran.invocations * _MONTH), self.seconds)


def facts_of(rows: Iterable[Row], book: PriceBook, objects: dict[str, Objects]) -> list[Facts]:
    """Return the facts of each access point through which code ran."""
    parted: dict[str, list[tuple[Row, Cost]]] = defaultdict(list)
    for row, cost in price_rows(rows, book):
        parted[row.key.access_point or ""].append((row, cost))
    ran = {point for point, priced in parted.items() if point and any(row.sums.invocations for row, _ in priced)}
    return [_facts(point, parted[point], objects) for point in sorted(ran)]


def _facts(point: str, priced: Sequence[tuple[Row, Cost]], objects: dict[str, Objects]) -> Facts:
    ran = [(row, cost) for row, cost in priced if row.sums.invocations]
    starts = [row.start for row, _ in priced]
    return Facts(
        access_point=point,
        objects=objects.get(point),
        seconds=max(row.start + max(row.seconds, STEP) for row, _ in priced) - min(starts),
        ran=added(row.sums for row, _ in ran),
        cached=sum(cached(row) for row, _ in priced),
        cost=sum((cost for _, cost in ran), Cost()),
        rows=[row for row, _ in ran],
    )


def advise(facts: Facts, book: PriceBook, host: Price | None) -> list[Verdict]:
    """Return what the figures say about caching, baking, the client and the functions' memory."""
    found = [_cache(facts, book.currency), _bake(facts, book)]
    if host is not None:
        found.append(_client(facts, book, host))
    return found + memory_advice(facts.rows, book)


def _cache(facts: Facts, currency: str) -> Verdict:
    ran, each = facts.ran.invocations, money(facts.each, currency)
    if facts.cached:
        total = ran + facts.cached
        text = (
            f"Keep the cache: it answered {facts.cached:,} of {total:,} GETs, which at {each} each saved "
            f"{money(facts.each * facts.cached, currency)}."
        )
        return Verdict("cache", "keep", text)
    if facts.objects is None:
        return Verdict("cache", "unknown", f"Cache: code ran {ran:,} times; how many objects there are is not known.")
    again = ran - facts.objects
    if again <= 0:
        text = f"No cache yet: code ran {ran:,} times for {facts.objects:,} objects, so none need have been made twice."
        return Verdict("cache", "no", text)
    size = facts.answer * facts.objects
    text = (
        f"Cache it: code ran {ran:,} times for {facts.objects:,} objects, so at least {again:,} answers had been made "
        f"before. At {each} each that is {money(facts.each * again, currency)}, for {_bytes(size)} of cache."
    )
    return Verdict("cache", "yes", text)


def _bake(facts: Facts, book: PriceBook) -> Verdict:
    objects = facts.objects if facts.objects is not None else facts.ran.invocations
    size = facts.answer * objects
    month = stored(int(size), book)
    if month is None:
        return Verdict("bake", "unknown", f"Bake it offline: the book {book.name} has no price for storage.")
    running_month = facts.each * facts.monthly
    once = (facts.each + book.each("s3-put")) * objects
    copy_month = month + divided(once, _MONTHS_OF_A_COPY)
    counted = f"{objects:,} objects" if facts.objects is not None else f"at most {objects:,} objects"
    figures = (
        f"a copy of {counted} with {_bytes(facts.answer)} each costs {money(month, book.currency)} a month and "
        f"{money(once, book.currency)} once; at the present rate of {facts.monthly:,.0f} invocations a month, making "
        f"them just in time costs {money(running_month, book.currency)} a month"
    )
    if running_month > copy_month:
        return Verdict("bake", "yes", f"Bake it offline, if the code seldom changes: {figures}.")
    return Verdict("bake", "no", f"Make it just in time, not offline: {figures}.")


def _client(facts: Facts, book: PriceBook, host: Price) -> Verdict:
    ran, currency = facts.ran.invocations, book.currency
    here = divided(facts.cost.total * 10**6, ran)
    there = divided(on_host(facts.ran.cpu_us, host) * 10**6, ran) + book.each("s3-get") * 10**6
    each = f"{divided(Decimal(facts.ran.cpu_us), ran * 1000):,.1f} ms of CPU time"
    sizes = f"{_bytes(divided(Decimal(facts.ran.bytes_in), ran))} in, {_bytes(facts.answer)} out"
    figures = (
        f"a million objects ({each}, {sizes} each) cost {money(here, currency)} here and {money(there, currency)} in "
        f"{host.host}, reading the originals included"
    )
    if there < here:
        waits = ", while its GPU waits" if host.gpus else ""
        return Verdict(
            "client", "yes", f"Run it on the client, if its processors have time to spare: {figures}{waits}."
        )
    return Verdict("client", "no", f"Do not run it on the client: {figures}.")


def _bytes(size: Decimal) -> str:
    for unit, name in ((2**30, "GB"), (2**20, "MB"), (2**10, "KB")):
        if size >= unit:
            return f"{size / unit:,.1f} {name}"
    return f"{size:,.0f} bytes"
