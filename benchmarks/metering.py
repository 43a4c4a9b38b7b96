"""What metering costs: the same requests to a server that counts and to one that does not, in turn.

They do as little as there is to do, so that nothing hides what counting takes: a pipeline that hands a few bytes
through, and a handler that answers without reading.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from contestants import Contestant, through
from functions.found import HANDLERS, Target, line, spread
from live import Server, started
from load import Round
from machine import cpu_since, cpu_times
from results import Figure, figure

OFF, ON = {"OBJECTLENS_METERING_ENABLED": "false"}, {"OBJECTLENS_METERING_ENABLED": "true"}
TARGET = Target(side="at least", limit=0.98)
_PIPELINE = '{"pipeline": [{"text.decode": {}}]}'


def measure(seconds: float, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the rates with metering as ratios to those without.

    Two servers that do the same differ by several per cent, by where their memory came to lie and by how their texts
    hash: each round has two new ones.
    """
    taken: dict[tuple[str, str], list[Round]] = {}
    cpu: dict[tuple[str, str], list[float]] = {}
    for number in range(rounds):
        say(f"metering: round {number + 1} of {rounds}")
        with started(OFF) as plain, started(ON) as metered:
            for kind, make in _KINDS.items():
                for side, server in (("without", plain), ("with", metered)):
                    one = make(server, side)
                    one.run(min(seconds, 1.0))  # workers and environments start
                    before = cpu_times(one.process)
                    taken.setdefault((kind, side), []).append(one.run(seconds))
                    cpu.setdefault((kind, side), []).append(cpu_since(before, one.process))
    return {kind: _judged(kind, taken, cpu) for kind in _KINDS}


def _judged(
    kind: str, taken: dict[tuple[str, str], list[Round]], cpu: dict[tuple[str, str], list[float]]
) -> list[dict[str, Any]]:
    without, with_ = (
        figure(side, taken[kind, side], taken[kind, "without"], cpu[kind, side]) for side in ("without", "with")
    )
    judged = line(f"{kind}: throughput with metering", with_.ratio, "x without", TARGET, _note(without, with_))
    # Where something else runs as well, rates say little, and this says more.
    used = spread(
        [
            (mine / len(one.times)) / (theirs / len(other.times))
            for mine, one, theirs, other in zip(
                cpu[kind, "with"], taken[kind, "with"], cpu[kind, "without"], taken[kind, "without"], strict=True
            )
        ]
    )
    return [asdict(judged), asdict(line(f"{kind}: the server's processor time", used, "x without"))]


def _native(server: Server, name: str) -> Contestant:
    file = server.folder / "native.txt"
    file.write_bytes(b"a few bytes")
    server.upload([file])
    return through(server, name, server.native("counted-native", _PIPELINE), [file])


def _handler(server: Server, name: str) -> Contestant:
    file = server.folder / "handler.txt"
    file.write_bytes(b"a few bytes")
    server.upload([file])
    alias = server.handler("counted", HANDLERS / "constant.py", entry="constant.lambda_handler")
    return through(server, name, alias, [file])


_KINDS = {"native": _native, "handler": _handler}


def _note(without: Figure, with_: Figure) -> str:
    return f"{without.rate[0]:,.0f} and {with_.rate[0]:,.0f} a second, {without.cpu:.3f} and {with_.cpu:.3f} ms of CPU"
