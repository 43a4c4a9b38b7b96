"""How much memory processes held at most, as the kernel counts it; looked at after every invocation."""

from __future__ import annotations

from objectlens.functions.procfs import read

_PROC = "/proc"


def peak_kib(pid: int) -> int:
    """Return the most memory that a process and those it started held, in KiB; 0 when it is gone."""
    return sum(_own_kib(one) for one in (pid, *_descendants(pid)))


def children(pid: int, thread: int | str | None = None) -> list[int]:
    """Return the processes that a thread of a process started, its first one by default, and that are there."""
    return [int(word) for word in read(f"{_PROC}/{pid}/task/{thread or pid}/children").split()]


def grandchildren(pid: int) -> list[int]:
    """Return the children of its children."""
    return [inner for first in children(pid) for inner in children(first)]


def _descendants(pid: int) -> list[int]:
    found = children(pid)
    return found + [inner for child in found for inner in _descendants(child)]


def _own_kib(pid: int) -> int:
    _, found, rest = read(f"{_PROC}/{pid}/status").partition(b"VmHWM:")
    return int(rest.split(None, 1)[0]) if found else 0
