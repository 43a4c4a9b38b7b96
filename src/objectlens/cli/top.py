"""`objectlens functions top`: what functions do right now."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from objectlens.cli.figures import Reading, Row, Source, row
from objectlens.cli.options import config_option, data_option, print_json

_EPILOG = """\b
Examples:
  objectlens functions top
  objectlens functions top --interval 5
  objectlens functions top --once --json | jq '.[] | {function, p99}'

Rates, errors and times are those of the last ten seconds; with --once, of the time since the server began to count.
The figures are those of /-/metrics, which the key that is used must be allowed to read (cloudwatch:GetMetricData).
A narrow terminal goes without some of the columns.
"""
_SPAN = 10.0
_NAME = 24
_COLUMNS = (
    *("function", "version", "busy", "idle", "starting", "queue", "inv/s", "errors", "throttles"),
    *("p50", "p99", "inits", "peak", "since"),
)
_SPARE = ("since", "starting", "inits", "throttles", "idle", "peak")
"""What a narrow terminal goes without, in this order."""
_WIDE = Console(width=1000)


@click.command("top", epilog=_EPILOG)
@click.option("--once", is_flag=True, help="Print the table once and end.")
@click.option(
    "--interval", type=click.FloatRange(0.1, 3600), default=1.0, show_default=True, help="Seconds between readings."
)
@data_option
@config_option
@click.option("--endpoint", metavar="URL", help="A server elsewhere, with the AWS credentials of the environment.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; without --once, one line for each reading.")
def command(
    *, once: bool, interval: float, data: Path, config: Path | None, endpoint: str | None, as_json: bool
) -> None:
    """Show the environments, the queue and the times of each function version, until Ctrl-C."""
    source = Source(data, config, endpoint)
    if once:
        found = since_begin(source.read(), time.time())
        if as_json:
            print_json([asdict(one) for one in found])
        else:
            console = Console()
            console.print(table(found, time.time(), console.width))
        return
    try:
        _show(source, interval, as_json=as_json)
    except KeyboardInterrupt:
        return


def _show(source: Source, interval: float, *, as_json: bool) -> None:
    if as_json:
        for found in _followed(source, interval):
            click.echo(json.dumps([asdict(one) for one in found]))
        return
    console = Console()
    if not console.is_terminal or console.is_dumb_terminal:
        # In a pipe, or where no cursor can be moved, one table comes after another.
        for found in _followed(source, interval):
            console.print(table(found, time.time(), console.width))
            console.file.flush()
        return
    with Live(console=console, auto_refresh=False, screen=True) as live:
        for found in _followed(source, interval):
            live.update(table(found, time.time(), console.width), refresh=True)


def _followed(source: Source, interval: float) -> Iterator[list[Row]]:
    """Read for ever; each row is of the last ten seconds, or of two readings when they lie further apart."""
    kept: deque[tuple[float, dict[tuple[str, str], Reading]]] = deque()
    while True:
        moment = time.monotonic()
        readings = {(one.function, one.version): one for one in source.read()}
        kept.append((moment, readings))
        while len(kept) > 2 and moment - kept[1][0] >= _SPAN:
            kept.popleft()
        then, before = kept[0]
        # Of what was not there yet, all that is counted is new.
        yield [row(one, before.get(key, Reading(*key)), moment - then) for key, one in readings.items()]
        time.sleep(interval)


def since_begin(readings: Sequence[Reading], now: float) -> list[Row]:
    """Return what happened since the server began to count; `now` is Unix time."""
    return [row(one, None, max(0.0, now - one.values["since_seconds"])) for one in readings]


def table(rows: Sequence[Row], now: float, width: int = 1000) -> Table:
    """Return rows as a table for people that fits so many columns of text if it can; `now` is Unix time."""
    for left_out in range(len(_SPARE) + 1):
        drawn = _table(rows, now, frozenset(_SPARE[:left_out]))
        if Measurement.get(_WIDE, _WIDE.options, drawn).maximum <= width:
            break
    if not rows:
        drawn.caption = "No function has run since the server was started."
    return drawn


def _table(rows: Sequence[Row], now: float, left_out: frozenset[str]) -> Table:
    drawn = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bold")
    longest = max((len(one.function) for one in rows), default=0)
    shown = [index for index, name in enumerate(_COLUMNS) if name not in left_out]
    for index in shown:
        name = _COLUMNS[index]
        # Names go before figures.
        least = min(longest, _NAME) if index == 0 else None
        drawn.add_column(name, justify="right" if index > 1 else "left", no_wrap=True, min_width=least)
    for one in rows:
        cells = _cells(one, now)
        drawn.add_row(*(cells[index] for index in shown))
    return drawn


def _cells(one: Row, now: float) -> list[str]:
    return [
        escape(one.function),
        one.version,
        _number(one.busy, "green"),
        _number(one.idle, ""),
        _number(one.starting, "yellow"),
        _number(one.waiting, "yellow"),
        f"{one.invocations_per_second:.1f}",
        _number(one.errors, "red"),
        _number(one.throttles, "red"),
        _milliseconds(one.p50),
        _milliseconds(one.p99),
        str(one.inits),
        f"{one.memory_peak // 2**20} MB",
        _span(now - one.since),
    ]


def _number(value: int, style: str) -> str:
    return f"[{style}]{value}[/]" if value and style else str(value)


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
