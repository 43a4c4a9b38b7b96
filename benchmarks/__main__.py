"""`make bench`: every claim of speed, as ratios that were measured side by side in one run.

`python benchmarks [SECONDS]` gives each measurement so many seconds a round (default 4).
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from transformed_gets import ROUNDS, Figure, measure


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0
    console = Console(width=110)
    console.print(f"Transformed GETs, {ROUNDS} alternating rounds of {seconds:g} s, median (least to most)")
    for title, figures in measure(seconds):
        console.print(_table(title, figures))


def _table(title: str, figures: list[Figure]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in ("what", "per second", "of the bare loop", "p50 ms", "p99 ms"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for one in figures:
        rate = f"{one.rate:,.0f} ({one.least:,.0f} to {one.most:,.0f})"
        table.add_row(one.name, rate, f"{one.rate / figures[0].rate:.2f}", f"{one.p50:.1f}", f"{one.p99:.1f}")
    return table


if __name__ == "__main__":
    main()
