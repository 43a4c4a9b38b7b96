"""What processes want of the processors: the time they ran, and the time they waited for a core."""

from __future__ import annotations

import os
import time
from pathlib import Path

from objectlens.functions.procfs import read
from objectlens.functions.spent import clock_of

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


def wanted_seconds(pid: int) -> float:
    """Return how long a process, and those that it started, ran or were ready to run so far; 0 when it is gone.

    Differences of two readings count. A thread or a process that ended between them counts with the time it ran, but
    not with the time it waited. The cost is some 30 microseconds, and 15 for each further thread or process.
    """
    total = _ran_seconds(pid)
    for thread in _threads(pid):
        total += _waited_seconds(pid, thread)
        for child in read(f"{_PROC}/{pid}/task/{thread}/children").split():
            total += wanted_seconds(int(child))
    return total


def _ran_seconds(pid: int) -> float:
    """Return the time that all threads of a process ran, and its children that have ended."""
    try:
        own = time.clock_gettime(clock_of(pid))
    except OSError:
        return 0.0
    fields = read(f"{_PROC}/{pid}/stat").rpartition(b")")[2].split()
    # proc_pid_stat(5): cutime and cstime are fields 16 and 17, and the first after the name is field 3.
    return own + (int(fields[13]) + int(fields[14])) / _TICKS if fields else own


def _waited_seconds(pid: int, thread: str) -> float:
    """Return the time that a thread waited in a run queue; 0 where the kernel does not count it."""
    fields = read(f"{_PROC}/{pid}/task/{thread}/schedstat").split()
    return int(fields[1]) / 1e9 if len(fields) == 3 else 0.0


def _threads(pid: int) -> list[str]:
    try:
        return [path.name for path in Path(f"{_PROC}/{pid}/task").iterdir()]
    except OSError:
        return []
