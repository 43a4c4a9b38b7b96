"""The sums of what was used since they were last written: bounded, and nothing but additions.

A combination of function, access point, caller and job is one row a minute. Callers choose their jobs, so there could
be any number: of each minute only so many are told apart. What comes after them is counted without its job and caller,
and, should there be as many of those again, as `(other)` altogether. Sums stay right, whatever is told apart.
"""

from __future__ import annotations

from typing import NamedTuple

from objectlens.metering.rows import OTHER, Key, Sums
from objectlens.metering.usage import Subject, Usage

MINUTE = 60
# So many usages are added up at once: in a row, each takes a fraction of what it does between two requests.
_AT_ONCE = 256
# So many minutes may wait to be written; when the database takes none for longer, the last of them goes on.
_MINUTES = 16


class Slot(NamedTuple):
    """A key in the minute that begins at `start`, Unix time."""

    start: int
    key: Key


class Gathering:
    """Adds up usages by minute and key; at most `most` keys of a minute are told apart."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._minute = 0
        self._known: set[tuple[object, ...]] = set()
        self._now: dict[tuple[object, ...], Sums] = {}
        self._before: dict[Slot, Sums] = {}
        self._waiting: list[tuple[Subject, Usage | None, int, float]] = []

    def add(self, usage: Usage, now: float) -> None:
        """Count a usage at `now`, Unix time."""
        self._wait(usage[:9], usage, 0, now)

    def kept(self, subject: Subject, bytes_out: int, now: float) -> None:
        """Count an answer at `now`, for which nothing ran."""
        self._wait(subject, None, bytes_out, now)

    def _wait(self, subject: Subject, usage: Usage | None, bytes_out: int, now: float) -> None:
        waiting = self._waiting
        waiting.append((subject, usage, bytes_out, now))
        if len(waiting) >= _AT_ONCE:
            self._put_together()

    def _put_together(self) -> None:
        waiting, self._waiting = self._waiting, []
        for subject, usage, bytes_out, now in waiting:
            sums = self._of(subject, now)
            if usage is None:
                sums.requests += 1
                sums.bytes_out += bytes_out
            else:
                add_to(sums, usage)

    def _of(self, subject: Subject, now: float) -> Sums:
        if not 0 <= now - self._minute < MINUTE:
            self._turn(int(now) // MINUTE * MINUTE)
        # A plain tuple is equal to the key that it makes, and made in a third of the time.
        sums = self._now.get(subject)
        return self._opened(Key(*subject)) if sums is None else sums

    def _turn(self, minute: int) -> None:
        if len(self._before) + len(self._now) < _MINUTES * self._most:
            self._before = self._gathered()
            self._now = {}
            self._minute = minute
            self._known = set()

    def _opened(self, key: Key) -> Sums:
        for one, bound in ((key, self._most), (without_names(key), 2 * self._most)):
            if one in self._known or len(self._known) < bound:
                self._known.add(one)
                return self._now.setdefault(one, Sums())
        return self._now.setdefault(NOTHING, Sums())

    def take(self) -> dict[Slot, Sums]:
        """Return what was gathered, and begin with nothing."""
        taken = self.sums
        self._now, self._before = {}, {}
        return taken

    @property
    def sums(self) -> dict[Slot, Sums]:
        """What is gathered and not taken."""
        self._put_together()
        return self._gathered()

    def _gathered(self) -> dict[Slot, Sums]:
        found = dict(self._before)
        for key, sums in self._now.items():
            slot = Slot(self._minute, Key(*key))  # type: ignore[arg-type]
            both = Sums()
            if slot in found:  # the clock was set back
                both.add(found[slot])
            both.add(sums)
            found[slot] = both
        return found


def without_names(key: Key) -> Key:
    """Return the key without what callers bring along."""
    return key._replace(caller=OTHER, job=OTHER)


NOTHING = Key(OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, 0, False, OTHER)


def add_to(sums: Sums, usage: Usage) -> None:
    """Add a usage to sums."""
    requests, invocations, errors, duration, billed, init, cpu, peak, bytes_in, bytes_out = usage[9:]
    sums.requests += requests
    sums.bytes_out += bytes_out
    sums.invocations += invocations
    sums.errors += errors
    sums.duration_us += duration
    sums.billed_duration_ms += billed
    sums.memory_mb_ms += usage.memory_size * billed
    sums.init_us += init
    sums.cpu_us += cpu
    sums.bytes_in += bytes_in
    sums.peak_mb = max(sums.peak_mb, peak)
