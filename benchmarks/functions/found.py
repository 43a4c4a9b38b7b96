"""What was found: lines with a target each, and what is drawn of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rich.table import Table

from live import Server
from photographs import SIZES

HANDLERS = Path(__file__).resolve().parent / "handlers"
Spread = tuple[float, float, float]
"""Median, least, most."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How long and how much: each measurement takes `seconds` in each of `rounds`."""

    seconds: float = 4.0
    rounds: int = 7
    photographs: int = 24
    sizes: Sequence[str] = tuple(SIZES)
    environments: int = 200
    burst: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a figure must keep to; judged by its median, or by its worst."""

    side: Literal["at most", "at least"]
    limit: float
    worst: bool = False

    def met(self, value: Spread) -> bool:
        """Tell whether a figure keeps to it."""
        median, least, most = value
        if self.side == "at most":
            return (most if self.worst else median) <= self.limit
        return (least if self.worst else median) >= self.limit

    def __str__(self) -> str:
        return f"{self.side} {self.limit:g}{', the worst of all' if self.worst else ''}"


@dataclass(frozen=True, slots=True)
class Line:
    """One figure. `verdict` is `met`, `missed`, or nothing where no target is set."""

    what: str
    value: Spread
    unit: str
    target: str
    verdict: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Lines, and what is drawn: bars with a spread, distributions (101 percentiles), or bars made of parts.

    `mark` is the target's place in the plot; `axis` says what is measured along it.
    """

    title: str
    lines: list[Line]
    axis: str = ""
    mark: float | None = None
    bars: dict[str, Spread] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)
    stacks: dict[str, dict[str, float]] = field(default_factory=dict)


Measure = Callable[[Server, Asked, Say], dict[str, Found]]


def line(what: str, value: Spread, unit: str, target: Target | None = None, note: str = "") -> Line:
    """Judge a figure."""
    verdict = "" if target is None else "met" if target.met(value) else "missed"
    return Line(what, value, unit, "" if target is None else str(target), verdict, note)


def failed(what: str, unit: str, target: Target, reason: str) -> Line:
    """Return the line of what could not be measured because it did not work."""
    nothing = float("nan")
    return Line(what, (nothing, nothing, nothing), unit, str(target), "missed", reason)


def spread(values: Sequence[float]) -> Spread:
    """Return median, least and most."""
    return statistics.median(values), min(values), max(values)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share lies, always one that was measured."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def percentiles(values: Sequence[float]) -> list[float]:
    """Return the least, 99 between, and the most."""
    ordered = sorted(values)
    return [ordered[round(share * (len(ordered) - 1) / 100)] for share in range(101)]


def table(found: Found) -> Table:
    """Return a table for the terminal."""
    made = Table(title=found.title, title_justify="left")
    for name in ("what", "figure", "spread", "target", "", "note"):
        made.add_column(name, justify="right" if name in {"figure", "spread"} else "left")
    for one in found.lines:
        median, least, most = (f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" for value in one.value)
        color = {"met": "green", "missed": "red"}.get(one.verdict, "default")
        verdict = f"[{color}]{one.verdict}[/]"
        made.add_row(one.what, f"{median} {one.unit}", f"{least} to {most}", one.target, verdict, one.note)
    return made
