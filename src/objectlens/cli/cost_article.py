"""`objectlens cost article`: the article's table from the price books, with the arithmetic that it does not show."""

from __future__ import annotations

import click
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from objectlens.cli.options import json_option, print_json
from objectlens.metering.costs import Article, article
from objectlens.metering.costs.article import ArticleRow
from objectlens.metering.costs.money import plain, shown

_EPILOG = """\b
Examples:
  objectlens cost article
  objectlens cost article --json

The article: "Reduce costs and complexity of ML preprocessing with Amazon S3 Object Lambda", AWS, 2022.
"""


@click.command("article", epilog=_EPILOG)
@json_option
def command(as_json: bool) -> None:
    """Make the table of AWS's article on preprocessing from the price books, and say how its figures come about."""
    made = article()
    if as_json:
        print_json(
            {
                "currency": made.host.currency,
                "against": made.host.host,
                "rows": [_value(one) for one in made.rows],
                "conclusion": made.conclusion,
                "sources": [made.host.source, *(book.tiers[0].source for book in made.books)],
            }
        )
        return
    Console().print(Group(_table(made), Text(), *_steps(made), Text(), Text(made.conclusion)))


def _value(row: ArticleRow) -> dict[str, object]:
    x86, arm = row.functions
    return {
        "what": row.what,
        "lambda_x86": plain(x86),
        "lambda_arm": plain(arm),
        "host": None if row.host is None else plain(row.host),
        "saved": None if row.saved is None else [plain(one) for one in row.saved],
        "arithmetic": row.arithmetic,
    }


def _table(made: Article) -> Table:
    currency = made.host.currency
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, name in enumerate(
        ("what", f"Lambda x86, {currency}", f"Lambda Arm, {currency}", made.host.host, "saved")
    ):
        table.add_column(name, justify="right" if index else "left")
    for row in made.rows:
        x86, arm = map(_four_places, row.functions)
        saved = "" if row.saved is None else " / ".join(f"{one:.0%}" for one in row.saved)
        table.add_row(row.what, x86, arm, "" if row.host is None else shown(row.host), saved)
    return table


def _steps(made: Article) -> list[Text]:
    return [Text.assemble((f"{row.what}: ", "bold"), row.arithmetic) for row in made.rows]


def _four_places(number: object) -> str:
    return f"{number:.4f}"
