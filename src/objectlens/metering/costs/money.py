"""Decimals: exact where sums must agree, rounded where something is divided, and both as text."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation, localcontext

EXACT = Context(prec=200, traps=[Inexact, InvalidOperation])
"""Raises rather than rounds. Bytes are divided by 2**30, milliseconds by 1,024,000: both end after some 30 digits."""

ROUNDED = Context(prec=60, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])
_PLACES = Decimal("1e-18")


def divided(numerator: Decimal, denominator: Decimal | int) -> Decimal:
    """Return a quotient, rounded to 18 places."""
    return ROUNDED.quantize(ROUNDED.divide(numerator, Decimal(denominator)), _PLACES)


class Growing:
    """The price of a sum, where it has to be rounded: a part costs what the sum grows by, so that parts add up.

    The sum is priced the same however it is parted, and in whatever order.
    """

    def __init__(self, price: Callable[[int], Decimal]) -> None:
        self._price = price
        self._sum = 0

    def by(self, more: int) -> Decimal:
        """Return what the next part costs."""
        with localcontext(EXACT):
            before = self._price(self._sum)
            self._sum += more
            return self._price(self._sum) - before


def plain(number: Decimal) -> str:
    """Return a decimal with all its digits, without an exponent and without zeros at the end."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def shown(number: Decimal) -> str:
    """Return a decimal for people: two places, or as many as show three digits that count."""
    if number == 0:
        return "0"
    places = max(2, 2 - number.adjusted())
    return f"{ROUNDED.quantize(number, Decimal(1).scaleb(-places)):,f}"


def money(number: Decimal, currency: str) -> str:
    """Return an amount for people, with its currency."""
    return f"{shown(number)} {currency}"
