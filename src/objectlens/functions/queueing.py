"""Who waits for an environment, and who gets one: bookkeeping without processes or waiting.

A `Group` is one function version in one configuration. Its tickets wait in order of arrival; its idle environments are
used most recent first, so that those not needed grow old.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import islice

from objectlens.catalog.entities import Function
from objectlens.functions.values import Invocation, Outcome


def shape(function: Function) -> Hashable:
    """Return what two functions must share to run in the same environments."""
    return (
        *(function.account, function.region, function.name, function.version, function.role),
        *(function.package, function.runtime, function.handler, function.memory_size, function.timeout),
        *(function.ephemeral_storage, function.layers, tuple(sorted(function.environment.items()))),
    )


class Ticket:
    """One invocation on its way; `outcome` is done when it has run, or cannot."""

    def __init__(self, invocation: Invocation) -> None:
        self.invocation = invocation
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.running = False
        self.since = asyncio.get_running_loop().time()

    def resolve(self, outcome: Outcome) -> None:
        """Give the outcome to whoever still waits for it."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def refuse(self, error: Exception) -> None:
        """Tell whoever still waits why it cannot run."""
        if not self.outcome.done():
            self.outcome.set_exception(error)
            self.outcome.exception()  # seen: nobody may be waiting any more


@dataclass(slots=True, eq=False)
class Seat:
    """An idle environment waiting for a ticket; None wakes it to end."""

    given: asyncio.Future[Ticket | None]

    def give(self, ticket: Ticket | None) -> None:
        """Wake the environment, unless it is awake."""
        if not self.given.done():
            self.given.set_result(ticket)


class Group:
    """The environments and the waiting tickets of one function version."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.waiting: deque[Ticket] = deque()
        self.idle: list[Seat] = []
        self.starting = 0
        self.settling = 0
        self.size = 0
        self.retired = False

    def put(self, ticket: Ticket) -> None:
        """Give a ticket to the environment that was used last, or let it wait."""
        while self.idle:
            seat = self.idle.pop()
            if not seat.given.done():
                ticket.running = True
                seat.give(ticket)
                return
        self.waiting.append(ticket)

    def put_back(self, ticket: Ticket) -> None:
        """Let a ticket wait again, first in line: its environment died before it began."""
        ticket.running = False
        self.waiting.appendleft(ticket)

    def take(self) -> Ticket | None:
        """Take the ticket that waited longest; those that nobody waits for any more are dropped."""
        while self.waiting:
            ticket = self.waiting.popleft()
            if not ticket.outcome.done():
                ticket.running = True
                return ticket
        return None

    def drop(self, ticket: Ticket) -> None:
        """Forget a waiting ticket."""
        if ticket in self.waiting:
            self.waiting.remove(ticket)

    def starts_for(self, ticket: Ticket) -> bool:
        """Tell whether one of the environments that are being started is for this ticket."""
        return not ticket.outcome.done() and ticket in islice(self.waiting, self.starting)

    def sit(self) -> Seat:
        """Let an environment wait for a ticket."""
        seat = Seat(asyncio.get_running_loop().create_future())
        self.idle.append(seat)
        return seat

    def rise(self, seat: Seat) -> None:
        """Take an environment out of the idle ones."""
        if seat in self.idle:
            self.idle.remove(seat)

    def dismiss(self) -> None:
        """Wake all idle environments to end."""
        idle, self.idle = self.idle, []
        for seat in idle:
            seat.give(None)

    @property
    def wants(self) -> bool:
        """Whether a further environment would help."""
        return not self.retired and len(self.waiting) > self.starting + self.settling

    @property
    def empty(self) -> bool:
        """Whether nothing is left of it."""
        return self.size == 0 and not self.waiting
