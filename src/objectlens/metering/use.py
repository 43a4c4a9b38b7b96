"""What was used of a budget: counted as it happens, refused when nothing is left."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime

from objectlens.errors import SlowDown
from objectlens.metering.budgets import MEASURES, Budget, Measure, number, shown, span
from objectlens.metering.journal import Journal
from objectlens.metering.share import Claim, Granted, Share
from objectlens.metering.spent import Spent
from objectlens.metering.usage import Usage

# A limit is near when this part of it is left.
_NEAR = 16

# Of so many requests about, what one takes is learnt.
_LEARNT_OF = 16

_log = logging.getLogger(__name__)


class BudgetUsedUp(SlowDown):
    """A budget is used up: of the one whose it is, and of nobody else's concern."""

    code = SlowDown.code


class Use:
    """The use of one budget in the running period, by all servers as far as this one knows.

    `unwritten` is what the database does not have yet, by the beginning of its period; `untold` whether it does not
    know of the warning. An admitted request is held against the limits from its beginning on, so that many at once
    cannot pass them, and each further attempt at it once more: with one invocation, and with as much of the others as
    those before it took. What it takes is known when it is over. `shared` tells that other servers may use the same
    budget meanwhile: then this one keeps to its `Share`. `_told` is what all of them had used when the database was
    last asked, and `_own` what of it was this one's.
    """

    def __init__(self, budget: Budget, journal: Journal, now: datetime, *, shared: bool = False) -> None:
        self.budget = budget
        self._share = Share() if shared else None
        self.spent = Spent()
        self._told = Spent()
        self._own = Spent()
        self.unwritten: dict[int, Spent] = {}
        self.warned = False
        self.untold = False
        self.refusals = 0
        self._in_flight = 0
        self._each: dict[Measure, float] = {"invocations": 1.0}
        self._journal = journal
        self._entry = budget.entry
        self._begin(now)

    def _begin(self, now: datetime) -> None:
        start, end = span(self.budget.period, now)
        self.start, self.end = int(start.timestamp()), int(end.timestamp())

    def recover(self, written: Spent, granted: Granted | None, *, warned: bool) -> None:
        """Take over what the database has, and what this server counted before it was killed and could write it."""
        self._take_over(written, granted)
        kept = self._journal.read(self._entry, self.start)
        if kept is not None and (granted is None or granted.used is not None):
            for measure, amount in zip(MEASURES, kept, strict=True):
                if (lost := amount - self._own.of(measure)) > 0:
                    setattr(self.spent, measure, self.spent.of(measure) + lost)
                    self._owed(measure, lost)
        self.warned = warned
        self._note()

    def _take_over(self, written: Spent, granted: Granted | None) -> None:
        """Take note of what the database says: `granted` of this server's part, None when there is no other server."""
        self._told = written
        self._own = written if granted is None else granted.used or Spent()
        self.spent = replace(written)
        self.spent.add(self.unwritten.get(self.start, Spent()))
        if self._share is not None and granted is not None:
            self._share.granted(granted)

    def _owed(self, measure: Measure, amount: int) -> None:
        owed = self.unwritten.setdefault(self.start, Spent())
        setattr(owed, measure, owed.of(measure) + amount)

    @property
    def entry(self) -> str:
        """What its entry in the journal goes by: another budget of the same name is another entry."""
        return self._entry

    def refresh(self, budget: Budget, written: Spent, granted: Granted | None, now: datetime) -> None:
        """Take over what the database has by now, new limits and other servers' use included."""
        self._advance(now)
        if budget != self.budget:
            self.budget, self.warned = budget, False
        if int(span(budget.period, now)[0].timestamp()) < self.start:
            return  # asked before midnight, and told after it
        self._take_over(written, granted)
        self._note()

    # --- the share ---

    def claim(self, now: datetime, *, leaving: bool = False) -> Claim | None:
        """Return what this server wants of the rest from now on, once the database has all that was taken to it.

        None when it has no share and wants none; `leaving` when it gives back what it does not need. Until it is told
        what it got, it keeps to what the claim says it needs at least.
        """
        self._advance(now)
        if self._share is None:
            return None
        held = Spent(*(self._held_of(one) for one in MEASURES))
        owed, since = replace(held), self.spent.less(self._told)
        owed.add(self.unwritten.get(self.start, Spent()))
        since.add(held)
        idle = leaving or self._share.is_idle(now, nearing=self.nearing)
        each = Spent(*(max(1, round(self._each.get(one, 0.0))) for one in MEASURES))
        offer = self._share.offer(since, owed, None if idle else each, now)
        if offer is None:
            return None
        least, more = offer
        return Claim(name=self.budget.name, entry=self._entry, start=self.start, least=least, more=more)

    @property
    def nearing(self) -> bool:
        """Whether a limit comes near, and others may soon need what this server has of the rest and does not use."""
        if self._share is None or not self._share.held:
            return False
        rests = [(limit, limit - self._told.of(one)) for one, limit in self.budget.limits.items()]
        return any(0 < rest * _NEAR < limit for limit, rest in rests)

    def lacks(self, now: datetime) -> bool:
        """Whether the database should be asked before one more is refused: the share is used up, and the limit not."""
        self._advance(now)
        return self._at_limit() is None and self._beyond_share(now) is not None

    def wait(self, change: int) -> None:
        """Take note of one more, or one less, that waits for the database."""
        if self._share is not None:
            self._share.waiting += change

    # --- requests ---

    def admit(self, now: datetime) -> None:
        """Let one more request begin, or another attempt; raises `BudgetUsedUp` when nothing is left."""
        self._advance(now)
        if self._share is not None:
            self._share.asked(now)
        measure = self._at_limit() or self._beyond_share(now)
        if measure is not None:
            self.refusals += 1
            self._warn()  # of one that was passed when it was made, nothing else would tell
            if self.spent.of(measure) < self.budget.limits[measure]:
                raise BudgetUsedUp(self._held(measure), headers={"Retry-After": "1"})
            raise BudgetUsedUp(
                self._refusal(measure), headers={"Retry-After": str(max(1, self.end - int(now.timestamp())))}
            )
        self.hold(now)

    def hold(self, now: datetime) -> None:
        """Take note of one more that is under way, whether it was let in or not."""
        self._advance(now)
        self._in_flight += 1
        self._note()

    def release(self) -> None:
        """Take note that a request that was let in did not begin."""
        self._in_flight -= 1
        self._note()

    def settle(self, usage: Usage, now: datetime, held: int = 1) -> None:
        """Take note of what an admitted request used, now that it is over; it was `held` so many times."""
        self._in_flight -= held
        self._advance(now)
        used = Spent(usage.invocations, usage.memory_size * usage.billed_duration_ms, usage.bytes_out)
        self._learn(used)
        self.spent.add(used)
        self.unwritten.setdefault(self.start, Spent()).add(used)
        self._note()
        self._warn()

    def _learn(self, used: Spent) -> None:
        """Expect of the next ones what the last ones took, the last of them most."""
        for measure in MEASURES:
            if measure != "invocations":
                known = self._each.get(measure, float(used.of(measure)))
                self._each[measure] = known + (used.of(measure) - known) / _LEARNT_OF

    def pressing(self, now: datetime) -> bool:
        """Whether the database should hear of it soon, and give a new share: half of the share is gone."""
        return self._beyond_share(now, part=2) is not None

    def _used(self, measure: Measure) -> int:
        return self.spent.of(measure) + self._held_of(measure)

    def _held_of(self, measure: Measure) -> int:
        return round(self._in_flight * self._each.get(measure, 0.0))

    def _at_limit(self) -> Measure | None:
        return next((one for one, limit in self.budget.limits.items() if self._used(one) >= limit), None)

    def _beyond_share(self, now: datetime, part: int = 1) -> Measure | None:
        if (share := self._share) is None:
            return None
        for measure, limit in self.budget.limits.items():
            told = self._told.of(measure)
            if told < limit and (self._used(measure) - told) * part >= share.of(measure, now):
                return measure
        return None

    def _advance(self, now: datetime) -> None:
        if int(now.timestamp()) >= self.end:
            self._begin(now)
            self.spent, self._told, self._own, self.warned = Spent(), Spent(), Spent(), False
            if self._share is not None:
                self._share.lost()

    def _note(self) -> None:
        # Of this server alone: what others wrote meanwhile must not hide what it could not write any more. What is
        # under way when it is killed counts as an invocation: perhaps it was answered already.
        own = self.spent.less(self._told)
        own.add(self._own)
        own.invocations += self._in_flight
        self._journal.write(self._entry, self.start, tuple(own.of(measure) for measure in MEASURES))

    def _warn(self) -> None:
        if self.warned:
            return
        for measure, limit in self.budget.limits.items():
            if self.spent.of(measure) * 100 >= limit * self.budget.warn_percent:
                self.warned = self.untold = True
                _log.warning("%s", self._said(measure))

    def _said(self, measure: Measure) -> str:
        budget, limit = self.budget, self.budget.limits[measure]
        return (
            f"The budget {budget.name} of {budget.subject} has used {number(measure, self.spent.of(measure))} of "
            f"{shown(measure, limit)} for this {budget.period}, which ends {self._resets()}."
        )

    def _refusal(self, measure: Measure) -> str:
        return (
            f"{self._said(measure)} Requests are taken again then, or when the limit is raised with: "
            f"objectlens budget set {self.budget.name}"
        )

    def _held(self, measure: Measure) -> str:
        whose = "Requests under way" if self._share is None else "Requests under way, also on other servers,"
        return (
            f"{self._said(measure)} {whose} may need the rest: {self._in_flight} here. What they leave is free when "
            "they are over: try again."
        )

    def _resets(self) -> str:
        return f"{datetime.fromtimestamp(self.end, UTC):%Y-%m-%dT%H:%M:%SZ}"
