"""The books of tickets, idle environments and cores, without processes: whatever happens, they are balanced."""

import asyncio
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from objectlens.clock import FixedClock
from objectlens.functions.demand import Cores
from objectlens.functions.holding import Holding
from objectlens.functions.packages import Package
from objectlens.functions.patience import Patience
from objectlens.functions.queueing import Group, Ticket, shape
from objectlens.functions.values import Invocation
from objectlens.testing.executors import make_function

PACKAGE = Package(digest="0" * 64, code_sha256="", code_size=0)


class Books:
    """Some function versions with imagined environments: each `sit`s, is given a ticket, finishes it and sits again."""

    def __init__(self, cores=2, versions=3):
        self.clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
        self.cores = Cores(cores)
        self.groups = {}
        for number in range(versions):
            function = make_function(PACKAGE, f"f{number}")
            self.groups[shape(function)] = Group(function, self.cores, self.clock)
        self.holding = Holding(self.groups, self.cores, self.clock, lambda: None)
        self.busy = []
        self.seats = []
        self.served = 0

    def group(self, number):
        return list(self.groups.values())[number % len(self.groups)]

    def put(self, group):
        invocation = Invocation(function=group.function, payload=b"{}", request_id="r", invoked_arn="a")
        group.put(Ticket(invocation))
        self.holding.watch()
        self.collect()

    def free(self, group):
        """Let an environment of the group ask for work, as the pool does."""
        ticket = group.take() if group.waiting and self.holding.is_turn_of(group) else None
        if ticket is not None:
            self.busy.append((group, ticket))
        else:
            self.seats.append((group, group.sit()))
            self.holding.serve()
        self.collect()

    def collect(self):
        """Find out which seats were given a ticket."""
        given = [one for one in self.seats if one[1].given.done()]
        self.seats = [one for one in self.seats if not one[1].given.done()]
        self.busy += [(group, seat.given.result()) for group, seat in given]

    def finish(self, number):
        if self.busy:
            group, ticket = self.busy.pop(number % len(self.busy))
            ticket.outcome.set_result(None)
            group.finish(ticket)
            self.served += 1
            self.free(group)

    def check(self):
        groups = self.groups.values()
        assert self.cores.running == sum(group.running for group in groups) == len(self.busy)
        assert sum(len(group.idle) for group in groups) == len(self.seats)
        if not self.busy:
            assert self.cores.promised == 0
        for group in groups:
            # Whoever waits beside an idle environment waits for a core, and something of it runs.
            if group.waiting and group.idle:
                assert group.held
                assert group.running


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 2)),
        st.tuples(st.just("free"), st.integers(0, 2)),
        st.tuples(st.just("finish"), st.integers(0, 50)),
        st.tuples(st.just("learn"), st.integers(0, 2)),
        st.tuples(st.just("rest"), st.integers(0, 2)),
    ),
    max_size=80,
)


@given(steps, st.lists(st.floats(0, 3), min_size=1, max_size=10))
def test_the_books_are_balanced_whatever_happens(steps, shares):
    async def main():
        books = Books()
        for turn, (what, number) in enumerate(steps):
            group = books.group(number)
            books.clock.advance(0.01)
            if what == "put":
                books.put(group)
            elif what == "free":
                books.free(group)
            elif what == "finish":
                books.finish(number)
            elif what == "learn":
                group.demand.learn(shares[turn % len(shares)])
            else:
                group.demand.learn(0.0)
            books.holding.serve()
            books.collect()
            books.check()
        books.holding.close()

    asyncio.run(main())


def computing(books):
    for group in books.groups.values():
        group.demand.learn(1.0)


def test_two_that_compute_take_turns():
    async def main():
        books = Books(versions=2)
        computing(books)
        first, second = books.groups.values()
        for _ in range(3):
            books.free(first)
            books.free(second)
        for _ in range(20):
            books.put(first)
        assert [group for group, _ in books.busy] == [first] * 3
        for _ in range(20):
            books.put(second)
        # One may always begin; the others when the first one's end.
        assert second.running == 1
        for _ in range(12):
            books.finish(0)
            assert abs(first.running - second.running) <= 2
        done = [len(group.waiting) for group in (first, second)]
        assert min(20 - left for left in done) >= 4
        books.holding.close()

    asyncio.run(main())


def test_one_that_waited_long_is_let_through():
    async def main():
        books = Books(versions=1)
        computing(books)
        (group,) = books.groups.values()
        for _ in range(6):
            books.free(group)
            books.put(group)
        assert (group.running, len(group.waiting)) == (4, 2)
        books.holding._relent()
        books.collect()
        assert group.running == 4
        books.clock.advance(1.01)
        books.holding._relent()
        books.collect()
        assert group.running == 5
        books.clock.advance(0.6)
        books.holding._relent()
        books.collect()
        assert group.running == 5
        books.holding.close()

    asyncio.run(main())


def test_what_waits_is_never_held():
    async def main():
        books = Books(versions=1)
        (group,) = books.groups.values()
        group.demand.learn(0.2)
        for _ in range(50):
            books.free(group)
            books.put(group)
        assert group.running == 50
        books.holding.close()

    asyncio.run(main())


@given(st.lists(st.one_of(st.booleans(), st.none()), max_size=60))
def test_whom_nobody_waits_for_goes_last(steps):
    """Of tickets that come (True: patient), leave (None), are put back or lose patience, no other stands behind a
    patient one."""

    async def main():
        books = Books(versions=1)
        (group,) = books.groups.values()
        taken, came = [], []
        for number, spare in enumerate(steps):
            if spare is None:
                if (ticket := group.take()) is not None:
                    taken.append(ticket)
                    if number % 3 == 0:
                        group.put_back(taken.pop())
                elif came and number % 2 and (patience := came[number % len(came)].invocation.patience) is not None:
                    patience.end()
            else:
                fields = {"function": group.function, "payload": b"{}", "request_id": str(number), "invoked_arn": "a"}
                ticket = Ticket(Invocation(**fields, patience=Patience() if spare else None))
                came.append(ticket)
                group.put(ticket)
            waiting = [one.patient for one in group.waiting]
            assert waiting == sorted(waiting)
        assert sorted(map(id, [*taken, *group.waiting])) == sorted(map(id, came))

    asyncio.run(main())


def test_a_core_goes_to_the_version_that_somebody_waits_for():
    async def main():
        books = Books(cores=1, versions=2)
        spare, live = books.groups.values()
        for group in (spare, live):
            group.demand.learn(1.0)
            for _ in range(4):
                books.free(group)
        for _ in range(2):
            books.put(live)
        books.put(spare)
        books.put(live)
        fields = {"function": spare.function, "payload": b"{}", "request_id": "r", "invoked_arn": "a"}
        spare.put(Ticket(Invocation(**fields, patience=Patience())))
        # Both wait for a core, and the one that nobody waits for runs the fewer.
        assert (spare.running, live.running, len(spare.waiting), len(live.waiting)) == (1, 2, 1, 1)
        books.holding.watch()
        books.finish(0)
        assert (spare.running, live.running) == (1, 2)
        assert (len(spare.waiting), len(live.waiting)) == (1, 0)
        books.holding.close()

    asyncio.run(main())
