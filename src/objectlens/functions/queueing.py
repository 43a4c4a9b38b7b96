"""Who waits for an environment, and who gets one: bookkeeping without processes or waiting.

A `Group` is one function version in one configuration. Its tickets wait in order of arrival, patient ones behind all
others; its idle environments are used most recent first, so that those not needed grow old. A ticket may wait beside
idle environments: for a core.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import islice

from objectlens.catalog.entities import Function
from objectlens.clock import Clock
from objectlens.functions.demand import Cores, Demand
from objectlens.functions.report import billed_ms
from objectlens.functions.scaling import Scaler
from objectlens.functions.values import Invocation, Outcome

LONGEST_DELAY = 60.0


def shape(function: Function) -> Hashable:
    """Return what two functions must share to run in the same environments."""
    return (
        *(function.account, function.region, function.name, function.version, function.role),
        *(function.package, function.runtime, function.handler, function.memory_size, function.timeout),
        *(function.ephemeral_storage, function.layers, tuple(sorted(function.environment.items()))),
        function.logging,
    )


class Ticket:
    """One invocation on its way; `outcome` is done when it has run, or cannot."""

    def __init__(self, invocation: Invocation) -> None:
        self.invocation = invocation
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.running = False
        self.promised = 0.0
        self.queued_at = 0.0
        self._leave: Callable[[], None] | None = None

    @property
    def patient(self) -> bool:
        """Whether all others go before it."""
        patience = self.invocation.patience
        return patience is not None and not patience.over

    def admit(self, leave: Callable[[], None]) -> None:
        """Take note that it is in line: `leave` is called at its end, whatever that is, and its tally hears of it."""
        self._leave = leave
        if (tally := self.invocation.tally) is not None:
            tally.begin()

    def count(self, outcome: Outcome, cpu_us: int) -> None:
        """Tell the tally what a run that has been resolved used."""
        if not _failed(self.outcome):
            self._tell(outcome, cpu_us)

    def cut(self, error: Exception, outcome: Outcome, cpu_us: int) -> None:
        """Tell who still waits, and the tally, of a run that was stopped in the middle of it."""
        if not self.outcome.done():
            self._refuse(error)
            self._left()
            self._tell(outcome, cpu_us)

    def _tell(self, outcome: Outcome, cpu_us: int) -> None:
        if (tally := self.invocation.tally) is not None:
            function = self.invocation.function
            tally.ended(
                version=outcome.executed_version,
                runtime="lambda",
                memory_size=function.memory_size,
                duration_ms=outcome.duration_ms,
                init_ms=outcome.init_ms,
                cpu_us=cpu_us,
                peak_mb=outcome.memory_mb,
                failed=outcome.failure is not None,
                returned=len(outcome.payload),
                billed_ms=billed_ms(outcome.duration_ms, function.timeout),
            )

    def resolve(self, outcome: Outcome) -> None:
        """Give the outcome to whoever still waits for it."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)
            self._left()

    def cancel(self) -> None:
        """Take note that nobody waits for it and it shall not run."""
        if self.outcome.cancel():
            self._left(ran=False)

    def refuse(self, error: Exception) -> None:
        """Tell whoever still waits why it cannot run."""
        if not self.outcome.done():
            self._refuse(error)
            self._left(ran=False)

    def _refuse(self, error: Exception) -> None:
        self.outcome.set_exception(error)
        self.outcome.exception()  # seen: nobody may be waiting any more

    def _left(self, *, ran: bool = True) -> None:
        leave, self._leave = self._leave, None
        if leave is None:
            return
        leave()
        if not ran and (tally := self.invocation.tally) is not None:
            tally.refused()


def _failed(outcome: asyncio.Future[Outcome]) -> bool:
    return outcome.cancelled() or outcome.exception() is not None


@dataclass(slots=True, eq=False)
class Seat:
    """An idle environment waiting for a ticket; None wakes it to end."""

    given: asyncio.Future[Ticket | None]
    provisioned: bool = False
    timer: asyncio.TimerHandle | None = None

    def give(self, ticket: Ticket | None) -> None:
        """Wake the environment, unless it is awake."""
        if not self.given.done():
            self.given.set_result(ticket)


@dataclass(slots=True, eq=False)
class Place:
    """The place of an environment that is kept ready whatever happens."""

    ready: bool = False


class Group:
    """The environments and the waiting tickets of one function version.

    Of its `size` environments, `starting` are not ready yet and `settling` have answered and not asked for more;
    `running` of them have a ticket. `passes` may begin although no core is free for them. `minimum` environments are to
    be kept ready, and `provisioned` are the places of those that are there for that; `failure` says why they do not
    become ready, `shortage` why there may not be more.
    """

    def __init__(self, function: Function, cores: Cores, clock: Clock) -> None:
        self.function = function
        self.waiting: deque[Ticket] = deque()
        self.idle: list[Seat] = []
        self.starting = 0
        self.settling = 0
        self.running = 0
        self.size = 0
        self.retired = False
        self.passes = 0
        self.began_at = -math.inf
        self.demand = Demand()
        self.scaler = Scaler(clock.monotonic())
        self.minimum = 0
        self.provisioned: set[Place] = set()
        self.failure: str | None = None
        self.shortage: str | None = None
        self.failures = 0
        self.retry_at = 0.0
        self._cores = cores
        self._clock = clock

    def put(self, ticket: Ticket) -> None:
        """Give a ticket to the environment that was used last, or let it wait."""
        ticket.queued_at = self._clock.monotonic()
        self._line_up(ticket)
        if ticket.patient and (patience := ticket.invocation.patience) is not None:
            patience.when_over(lambda: self._step_up(ticket))
        self.hand_over()

    def put_back(self, ticket: Ticket) -> None:
        """Let a ticket wait again, first in line: its environment died before it began."""
        self.finish(ticket)
        if ticket.patient:
            self._line_up(ticket)
        else:
            self.waiting.appendleft(ticket)

    def _line_up(self, ticket: Ticket) -> None:
        """Let a ticket wait last, but for patient ones."""
        place = len(self.waiting)
        while not ticket.patient and place and self.waiting[place - 1].patient:
            place -= 1
        self.waiting.insert(place, ticket)

    def _step_up(self, ticket: Ticket) -> None:
        """Let a ticket whose patience is over wait where all others do."""
        if ticket in self.waiting:
            self.waiting.remove(ticket)
            self._line_up(ticket)

    def hand_over(self) -> bool:
        """Give the ticket that waited longest to the environment that was used last; returns whether both were there.

        And a core, see `may_begin`.
        """
        while self.idle and self.idle[-1].given.done():
            self.idle.pop()
        if not self.idle or not self.may_begin or (ticket := self.take()) is None:
            return False
        self.idle.pop().give(ticket)
        return True

    def take(self) -> Ticket | None:
        """Begin the ticket that waited longest, if any."""
        ticket = self.pull()
        if ticket is not None:
            ticket.running = True
            ticket.promised = self._cores.begin(self.demand.share)
            self.passes = max(0, self.passes - 1)
            self.began_at = self._clock.monotonic()
            self._runs(1)
        return ticket

    def finish(self, ticket: Ticket) -> None:
        """Take note that a ticket runs no more."""
        if ticket.running:
            ticket.running = False
            self._cores.end(ticket.promised)
            self._runs(-1)

    def _runs(self, change: int) -> None:
        self.running += change
        self.scaler.change(self._clock.monotonic(), self.running)

    def pull(self) -> Ticket | None:
        """Take the ticket that waited longest out of the line; those that nobody waits for any more are dropped."""
        while self.waiting:
            ticket = self.waiting.popleft()
            if not ticket.outcome.done():
                return ticket
        self.passes = 0
        return None

    def release(self) -> list[Ticket]:
        """Take out of the line the tickets for which no environment is being started."""
        line = [ticket for ticket in self.waiting if not ticket.outcome.done()]
        self.waiting = deque(line[: self.starting])
        return line[self.starting :]

    def drop(self, ticket: Ticket) -> None:
        """Forget a waiting ticket."""
        if ticket in self.waiting:
            self.waiting.remove(ticket)

    def starts_for(self, ticket: Ticket) -> bool:
        """Tell whether one of the environments that are being started is for this ticket."""
        return not ticket.outcome.done() and ticket in islice(self.waiting, self.starting)

    def sit(self, *, provisioned: bool = False) -> Seat:
        """Let an environment wait for a ticket. Those that are kept in any case are used first: the others grow old."""
        seat = Seat(asyncio.get_running_loop().create_future(), provisioned)
        place = len(self.idle) if provisioned or not self.provisioned else self.surplus_idle
        self.idle.insert(place, seat)
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
    def staying(self) -> int:
        """How many environments there are without those that are on their way out."""
        return self.running + self.starting + self.settling + len(self.idle)

    @property
    def surplus_idle(self) -> int:
        """How many of the idle environments need not be kept; they are the first of them."""
        return sum(not seat.provisioned for seat in self.idle)

    @property
    def may_begin(self) -> bool:
        """Whether a further ticket may begin now, or has to wait for a core.

        Each function version may always run one, so that none waits for the others' end.
        """
        if not self.demand.computes or self.running == 0 or self.passes:
            return True
        return self._cores.have_room(self.demand.share)

    @property
    def held(self) -> bool:
        """Whether tickets wait for a core alone."""
        return bool(self.waiting) and not self.may_begin

    @property
    def wants(self) -> bool:
        """Whether a further environment would help."""
        if self.retired or len(self.waiting) <= self.starting + self.settling + len(self.idle):
            return False
        if not self.demand.computes or self.running + self.starting == 0 or self.starting < self.passes:
            return True
        return self._cores.have_room(self.demand.share, self.starting + 1)

    @property
    def lacks(self) -> bool:
        """Whether an environment is missing that is to be kept ready."""
        missing = len(self.provisioned) < self.minimum and not self.retired
        return missing and self._clock.monotonic() >= self.retry_at

    def keep(self, minimum: int, shortage: str | None = None) -> None:
        """Let so many environments be kept ready from now on; `shortage` says why they are not more."""
        self.shortage = shortage
        if minimum != self.minimum:
            self.minimum = minimum
            self.failure, self.failures, self.retry_at = None, 0, 0.0
        surplus = len(self.provisioned) - minimum
        for seat in [one for one in self.idle if one.provisioned][: max(0, surplus)]:
            self.rise(seat)
            seat.give(None)

    def could_not_start(self, reason: str) -> float:
        """Take note that an environment to be kept ready did not become so; returns when to try again, in seconds."""
        self.failure = reason
        self.failures += 1
        delay = min(LONGEST_DELAY, 2.0**self.failures)
        self.retry_at = self._clock.monotonic() + delay
        return delay

    def became_ready(self, place: Place) -> None:
        """Take note that an environment to be kept ready is so."""
        place.ready = True
        self.failure, self.failures, self.retry_at = None, 0, 0.0

    @property
    def empty(self) -> bool:
        """Whether nothing is left of it."""
        return self.size == 0 and not self.waiting and self.minimum == 0
