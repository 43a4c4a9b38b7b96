"""What was used of a budget: counted as it happens, refused when nothing is left."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from objectlens.errors import SlowDown
from objectlens.metering.budgets import MEASURES, Budget, Measure, number, shown, span
from objectlens.metering.journal import Journal
from objectlens.metering.usage import Usage

_log = logging.getLogger(__name__)


class BudgetUsedUp(SlowDown):
    """A budget is used up: of the one whose it is, and of nobody else's concern."""

    code = SlowDown.code


@dataclass(slots=True)
class Spent:
    """Amounts by measure."""

    invocations: int = 0
    memory_mb_ms: int = 0
    bytes_out: int = 0

    def add(self, other: Spent) -> None:
        """Add other amounts."""
        self.invocations += other.invocations
        self.memory_mb_ms += other.memory_mb_ms
        self.bytes_out += other.bytes_out

    def of(self, measure: Measure) -> int:
        """Return one of them."""
        amount: int = getattr(self, measure)
        return amount


class Use:
    """The use of one budget in the running period, by all servers as far as this one knows.

    `unwritten` is what the database does not have yet, by the beginning of its period; `untold` whether it does not
    know of the warning. An admitted request is held against the limit of invocations from its beginning on, so that
    many at once cannot pass it, and each further attempt at it once more; what it takes of the others is known when it
    is over. `shared` tells that other servers may use the same budget meanwhile: `_told` is what all of them had used
    when the database was last asked.
    """

    def __init__(self, budget: Budget, journal: Journal, now: datetime, *, shared: bool = False) -> None:
        self.budget = budget
        self._shared = shared
        self.spent = Spent()
        self._told = Spent()
        self.unwritten: dict[int, Spent] = {}
        self.warned = False
        self.untold = False
        self.refusals = 0
        self._in_flight = 0
        self._journal = journal
        self._entry = f"{budget.name} {budget.payer} {budget.period}"
        self._begin(now)

    def _begin(self, now: datetime) -> None:
        start, end = span(self.budget.period, now)
        self.start, self.end = int(start.timestamp()), int(end.timestamp())

    def recover(self, written: Spent, *, warned: bool) -> None:
        """Take over what the database has, and what this machine counted before it was killed and could write it."""
        kept = self._journal.read(self._entry, self.start)
        for measure in MEASURES:
            known = written.of(measure)
            lost = 0 if kept is None else max(0, kept[MEASURES.index(measure)] - known)
            setattr(self.spent, measure, known + lost)
            if lost:
                self._owed(measure, lost)
        self.warned = warned
        self._told = replace(self.spent)
        self._note()

    def _owed(self, measure: Measure, amount: int) -> None:
        owed = self.unwritten.setdefault(self.start, Spent())
        setattr(owed, measure, owed.of(measure) + amount)

    @property
    def entry(self) -> str:
        """What its entry in the journal goes by: another budget of the same name is another entry."""
        return self._entry

    def refresh(self, budget: Budget, written: Spent, now: datetime) -> None:
        """Take over what the database has by now, new limits and other servers' share included."""
        self._advance(now)
        if budget != self.budget:
            self.budget, self.warned = budget, False
        owed = self.unwritten.get(self.start, Spent())
        self.spent = Spent(*(written.of(one) + owed.of(one) for one in MEASURES))
        self._told = replace(self.spent)
        self._note()

    # --- requests ---

    def admit(self, now: datetime) -> None:
        """Let one more request begin, or another attempt; raises `BudgetUsedUp` when nothing is left."""
        self._advance(now)
        measure = self._exhausted()
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
        self.spent.add(used)
        self.unwritten.setdefault(self.start, Spent()).add(used)
        self._note()
        self._warn()

    @property
    def pressing(self) -> bool:
        """Whether the database should hear of it at once, and tell what others used: a quarter of the rest is gone.

        The rest is what was left when the database last told. The less that is, the sooner it is asked again, so that
        servers that share a budget do not each use up what only one of them may.
        """
        limits = self.budget.limits.items() if self._shared else ()
        return any((self.spent.of(one) - self._told.of(one)) * 4 >= limit - self._told.of(one) for one, limit in limits)

    def _exhausted(self) -> Measure | None:
        for measure, limit in self.budget.limits.items():
            held = self._in_flight if measure == "invocations" else 0
            if self.spent.of(measure) + held >= self._bound(measure, limit):
                return measure
        return None

    def _bound(self, measure: Measure, limit: int) -> int:
        """Return how far this server may go before it hears of others: half of what was left when the database told."""
        if not self._shared:
            return limit
        told = self._told.of(measure)
        return min(limit, told + max(1, (limit - told + 1) // 2))

    def _advance(self, now: datetime) -> None:
        if int(now.timestamp()) >= self.end:
            self._begin(now)
            self.spent, self._told, self.warned = Spent(), Spent(), False

    def _note(self) -> None:
        # What is under way when the server is killed counts as an invocation: perhaps it was answered already.
        held = Spent(invocations=self._in_flight)
        amounts = tuple(self.spent.of(measure) + held.of(measure) for measure in MEASURES)
        self._journal.write(self._entry, self.start, amounts)

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
        whose = "Requests under way, also on other servers," if self._shared else "Requests under way"
        return (
            f"{self._said(measure)} {whose} may need the rest: {self._in_flight} here. What they leave is free when "
            "they are over: try again."
        )

    def _resets(self) -> str:
        return f"{datetime.fromtimestamp(self.end, UTC):%Y-%m-%dT%H:%M:%SZ}"
