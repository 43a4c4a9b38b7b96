"""`objectlens usage`: what was used, by whom and for what."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

import click

from objectlens.cli.ledger import read_rows
from objectlens.cli.log_filters import moment_of
from objectlens.cli.options import config_option, data_option
from objectlens.cli.writing import check_output, write_whole
from objectlens.metering import DIMENSIONS, SUMS, Dimension, Row, Selection

_GROUP_EPILOG = """\b
Example:
  objectlens usage export --format csv > usage.csv
"""
_EPILOG = """\b
Examples:
  objectlens usage export --format csv > usage.csv
  objectlens usage export --by function,job --step day --from 2026-11-01 --format json
  objectlens usage export --format parquet --output usage.parquet

\b
A row has the beginning of its span (UTC) and its length in seconds; what it is grouped by; and the sums:
  requests            answers that went to clients
  invocations         of functions and native transforms, well or not; errors are those that failed
  duration_us         microseconds; billed_duration_ms is each rounded up to milliseconds
  memory_mb_ms        MemorySize times billed duration; gb_seconds is the same by 1,024,000
  cpu_us, init_us     microseconds of processor time, and of initialisation
  bytes_in, bytes_out read of the sources, and sent to clients
  peak_mb             the greatest

The server that runs on --data writes first what it has counted. Callers need ce:GetCostAndUsage.
"""
Format = Literal["csv", "json", "parquet"]
Writer = Callable[[Sequence[Row], Sequence[Dimension]], bytes]
Step = Literal["minute", "hour", "day", "all", "kept"]
_STEPS: dict[str, int | None] = {"minute": 60, "hour": 3600, "day": 86_400, "all": 0, "kept": None}
_NUMBERS = ("start", "seconds", "memory_size", *SUMS)


@click.group("usage", epilog=_GROUP_EPILOG)
def command() -> None:
    """Tell what functions and transforms used, by function, access point, caller and job."""


@command.command("export", epilog=_EPILOG)
@click.option("--format", "form", type=click.Choice(get_args(Format)), default="csv", show_default=True)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A file, instead of standard output.")
@click.option("--from", "start", metavar="TIME", help="From then on: 24h or 7d ago, or 2026-01-31T12:00 (UTC).")
@click.option("--to", "end", metavar="TIME", help="Before this moment; a day stands for all of it.")
@click.option(
    "--by", metavar="NAMES", help=f"What to tell apart, separated by commas.  [default: {','.join(DIMENSIONS)}]"
)
@click.option(
    "--step", type=click.Choice(get_args(Step)), default="kept", show_default=True, help="What to add up together."
)
@data_option
@config_option
@click.option("--endpoint", metavar="URL", help="A server elsewhere, with the AWS credentials of the environment.")
def export(
    *,
    form: Format,
    output: Path | None,
    start: str | None,
    end: str | None,
    by: str | None,
    step: Step,
    data: Path,
    config: Path | None,
    endpoint: str | None,
) -> None:
    """Write the ledger as a table."""
    if output is not None:
        check_output(output, "--output")
    selection = Selection(start=moment(start), end=moment(end, ends=True), by=dimensions(by), step=_STEPS[step])
    check_span(selection.start, selection.end)
    rows = read_rows(data, config, endpoint, selection)
    writer: Writer = _FORMATS[form]
    content = writer(rows, selection.by)
    if output is not None:
        write_whole(output, content)
        return
    if form == "parquet" and sys.stdout.isatty():
        raise click.ClickException("Parquet is no text: name a file with --output")
    sys.stdout.buffer.write(content)


def moment(text: str | None, *, ends: bool = False) -> datetime | None:
    """Read a moment, in UTC unless it says otherwise; as the end of a span, a day stands for all of it."""
    if text is None:
        return None
    try:
        found = moment_of(text, datetime.now(UTC))
        return (found + timedelta(days=1) if ends and _is_day(text) else found).astimezone(UTC)
    except (ValueError, OverflowError):
        examples = "2026-11-01, 2026-11-01T12:00Z, or 7d (ago)"
        raise click.ClickException(f"{text!r} is no moment that can be: give one such as {examples}") from None


def _is_day(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def check_span(start: datetime | None, end: datetime | None) -> None:
    """End the command when a span ends before it begins."""
    if start is not None and end is not None and start >= end:
        raise click.ClickException(f"--from, {start:%Y-%m-%dT%H:%MZ}, is not before --to, {end:%Y-%m-%dT%H:%MZ}")


def dimensions(text: str | None) -> tuple[Dimension, ...]:
    """Read names of dimensions, also with hyphens; None stands for all."""
    if text is None:
        return DIMENSIONS
    names = [name.strip().replace("-", "_") for name in text.split(",") if name.strip()]
    known: dict[str, Dimension] = {name: name for name in DIMENSIONS}
    if unknown := [name for name in names if name not in known]:
        raise click.ClickException(f"there is no {', '.join(unknown)}: there are {', '.join(DIMENSIONS)}")
    return tuple(known[name] for name in names)


def columns(by: Sequence[Dimension]) -> list[str]:
    """Return the names of the columns."""
    return ["time", "start", "seconds", *by, *SUMS, "gb_seconds"]


def flat(row: Row) -> dict[str, Any]:
    """Return a row by column; GB-seconds are exact, as text."""
    time = datetime.fromtimestamp(row.start, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"time": time} | row.flat() | {"gb_seconds": f"{row.sums.gb_seconds:f}"}


def as_csv(rows: Sequence[Row], by: Sequence[Dimension]) -> bytes:
    """Return rows as CSV (RFC 4180)."""
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, columns(by))
    table.writeheader()
    table.writerows(flat(row) for row in rows)
    return text.getvalue().encode()


def as_json(rows: Sequence[Row], _: Sequence[Dimension]) -> bytes:
    """Return rows as a JSON array, a line for each."""
    lines = ",\n ".join(json.dumps(flat(row)) for row in rows)
    return f"[{lines}]\n".encode()


def as_parquet(rows: Sequence[Row], by: Sequence[Dimension]) -> bytes:
    """Return rows as a Parquet file; needs the extra `table`."""
    try:
        import pyarrow as pa  # noqa: PLC0415  (an optional dependency)
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ModuleNotFoundError:
        raise click.ClickException("Parquet needs pyarrow: pip install 'objectlens[table]'") from None
    values = [flat(row) for row in rows]
    kinds = {name: pa.int64() for name in _NUMBERS} | {"cold": pa.bool_()}
    names = columns(by)
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in names])
    buffer = io.BytesIO()
    pq.write_table(pa.table({name: [one[name] for one in values] for name in names}, schema=schema), buffer)
    return buffer.getvalue()


_FORMATS: dict[Format, Writer] = {
    "csv": as_csv,
    "json": as_json,
    "parquet": as_parquet,
}
