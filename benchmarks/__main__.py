"""`make bench`: every claim of speed, as ratios that were measured side by side in one run.

`python benchmarks --help` tells how to make it shorter.
"""

from __future__ import annotations

import argparse
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.pretty import pprint

import client_cost
import plain
import reference_job
from live import Server, started
from machine import ROOT
from photographs import SIZES, make
from results import table, write

PARTS = ("job", "client", "plain")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python benchmarks")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement in a round (4)")
    parser.add_argument("--rounds", type=int, default=7, help="alternating rounds (7)")
    parser.add_argument("--only", choices=PARTS, action="append", help="a part of it; may be repeated")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/benchmarks", help="where results and plots go")
    asked = parser.parse_args()
    console = Console(width=150)
    results: dict[str, Any] = {"machine": _machine(), "seconds": asked.seconds, "rounds": asked.rounds}
    with started() as server:
        for part in asked.only or PARTS:
            results |= _PARTS[part](server, asked.seconds, asked.rounds, console)
    write(asked.out, results)
    console.print(f"written to {asked.out}")


def _machine() -> dict[str, Any]:
    load = os.getloadavg()[0]
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
        # Above a half, something else was running, and the figures are worth less.
        "load before": round(load, 2),
    }


def _job(server: Server, seconds: float, rounds: int, console: Console) -> dict[str, Any]:
    found, missing = reference_job.measure(server, seconds, rounds, lambda text: console.print(text, style="dim"))
    for size, figures in found.items():
        console.print(table(f"Reference job, photographs of {size}, 8 connections", figures))
    for name, reason in missing.items():
        console.print(f"missing: {name}: {reason}", highlight=False)
    return {"reference job": found, "missing": missing}


def _client(server: Server, seconds: float, rounds: int, console: Console) -> dict[str, Any]:
    found = {}
    for size in SIZES:
        folder = server.folder / f"client-{size}"
        folder.mkdir()
        files = make(folder, size)
        server.upload(files)
        found[size] = client_cost.measure(server, files, seconds, rounds)
    console.print("CPU in the client for a sample")
    pprint(found, console=console)
    return {"CPU in the client": found}


def _plain(server: Server, seconds: float, rounds: int, console: Console) -> dict[str, Any]:
    found = plain.measure(server, seconds, rounds)
    pprint(found, console=console)
    return {"plain": found}


_PARTS = {"job": _job, "client": _client, "plain": _plain}

if __name__ == "__main__":
    main()
