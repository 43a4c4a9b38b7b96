"""From TOML to a book, with errors that say which price is wrong and what would be right."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

from objectlens.metering.price_books.book import ITEMS, Price, PriceBook
from objectlens.metering.price_books.checking import PriceBookError, check_together
from objectlens.metering.price_books.fields import amount_in, count_in, date_in, text_in

_BOOK_KEYS = {"name", "title", "defaults", "price"}
_PRICE_KEYS = {"item", "amount", "unit", "currency", "region", "source", "date", "note"}
_PRICE_KEYS |= {"up_to", "host", "vcpus", "gpus", "watts_per_core"}
_FOLDER = resources.files(__package__)


def shipped() -> list[str]:
    """Return the names of the books that come with objectlens."""
    names = (entry.name for entry in _FOLDER.iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def text_of(name: str) -> str:
    """Return a shipped book as it is written; raises `PriceBookError` for a name that there is not."""
    if name not in shipped():
        raise PriceBookError(f"there is no price book {name!r}: give a file, or one of {', '.join(shipped())}")
    return _FOLDER.joinpath(f"{name}.toml").read_text(encoding="utf-8")


def load(name_or_file: str) -> PriceBook:
    """Return a shipped book by its name, or the one in a file (anything with a `/` or a `.` in it)."""
    if not {"/", "."} & set(name_or_file):
        return _shipped(name_or_file)
    try:
        text = Path(name_or_file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PriceBookError(f"cannot read the price book {name_or_file}: {error}") from error
    return read(text, name_or_file)


def _shipped(name: str) -> PriceBook:
    try:
        return read(text_of(name), name)
    except PriceBookError as error:
        if name not in shipped():
            raise
        raise PriceBookError(
            f"{error}. Only you know what your machines cost: save the book with "
            f"`objectlens cost books --show {name} > {name}.toml`, set the amounts, and give --price-book {name}.toml"
        ) from None


def read(text: str, where: str) -> PriceBook:
    """Return the book in a text; raises `PriceBookError`, whose message begins with `where`."""
    try:
        content = tomllib.loads(text.removeprefix("\ufeff"), parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise PriceBookError(f"{where}: not TOML: {error}") from error
    try:
        _known(content, _BOOK_KEYS)
        prices = _prices(content.get("defaults", {}), content.get("price", []))
        check_together(prices)
        name = text_in(content, "name")
        title = text_in(content, "title", name)
        return PriceBook(name=name, title=title, currency=prices[0].currency, prices=prices)
    except PriceBookError as error:
        raise PriceBookError(f"{where}: {error}") from None


def _prices(defaults: Any, entries: Any) -> tuple[Price, ...]:
    if not isinstance(defaults, dict) or not isinstance(entries, list) or not entries:
        raise PriceBookError("prices stand in [[price]] tables, what they share in one table [defaults]")
    return tuple(_price(number, defaults, entry) for number, entry in enumerate(entries, 1))


def _price(number: int, defaults: Mapping[str, Any], entry: Any) -> Price:
    if not isinstance(entry, dict):
        raise PriceBookError("prices stand in [[price]] tables")
    fields = {**defaults, **entry}
    label = f"price {number} ({fields.get('host') or fields.get('item', 'without an item')})"
    try:
        _known(fields, _PRICE_KEYS)
        return _checked(fields)
    except PriceBookError as error:
        raise PriceBookError(f"{label}: {error}") from None


def _checked(fields: Mapping[str, Any]) -> Price:
    item, unit = text_in(fields, "item"), text_in(fields, "unit")
    if item not in ITEMS:
        raise PriceBookError(f"item {item!r} is not one of {', '.join(ITEMS)}")
    if unit not in ITEMS[item]:
        raise PriceBookError(f"{item} is priced by the {' or '.join(ITEMS[item])}, not by the {unit!r}")
    host = text_in(fields, "host") if item == "host" else ""
    return Price(
        item=item,
        unit=unit,
        amount=amount_in(fields, "amount"),
        currency=_currency(text_in(fields, "currency")),
        region=text_in(fields, "region"),
        source=text_in(fields, "source"),
        date=date_in(fields, "date"),
        note=text_in(fields, "note", ""),
        up_to=amount_in(fields, "up_to") if "up_to" in fields else None,
        host=host,
        vcpus=count_in(fields, "vcpus", least=1) if host else 0,
        gpus=count_in(fields, "gpus", least=0) if "gpus" in fields else 0,
        watts_per_core=amount_in(fields, "watts_per_core") if item == "power" else Decimal(0),
    )


def _currency(code: str) -> str:
    if len(code) != 3 or not code.isascii() or not code.isupper():
        raise PriceBookError(f"currency {code!r} is not a code of ISO 4217, such as USD or EUR")
    return code


def _known(fields: Mapping[str, Any], keys: set[str]) -> None:
    if unknown := sorted(set(fields) - keys):
        raise PriceBookError(f"there is no key {unknown[0]!r} here: the keys are {', '.join(sorted(keys))}")
