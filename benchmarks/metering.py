"""What metering costs: the same requests to a server that counts and to one that does not, in turn.

They do as little as there is to do, so that nothing hides what counting takes: a pipeline that hands a few bytes
through, and a handler that answers without reading.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from contestants import Contestant, through
from functions.found import HANDLERS, Target, line
from live import Server, started
from reference_job import alternate
from results import Figure

OFF, ON = {"OBJECTLENS_METERING_ENABLED": "false"}, {"OBJECTLENS_METERING_ENABLED": "true"}
TARGET = Target(side="at least", limit=0.98)
_PIPELINE = '{"pipeline": [{"text.decode": {}}]}'


def measure(seconds: float, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the rates with metering as ratios to those without."""
    found: dict[str, Any] = {}
    with started(OFF) as plain, started(ON) as metered:
        for kind, make in (("native", _native), ("handler", _handler)):
            sides = [make(plain, "without metering"), make(metered, "with metering")]
            without, with_ = alternate(sides, seconds, rounds, lambda text, kind=kind: say(f"metering, {kind}: {text}"))
            judged = line(f"{kind}: throughput with metering", with_.ratio, "x without", TARGET, _note(without, with_))
            # Where something else runs as well, rates say little, and this says more.
            used = with_.cpu / without.cpu
            found[kind] = [asdict(judged), asdict(line(f"{kind}: processor time", (used, used, used), "x without"))]
    return found


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


def _note(without: Figure, with_: Figure) -> str:
    return f"{without.rate[0]:,.0f} and {with_.rate[0]:,.0f} a second, {without.cpu:.3f} and {with_.cpu:.3f} ms of CPU"
