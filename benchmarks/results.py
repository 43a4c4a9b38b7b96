"""Figures out of rounds; tables, JSON and plots out of figures."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from load import Round


@dataclass(frozen=True, slots=True)
class Figure:
    """One contestant in one measurement: rates per second, times in ms; `ratio` is to the first of its measurement.

    Ratios are taken round by round, so that what slows the machine for a while slows both; (median, least, most).
    `cpu` is ms of processor for each job, client included.
    """

    name: str
    rate: tuple[float, float, float]
    ratio: tuple[float, float, float]
    p50: float
    p99: float
    cpu: float
    note: str = ""


def figure(name: str, rounds: Sequence[Round], first: Sequence[Round], cpu: Sequence[float], note: str = "") -> Figure:
    """Return a contestant's figure; `first` are the rounds of the yardstick, `cpu` CPU seconds a round."""
    rates = [len(one.times) / one.seconds for one in rounds]
    ratios = [rate * one.seconds / len(one.times) for rate, one in zip(rates, first, strict=True)]
    times = sorted(time for one in rounds for time in one.times)
    p50, p99 = (1000 * times[int(len(times) * share)] for share in (0.50, 0.99))
    each = statistics.median(1000 * used / len(one.times) for used, one in zip(cpu, rounds, strict=True))
    return Figure(name, _spread(rates), _spread(ratios), p50, p99, each, note)


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    return statistics.median(values), min(values), max(values)


def table(title: str, figures: Sequence[Figure]) -> Table:
    """Return a table for the terminal."""
    made = Table(title=title, title_justify="left")
    for name in ("what", "per second", "ratio", "p50 ms", "p99 ms", "CPU ms", ""):
        made.add_column(name, justify="left" if name in {"what", ""} else "right")
    for one in figures:
        rate, ratio = (_text(values, digits) for values, digits in ((one.rate, 0), (one.ratio, 2)))
        made.add_row(one.name, rate, ratio, f"{one.p50:.1f}", f"{one.p99:.1f}", f"{one.cpu:.2f}", one.note)
    return made


def _text(values: tuple[float, float, float], digits: int) -> str:
    median, least, most = (f"{value:,.{digits}f}" for value in values)
    return f"{median} ({least} to {most})"


def write(folder: Path, results: dict[str, Any], *, plots: bool = True) -> None:
    """Write `results.json`, one plot for each size of the reference job and for each thing found about functions."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(_plain(results), indent=2) + "\n")
    if not plots:
        return
    from functions.plots import draw  # noqa: PLC0415  (needs matplotlib; measuring does not)

    draw(folder, results.get("functions", {}))
    draw(folder, results.get("cache", {}), "cache")
    draw(folder, results.get("client", {}), "client")
    for size, figures in results.get("reference job", {}).items():
        _plot(folder / f"reference-job-{size}.png", f"{size}: images per second, 1 = bare OpenCV loop", figures)


def _plain(value: Any) -> Any:
    """Return what JSON knows: what could not be measured has no number."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _plot(path: Path, title: str, figures: Sequence[Figure]) -> None:
    import matplotlib as mpl  # noqa: PLC0415  (measuring does not need it)

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    names = [one.name for one in reversed(figures)]
    ratios = [one.ratio for one in reversed(figures)]
    errors = [[median - least for median, least, _ in ratios], [most - median for median, _, most in ratios]]
    colors = ["#1f6f54" if name.startswith("objectlens") else "#8a8f98" for name in names]
    chart, axes = plt.subplots(figsize=(8, 0.45 * len(names) + 1.2), layout="constrained")
    bars = axes.barh(names, [median for median, _, _ in ratios], xerr=errors, color=colors, ecolor="#333333", capsize=3)
    axes.bar_label(bars, [f"{median:.2f}" for median, _, _ in ratios], padding=6)
    axes.axvline(1, color="#333333", linewidth=0.8, linestyle=":")
    axes.set_title(title, loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    chart.savefig(path, dpi=120)
    plt.close(chart)
