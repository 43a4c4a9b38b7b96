"""The only clock.

Everything that needs the time is given a `Clock`; nothing else calls `time` or `datetime.now`. Tests pass a clock
that they move by hand.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Two readings: wall time for signatures and dates, monotonic time for deadlines."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards; only differences mean something."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never run backwards; only differences mean something."""
        return time.monotonic()


@dataclass
class FixedClock:
    """A clock for tests: it stands still until `advance` moves it."""

    at: datetime
    elapsed: float = 0.0

    def now(self) -> datetime:
        """Return the moment this clock stands at."""
        return self.at

    def monotonic(self) -> float:
        """Return the seconds advanced so far."""
        return self.elapsed

    def advance(self, seconds: float) -> None:
        """Move both readings on by `seconds`."""
        self.at += timedelta(seconds=seconds)
        self.elapsed += seconds
