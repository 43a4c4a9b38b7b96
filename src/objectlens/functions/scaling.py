"""How many environments a function version is worth: what its concurrency was lately decides. No I/O, no clock.

The rule is that of Knative's autoscaler (https://knative.dev/docs/serving/autoscaling/kpa-specific/), which averages
concurrency over a stable window and, to notice bursts, over a panic window of a tenth of it. An environment handles one
invocation at a time, so the target is one each. Environments are started by who waits for one, not ahead: a fork takes
less time than it takes to be sure of a burst. What is decided here is how many of the idle ones stay.
"""

from __future__ import annotations

import math
from collections import deque

STABLE_SECONDS = 60
PANIC_SECONDS = 6
# A burst is what wants twice as many environments as the calm did.
PANIC_THRESHOLD = 2


class Window:
    """The average of a level over the last `seconds` whole seconds and the one that runs."""

    def __init__(self, seconds: int, now: float) -> None:
        self._past: deque[float] = deque(maxlen=seconds)
        self._sum = 0.0
        self._began = self._at = now
        self._area = 0.0
        self._level = 0

    def change(self, now: float, level: int) -> None:
        """Take note that the level is `level` from now on. Times do not go back."""
        self._advance(now)
        self._level = level

    def average(self, now: float) -> float:
        """Return the average up to now."""
        self._advance(now)
        elapsed = len(self._past) + (self._at - self._began)
        # What began just now has no past: a level is its own average.
        return (self._sum + self._area) / elapsed if elapsed > 0 else float(self._level)

    def _advance(self, now: float) -> None:
        seconds, whole = self._past.maxlen or 0, math.floor(now - self._began)
        if whole > seconds:
            # Nothing happened for longer than can be seen.
            end = self._began + whole
            self._past.extend([float(self._level)] * seconds)
            self._close(end, self._level)
        while now >= self._began + 1:
            end = self._began + 1
            self._close(end, self._area + self._level * (end - self._at))
        self._area += self._level * (now - self._at)
        self._at = now

    def _close(self, end: float, area: float) -> None:
        self._past.append(area)
        self._sum = math.fsum(self._past)
        self._began = self._at = end
        self._area = 0.0


class Scaler:
    """Decides how many environments of one function version are kept."""

    def __init__(self, now: float) -> None:
        self._stable = Window(STABLE_SECONDS, now)
        self._burst = Window(PANIC_SECONDS, now)
        self._calm_at = -math.inf
        self._most = 0

    def change(self, now: float, concurrency: int) -> None:
        """Take note of how many invocations run from now on."""
        self._stable.change(now, concurrency)
        self._burst.change(now, concurrency)
        self.kept(now)
        if now < self._calm_at:
            self._most = max(self._most, concurrency)

    def kept(self, now: float) -> int:
        """Return how many environments, busy and idle, are worth keeping; in a burst never fewer than before.

        A burst is over when no window has seen one for `STABLE_SECONDS`.
        """
        stable, burst = _needed(self._stable.average(now)), _needed(self._burst.average(now))
        if burst >= PANIC_THRESHOLD * max(1, stable):
            self._calm_at = now + STABLE_SECONDS
        if now >= self._calm_at:
            self._most = 0
            return stable
        self._most = max(self._most, stable, burst)
        return self._most


def _needed(average: float) -> int:
    # Sums of parts of seconds are not exact: 2.0000000001 is 2.
    return math.ceil(average - 1e-6)
