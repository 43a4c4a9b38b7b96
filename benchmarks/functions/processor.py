"""Where the processor's time goes in a GET through the unmodified handler: milliseconds by process.

Times are user and system time as /proc tells them, which on a machine that others use, too, say more than rates do.
"""

from __future__ import annotations

import statistics

import photographs
from contestants import CLIENTS, HANDLER
from functions.found import Asked, Found, Say, line, spread
from functions.processes import look
from functions.throughput import OFF
from live import Server
from load import Orders
from load import measure as generate
from machine import cpu_times


def measure(server: Server, asked: Asked, say: Say) -> dict[str, Found]:
    """Return milliseconds of the server, of the environments and of the client, accelerated and not."""
    found = {}
    for size in asked.sizes:
        folder = server.folder / f"processor-{size}"
        folder.mkdir()
        files = photographs.make(folder, size, asked.photographs)
        server.upload(files)
        ways = {
            name: server.orders(
                server.handler(f"processor-{number}-{size}", HANDLER, variables=given),
                files,
                clients=CLIENTS,
                seconds=asked.seconds,
            )
            for number, (name, given) in enumerate((("accelerated", {}), ("acceleration off", OFF)))
        }
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
        for turn in range(asked.rounds + 1):
            say(f"processor, {size}: round {turn} of {asked.rounds}")
            for name, orders in ways.items():
                figures = _one_round(server, orders)
                if turn:  # in the first, environments start
                    rounds[name].append(figures)
        found[f"processor-{size}"] = _found(size, rounds)
    return found


def _found(size: str, rounds: dict[str, list[dict[str, float]]]) -> Found:
    lines = [
        line(f"{name}: {what}", spread([one[what] for one in measured]), "ms", note=_share(what, measured))
        for name, measured in rounds.items()
        for what in measured[0]
    ]
    return Found(
        title=f"Processor time of one GET, {size}, by process",
        lines=lines,
        axis="ms of processor, user and system",
        stacks={
            name: {what: statistics.median(one[what] for one in measured) for what in measured[0]}
            for name, measured in rounds.items()
        },
    )


def _share(what: str, measured: list[dict[str, float]]) -> str:
    return f"{statistics.median(100 * one[what] / sum(one.values()) for one in measured):.0f} % of all"


def _one_round(server: Server, orders: Orders) -> dict[str, float]:
    before = cpu_times(server.process)
    done = generate(orders)
    spent = _spent(server.process, before) | {"client": 1000 * done.cpu}
    return {who: used / len(done.times) for who, used in spent.items()}


def _spent(server: int, before: dict[int, float]) -> dict[str, float]:
    """Return the milliseconds that the server and its helpers have used since, and the functions."""
    now, functions = cpu_times(server), set(look(server).functions)
    spent = {"server": 0.0, "environments": 0.0}
    for pid, used in now.items():
        spent["environments" if pid in functions else "server"] += 1000 * (used - before.get(pid, 0.0))
    return spent
