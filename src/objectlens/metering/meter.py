"""The meter: opens a tally for each request, adds up what they come to, and writes the sums every so often.

Everything but the writing runs on the event loop's thread, between two of its waits.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from objectlens.clock import Clock
from objectlens.database import Database
from objectlens.errors import ServiceError
from objectlens.metering import sharing, storing
from objectlens.metering.gathering import Gathering, Slot
from objectlens.metering.ledger import Ledger
from objectlens.metering.rollup import DAY, HOUR, MINUTE, Step, roll
from objectlens.metering.rows import Row, Sums
from objectlens.metering.spent import Spent
from objectlens.metering.tally import Tally, signature_of
from objectlens.metering.totals import Totals
from objectlens.metering.usage import Subject, Usage
from objectlens.metering.use import Use
from objectlens.metering.watch import Watch
from objectlens.metering.writing import add_rows, is_next, register

_LOGGER = logging.getLogger(__name__)

_ROLL_SECONDS = 300.0
# Between two writings, however pressing they are.
_PRESSED_SECONDS = 0.05
_NEARING_SECONDS = 1.0
# So long a request waits for a share of a budget, and for so many writings: the first may have begun before it came.
_SHARE_SECONDS = 2.0
_WRITINGS = 2
# So long, or for two intervals, a server goes on with its shares when the database does not answer.
_SHARES_LAST_SECONDS = 600
# Those whose answer is out are over within moments, but for functions that go on after it.
_LATE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How the meter works; times in seconds.

    `most` rows of each minute, hour and day are told apart. Rows are kept by minute, hour and day for so long each.
    Without `enabled` nothing is added up, and budgets alone are counted.
    """

    enabled: bool = True
    flush_seconds: float = 10.0
    most: int = 1000
    minutes_kept: int = 2 * DAY
    hours_kept: int = 62 * DAY
    days_kept: int = 1100 * DAY


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is written in one transaction."""

    number: int
    sums: Mapping[Slot, Sums]
    spent: Mapping[tuple[str, int], Spent]
    warned: Mapping[str, int]


class Meter:
    """Counts what is used, and refuses what budgets do not allow. `journal` is a file of this server's alone."""

    def __init__(self, database: Database, clock: Clock, journal: Path, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.ledger = Ledger(database)
        self.totals = Totals(self.rules.most)
        self._database = database
        self._clock = clock
        self._gathering = Gathering(self.rules.most)
        self._shared = database.shared
        self._watch = Watch(journal, shared=self._shared)
        self._writer = secrets.token_hex(8)
        self._number = 0
        self._unsent: _Batch | None = None
        self._writing = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._readers: dict[str, list[Tally]] = {}
        self._late = 0
        self._calm = asyncio.Event()
        self._calm.set()
        self._pressed = asyncio.Event()
        self._heard = asyncio.Event()

    async def start(self) -> None:
        """Load the budgets and begin to write; raises `ServiceUnavailable` when the database does not answer."""
        now = self._clock.now()
        await self._database.write(lambda connection: self._register(connection, int(now.timestamp())))
        self._watch.name(self._writer)
        await self._load()
        if self._watch.uses and not self.rules.enabled:
            _LOGGER.warning(
                "metering.enabled is false: budgets are kept all the same, what they cannot tell is who used what"
            )
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._keep_writing()), loop.create_task(self._keep_rolling())]

    def _register(self, connection: Connection, now: int) -> None:
        register(connection, self._writer, now)
        # A copy of the data directory has the same name in it: who comes first has what was kept under it.
        sharing.take_over(connection, self._writer, self._watch.server)

    async def close(self) -> None:
        """Write what is left, and stop."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self.flush(leaving=True)
        except ServiceError as error:
            _LOGGER.warning("what was used in the last %g seconds is lost: %s", self.rules.flush_seconds, error)
        self._watch.close()

    # --- requests ---

    def open(self, *, function: str, access_point: str, caller: str, job: str) -> Tally | None:
        """Open the tally of a request, None when nothing is to be counted; raises `SlowDown` when a budget is used up.

        `function` and `access_point` are ARNs, the latter is empty for a direct invocation.
        """
        uses = self._watch.admit(caller, access_point, self._clock)
        if not uses and not self.rules.enabled:
            return None
        if function.count(":") > 6:  # without the qualifier
            function = ":".join(function.split(":", 7)[:7])
        return Tally(self, function=function, access_point=access_point, caller=caller, job=job, uses=uses)

    async def room(self, caller: str, access_point: str) -> None:
        """Return when a request may be let in or is to be refused: at once, unless this server's share is used up.

        Then the database is asked for another one. `open`, or `admit`, follows before anything else is waited for.
        """
        for _ in range(_WRITINGS):
            lacking = self._watch.lacking(caller, access_point, self._clock)
            if not lacking:
                return
            self._pressed.set()
            for use in lacking:
                use.wait(1)
            try:
                async with asyncio.timeout(_SHARE_SECONDS):
                    await self._heard.wait()
            except TimeoutError:
                return
            finally:
                for use in lacking:
                    use.wait(-1)

    def admit(self, caller: str, access_point: str) -> Sequence[Use]:
        """Let another attempt begin; raises `BudgetUsedUp`."""
        return self._watch.admit(caller, access_point, self._clock)

    def hold(self, caller: str, access_point: str) -> Sequence[Use]:
        """Return what counts for work that goes on although its request is over."""
        return self._watch.hold(caller, access_point, self._clock)

    def count(self, usage: Usage, uses: Sequence[Use]) -> None:
        """Add a usage, now that it is over; a use stands in `uses` once for each attempt."""
        now = self._clock.now()
        if uses:
            for use in dict.fromkeys(uses):
                use.settle(usage, now, uses.count(use))
                if use.pressing(now):
                    self._pressed.set()
        # What ran nothing and gave nobody what the cache has (a refusal, a prefetch of what is kept) used nothing.
        if self.rules.enabled and (usage.invocations or usage.duration_us or (usage.cache and usage.requests)):
            self._gathering.add(usage, now.timestamp())

    def kept(self, subject: Subject, bytes_out: int) -> None:
        """Add an answer out of the cache, which no budget counts."""
        if self.rules.enabled:
            self._gathering.kept(subject, bytes_out, self._clock.now().timestamp())

    def late(self, change: int) -> None:
        """Take note of requests that are answered while the function still runs."""
        self._late += change
        if self._late:
            self._calm.clear()
        else:
            self._calm.set()

    def expect(self, source: str, tally: Tally) -> None:
        """Take note of who will read what a URL with this signature names: several may, for the same caller at once."""
        self._readers.setdefault(source, []).append(tally)

    def expect_no_more(self, source: str, tally: Tally) -> None:
        """Take note that it is over."""
        readers = self._readers[source]
        readers.remove(tally)
        if not readers:
            del self._readers[source]

    def read(self, query: str, size: int) -> None:
        """Take note that so many bytes were read by a URL with this query, of whomever it was made for."""
        if self._readers and (readers := self._readers.get(signature_of(query))):
            reader = readers[0] if len(readers) == 1 else min(readers, key=lambda one: one.bytes_in)
            reader.bytes_in += size

    @property
    def sums(self) -> Mapping[Slot, Sums]:
        """What the database does not have yet."""
        return self._gathering.sums

    # --- budgets ---

    @property
    def uses(self) -> Sequence[Use]:
        """The budgets with their use."""
        return self._watch.uses

    async def put_budget(self, name: str, changes: Mapping[str, str]) -> None:
        """Make or change a budget, in force from now on; see `budgets.edited` for `changes`. Raises `BadBudget`."""
        await self.flush()
        now = self._clock.now()
        await self._database.write(lambda connection: storing.put_budget(connection, name, changes, now))
        await self.flush()

    async def remove_budget(self, name: str) -> bool:
        """Remove a budget; returns whether it was there."""
        found = await self._database.write(lambda connection: storing.remove_budget(connection, name))
        await self.flush()
        return found

    # --- writing ---

    async def settle(self) -> None:
        """Wait a moment for what is over but for its last figures, then write everything."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LATE_SECONDS):
                await self._calm.wait()
        await self.flush()

    async def flush(self, *, leaving: bool = False) -> None:
        """Write what was added up, and read the budgets anew; raises `ServiceUnavailable`, and loses nothing then.

        `leaving` gives this server's shares of budgets back.
        """
        async with self._writing:
            # What could not be written before, then what came since.
            while batch := self._unsent or self._taken():
                self._unsent = batch
                await self._database.write(partial(self._write, batch))
                self._unsent = None
            await self._load(leaving=leaving)

    def _taken(self) -> _Batch | None:
        sums = self._gathering.take()
        spent, warned = self._watch.take()
        if not sums and not spent and not warned:
            return None
        for slot, one in sums.items():
            self.totals.add(slot.key, one)
        self._number += 1
        return _Batch(self._number, sums, spent, warned)

    def _write(self, batch: _Batch, connection: Connection) -> None:
        now = int(self._clock.now().timestamp())
        if not is_next(connection, self._writer, batch.number, now):
            return
        add_rows(
            connection,
            [Row(start=slot.start, seconds=MINUTE, key=slot.key, sums=sums) for slot, sums in batch.sums.items()],
        )
        storing.add_spent(connection, batch.spent)
        if self._shared:
            sharing.add_own(connection, self._writer, batch.spent)
        storing.mark_warned(connection, batch.warned)

    async def _load(self, *, leaving: bool = False) -> None:
        now = self._clock.now()
        server = self._writer if self._shared else None
        claims = self._watch.claims(now, leaving=leaving)
        if server is not None and claims:
            seconds = max(_SHARES_LAST_SECONDS, int(2 * self.rules.flush_seconds))
            kept = await self._database.write(
                lambda connection: storing.renew(connection, server, claims, now, seconds)
            )
        else:
            kept = await self._database.read(lambda connection: storing.read_budgets(connection, now, server))
        self._watch.load(kept, now)

    async def _keep_writing(self) -> None:
        """Write every so often."""
        while True:
            await self._pause()
            try:
                await self.flush()
            except ServiceError as error:
                _LOGGER.warning("what was used cannot be written, and is kept until it can: %s", error)
            except Exception:  # whatever it is, counting goes on, and the next round tries again
                _LOGGER.exception("what was used could not be written")
            heard, self._heard = self._heard, asyncio.Event()
            heard.set()

    async def _keep_rolling(self) -> None:
        """Make coarser what has grown old."""
        await asyncio.sleep(self.rules.flush_seconds)
        while True:
            try:
                await self.roll()
            except ServiceError as error:
                _LOGGER.warning("what was used cannot be made coarser now: %s", error)
            except Exception:  # the next round tries again
                _LOGGER.exception("what was used could not be made coarser")
            await asyncio.sleep(_ROLL_SECONDS)

    async def _pause(self) -> None:
        """Wait until it is time to write, which it is sooner when a budget comes to its end, or has come to it here."""
        interval = self.rules.flush_seconds
        if self._watch.nearing:
            interval = min(_NEARING_SECONDS, interval)
        least = min(_PRESSED_SECONDS, interval)
        await asyncio.sleep(least)
        with suppress(TimeoutError):
            async with asyncio.timeout(interval - least):
                await self._pressed.wait()
        self._pressed.clear()

    async def roll(self) -> None:
        """Make the rows coarser that are old enough, one span after the other."""
        rules, now = self.rules, int(self._clock.now().timestamp())
        steps = (
            Step(MINUTE, HOUR, rules.minutes_kept),
            Step(HOUR, DAY, rules.hours_kept),
            Step(DAY, 0, rules.days_kept),
        )
        for step in steps:
            # One span at a time: others want to write as well.
            while await self._database.write(partial(roll, step=step, now=now, most=rules.most)):
                pass
        await self._database.write(lambda connection: storing.forget_uses(connection, now))
