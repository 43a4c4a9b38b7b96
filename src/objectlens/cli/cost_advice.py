"""`objectlens cost advice`: what measured figures say should be done about each access point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from objectlens.cli.behind import count_objects
from objectlens.cli.cost_options import against_option, book_option, chosen, endpoint_option, from_option, to_option
from objectlens.cli.ledger import read_rows
from objectlens.cli.options import config_option, data_option, json_option, print_json
from objectlens.cli.tuning_stage import TUNED
from objectlens.cli.usage import check_span
from objectlens.metering import Selection
from objectlens.metering.costs import Facts, Verdict, advice_selection, advise, facts_of
from objectlens.metering.costs.plain import name_of

_EPILOG = """\b
Examples:
  objectlens cost advice
  objectlens cost advice --from 7d --against g5.xlarge --json

While the server runs, the objects behind each access point are counted, up to --count of them.
"""
_STYLES = {"yes": "green", "raise": "yellow", "lower": "green", "unknown": "dim"}


@click.command("advice", epilog=_EPILOG)
@from_option
@to_option
@against_option
@book_option
@click.option(
    "--count",
    type=click.IntRange(0),
    default=100_000,
    show_default=True,
    help="So many keys behind an access point are listed at most; 0 lists none.",
)
@data_option
@config_option
@endpoint_option
@json_option
def command(
    *,
    start: datetime | None,
    end: datetime | None,
    host: str | None,
    books: tuple[str, ...],
    count: int,
    data: Path,
    config: Path | None,
    endpoint: str | None,
    as_json: bool,
) -> None:
    """Say of each access point whether to cache, to bake offline, to use the client, and which MemorySize fits."""
    check_span(start, end)
    library, against = chosen(books, host)
    selection = advice_selection(Selection(start=start, end=end))
    rows = read_rows(data, config, endpoint, selection)
    # What `objectlens tune` read through access points of its own is no work of the user's.
    rows = [row for row in rows if not TUNED.search(row.key.access_point or "")]
    points = sorted({row.key.access_point for row in rows if row.key.access_point and row.sums.invocations})
    objects = count_objects(data, config, endpoint, points, count)
    advised = [(one, advise(one, library.book, against)) for one in facts_of(rows, library.book, objects)]
    if as_json:
        print_json([_value(*one) for one in advised])
    else:
        _print(advised)


def _value(facts: Facts, verdicts: Sequence[Verdict]) -> dict[str, object]:
    return {
        "access_point": facts.access_point,
        "name": name_of(facts.access_point, "access_point"),
        "objects": facts.objects,
        "invocations": facts.ran.invocations,
        "advice": [asdict(one) for one in verdicts],
    }


def _print(advised: Sequence[tuple[Facts, Sequence[Verdict]]]) -> None:
    console = Console()
    if not advised:
        console.print("Nothing was measured through access points in this time.")
    for facts, verdicts in advised:
        console.print(Text(name_of(facts.access_point, "access_point"), style="bold"))
        for one in verdicts:
            console.print(Text.assemble("  ", (one.text, _STYLES.get(one.answer, ""))))
