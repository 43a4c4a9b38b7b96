"""What the same work would cost elsewhere."""

from __future__ import annotations

from decimal import Decimal

from objectlens.metering.costs.costing import GB, Cost
from objectlens.metering.costs.money import divided
from objectlens.metering.price_books import Price, PriceBook


def on_host(cpu_us: int, host: Price) -> Decimal:
    """Return what CPU time (in microseconds) costs on a host whose vCPUs are all busy with it, and its GPU is idle."""
    return divided(host.each * cpu_us, host.vcpus * 3_600_000_000)


def stored(size: int, book: PriceBook) -> Decimal | None:
    """Return what `size` bytes in storage cost a month; None when the book has no price for it."""
    price = book.price("storage")
    return None if price is None else divided(price.each * size, GB)


def running(computed: Cost, invocations: int, requests: int) -> Decimal:
    """Return what of a cost is for running code and reading its sources, which no answer from the cache is charged."""
    reading = divided(computed.s3_requests * invocations, invocations + requests)
    return computed.compute + computed.power + computed.requests + reading
