"""Cost against latency, as a picture: SVG by ourselves, PNG by matplotlib where it is installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from itertools import groupby
from pathlib import Path

import click

from objectlens.cli.charts import COLOURS, Point, curves
from objectlens.cli.tuning_sums import Tuned
from objectlens.cli.writing import check_output, write_whole

Series = Sequence[tuple[str, Sequence[Point]]]


def check_plot(path: Path) -> None:
    """End the command when no picture could be written there, before anything is measured."""
    if path.suffix not in {".svg", ".png"}:
        raise click.BadParameter(f"{path}: a plot is .svg or .png", param_hint="--plot")
    if path.suffix == ".png" and find_spec("matplotlib") is None:
        raise click.ClickException("a .png needs matplotlib (pip install matplotlib); a .svg needs nothing")
    check_output(path, "--plot")


def save_plot(path: Path, function: str, tuned: Sequence[Tuned], currency: str) -> None:
    """Write the picture; ends the command when it cannot be written."""
    axes = (f"computing for a million reads, {currency}", "a read, ms (mean)")
    series = series_of(tuned)
    if path.suffix == ".png":
        write_whole(path, _png(function, axes, series))
    else:
        write_whole(path, curves(function, axes, series).encode())


def series_of(tuned: Sequence[Tuned]) -> Series:
    """Return a series for each concurrency: a point for each size, which is its label."""
    order = sorted(tuned, key=lambda one: (one.concurrency, one.memory))
    return [
        (
            f"{at_once} at once",
            [
                Point(float(one.computing), one.mean_ms, f"{one.memory} MB")
                for one in group
                if one.computing is not None and one.mean_ms is not None and not one.errors
            ],
        )
        for at_once, group in groupby(order, key=lambda one: one.concurrency)
    ]


def _png(title: str, axes: tuple[str, str], series: Series) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    plot = figure.add_subplot(title=title, xlabel=axes[0], ylabel=axes[1])
    for index, (name, points) in enumerate(series):
        places = [one.x for one in points], [one.y for one in points]
        plot.plot(*places, "o-", color=COLOURS[index % len(COLOURS)], label=name)
        for one in points:
            plot.annotate(one.label, (one.x, one.y), xytext=(6, 6), textcoords="offset points")
    plot.set_xlim(left=0)
    plot.set_ylim(bottom=0)
    plot.legend()
    picture = BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()
