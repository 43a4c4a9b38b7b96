"""All budgets, and what was used of them: asked before a request begins, told when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from objectlens.clock import Clock
from objectlens.metering.budgets import Budget, payers
from objectlens.metering.journal import Journal
from objectlens.metering.share import Claim
from objectlens.metering.spent import Spent
from objectlens.metering.storing import Kept
from objectlens.metering.use import Use


class Watch:
    """The budgets of this server. `journal` is the file in which use outlives a server that is killed.

    `shared` tells that other servers may use the same budgets.
    """

    def __init__(self, journal: Path, *, shared: bool = False) -> None:
        self._shared = shared
        self._journal = Journal(journal)
        self._uses: dict[str, Use] = {}
        self._by_payer: dict[str, tuple[Use, ...]] = {}

    def close(self) -> None:
        """Let go of the file."""
        self._journal.close()

    @property
    def server(self) -> str:
        """The name that this server had in the database when it last started; empty before it first did."""
        return self._journal.server

    def name(self, server: str) -> None:
        """Keep the name that this server has from now on."""
        self._journal.name(server)

    @property
    def uses(self) -> Sequence[Use]:
        """All budgets with their use, in the order of their names."""
        return tuple(self._uses.values())

    def load(self, found: Sequence[Kept], now: datetime) -> None:
        """Take over what the database has."""
        before, self._uses = self._uses, {}
        for kept in found:
            use = before.get(kept.budget.name)
            if use is not None and _same(use.budget, kept.budget):
                use.refresh(kept.budget, kept.spent, kept.granted, now)
            else:
                # Requests that are under way count against the one that they were admitted to, which nobody keeps.
                use = Use(kept.budget, self._journal, now, shared=self._shared)
                use.recover(kept.spent, kept.granted, warned=kept.warned)
            self._uses[kept.budget.name] = use
        self._by_payer = {}
        for use in self._uses.values():
            payer = use.budget.payer
            self._by_payer[payer] = (*self._by_payer.get(payer, ()), use)
        self._journal.retain(use.entry for use in self._uses.values())

    def admit(self, caller: str, access_point: str, clock: Clock) -> Sequence[Use]:
        """Let a request begin and return what it counts against; raises `BudgetUsedUp` when nothing is left of one."""
        if not self._by_payer:
            return ()
        now, uses = clock.now(), self._of(caller, access_point)
        admitted: list[Use] = []
        try:
            for use in uses:
                use.admit(now)
                admitted.append(use)
        except BaseException:
            for use in admitted:
                use.release()
            raise
        return admitted

    def hold(self, caller: str, access_point: str, clock: Clock) -> Sequence[Use]:
        """Return what counts for work that goes on already, whatever is left."""
        uses = self._of(caller, access_point) if self._by_payer else []
        for use in uses:
            use.hold(clock.now())
        return uses

    def claims(self, now: datetime, *, leaving: bool = False) -> Sequence[Claim]:
        """Return what this server wants of the budgets' rests; `leaving` when it gives back what it has."""
        return [claim for use in self._uses.values() if (claim := use.claim(now, leaving=leaving)) is not None]

    @property
    def nearing(self) -> bool:
        """Whether a shared budget comes to its end."""
        return self._shared and any(use.nearing for use in self._uses.values())

    def lacking(self, caller: str, access_point: str, clock: Clock) -> Sequence[Use]:
        """Return the budgets of which the database may have more for a request than this server has at hand."""
        if not self._shared or not self._by_payer:
            return ()
        now = clock.now()
        return [use for use in self._of(caller, access_point) if use.lacks(now)]

    def _of(self, caller: str, access_point: str) -> list[Use]:
        return [use for payer in (*payers(caller), access_point) for use in self._by_payer.get(payer, ())]

    def take(self) -> tuple[dict[tuple[str, int], Spent], dict[str, int]]:
        """Return what the database does not have yet: use, by name and period, and of what a warning was given."""
        spent = {(name, start): one for name, use in self._uses.items() for start, one in use.unwritten.items()}
        warned = {name: use.start for name, use in self._uses.items() if use.untold}
        for use in self._uses.values():
            use.unwritten, use.untold = {}, False
        return spent, warned


def _same(one: Budget, other: Budget) -> bool:
    """Whether the use of one is that of the other, too."""
    return (one.payer, one.kind, one.period) == (other.payer, other.kind, other.period)
