"""From nothing to many requests at once, and back to nothing."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass

import photographs
from contestants import HANDLER
from functions.found import Asked, Found, Line, Say, Target, failed, line, percentiles, spread
from functions.processes import wait
from live import Server, started
from load import Orders, Signer

IDLE_SECONDS = 2
PATIENCE = 60
NONE, BACK = Target(side="at most", limit=0.0, worst=True), Target(side="at most", limit=IDLE_SECONDS + 15, worst=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer's status, 0 when it is not whole, and the seconds until its last byte."""

    status: int
    seconds: float


def measure(_: Server, asked: Asked, say: Say) -> dict[str, Found]:
    """Return how many were not answered well, when the last was, and when the environments were gone."""
    lines: list[Line] = []
    curves: dict[str, list[float]] = {}
    wide = {f"OBJECTLENS_FUNCTIONS_MAX_{name}": str(asked.burst) for name in ("ENVIRONMENTS", "PER_FUNCTION")}
    for name, settings in (("limits as they are unset", {}), (f"up to {asked.burst} environments", wide)):
        with started({"OBJECTLENS_FUNCTIONS_IDLE_SECONDS": str(IDLE_SECONDS), **settings}) as server:
            more, times = _bursts(server, name, asked, say)
        lines += more
        curves[name] = percentiles(times)
    return {
        "burst": Found(
            title=f"{asked.burst} GETs at once where no environment is: the demo's handler, 500x375",
            lines=lines,
            axis="seconds until the last byte",
            curves=curves,
        )
    }


def _bursts(server: Server, name: str, asked: Asked, say: Say) -> tuple[list[Line], list[float]]:
    lens = server.handler("burst", HANDLER)
    files = photographs.make(server.folder, "500x375", 1)
    server.upload(files)
    orders = server.orders(lens, files, clients=asked.burst, seconds=0)
    bad, last, gone = [], [], []
    statuses: Counter[int] = Counter()
    times: list[float] = []
    for number in range(asked.rounds):
        say(f"burst, {name}: round {number + 1} of {asked.rounds}")
        answers = asyncio.run(all_at_once(orders))
        statuses.update(one.status for one in answers)
        times += [one.seconds for one in answers]
        bad.append(float(sum(one.status != 200 for one in answers)))
        last.append(max(one.seconds for one in answers))
        try:
            gone.append(wait(server.process, lambda now: not now.environments, PATIENCE))
        except TimeoutError as error:
            return [failed(f"{name}: all environments gone", "s", BACK, str(error))], times
    seen = ", ".join(f"{count} x {status or 'broken'}" for status, count in sorted(statuses.items()))
    return [
        line(f"{name}: not answered with 200", spread(bad), "GETs", NONE, seen),
        # The first round has no template either.
        line(f"{name}: the last answer after", spread(last), "s", note=f"the first time {last[0]:.2f} s: no template"),
        line(f"{name}: no environment left after", spread(gone), "s", BACK, f"idle time {IDLE_SECONDS} s"),
    ], times


async def all_at_once(orders: Orders) -> list[Answer]:
    """Open all connections, then ask on all of them at the same time."""
    signer = Signer(orders)
    opened = [await asyncio.open_connection(orders.host, orders.port) for _ in range(orders.clients)]
    try:
        async with asyncio.timeout(PATIENCE * 2):
            return await asyncio.gather(
                *(
                    _ask(reader, writer, signer.head(orders.paths[number % len(orders.paths)]))
                    for number, (reader, writer) in enumerate(opened)
                )
            )
    finally:
        for _, writer in opened:
            writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> Answer:
    began = time.perf_counter()
    writer.write(head.removesuffix(b"\r\n") + b"Connection: close\r\n\r\n")
    try:
        data = await reader.read()
    except ConnectionError:
        data = b""
    return Answer(status_of(data), time.perf_counter() - began)


def status_of(data: bytes) -> int:
    """Return the status of an answer; 0 when a part is missing."""
    head, _, body = data.lower().partition(b"\r\n\r\n")
    length = head.partition(b"content-length:")[2].split()
    whole = len(body) == int(length[0]) if length else body.endswith(b"0\r\n\r\n")
    return int(head.split(None, 2)[1]) if head and whole else 0
