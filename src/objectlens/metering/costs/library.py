"""The books of a report: the one that it is priced by, and the hosts of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from objectlens.metering.price_books import Price, PriceBook, PriceBookError, load

DEFAULT_BOOK = "aws-lambda-x86"
DEFAULT_HOST = "ml.p2.xlarge"
_HOST_BOOKS = ("aws-sagemaker", "aws-ec2")


class UnknownHost(PriceBookError):
    """A host that is in none of the books, or in another currency than the report."""


@dataclass(frozen=True, slots=True)
class Library:
    """`book` says what computing costs; `hosts` are those of all books, the user's before ours."""

    book: PriceBook
    hosts: tuple[Price, ...]

    @classmethod
    def of(cls, given: Sequence[str]) -> Library:
        """Load books by name or file; without a metered one among them, Lambda's on x86 prices the report."""
        books = [load(one) for one in given]
        metered = [one for one in books if one.metered]
        if len(metered) > 1:
            names = " and ".join(one.name for one in metered)
            raise PriceBookError(f"{names} both say what computing costs: a report has one of them, make two reports")
        book = metered[0] if metered else load(DEFAULT_BOOK)
        hosts = (host for one in (*books, *map(load, _HOST_BOOKS)) for host in one.hosts)
        return cls(book, tuple(hosts))

    def host(self, name: str | None) -> Price | None:
        """Return a host to compare with, in the currency of the book.

        Without a name it is the article's, and None where that is priced in another currency.
        """
        wanted = [one for one in self.hosts if one.host == (name or DEFAULT_HOST)]
        found = next((one for one in wanted if one.currency == self.book.currency), None)
        if found is not None or name is None:
            return found
        if not wanted:
            names = ", ".join(sorted({one.host for one in self.hosts}))
            raise UnknownHost(f"no price book has the host {name}: there are {names}; others come with --price-book")
        raise UnknownHost(
            f"{name} is priced in {wanted[0].currency} and the report, by {self.book.name}, in {self.book.currency}: "
            f"no currency is converted; put the host into a book in {self.book.currency}, for --price-book"
        )
