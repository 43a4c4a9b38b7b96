"""What the log of a function that runs elsewhere says: our own lines, and the tail that the remote tells."""

from __future__ import annotations

import math
import re
from dataclasses import replace

from objectlens.functions.invoke_api import Reply
from objectlens.functions.saying import Text, Used
from objectlens.functions.values import Invocation, Outcome

_FIGURE = re.compile(rb"(Memory Size|Max Memory Used|Init Duration|Billed Duration|Duration): ([0-9]+(?:\.[0-9]+)?)")
# The remote's own START and END lines repeat ours; its REPORT has its figures.
_REPEATED = (b"START RequestId: ", b"END RequestId: ")
_REPORT = b"REPORT RequestId: "


def lines_of(invocation: Invocation, reply: Reply, outcome: Outcome) -> list[bytes]:
    """Return what goes into the log: our own lines, with the duration as seen from here, around the remote's tail."""
    size = int(figures_of(reply.log_tail).get(b"Memory Size", 0))
    function = replace(invocation.function, version=outcome.executed_version, memory_size=size)
    seen = replace(invocation, function=function)
    tail = [_renamed(one) for one in reply.log_tail.splitlines() if not one.startswith(_REPEATED)]
    said: list[bytes] = []
    if reply.failure is not None and not tail:
        said = f"[ERROR] {reply.failure.type}: {reply.failure.message}".encode("utf-8", "replace").splitlines()
    took = outcome.duration_ms
    used = Used(duration_ms=took, billed=math.ceil(took), memory_mb=outcome.memory_mb, init_ms=outcome.init_ms)
    text = Text()
    return [*text.start(seen), *tail, *said, *text.end(seen, used, outcome.failure)]


def _renamed(line: bytes) -> bytes:
    return b"REMOTE " + line.removeprefix(b"REPORT ") if line.startswith(_REPORT) else line


def figures_of(tail: bytes) -> dict[bytes, float]:
    """Return what the remote's REPORT line tells beside its durations."""
    reports = [line for line in tail.splitlines() if line.startswith(_REPORT)]
    return {one[1]: float(one[2]) for one in _FIGURE.finditer(reports[-1])} if reports else {}
