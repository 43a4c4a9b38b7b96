"""One field of a price: its type, and what its error says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from objectlens.metering.price_books.checking import PriceBookError

_DIGITS, _PLACES = 15, 18
_FORM = {"amount": "a number, such as 0.20", "up_to": "a number of GB-seconds", "watts_per_core": "a number of watts"}


def text_in(fields: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """Return a text that is not empty, or `default`."""
    value = fields.get(key, default)
    if value is None:
        raise PriceBookError(f"{key} is missing")
    if not isinstance(value, str) or (not value.strip() and default is None):
        raise PriceBookError(f"{key} must be a text, not {value!r}")
    return value


def amount_in(fields: Mapping[str, Any], key: str) -> Decimal:
    """Return a number that is 0 or more."""
    if key not in fields:
        raise PriceBookError(f"{key} is missing: set it to {_FORM[key]}")
    value = fields[key]
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise PriceBookError(f"{key} must be {_FORM[key]}, without quotes, not {value!r}")
    number = Decimal(value)
    if not number.is_finite() or number < 0:
        raise PriceBookError(f"{key} must be 0 or more, not {value}")
    # What a report adds up exactly must have an end.
    exponent = number.as_tuple().exponent
    if number.adjusted() >= _DIGITS or (isinstance(exponent, int) and exponent < -_PLACES):
        raise PriceBookError(f"{key} must be below 10^{_DIGITS}, with {_PLACES} decimal places at most, not {value}")
    return number


def count_in(fields: Mapping[str, Any], key: str, *, least: int) -> int:
    """Return a whole number."""
    value = fields.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise PriceBookError(f"{key} must be a whole number from {least} on, not {value!r}")
    return value


def date_in(fields: Mapping[str, Any], key: str) -> date:
    """Return a day."""
    value = fields.get(key)
    if not isinstance(value, date) or isinstance(value, datetime):
        raise PriceBookError(f"{key} must be the day when the source said so, such as 2026-11-28, not {value!r}")
    return value
