"""`objectlens cost`: what was used, what it costs, and what it would cost elsewhere."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import click
from rich.console import Console

from objectlens.cli import cost_advice, cost_article, cost_books
from objectlens.cli.cost_options import against_option, book_option, chosen, endpoint_option, from_option, to_option
from objectlens.cli.cost_page import page
from objectlens.cli.cost_screen import screen
from objectlens.cli.ledger import read_rows
from objectlens.cli.options import config_option, data_option, print_json
from objectlens.cli.usage import check_span
from objectlens.cli.writing import check_output, write_whole
from objectlens.metering import Dimension
from objectlens.metering.costs import compare, make_report, selection_of
from objectlens.metering.costs.plain import report_value

_GROUP_EPILOG = """\b
Examples:
  objectlens cost report --from 7d
  objectlens cost article
"""
_EPILOG = """\b
Examples:
  objectlens cost report
  objectlens cost report --from 7d --by access-point --against g5.xlarge
  objectlens cost report --by job --price-book aws-lambda-arm --json
  objectlens cost report --price-book own-hardware.toml --html report.html

Rows add up to the ledger exactly; in JSON and CSV, amounts are decimals as text, with all their digits. The server that
runs on --data, or at --endpoint, writes first what it has counted; callers need ce:GetCostAndUsage.
"""
_PRINTED = Path("-")
_BY = {"function": "function", "access-point": "access_point", "caller": "caller", "job": "job"}


class _By(click.Choice[str]):
    """Takes a dimension also as the ledger and the report's rows call it."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the option's own word."""
        return super().convert(value.replace("_", "-"), param, ctx)


@click.group("cost", epilog=_GROUP_EPILOG)
def command() -> None:
    """Say what was used, what it costs, and what it would cost elsewhere."""


@command.command("report", epilog=_EPILOG)
@from_option
@to_option
@click.option("--by", type=_By(list(_BY)), default="function", show_default=True, help="What to tell apart.")
@against_option
@book_option
@data_option
@config_option
@endpoint_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the rows as CSV.")
@click.option(
    "--html",
    "html",
    type=click.Path(dir_okay=False, path_type=Path),
    is_flag=False,
    flag_value=_PRINTED,
    metavar="[FILE]",
    help="Write a page with a plot; without FILE, print it.",
)
def report(
    *,
    start: datetime | None,
    end: datetime | None,
    by: str,
    host: str | None,
    books: tuple[str, ...],
    data: Path,
    config: Path | None,
    endpoint: str | None,
    as_json: bool,
    as_csv: bool,
    html: Path | None,
) -> None:
    """Print what functions used, what it costs, and what the same work costs in a training host."""
    printed = {"--json": as_json, "--csv": as_csv, "--html": html == _PRINTED}
    if sum(printed.values()) > 1:
        both = " and ".join(name for name, given in printed.items() if given)
        raise click.UsageError(f"{both} all print: leave one of them")
    check_span(start, end)
    if html is not None and html != _PRINTED:
        check_output(html, "--html")
    library, against = chosen(books, host)
    selection = selection_of(cast("Dimension", _BY[by]), start, end)
    rows = read_rows(data, config, endpoint, selection)
    made = make_report(rows, selection, library, against)
    compared = compare(rows, made.book, made.host)
    if html is not None and html != _PRINTED:
        write_whole(html, page(made, compared).encode())
    if as_json:
        print_json(report_value(made, compared))
    elif as_csv:
        click.echo(_csv(report_value(made, compared)), nl=False)
    elif html == _PRINTED:
        click.echo(page(made, compared))
    elif html is None:
        console = Console()
        console.print(screen(made, compared, console.width))
    else:
        click.echo(f"The report is in {html}")


def _csv(value: dict[str, Any]) -> str:
    out = io.StringIO()
    # A row has what the total has; of nothing there is a header all the same.
    writer = csv.DictWriter(out, [value["by"], "name", *value["total"]], lineterminator="\n")
    writer.writeheader()
    writer.writerows(value["rows"])
    return out.getvalue()


command.add_command(cost_advice.command)
command.add_command(cost_article.command)
command.add_command(cost_books.command)
