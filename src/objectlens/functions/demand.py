"""How much of the processors functions want, and how much of it is spoken for.

More invocations that compute than there are cores do not get done sooner, they only push each other out of the caches
and hold memory. So one that computes may have to wait for another to end. Those that mostly wait (for the network, for
another function) are let through always.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

BOUND = 0.5
"""The share of a core from which on a function counts as one that computes; what has less is let through always.

With less there would be room for twice the cores and `EXTRA`, or more, by the shares alone.
"""

EXTRA = 2
"""How many more than there are cores may compute, so that none idles while an invocation waits for its bytes."""

MEASURING_SECONDS = 0.2
_WEIGHT = 0.2
_FRESH_SECONDS = 0.5


class Demand:
    """The share of a core that one invocation of a function version wants, averaged; 0 until it was measured.

    Wanting includes waiting for a core: otherwise eight invocations on two cores would look as if each of them had to
    wait for the network.
    """

    def __init__(self) -> None:
        self.share = 0.0
        self._known = False
        self._asked_at: float | None = None

    def asks(self, now: float) -> bool:
        """Whether an invocation that begins now should be measured; one is enough every so often."""
        if self._asked_at is not None and now - self._asked_at < MEASURING_SECONDS:
            return False
        self._asked_at = now
        return True

    def learn(self, share: float) -> None:
        """Take note of what one invocation wanted. Programs of several threads may want several cores."""
        share = max(0.0, share)
        self.share = self.share + _WEIGHT * (share - self.share) if self._known else share
        self._known = True

    @property
    def computes(self) -> bool:
        """Whether the function is bound by the processors."""
        return self.share > BOUND


class Cores:
    """The processors of this node. `promised` is what the invocations that run were thought to want when they began."""

    def __init__(self, cores: int) -> None:
        self.cores = cores
        self.promised = 0.0
        self.running = 0

    def begin(self, share: float) -> float:
        """Take note that an invocation begins; returns what `end` must be given."""
        share = min(share, float(self.cores))
        self.running += 1
        self.promised += share
        return share

    def end(self, share: float) -> None:
        """Take note that an invocation has ended."""
        self.running -= 1
        # Sums and differences of fractions drift; nothing running is exactly nothing.
        self.promised = max(0.0, self.promised - share) if self.running else 0.0

    def have_room(self, share: float, count: int = 1, *, used: float | None = None) -> bool:
        """Whether `count` invocations that want so much each may begin beside those that run.

        `used` is what those that run were measured to use.
        """
        used = self.promised if used is None else used
        return used + count * min(share, float(self.cores)) <= self.cores + EXTRA + 1e-6


class Gauge:
    """What processes really use of the cores, between two looks at them."""

    def __init__(self, read: Callable[[int], float]) -> None:
        self._read = read
        self._last: dict[int, float] = {}
        self._looked_at = -math.inf

    def look(self, pids: Iterable[int], now: float) -> float | None:
        """Return how many cores the processes used since the last look; None when that is too long ago to tell.

        A process that is new counts as one core.
        """
        elapsed, before = now - self._looked_at, self._last
        self._last = {pid: self._read(pid) for pid in pids}
        self._looked_at = now
        if not 0 < elapsed <= _FRESH_SECONDS:
            return None
        return sum(
            max(0.0, reading - before[pid]) / elapsed if pid in before else 1.0 for pid, reading in self._last.items()
        )
