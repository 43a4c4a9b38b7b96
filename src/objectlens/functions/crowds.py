"""Environments that start as many processes as they may: they get only what nobody else wants of the processors.

A share of the processors says how much of them a group gets, not how soon others get theirs. One with hundreds of
processes that never wait makes everybody else wait for a slice of it at each turn. So once the kernel has refused an
environment a further process, its group is made idle: whoever wakes up outside of it runs at once. It stays so until
the environment ends.

The kernel is asked every so often, because version 1 of control groups does not tell.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable

from objectlens.functions.isolation_cgroups import Group

_LOGGER = logging.getLogger(__name__)

LOOK_SECONDS = 0.2
_LONGEST = 4096


class Crowds:
    """Watches the control groups of environments, on the thread of the event loop."""

    def __init__(self) -> None:
        self._watched: dict[int, Group] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, group: Group) -> Callable[[], None] | None:
        """Watch a group; returns what ends that, on any thread, None when it cannot be watched. Raises `OSError`."""
        if (path := group.refusals) is None:
            return None
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._watched[fd] = group
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

        def forget() -> None:
            self._watched.pop(fd, None)
            os.close(fd)

        return forget

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        for fd, group in tuple(self._watched.items()):
            if _count(fd):
                self._watched.pop(fd, None)
                _give_way(group)
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look) if self._watched else None


def _count(refusals: int) -> int:
    """Return how often the kernel has refused a process; 0 when the group was removed meanwhile."""
    try:
        words = os.pread(refusals, _LONGEST, 0).split()
    except OSError:
        return 0
    return int(words[words.index(b"max") + 1]) if b"max" in words else 0


def _give_way(group: Group) -> None:
    try:
        group.give_way()
    except OSError as error:  # it was removed, or the kernel is older than 5.15
        _LOGGER.info("an environment with as many processes as it may have keeps its share: %s", error)
    else:
        _LOGGER.warning("an environment has as many processes as it may: it runs when nobody else wants to")
