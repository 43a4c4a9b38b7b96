"""How much processor time an environment has taken: its process, and all that this started.

A control group's own count is exact. Without one it is made up of the process's clock, which is exact as well, of the
children that are there, and of those that have ended, which the kernel tells in steps of 10 milliseconds
(proc_pid_stat(5)): one invocation's share of those is off by as much, their sum over many is not.
"""

from __future__ import annotations

import os
import time

from objectlens.functions.peaks import children
from objectlens.functions.procfs import read

_PROC = "/proc"
_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
# Of what /proc/PID/stat has behind the name, which begins with field 3: fields 16 and 17, and 20.
_CUTIME, _CSTIME, _THREADS = 13, 14, 17
# Looking at each thread's children takes some 10 microseconds, which short invocations are not to be charged with.
_LONG_NS = 5_000_000


class Spent:
    """The processor time of one environment, by its process or its control group's file."""

    def __init__(self, pid: int, usage: str | None) -> None:
        self._pid = pid
        self._clock = clock_of(pid)
        self._total = 0
        self._below = 0
        self._mark = 0
        self._read_at = 0
        self._files = {name: _opened(path) for name, path in _paths(pid, usage).items()}

    def begin(self) -> None:
        """Count from here on.

        Just after an `end` that is where it ended: what the process did after its answer belongs to that invocation,
        and the kernel may tell a moment later.
        """
        if time.monotonic_ns() - self._read_at > _LONG_NS:
            self._mark = self.read_ns(thorough=True)

    def end(self, duration_ms: float) -> int:
        """Return the microseconds since `begin`, and count from here on."""
        now = self.read_ns(thorough=duration_ms * 1e6 >= _LONG_NS)
        return self.since(now)

    def since(self, total_ns: int) -> int:
        """Return the microseconds since `begin`, up to a total that somebody else tells, and count from there on."""
        taken, self._mark = max(0, total_ns - self._mark), max(self._mark, total_ns)
        self._read_at = time.monotonic_ns()
        return taken // 1000

    def read_ns(self, *, thorough: bool) -> int:
        """Return the nanoseconds so far; what they were when last looked at, once it is gone."""
        try:
            if self._files.get("usage", -1) >= 0:
                self._total = grouped_ns(os.pread(self._files["usage"], 4096, 0))
            else:
                self._total = self._own(thorough=thorough)
        except (OSError, IndexError, ValueError):
            return self._total
        return self._total

    def _own(self, *, thorough: bool) -> int:
        own = time.clock_gettime_ns(self._clock)
        fields = os.pread(self._files["stat"], 1024, 0).rpartition(b") ")[2].split(b" ", _THREADS + 1)
        if os.pread(self._files["children"], 64, 0) or (thorough and fields[_THREADS] != b"1"):
            self._below = sum(_tree_ns(child) for child in _all_children(self._pid))
        elif fields[_THREADS] == b"1":
            self._below = 0
        return own + (int(fields[_CUTIME]) + int(fields[_CSTIME])) * _TICK_NS + self._below

    def close(self) -> None:
        """Let go of its files."""
        files, self._files = self._files, {}
        for fd in files.values():
            if fd >= 0:
                os.close(fd)


def clock_of(pid: int) -> int:
    """Return the clock of a process's time on the processors: what clock_getcpuclockid(3) gives.

    It is MAKE_PROCESS_CPUCLOCK of the kernel's posix-timers.h.
    """
    return (~pid << 3) | 2


def _paths(pid: int, usage: str | None) -> dict[str, str]:
    if usage is not None:
        return {"usage": usage}
    return {"stat": f"{_PROC}/{pid}/stat", "children": f"{_PROC}/{pid}/task/{pid}/children"}


def _opened(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def grouped_ns(text: bytes) -> int:
    """Return the nanoseconds in `cpuacct.usage` of version 1, or `cpu.stat` of version 2, which has microseconds."""
    words = text.split()
    return int(words[1]) * 1000 if words[0] == b"usage_usec" else int(words[0])


def _all_children(pid: int) -> list[int]:
    try:
        threads = os.listdir(f"{_PROC}/{pid}/task")  # noqa: PTH208  (names are all we need)
    except OSError:
        return []
    return [child for thread in threads for child in children(pid, thread)]


def _tree_ns(pid: int) -> int:
    try:
        own = time.clock_gettime_ns(clock_of(pid))
    except OSError:
        return 0  # it has ended, and is among those that have
    fields = read(f"{_PROC}/{pid}/stat").rpartition(b") ")[2].split()
    ended = (int(fields[_CUTIME]) + int(fields[_CSTIME])) * _TICK_NS if fields else 0
    return own + ended + sum(_tree_ns(child) for child in _all_children(pid))
