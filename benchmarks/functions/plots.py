"""One plot for each thing that was found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib import ticker

from functions.found import Found

mpl.use("Agg")

_OURS, _OTHERS, _TARGET, _INK = "#1f6f54", "#8a8f98", "#b3452c", "#333333"
# Beyond this ratio of most to least, a few slow ones would press all others to the edge.
_WIDE = 10
_CURVES = ("#1f6f54", "#8a8f98", "#c98b2b", "#3d6fa5", "#7a4f8f", "#b3452c", "#5b5b5b")


def draw(folder: Path, results: dict[str, Found], part: str = "functions") -> None:
    """Write `PART-NAME.png` for each."""
    for name, found in results.items():
        draws = _stacks if found.stacks else _curves if found.curves else _bars
        rows = len(found.stacks or found.bars)
        size = (8, 4.2) if draws is _curves else (8, 0.5 * rows + 1.6)
        chart, axes = plt.subplots(figsize=size, layout="constrained")
        draws(axes, found)
        chart.suptitle(found.title, x=0.01, ha="left", fontsize=11)
        axes.spines[["top", "right"]].set_visible(False)
        chart.savefig(folder / f"{part}-{name}.png", dpi=120)
        plt.close(chart)


def _bars(axes: Any, found: Found) -> None:
    names = list(reversed(found.bars))
    values = [found.bars[name] for name in names]
    errors = [[median - least for median, least, _ in values], [most - median for median, _, most in values]]
    colors = [_OURS if name.startswith("objectlens") else _OTHERS for name in names]
    bars = axes.barh(names, [one[0] for one in values], xerr=errors, color=colors, ecolor=_INK, capsize=3)
    axes.bar_label(bars, [f"{one[0]:.3g}" for one in values], padding=6)
    _mark(axes, found)
    axes.set_xlabel(found.axis)
    axes.margins(x=0.12)


def _curves(axes: Any, found: Found) -> None:
    for (name, values), color in zip(found.curves.items(), _CURVES, strict=False):
        axes.plot(values, range(len(values)), label=name, color=color, drawstyle="steps-post")
    _mark(axes, found)
    least, most = (edge(one for values in found.curves.values() for one in values) for edge in (min, max))
    if least > 0 and most > _WIDE * least:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(ticker.NullFormatter())
        axes.set_xlabel(f"{found.axis}, logarithmic")
    else:
        axes.set_xlim(left=0)
        axes.set_xlabel(found.axis)
    axes.set_ylabel("share that is no more, %")
    axes.legend(frameon=False, fontsize=9)


def _stacks(axes: Any, found: Found) -> None:
    names = list(reversed(found.stacks))
    parts = list(found.stacks[names[0]])
    widest = max(sum(found.stacks[name].values()) for name in names)
    left = [0.0] * len(names)
    for part, color in zip(parts, _CURVES, strict=False):
        widths = [found.stacks[name][part] for name in names]
        bars = axes.barh(names, widths, left=left, label=part, color=color)
        texts = [f"{width:.2g}" if width > 0.03 * widest else "" for width in widths]
        axes.bar_label(bars, texts, label_type="center", color="white", fontsize=8)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.set_xlabel(found.axis)
    axes.legend(frameon=False, fontsize=9)


def _mark(axes: Any, found: Found) -> None:
    if found.mark is not None:
        line = axes.axvline(found.mark, color=_TARGET, linewidth=1, linestyle="--", label="target")
        if found.bars:
            axes.legend(handles=[line], frameon=False, fontsize=9)
