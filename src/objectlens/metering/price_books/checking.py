"""What must hold between the prices of a book."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from objectlens.metering.price_books.book import Price


class PriceBookError(ValueError):
    """A price book that cannot be used; the message says where and why."""


def check_together(prices: Sequence[Price]) -> None:
    """Raise `PriceBookError` unless there is one currency, one price for each thing, and tiers that join."""
    currencies = sorted({one.currency for one in prices})
    if len(currencies) > 1:
        raise PriceBookError(f"{' and '.join(currencies)} in one book: no currency is converted, make a book of each")
    counted = Counter((one.item, one.host) for one in prices if one.item != "compute")
    for (item, host), count in counted.items():
        if count > 1:
            raise PriceBookError(f"{host or item} has {count} prices: leave one")
    _check_tiers([one for one in prices if one.item == "compute"])
    if counted.keys() & {("core", "")} and any(one.item == "compute" for one in prices):
        raise PriceBookError("compute and core both say what computing costs: leave one of them")


def _check_tiers(tiers: Sequence[Price]) -> None:
    if not tiers:
        return
    ends = [one.up_to for one in tiers]
    if ends.count(None) != 1:
        raise PriceBookError("of the tiers of compute exactly one, the last, is without up_to")
    if len(set(ends)) != len(ends):
        raise PriceBookError("two tiers of compute end at the same up_to")
