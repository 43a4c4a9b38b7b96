"""Invocations that wait for a core: whose turn it is when one is free, and how none waits for ever.

What was promised is an average of the past. An invocation that usually computes may wait now, perhaps for the very one
that is held back: for another function's answer, say. So what runs is measured while anything is held, and what is not
used is given away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping

from objectlens.clock import Clock
from objectlens.functions.cpu import wanted_seconds
from objectlens.functions.demand import Cores, Gauge
from objectlens.functions.queueing import Group, Ticket

LOOK_SECONDS = 0.05
# However busy the cores are, a function version that begins nothing for so long may begin one.
PATIENCE_SECONDS = 1.0


class Holding:
    """Decides among function versions that wait for a core; `grow` starts environments where they are wanted."""

    def __init__(self, groups: Mapping[Hashable, Group], cores: Cores, clock: Clock, grow: Callable[[], None]) -> None:
        self._groups = groups
        self._cores = cores
        self._clock = clock
        self._grow = grow
        self._gauge = Gauge(wanted_seconds)
        self._working: dict[Ticket, tuple[Group, int]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begun(self, ticket: Ticket, group: Group, pid: int | None) -> None:
        """Take note of which process a ticket runs in."""
        if pid is not None:
            self._working[ticket] = group, pid

    def ended(self, ticket: Ticket) -> None:
        """Take note that a ticket runs no more."""
        self._working.pop(ticket, None)

    def is_turn_of(self, group: Group) -> bool:
        """Whether an environment that has just become free may take the next ticket of its own group."""
        if not group.demand.computes:
            return True
        return group.may_begin and not any(
            other.idle and other.waiting and other.demand.computes and other.running < group.running
            for other in self._groups.values()
        )

    def serve(self) -> None:
        """Hand held tickets to idle environments as far as there is room, to those first who run the fewest."""
        if self._timer is None:
            return  # nothing is held
        while able := [one for one in self._groups.values() if one.waiting and one.idle and one.may_begin]:
            min(able, key=_rank).hand_over()

    def watch(self) -> None:
        """Begin to look after what is held, if anything is."""
        if self._timer is None and any(group.held for group in self._groups.values()):
            self._look()
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._relent)

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> float | None:
        """Return how many cores are used: measured where functions compute, estimated where they wait."""
        computing = [pid for group, pid in self._working.values() if group.demand.computes]
        used = self._gauge.look(computing, self._clock.monotonic())
        waiting = sum(ticket.promised for ticket, (group, _) in self._working.items() if not group.demand.computes)
        return None if used is None else used + waiting

    def _relent(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._relent)
        used, now = self._look(), self._clock.monotonic()
        for group in sorted((one for one in self._groups.values() if one.held), key=_rank):
            unused = used is not None and self._cores.have_room(group.demand.share, used=used)
            if unused or now - max(group.began_at, group.waiting[0].queued_at) >= PATIENCE_SECONDS:
                group.passes += 1
                used = None if used is None else used + group.demand.share
        self.serve()
        self._grow()
        if not any(group.waiting and group.demand.computes for group in self._groups.values()):
            self._timer.cancel()
            self._timer = None


def _rank(group: Group) -> tuple[bool, int]:
    """Return who comes first: those who are not patient, and of them who runs the fewest."""
    return bool(group.waiting) and group.waiting[0].patient, group.running
