"""What is counted of each function version while the server runs: the figures that CloudWatch has of a function.

Counting is a few additions for each invocation; what they come to is worked out by who reads them. Everything runs on
the event loop's thread.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from objectlens.catalog.entities import Function
from objectlens.clock import Clock
from objectlens.functions.queueing import Group
from objectlens.functions.values import Outcome

# Upper bounds in seconds, about six to a decade: percentiles are read from them by interpolation. The last is the
# longest timeout that Lambda has.
BOUNDS = (
    *(0.001, 0.0015, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7),
    *(1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0, 70.0, 100.0, 150.0, 200.0, 300.0, 500.0, 900.0),
)
_BOUNDS_MS = tuple(bound * 1000 for bound in BOUNDS)
# There is a record for every version that ever ran; the one that was begun first goes.
_MOST = 1000


class Figures:
    """The record of one function version. `durations` counts by `BOUNDS`, the last what is longer."""

    __slots__ = ("busy", "durations", "errors", "inits", "invocations", "peak_mb", "seconds", "since", "throttles")

    def __init__(self, since: float) -> None:
        self.since = since
        self.busy = 0
        self.invocations = 0
        self.errors = 0
        self.throttles = 0
        self.inits = 0
        self.seconds = 0.0
        self.peak_mb = 0
        self.durations = [0] * (len(BOUNDS) + 1)

    def count(self, outcome: Outcome) -> None:
        """Count an invocation that has ended."""
        self.invocations += 1
        self.errors += outcome.failure is not None
        self.inits += outcome.init_ms is not None
        self.seconds += outcome.duration_ms / 1000
        self.peak_mb = max(self.peak_mb, outcome.memory_mb)
        self.durations[bisect_left(_BOUNDS_MS, outcome.duration_ms)] += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One function version at one moment: its environments by state, who waits for one, and its record so far.

    `durations` is the number of invocations within each of `BOUNDS`, and beyond; times are in seconds, `since` is Unix
    time.
    """

    function: str
    version: str
    busy: int
    idle: int
    starting: int
    ending: int
    waiting: int
    since: float
    invocations: int
    errors: int
    throttles: int
    inits: int
    seconds: float
    peak_mb: int
    durations: tuple[int, ...]


class Book:
    """The records of all versions."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pages: dict[tuple[str, str], Figures] = {}

    def of(self, function: Function) -> Figures:
        """Return the record of a function version, begun when there is none."""
        key = (function.name, function.version)
        figures = self._pages.get(key)
        if figures is None:
            if len(self._pages) >= _MOST:
                del self._pages[next(iter(self._pages))]
            figures = self._pages[key] = Figures(self._clock.now().timestamp())
        return figures

    def snapshot(self, groups: Iterable[Group]) -> list[Snapshot]:
        """Return every version's state, in the order of names and versions."""
        found: dict[tuple[str, str], list[Group]] = {key: [] for key in self._pages}
        for group in groups:
            self.of(group.function)
            found.setdefault((group.function.name, group.function.version), []).append(group)
        return [_snapshot(key, self._pages[key], found[key]) for key in sorted(found) if key in self._pages]


def _snapshot(key: tuple[str, str], figures: Figures, groups: list[Group]) -> Snapshot:
    # One that has answered and not asked for more yet is as good as idle.
    idle = sum(len(group.idle) + group.settling for group in groups)
    starting = sum(group.starting for group in groups)
    size = sum(group.size for group in groups)
    return Snapshot(
        function=key[0],
        version=key[1],
        busy=figures.busy,
        idle=idle,
        starting=starting,
        ending=max(0, size - starting - idle - figures.busy),
        waiting=sum(len(group.waiting) for group in groups),
        since=figures.since,
        invocations=figures.invocations,
        errors=figures.errors,
        throttles=figures.throttles,
        inits=figures.inits,
        seconds=figures.seconds,
        peak_mb=figures.peak_mb,
        durations=tuple(figures.durations),
    )
