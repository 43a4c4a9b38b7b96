"""What the commands on costs share: which prices to go by."""

from __future__ import annotations

from collections.abc import Sequence

import click

from objectlens.metering.costs import Library
from objectlens.metering.price_books import Price, PriceBookError

book_option = click.option(
    "--price-book",
    "books",
    metavar="NAME|FILE",
    multiple=True,
    help="What to price by, or where more hosts are; repeatable.  [default: aws-lambda-x86]",
)
against_option = click.option(
    "--against", "host", metavar="HOST", help="The training host to compare with.  [default: ml.p2.xlarge]"
)


def chosen(books: Sequence[str], host: str | None) -> tuple[Library, Price | None]:
    """Return the books and the host that were named; ends the command with what is wrong with them."""
    try:
        library = Library.of(books)
        return library, library.host(host)
    except PriceBookError as error:
        raise click.ClickException(str(error)) from error
