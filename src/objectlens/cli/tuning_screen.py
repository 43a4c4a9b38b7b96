"""What `objectlens tune` shows: how far it is, and then a table with bars."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from types import TracebackType

from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from objectlens.cli.cost_screen import bar
from objectlens.cli.tuning_stage import TunedPoint
from objectlens.cli.tuning_sums import Choice, Tuned
from objectlens.metering.costs.money import money, shown

_ROOM = 12
_WIDE = 130


class Bar:
    """How many of all reads are done, on standard error."""

    def __init__(self, total: int) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("publishing versions", total=total)

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, what: str) -> None:
        """Say what is measured now."""
        self._progress.update(self._task, description=what)

    def advance(self) -> None:
        """Count a read."""
        self._progress.advance(self._task)


def screen(point: TunedPoint, tuned: Sequence[Tuned], choice: Choice | None, currency: str, width: int) -> Group:
    """Return the table and what it says."""
    lines = (Text(one) for one in sentences(point, tuned, choice, currency))
    return Group(table(tuned, currency, width), Text(), *lines)


def table(tuned: Sequence[Tuned], currency: str, width: int) -> Table:
    """Return a row for each setting; with bars for what computing costs and for latency, where there is room."""
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    names = [
        "MB",
        "at once",
        "reads",
        "errors",
        "mean ms",
        "p50 ms",
        "p95 ms",
        "reads/s",
        "billed ms",
        "CPU ms",
        "peak MB",
    ]
    names += ["computing", f"{currency} a million"]
    hidden = set() if width >= _WIDE else {"reads", "reads/s", "p50 ms", "CPU ms", "peak MB"}
    for name in names:
        if name not in hidden:
            drawn.add_column(name, justify="right", no_wrap=True)
    if not hidden:
        drawn.add_column("computing")
        drawn.add_column("mean")
    dearest = max((one.computing for one in tuned if one.computing is not None), default=Decimal(0))
    slowest = max((Decimal(str(one.mean_ms)) for one in tuned if one.mean_ms is not None), default=Decimal(0))
    for one in tuned:
        cells = [cell for name, cell in zip(names, _cells(one), strict=True) if name not in hidden]
        bars = (
            bar(one.computing or Decimal(0), dearest, _ROOM, "green"),
            bar(Decimal(str(one.mean_ms or 0)), slowest, _ROOM, "cyan"),
        )
        drawn.add_row(*cells, *(() if hidden else bars))
    return drawn


def _cells(one: Tuned) -> tuple[str, ...]:
    return (
        str(one.memory),
        str(one.concurrency),
        f"{one.reads:,}",
        f"[red]{one.errors}[/]" if one.errors else "0",
        *(_time(value) for value in (one.mean_ms, one.p50_ms, one.p95_ms)),
        f"{one.reads_per_second:,.1f}",
        *(_time(value) for value in (one.billed_ms, one.cpu_ms)),
        str(one.peak_mb),
        *("-" if amount is None else shown(amount) for amount in (one.computing, one.cost)),
    )


def _time(milliseconds: float | Decimal | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:.1f}"


def sentences(point: TunedPoint, tuned: Sequence[Tuned], choice: Choice | None, currency: str) -> list[str]:
    """Return what the figures say, each with its numbers."""
    failed = [one for one in tuned if one.errors]
    said = [
        f"{one.memory} MB, {one.concurrency} at once: {one.errors} of {one.reads} reads failed ({one.first_error})."
        for one in failed
    ]
    if choice is None:
        return [*said, f"No setting answered every read: see objectlens logs {point.function}."]
    for word, one in (("Cheapest", choice.cheapest), ("Fastest", choice.fastest), ("Between them", choice.balanced)):
        cost = money(one.cost or Decimal(0), currency)
        said.append(
            f"{word}: {one.memory} MB, {one.concurrency} at once: {cost} a million, {one.mean_ms:.1f} ms a read."
        )
    setting = f"aws lambda update-function-configuration --function-name {point.function}"
    return [*said, f"To set it: objectlens exec -- {setting} --memory-size {choice.balanced.memory}"]
