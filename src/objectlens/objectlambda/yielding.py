"""When the server's thread waits for its turn on a core, in place of taking one from a transform process at once.

Each answer of a transform process and each request of a client wakes the server, which by default pushes aside whoever
computes, does a tenth of a millisecond's work, and sleeps again. While every process has its next job already, nobody
gains by that, and both sides lose: each comes back to caches that the other has filled. As SCHED_BATCH (sched(7)) the
thread does not push, and finds more to do when its turn comes, some milliseconds later at most. On a core that is free
it begins as soon as ever.

Where jobs take longer than a turn does, its turn comes between any two answers. Then answers lie there for half of the
time for which the processes have jobs ahead, and are taken together.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress

_PROMPT, _PATIENT = os.SCHED_OTHER, os.SCHED_BATCH
_WEIGHT = 0.1
SHORT_SECONDS = 0.010
"""For jobs that take longer the gain is less than a hundredth, and everybody else would wait for it."""
_TURN_SECONDS = 0.003
"""Answers of jobs that take less come several at a time anyway."""
_LONGEST_PAUSE = 0.010


class Yielding:
    """Sets the policy of the thread that calls it, for `count` processes that do jobs side by side.

    Processes that are started meanwhile keep the policy: for those of transforms and of functions it is the right one.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._seconds = 0.0
        self._jobs = 0
        self._patient = False
        self._threads = 0
        # Whoever started the server under another policy has reasons.
        self._may = os.sched_getscheduler(0) == _PROMPT

    def took(self, seconds: float) -> None:
        """Take note of how long a job took."""
        self._seconds += _WEIGHT * (seconds - self._seconds)

    def out(self, jobs: int) -> None:
        """Take note of how many jobs the processes have, those that they have not begun included."""
        self._jobs = jobs
        patient = jobs > self._count if self._patient else jobs >= 2 * self._count
        self._set(patient=patient and self._seconds < SHORT_SECONDS)

    def pause(self) -> float:
        """Return for how many seconds answers may lie: half of the time for which the processes have jobs ahead."""
        ahead = self._jobs / self._count - 1
        if ahead < 1 or not _TURN_SECONDS <= self._seconds < SHORT_SECONDS:
            return 0.0
        return min(_LONGEST_PAUSE, self._seconds * ahead / 2)

    def close(self) -> None:
        """Be as before."""
        self._set(patient=False)

    def _set(self, *, patient: bool) -> None:
        if patient == self._patient or not self._may:
            return
        self._patient = patient
        os.sched_setscheduler(0, _PATIENT if patient else _PROMPT, os.sched_param(0))
        if patient:
            self._threads = threading.active_count()
        elif threading.active_count() != self._threads:
            _hurry_others()


def _hurry_others() -> None:
    """Take the policy back from threads that this one has started meanwhile: they keep it, too."""
    for thread in threading.enumerate():
        with suppress(ProcessLookupError):
            os.sched_setscheduler(thread.native_id or 0, _PROMPT, os.sched_param(0))
