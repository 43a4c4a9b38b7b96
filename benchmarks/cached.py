"""Answers out of the cache against plain GETs, and a second epoch against the first.

All figures are of the server's processor time: what an answer costs it, and what thousands of photographs do.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import photographs
from contestants import CLIENTS, PIPELINE
from functions.found import HANDLERS, Found, Say, Target, line, spread
from live import BUCKET, Server, started
from load import Orders, Round
from load import measure as generate
from machine import cpu_since, cpu_times

SIZE, FEW = 100 * 1024, 50
MANAGED = {"objectlens:answers": "managed"}


@dataclass(frozen=True, slots=True)
class _Taken:
    """One round of one way: answers per second, and milliseconds of the server's for each."""

    rate: float
    cpu: float


def measure(seconds: float, rounds: int, epoch: int, say: Say) -> dict[str, Found]:
    """Return what cached answers, answers 304 and a second epoch over `epoch` photographs cost."""
    with started() as server:
        return {"answers": _answers(server, seconds, rounds, say), "epochs": _epochs(server, epoch, say)}


def _answers(server: Server, seconds: float, rounds: int, say: Say) -> Found:
    random = np.random.default_rng(3)
    files = [server.folder / f"cached-{number:02}" for number in range(FEW)]
    for path in files:
        path.write_bytes(random.bytes(SIZE))
    server.upload(files)
    alias = server.handler("unchanged", HANDLERS / "unchanged.py", entry="unchanged.lambda_handler", tags=MANAGED)
    ways = {
        name: server.orders(bucket, files, clients=CLIENTS, seconds=seconds)
        for name, bucket in (("plain GET", BUCKET), ("cached GET", alias))
    }
    etags = [str(server.s3.get_object(Bucket=alias, Key=path.name)["ETag"]) for path in files]
    ways["304"] = replace(ways["cached GET"], unless=etags)
    ways["plain 304"] = replace(
        ways["plain GET"],
        unless=[str(server.s3.head_object(Bucket=BUCKET, Key=path.name)["ETag"]) for path in files],
    )
    taken: dict[str, list[_Taken]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        say(f"cached answers: round {turn} of {rounds}")
        for name, orders in ways.items():
            one = _round(server, orders)
            if turn:
                taken[name].append(one)
    plain = taken["plain GET"]
    return Found(
        title="Answers of 100 KB per second out of the cache, 1 = plain GETs of equal objects",
        lines=[
            line("cached GET", _ratios(taken["cached GET"], plain), "x plain GET", Target(side="at least", limit=0.8)),
            line("304", _ratios(taken["304"], plain), "x plain GET", Target(side="at least", limit=1.0)),
            line("plain 304", _ratios(taken["plain 304"], plain), "x plain GET"),
            *(line(f"{name}: server", spread([one.cpu for one in those]), "ms CPU") for name, those in taken.items()),
        ],
        axis="answers per second of the server's processor, 1 = plain GET",
        mark=0.8,
        bars={
            f"objectlens, {name}" if name != "plain GET" else name: _ratios(those, plain)
            for name, those in taken.items()
        },
    )


def _round(server: Server, orders: Orders) -> _Taken:
    used = cpu_times(server.process)
    done: Round = generate(orders)
    return _Taken(len(done.times) / done.seconds, 1000 * cpu_since(used, server.process) / len(done.times))


def _ratios(those: Sequence[_Taken], plain: Sequence[_Taken]) -> tuple[float, float, float]:
    # By the server's own time: the load generator shares the machine, and would hide half of every difference.
    return spread([other.cpu / one.cpu for one, other in zip(those, plain, strict=True)])


def _epochs(server: Server, count: int, say: Say) -> Found:
    folder = server.folder / "epochs"
    folder.mkdir()
    made = photographs.make(folder, "500x375")
    alias = server.native("epochs", PIPELINE.read_text())
    keys = [Path(f"epoch/{number:05}.jpg") for number in range(count)]
    bucket = server.folder / "data" / "buckets" / BUCKET / "epoch"
    bucket.mkdir()
    for number, key in enumerate(keys):
        # Files of a bucket are plain files: each key is an object of its own, of few photographs' blocks.
        os.link(made[number % len(made)], bucket / key.name)
    orders = server.orders(alias, [], clients=CLIENTS, seconds=0)
    orders = replace(orders, paths=[f"/{alias}/{key}" for key in keys], once=True)
    spent = []
    for epoch in ("first", "second", "third"):
        say(f"epochs: the {epoch} over {count} photographs")
        used = cpu_times(server.process)
        generate(orders)
        spent.append(cpu_since(used, server.process))
    ratio = spent[1] / spent[0], *sorted(one / spent[0] for one in spent[1:])
    return Found(
        title=f"Server CPU seconds for {count:,} photographs of 500x375 through the reference pipeline",
        lines=[
            line("second epoch", ratio, "x the first", Target(side="at most", limit=0.15)),
            *(
                line(f"{name} epoch", (one, one, one), "s CPU")
                for name, one in zip(("first", "second", "third"), spent, strict=True)
            ),
        ],
        axis="CPU seconds of the server",
        bars={
            f"{'objectlens, ' if number else ''}{name} epoch": (one, one, one)
            for number, (name, one) in enumerate(zip(("first", "second", "third"), spent, strict=True))
        },
    )
