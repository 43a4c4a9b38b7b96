"""`make bench`: every claim of speed, as ratios that were measured side by side in one run.

`python benchmarks --help` tells how to make it shorter.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import timeit
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.pretty import pprint

import cached
import client_cost
import metering
import plain
import reference_job
from functions import burst, cold_start, latency, memory, neighbours, processor, throughput
from functions.found import Asked, Found, Measure
from functions.found import table as lines
from live import Server, started
from machine import ROOT
from photographs import SIZES
from results import table, write

PARTS = ("job", "client", "plain", "functions", "cache", "metering")
FUNCTIONS: dict[str, Measure] = {
    "throughput": throughput.measure,
    "latency": latency.measure,
    "cold-start": cold_start.measure,
    "memory": memory.measure,
    "burst": burst.measure,
    "neighbours": neighbours.measure,
    "processor": processor.measure,
}
# Above it, figures say less.
QUIET = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(prog="python benchmarks")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement in a round (4)")
    parser.add_argument("--rounds", type=int, default=7, help="alternating rounds (7)")
    parser.add_argument("--only", choices=PARTS, action="append", help="a part of it; may be repeated")
    parser.add_argument("--of", choices=FUNCTIONS, action="append", help="what of functions; may be repeated")
    parser.add_argument("--size", choices=tuple(SIZES), action="append", help="of those that functions get (both)")
    parser.add_argument("--photographs", type=int, default=24, help="different ones that functions get (24)")
    parser.add_argument("--environments", type=int, default=200, help="that idle while their memory is looked at (200)")
    parser.add_argument("--burst", type=int, default=64, help="requests at once in a burst (64)")
    parser.add_argument(
        "--epoch", type=int, default=10_000, help="photographs in an epoch of the cache's part (10,000)"
    )
    parser.add_argument("--no-plots", action="store_true", help="write results.json only")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/benchmarks", help="where results and plots go")
    asked = parser.parse_args()
    # What was started for it ends with it, whoever ends it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    console = Console(width=150)
    results: dict[str, Any] = {"machine": _machine(), "seconds": asked.seconds, "rounds": asked.rounds}
    if results["machine"]["load before"] > QUIET:
        console.print(f"The load is {results['machine']['load before']}: something else runs here.", style="yellow")
    # What transforms cost is measured here, and not what it costs to give their results again.
    with started({"OBJECTLENS_CACHE_ENABLED": "false"}) as server:
        for part in asked.only or PARTS:
            results |= _PARTS[part](server, asked, console)
    write(asked.out, results, plots=not asked.no_plots)
    console.print(f"written to {asked.out}")


def _machine() -> dict[str, Any]:
    load = os.getloadavg()[0]
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        # Interpreters of one version differ by how they were compiled, and one machine from hour to hour.
        "python loop ms": round(_python_loop(), 1),
        "system": platform.platform(),
        # Above a half, something else was running, and the figures are worth less.
        "load before": round(load, 2),
    }


def _python_loop() -> float:
    """Return how many milliseconds a little Python takes at best: calls, dictionaries, text."""

    def work() -> int:
        seen: dict[str, int] = {}
        for number in range(20_000):
            name, _, rest = f"{number % 97}/{number}".partition("/")
            seen[name] = seen.get(name, 0) + len(rest.encode())
        return len(seen)

    return 1000 * min(timeit.repeat(work, number=1, repeat=15))


def _job(server: Server, asked: argparse.Namespace, console: Console) -> dict[str, Any]:
    found, missing = reference_job.measure(
        server, asked.seconds, asked.rounds, lambda text: console.print(text, style="dim")
    )
    for size, figures in found.items():
        console.print(table(f"Reference job, photographs of {size}, 8 connections", figures))
    for name, reason in missing.items():
        console.print(f"missing: {name}: {reason}", highlight=False)
    return {"reference job": found, "missing": missing}


def _client(_: Server, asked: argparse.Namespace, console: Console) -> dict[str, Any]:
    found = client_cost.measure(asked.seconds / 2, asked.rounds, lambda text: console.print(text, style="dim"))
    for figures in found.values():
        console.print(lines(figures))
    return {"client": found}


def _plain(server: Server, asked: argparse.Namespace, console: Console) -> dict[str, Any]:
    found = plain.measure(server, asked.seconds, asked.rounds)
    pprint(found, console=console)
    return {"plain": found}


def _functions(server: Server, asked: argparse.Namespace, console: Console) -> dict[str, Any]:
    much = Asked(
        seconds=asked.seconds,
        rounds=asked.rounds,
        photographs=asked.photographs,
        sizes=asked.size or tuple(SIZES),
        environments=asked.environments,
        burst=asked.burst,
    )
    found: dict[str, Found] = {}
    for name in asked.of or FUNCTIONS:
        for one, figures in FUNCTIONS[name](server, much, lambda text: console.print(text, style="dim")).items():
            console.print(lines(figures))
            found[one] = figures
    return {"functions": found}


def _cache(_: Server, asked: argparse.Namespace, console: Console) -> dict[str, Any]:
    found = cached.measure(asked.seconds, asked.rounds, asked.epoch, lambda text: console.print(text, style="dim"))
    for figures in found.values():
        console.print(lines(figures))
    return {"cache": found}


def _metering(_: Server, asked: argparse.Namespace, console: Console) -> dict[str, Any]:
    found = metering.measure(asked.seconds, asked.rounds, lambda text: console.print(text, style="dim"))
    pprint(found, console=console)
    return {"metering": found}


_PARTS = {
    "job": _job,
    "client": _client,
    "plain": _plain,
    "functions": _functions,
    "cache": _cache,
    "metering": _metering,
}

if __name__ == "__main__":
    main()
