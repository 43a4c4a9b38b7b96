"""Servers that share a budget: whatever comes between a claim, its transaction and its answer, no limit is passed.

Each server does one thing after the other, as its event loop does; those of several servers come in any order. What
a request takes is known when it is over: a limit of GB-seconds is passed by what was under way, and by nothing else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import StaticPool

from objectlens.metering import BudgetUsedUp, Usage, sharing, storing
from objectlens.metering.budgets import MB_MS_OF_A_GB_SECOND
from objectlens.metering.journal import Journal
from objectlens.metering.tables import metadata
from objectlens.metering.use import Use

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SUBJECT = {"kind": "caller", "subject": "arn:aws:iam::123456789012:user/ann", "period": "day"}
OFTEN = ("admit", "admit", "admit", "admit", "end", "end", "claim", "transact", "hear")
ACTIONS = st.sampled_from((*OFTEN, *OFTEN, "write", "leave", "fail", "kill"))
STEPS = st.lists(st.tuples(st.integers(0, 2), ACTIONS, st.integers(0, 40)), min_size=20, max_size=150)
Request = list[int]  # what it took, once that is known


class Server:
    """One server's part of a budget, and what is on its way between it and the database."""

    def __init__(self, name: str, engine: Engine, folder: Path) -> None:
        self.name, self.engine, self.folder = name, engine, folder
        self.admitted = self.used = 0
        self.under_way: list[Request] = []
        self.at_last: list[Request] = []  # what was under way when the last one was let in
        self.begin()

    def begin(self) -> None:
        self.claimed: Any = None
        self.found: Any = None
        self.journal = Journal(self.folder / self.name)
        with self.engine.begin() as connection:
            (kept,) = storing.read_budgets(connection, NOW, self.name)
        self.use = Use(kept.budget, self.journal, NOW, shared=True)
        self.use.recover(kept.spent, kept.granted, warned=True)

    def kill(self, _: int) -> None:
        self.journal.close()
        self.under_way = []
        self.begin()

    def admit(self, _: int) -> None:
        try:
            self.use.admit(NOW)
        except BudgetUsedUp:
            return
        self.admitted += 1
        self.under_way.append([])
        self.at_last = list(self.under_way)

    def end(self, amount: int) -> None:
        if self.under_way:
            self.under_way.pop(0).append(amount)
            self.used += amount
            values = dict.fromkeys(Usage._fields, 0) | {"invocations": 1, "memory_size": 1}
            self.use.settle(Usage(**values | {"billed_duration_ms": amount}), NOW)  # type: ignore[arg-type]

    def write(self, _: int) -> None:
        if self.claimed is self.found is None:
            owed, self.use.unwritten = self.use.unwritten, {}
            spent = {(self.use.budget.name, start): amounts for start, amounts in owed.items()}
            with self.engine.begin() as connection:
                storing.add_spent(connection, spent)
                sharing.add_own(connection, self.name, spent)

    def claim(self, waiting: int, *, leaving: bool = False) -> None:
        if self.claimed is self.found is None:
            self.write(0)
            self.use.wait(waiting % 4)
            self.claimed = self.use.claim(NOW, leaving=leaving)
            self.use.wait(-(waiting % 4))

    def leave(self, _: int) -> None:
        self.claim(0, leaving=True)

    def transact(self, _: int) -> None:
        if self.claimed is not None:
            with self.engine.begin() as connection:
                self.found = storing.renew(connection, self.name, [self.claimed], NOW, 600)
            self.claimed = None

    def hear(self, _: int) -> None:
        if self.found is not None:
            ((kept,), self.found) = self.found, None
            self.use.refresh(kept.budget, kept.spent, kept.granted, NOW)

    def fail(self, _: int) -> None:
        """Hear nothing of what was asked, be it done or not."""
        self.claimed = self.found = None


@contextmanager
def servers(**limits: str) -> Iterator[list[Server]]:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    metadata.create_all(engine)
    with engine.begin() as connection:
        storing.put_budget(connection, "b", SUBJECT | limits, NOW)
    with TemporaryDirectory() as folder:
        found = [Server(name, engine, Path(folder)) for name in "abc"]
        try:
            yield found
        finally:
            for one in found:
                one.journal.close()
            engine.dispose()


@settings(max_examples=12, deadline=None)
@given(STEPS, st.integers(1, 40))
def test_invocations_never_pass_the_limit(steps, limit):
    with servers(invocations=str(limit)) as found:
        for index, action, amount in steps:
            getattr(found[index], action)(amount)
            assert sum(one.admitted for one in found) <= limit
        # Whoever is left alone may have all the rest.
        for one in found:
            one.fail(0)
        for one in (*found, *found[1:]):
            for action in ("leave", "transact", "hear"):
                getattr(one, action)(0)
        last = found[0]
        for _ in range(limit):
            for action, amount in (("claim", 3), ("transact", 0), ("hear", 0), ("admit", 0)):
                getattr(last, action)(amount)
        assert sum(one.admitted for one in found) == limit


@settings(max_examples=12, deadline=None)
@given(STEPS, st.integers(1, 500))
def test_gb_seconds_pass_the_limit_by_what_is_under_way(steps, limit):
    with servers(gb_seconds=str(Decimal(limit) / MB_MS_OF_A_GB_SECOND)) as found:
        for index, action, amount in steps:
            getattr(found[index], action)(amount)
            most = sum(sum(one) for server in found for one in server.at_last)
            assert sum(one.used for one in found) <= limit + most
