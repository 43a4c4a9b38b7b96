"""What a handler that does nothing adds to a plain GET of the same object: warm, one client."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import photographs
from functions.found import HANDLERS, Asked, Found, Line, Say, Target, line, percentiles, quantile, spread
from functions.throughput import OFF
from live import BUCKET, Server
from load import Round
from load import measure as generate

MEDIAN, TAIL = Target(side="at most", limit=3.0), Target(side="at most", limit=12.0)
PLAIN, COPYING = "plain GET", "handler that copies"


def measure(server: Server, asked: Asked, say: Say) -> dict[str, Found]:
    """Return added latencies, of handlers that copy the object and that answer a constant."""
    folder = server.folder / "latency"
    folder.mkdir()
    files = photographs.make(folder, "500x375", 1)
    server.upload(files)
    ways = {PLAIN: BUCKET} | {
        name: server.handler(f"latency-{number}", HANDLERS / file, entry=f"{file[:-3]}.lambda_handler", variables=given)
        for number, (name, file, given) in enumerate(
            (
                (COPYING, "copying.py", {}),
                ("handler that answers a constant", "constant.py", {}),
                (f"{COPYING}, acceleration off", "copying.py", OFF),
            )
        )
    }

    def get(way: str, seconds: float) -> Round:
        return generate(server.orders(ways[way], files, clients=1, seconds=seconds))

    taken = _alternate(list(ways), get, asked, say)
    lines = [line(f"{PLAIN}, p50", _each(taken[PLAIN], 0.5), "ms")]
    for way in list(ways)[1:]:
        lines += _added(way, taken, judged=way == COPYING)
    return {
        "latency": Found(
            title="A GET of 100 KB, warm, one client",
            lines=lines,
            axis="ms",
            curves={way: percentiles([time for one in rounds for time in one]) for way, rounds in taken.items()},
        )
    }


def _alternate(
    ways: list[str], get: Callable[[str, float], Round], asked: Asked, say: Say
) -> dict[str, list[list[float]]]:
    """Return milliseconds of each GET, by way and round."""
    taken: dict[str, list[list[float]]] = {way: [] for way in ways}
    for way in ways:
        get(way, min(asked.seconds, 1.0))
    for number in range(asked.rounds):
        say(f"latency: round {number + 1} of {asked.rounds}")
        for way in ways:
            taken[way].append([1000 * time for time in get(way, asked.seconds).times])
    return taken


def _each(rounds: list[list[float]], share: float) -> tuple[float, float, float]:
    return spread([quantile(one, share) for one in rounds])


def _added(way: str, taken: dict[str, list[list[float]]], *, judged: bool) -> list[Line]:
    """Take from each time the median of the plain GETs of the same round: more than the difference of the tails."""
    plain = [statistics.median(one) for one in taken[PLAIN]]
    added = [[time - less for time in one] for one, less in zip(taken[way], plain, strict=True)]
    count = sum(len(one) for one in added)
    return [
        line(f"{way}: added, p50", _each(added, 0.50), "ms", MEDIAN if judged else None),
        line(f"{way}: added, p99", _each(added, 0.99), "ms", TAIL if judged else None, f"{count:,} GETs"),
    ]
