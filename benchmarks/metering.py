"""What metering costs: the same requests to a server that counts and to one that does not, in turn.

What is judged is the reference job, as a native transform and by an unmodified handler. Beside it stand a handler that
does nothing and answers of a few bytes out of the cache, the least of each that is counted at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from contestants import HANDLER, PIPELINE, Contestant, through
from functions.found import HANDLERS, Target, line, spread
from live import Server, started
from load import Round
from machine import cpu_since, cpu_times
from photographs import make
from results import Figure, figure

_NOTHING_KEPT = {"OBJECTLENS_CACHE_ENABLED": "false"}
OFF, ON = {"OBJECTLENS_METERING_ENABLED": "false"}, {"OBJECTLENS_METERING_ENABLED": "true"}
TARGET = Target(side="at least", limit=0.98)
_PIPELINE = '{"pipeline": [{"text.decode": {}}]}'


def measure(seconds: float, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the rates with metering as ratios to those without.

    Two servers that do the same differ by several per cent, by where their memory came to lie and by how their texts
    hash: each round has two new ones. Each has its turn twice in it, in the order of a palindrome, so that a machine
    that becomes slower does to both alike.
    """
    taken: dict[tuple[str, str], list[Round]] = {}
    cpu: dict[tuple[str, str], list[float]] = {}
    for number in range(rounds):
        say(f"metering: round {number + 1} of {rounds}")
        for settings, kinds in ((_NOTHING_KEPT, _WORK | _LEAST), ({}, _KEPT)):
            with started(OFF | settings) as plain, started(ON | settings) as metered:
                for kind, start in kinds.items():
                    sides = {"without": start(plain, "without"), "with": start(metered, "with")}
                    for one in sides.values():
                        one.run(min(seconds, 1.0))  # workers and environments start
                    for side, (round_, used) in _in_turn(sides, seconds / 2).items():
                        taken.setdefault((kind, side), []).append(round_)
                        cpu.setdefault((kind, side), []).append(used)
    return {
        kind: _judged(kind, taken, cpu, target)
        for kinds, target in ((_WORK, TARGET), (_LEAST | _KEPT, None))
        for kind in kinds
    }


def _in_turn(sides: Mapping[str, Contestant], seconds: float) -> Mapping[str, tuple[Round, float]]:
    """Return what each did in both of its turns, of so many seconds, and the CPU seconds of its server."""
    found = {side: (Round(0.0, []), 0.0) for side in sides}
    for side in (*sides, *reversed(sides)):
        before = cpu_times(sides[side].process)
        turn = sides[side].run(seconds)
        so_far, used = found[side]
        both = Round(so_far.seconds + turn.seconds, [*so_far.times, *turn.times])
        found[side] = (both, used + cpu_since(before, sides[side].process))
    return found


def _judged(
    kind: str,
    taken: dict[tuple[str, str], list[Round]],
    cpu: dict[tuple[str, str], list[float]],
    target: Target | None,
) -> list[dict[str, Any]]:
    without, with_ = (
        figure(side, taken[kind, side], taken[kind, "without"], cpu[kind, side]) for side in ("without", "with")
    )
    judged = line(f"{kind}: throughput with metering", with_.ratio, "x without", target, _note(without, with_))
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


def _photographs(server: Server, name: str) -> Contestant:
    files = make(server.folder, "500x375")
    server.upload(files)
    return through(server, name, server.native("counted-job", PIPELINE.read_text()), files)


def _by_handler(server: Server, name: str) -> Contestant:
    files = make(server.folder, "500x375")
    server.upload(files)
    return through(server, name, server.handler("counted-handler", HANDLER), files)


def _kept(server: Server, name: str) -> Contestant:
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


_WORK = {"reference job": _photographs, "reference job by a handler": _by_handler}
_LEAST = {"handler that does nothing": _handler}
_KEPT = {"kept answers": _kept}


def _note(without: Figure, with_: Figure) -> str:
    return f"{without.rate[0]:,.0f} and {with_.rate[0]:,.0f} a second, {without.cpu:.3f} and {with_.cpu:.3f} ms of CPU"
