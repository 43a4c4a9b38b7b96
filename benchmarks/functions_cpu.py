"""Where the processor's time goes in a GET through the unmodified handler: milliseconds by process.

    python benchmarks/functions_cpu.py [SIZE] [SECONDS]

Times are user and system time as /proc tells them, which on a machine that others use, too, say more than rates do.
They are measured in turns with acceleration and without (`OBJECTLENS_ACCELERATE=0`).
"""

from __future__ import annotations

import os
import statistics
import sys
from pathlib import Path

import photographs
from live import Server, started
from load import measure

ROOT = Path(__file__).resolve().parents[1]
HANDLER = ROOT / "examples/functions/image-normalizer/lambda_function.py"
ROUNDS = 5
CLIENTS = 8
_TICK = 1000 / os.sysconf("SC_CLK_TCK")


def processor_times(server: int) -> dict[int, float]:
    """Return the milliseconds that the server and each process below it have used so far."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has ended
            found[int(entry.name)] = (int(fields[1]), (int(fields[11]) + int(fields[12])) * _TICK)
    return {pid: spent for pid, (_, spent) in found.items() if _is_below(pid, server, found)}


def _is_below(pid: int, server: int, found: dict[int, tuple[int, float]]) -> bool:
    while pid not in {0, server}:
        pid = found.get(pid, (0, 0.0))[0]
    return pid == server


def one_round(server: Server, lens: str, files: list[Path], seconds: float) -> dict[str, float]:
    """Return milliseconds of processor time for each GET by process, and GETs a second."""
    before = processor_times(server.process)
    done = measure(server.orders(lens, files, clients=CLIENTS, seconds=seconds))
    # Of a process that ended meanwhile nothing is known; it was one that idled.
    used = {pid: spent - before.get(pid, 0.0) for pid, spent in processor_times(server.process).items()}
    count = len(done.times)
    gateway = used.pop(server.process)
    return {
        "gateway": gateway / count,
        "environments": sum(used.values()) / count,
        "client": 1000 * done.cpu / count,
        "GETs a second": count / done.seconds,
    }


def main() -> None:
    size = sys.argv[1] if len(sys.argv) > 1 else "500x375"
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 4.0
    with started() as server:
        files = photographs.make(server.folder, size)
        server.upload(files)
        lenses = {name: server.handler(name, HANDLER) for name in ("accelerated", "plain")}
        server.functions.update_function_configuration(
            FunctionName="plain", Environment={"Variables": {"OBJECTLENS_ACCELERATE": "0"}}
        )
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in lenses}
        for turn in range(ROUNDS + 1):
            for name, lens in lenses.items():
                figures = one_round(server, lens, files, seconds)
                if turn:  # in the first, environments start
                    rounds[name].append(figures)
    for name, measured in rounds.items():
        middle = {what: statistics.median(one[what] for one in measured) for what in measured[0]}
        print(name, ", ".join(f"{what} {value:.2f}" for what, value in middle.items()))


if __name__ == "__main__":
    main()
