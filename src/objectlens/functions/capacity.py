"""How many environments suit this machine."""

from __future__ import annotations

import os
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
# Half of the memory is for others. An idle environment of a typical handler has some 25 MB of its own, and one that
# works needs more than that.
_BYTES_EACH = 128 * 1024 * 1024
# Most handlers wait most of the time; those that compute wait for each other (see `demand`).
_PER_CORE = 32
_FEWEST = 4


def suitable_environments(cores: int | None = None, memory: int | None = None) -> int:
    """Return how many environments a machine of so many cores and bytes of memory may have; by default, of this one."""
    cores = len(os.sched_getaffinity(0)) if cores is None else cores
    memory = memory_bytes() if memory is None else memory
    return max(_FEWEST, min(_PER_CORE * cores, memory // 2 // _BYTES_EACH))


def memory_bytes(groups: Path = _GROUPS) -> int:
    """Return the memory that this process and what it starts may use: of a container, its limit."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            limit = (groups / name).read_text().strip()
        except OSError:
            continue
        if limit.isdecimal():
            memory = min(memory, int(limit))
    return memory
