"""Prices and books of them, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

# How many single units one unit of a page is.
UNITS: Mapping[str, int] = {
    "GB-second": 1,
    "request": 1,
    "thousand requests": 1_000,
    "million requests": 1_000_000,
    "GB": 1,
    "GB-month": 1,
    "hour": 1,
    "core-hour": 1,
    "kWh": 1,
}
_REQUESTS = ("request", "thousand requests", "million requests")
ITEMS: Mapping[str, tuple[str, ...]] = {
    "compute": ("GB-second",),
    "requests": _REQUESTS,
    "s3-get": _REQUESTS,
    "s3-put": _REQUESTS,
    "data-returned": ("GB",),
    "storage": ("GB-month",),
    "core": ("core-hour",),
    "power": ("kWh",),
    "host": ("hour",),
}
"""What can have a price, and the units that it can be priced by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What an item costs: `amount` of `currency` for one `unit`, as the page `source` said at `date`.

    `up_to` is where a tier of `compute` ends, in GB-seconds of a month, None for the last. Of hosts: the name, their
    vCPUs and GPUs. `watts_per_core` belongs to `power`.
    """

    item: str
    amount: Decimal
    unit: str
    currency: str
    region: str
    source: str
    date: date
    note: str = ""
    up_to: Decimal | None = None
    host: str = ""
    vcpus: int = 0
    gpus: int = 0
    watts_per_core: Decimal = Decimal(0)

    @property
    def each(self) -> Decimal:
        """The amount for one GB-second, request, GB, hour or kilowatt-hour."""
        return self.amount / UNITS[self.unit]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} per {self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBook:
    """Prices in one currency. A book is `metered` when it says what computing costs, and may have hosts besides."""

    name: str
    title: str
    currency: str
    prices: tuple[Price, ...]

    @property
    def metered(self) -> bool:
        """Whether a run can be priced by it."""
        return any(one.item in {"compute", "core"} for one in self.prices)

    @property
    def tiers(self) -> tuple[Price, ...]:
        """The prices of `compute`, the first GB-seconds of a month first."""
        tiers = (one for one in self.prices if one.item == "compute")
        return tuple(sorted(tiers, key=lambda one: Decimal("Infinity") if one.up_to is None else one.up_to))

    @property
    def hosts(self) -> tuple[Price, ...]:
        """The machines that can be had by the hour."""
        return tuple(one for one in self.prices if one.item == "host")

    def price(self, item: str) -> Price | None:
        """Return the only price of an item, None when the book has none."""
        return next((one for one in self.prices if one.item == item), None)

    def each(self, item: str) -> Decimal:
        """Return the amount for a single unit of an item, 0 when the book does not charge it."""
        found = self.price(item)
        return Decimal(0) if found is None else found.each
