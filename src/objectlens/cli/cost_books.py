"""`objectlens cost books`: which price books there are, and what is in them."""

from __future__ import annotations

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from objectlens.cli.options import json_option, print_json
from objectlens.metering.price_books import Price, PriceBook, PriceBookError, load, read, shipped, text_of

_EPILOG = """\b
Examples:
  objectlens cost books
  objectlens cost books aws-ec2 ./mine.toml
  objectlens cost books --show own-hardware > own-hardware.toml
"""


@click.command("books", epilog=_EPILOG)
@click.argument("names", metavar="[NAME|FILE]...", nargs=-1)
@click.option("--show", metavar="NAME", help="Print a book as it is written, to make another of it.")
@json_option
def command(names: tuple[str, ...], show: str | None, as_json: bool) -> None:
    """List prices with source and date, of the books that come with objectlens or those named; check them."""
    try:
        if show is not None:
            click.echo(text_of(show), nl=False)
            return
        books = [load(one) for one in names] if names else _usable()
    except PriceBookError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        print_json([{"name": one.name, "title": one.title, "prices": [*map(_value, one.prices)]} for one in books])
        return
    console = Console()
    for book in books:
        console.print(_table(book))
    if not names:
        console.print(f"[dim]To fill in: {', '.join(sorted(set(shipped()) - {one.name for one in books}))}[/]")


def _usable() -> list[PriceBook]:
    """Return the shipped books that have amounts."""
    found = []
    for name in shipped():
        try:
            found.append(read(text_of(name), name))
        except PriceBookError:
            # A template: it says what is to be filled in to whoever asks for it by its name.
            continue
    return found


def _table(book: PriceBook) -> Table:
    table = Table(title=f"{escape(book.name)}: {escape(book.title)}", title_justify="left", box=None, pad_edge=False)
    for name in ("item", "price", "region", "date", "source"):
        table.add_column(name, overflow="fold")
    for one in book.prices:
        tier = f" up to {one.up_to:,}" if one.up_to is not None else ""
        table.add_row(*map(escape, (one.host or one.item, f"{one}{tier}", one.region, str(one.date), one.source)))
    return table


def _value(one: Price) -> dict[str, object]:
    return {
        "item": one.item,
        "host": one.host or None,
        "amount": str(one.amount),
        "unit": one.unit,
        "currency": one.currency,
        "region": one.region,
        "source": one.source,
        "date": one.date.isoformat(),
        "note": one.note,
        "up_to": None if one.up_to is None else str(one.up_to),
        "vcpus": one.vcpus or None,
        "gpus": one.gpus,
    }
