"""What the commands on costs share: which span of time, which prices, which server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click

from objectlens.cli.usage import moment
from objectlens.metering.costs import Library
from objectlens.metering.price_books import Price, PriceBookError


def _moment(_ctx: click.Context, option: click.Parameter, text: str | None) -> datetime | None:
    return moment(text, ends=option.name == "end")


from_option = click.option(
    "--from", "start", callback=_moment, metavar="TIME", help="From then on: 24h or 7d ago, or 2026-01-31T12:00 (UTC)."
)
to_option = click.option(
    "--to", "end", callback=_moment, metavar="TIME", help="Before this moment; a day stands for all of it."
)
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
endpoint_option = click.option(
    "--endpoint", metavar="URL", help="A server elsewhere, with the AWS credentials of the environment."
)


def chosen(books: Sequence[str], host: str | None) -> tuple[Library, Price | None]:
    """Return the books and the host that were named; ends the command with what is wrong with them."""
    try:
        library = Library.of(books)
        return library, library.host(host)
    except PriceBookError as error:
        raise click.ClickException(str(error)) from error
