"""Price books: what things cost, as data. Each figure says where it stands and since when.

A book is a TOML file (`*.toml` beside this module, or a user's own); the schema is in docs/costs.md. All amounts are
decimals and stay so: nothing is ever a float. A book has one currency; nobody here converts currencies.
"""

from __future__ import annotations

from objectlens.metering.price_books.book import ITEMS, Price, PriceBook
from objectlens.metering.price_books.checking import PriceBookError
from objectlens.metering.price_books.reading import load, read, shipped, text_of

__all__ = ["ITEMS", "Price", "PriceBook", "PriceBookError", "load", "read", "shipped", "text_of"]
