"""Plots as SVG, written by hand: bars for amounts, and points that are joined. No script, no font, no other file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_INK = "#1f2328"
_PALE = "#d0d7de"
COLOURS = ("#1a7f37", "#cf222e", "#0969da", "#9a6700", "#8250df", "#57606a")
_FONT = "font-family='system-ui, sans-serif' font-size='13'"


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar with what stands before and after it; `series` chooses its colour, and `more` is joined to it, paler."""

    label: str
    value: float
    text: str
    series: int = 0
    more: float = 0.0


def bars(title: str, rows: Sequence[Bar], legend: Sequence[str] = ()) -> str:
    """Return horizontal bars from 0 on."""
    left, room, height = 230, 470, 22
    longest = max((one.value + one.more for one in rows), default=0) or 1
    top = 34 + (22 if legend else 0)
    parts = [_text(0, 16, title, "start", bold=True), *_legend(legend)]
    for index, one in enumerate(rows):
        y = top + index * height
        width, more = max(1.0, room * one.value / longest), room * one.more / longest
        shape = f"y='{y + 3}' height='{height - 7}' fill='{_colour(one.series)}'"
        parts += [
            _text(left - 8, y + 15, one.label, "end"),
            f"<rect x='{left}' width='{width:.1f}' {shape}/>",
            f"<rect x='{left + width:.1f}' width='{more:.1f}' fill-opacity='0.35' {shape}/>",
            _text(left + width + more + 6, y + 15, one.text, "start"),
        ]
    return svg(left + room + 150, top + len(rows) * height + 8, parts)


@dataclass(frozen=True, slots=True)
class Point:
    """A point with its label."""

    x: float
    y: float
    label: str


def curves(title: str, axes: tuple[str, str], series: Sequence[tuple[str, Sequence[Point]]]) -> str:
    """Return series of points, joined in their order; both axes begin at 0. `axes` are the names of x and y."""
    left, top, width, height = 80, 66, 620, 360
    points = [point for _, row in series for point in row]
    most_x = _round_up(max((one.x for one in points), default=1) * 1.05)
    most_y = _round_up(max((one.y for one in points), default=1) * 1.05)

    def at(one: Point) -> tuple[float, float]:
        return left + width * one.x / most_x, top + height * (1 - one.y / most_y)

    parts = [_text(0, 16, title, "start", bold=True), *_legend([name for name, _ in series])]
    parts += _axes(axes, (left, top, width, height), most_x, most_y)
    for index, (_, row) in enumerate(series):
        places = [at(one) for one in row]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f"<polyline points='{joined}' fill='none' stroke='{_colour(index)}' stroke-width='2'/>")
        for (x, y), one in zip(places, row, strict=True):
            parts.append(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='4' fill='{_colour(index)}'/>")
            parts.append(_text(x + 7, y - 7, one.label, "start"))
    return svg(left + width + 90, top + height + 56, parts)


def _round_up(most: float) -> float:
    """Return the end of an axis whose quarters are numbers that are easily read."""
    power = 10.0 ** math.floor(math.log10(most)) if most > 0 else 1.0
    return next(step * power for step in (1, 2, 3, 4, 6, 8, 10, 20) if step * power >= most)


def _axes(axes: tuple[str, str], area: tuple[int, int, int, int], most_x: float, most_y: float) -> list[str]:
    left, top, width, height = area
    parts = []
    for step in range(5):
        share = step / 4
        x, y = left + width * share, top + height * (1 - share)
        parts += [
            f"<line x1='{left}' y1='{y:.1f}' x2='{left + width}' y2='{y:.1f}' stroke='{_PALE}'/>",
            _text(left - 8, y + 4, f"{most_y * share:.3g}", "end"),
            _text(x, top + height + 20, f"{most_x * share:.3g}", "middle"),
        ]
    parts.append(_text(left + width / 2, top + height + 44, axes[0], "middle"))
    parts.append(_text(left, top - 8, axes[1], "start"))
    return parts


def _legend(names: Sequence[str]) -> list[str]:
    parts, x = [], 0.0
    for index, name in enumerate(names):
        parts.append(f"<rect x='{x:.0f}' y='26' width='12' height='12' fill='{_colour(index)}'/>")
        parts.append(_text(x + 17, 37, name, "start"))
        x += 38 + 7.2 * len(name)
    return parts


def _colour(series: int) -> str:
    return COLOURS[series % len(COLOURS)]


def _text(x: float, y: float, text: str, anchor: str, *, bold: bool = False) -> str:
    weight = " font-weight='600'" if bold else ""
    return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' fill='{_INK}'{weight}>{escape(text)}</text>"


def svg(width: float, height: float, parts: Sequence[str]) -> str:
    """Return a picture on white, with its size; text may not leave it."""
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:.0f} {height:.0f}' width='{width:.0f}' "
        f"height='{height:.0f}' {_FONT}><rect width='100%' height='100%' fill='#ffffff'/>{''.join(parts)}</svg>\n"
    )
