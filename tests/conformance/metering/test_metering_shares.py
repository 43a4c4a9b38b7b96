"""Budgets that several servers share over PostgreSQL: what all of them pass a limit by is what was under way."""

import asyncio
import random
import time

import pytest

from objectlens.errors import SlowDown
from objectlens.metering import Selection
from support.metering import CALLER, POINT, answered, let_in, opened, pair, ran, story
from support.postgres import Postgres

# Where PostgreSQL has to be installed first, that counts into the first test.
pytestmark = pytest.mark.timeout(600)
OF_CALLER = {"kind": "caller", "subject": CALLER, "period": "day"}


async def done(meter):
    """Have one request answered, as soon as it is let in."""
    tally = await let_in(meter)
    ran(tally)
    tally.sent(100)


def invocations(meter):
    return meter.uses[0].spent.invocations


def test_budgets_are_shared(places):
    async def work():
        async with places[0].meter() as one, places[1].meter() as two:
            await one.put_budget("b", OF_CALLER | {"invocations": "4"})
            await two.flush()
            for meter in (one, two, two, one):
                await done(meter)
            for meter in (one, two, one):
                await meter.flush()
            for meter in (one, two):
                assert invocations(meter) == 4
                with pytest.raises(SlowDown, match="Requests are taken again then"):
                    opened(meter)
            assert await two.remove_budget("b")
            await one.flush()
            await done(one)

    story(work)


def test_one_server_may_have_all_that_is_left_at_once_and_nobody_more(places):
    async def work():
        async with places[0].meter() as one, places[1].meter() as two:
            await one.put_budget("b", OF_CALLER | {"invocations": "100"})
            await two.flush()
            first = [await let_in(one) for _ in range(10)]
            # All at once, far more than half of the rest.
            more = await asyncio.gather(*(let_in(one) for _ in range(89)))
            last = await let_in(two)
            for meter in (one, two):
                with pytest.raises(SlowDown, match="also on other servers, may need the rest") as held:
                    await let_in(meter)
                assert held.value.headers["Retry-After"] == "1"
            for tally in (*first, *more, last):
                ran(tally)
                tally.sent(100)
            for meter in (one, two, one):
                await meter.flush()
            for meter in (one, two):
                assert invocations(meter) == 100
                with pytest.raises(SlowDown, match="Requests are taken again then"):
                    await let_in(meter)

    story(work)


def test_far_from_the_limit_nobody_waits_for_the_database(places):
    async def work():
        async with places[0].meter() as one, places[1].meter():
            await one.put_budget("b", OF_CALLER | {"invocations": "10000"})
            await done(one)
            for _ in range(2000):
                answered(one)
            with pytest.raises(StopIteration):  # without a single wait
                one.room(CALLER, POINT).send(None)

    story(work)


@pytest.mark.parametrize("seed", range(3))
def test_no_limit_is_passed_by_more_than_what_is_under_way(postgres, tmp_path, seed):
    chance = random.Random(seed)
    limits = [{"gb_seconds": "2"}, {"bytes": "2000000"}, {"invocations": "300"}][seed]

    async def client(meter, under_way, last, until):
        while time.monotonic() < until:
            taken = (1, 128 * chance.randint(1, 80), chance.randint(1, 20_000))
            try:
                tally = await let_in(meter)
            except SlowDown as error:
                if error.headers["Retry-After"] != "1":
                    return
                await asyncio.sleep(0.02)
                continue
            under_way.append(taken)
            last[:] = under_way
            await asyncio.sleep(chance.random() * 0.02)
            ran(tally, duration_ms=taken[1] // 128)
            tally.sent(taken[2])
            under_way.remove(taken)

    async def work():
        places = pair(postgres.database(), tmp_path)
        async with places[0].meter(flush_seconds=0.5) as one, places[1].meter(flush_seconds=0.7) as two:
            await one.put_budget("b", OF_CALLER | limits)
            await two.flush()
            lasts = ([], [])
            clients = [
                client(meter, under_way, last, time.monotonic() + 20)
                for meter, under_way, last in zip((one, two), ([], []), lasts, strict=True)
                for _ in range(12)
            ]
            await asyncio.gather(*clients)
            for meter in (one, two, one):
                await meter.flush()
            used = one.uses[0].spent
            assert used == two.uses[0].spent
            (measure, limit), *_ = one.uses[0].budget.limits.items()
            most = 0 if measure == "invocations" else sum(_of(taken, measure) for last in lasts for taken in last)
            assert limit <= used.of(measure) <= limit + most
            return used

    story(work)


def _of(taken, measure):
    return taken[("invocations", "memory_mb_ms", "bytes_out").index(measure)]


def test_what_a_killed_server_used_is_not_hidden_by_what_others_wrote_meanwhile(places):
    async def work():
        async with places[0].meter(closing=False) as one, places[1].meter() as two:
            await one.put_budget("b", OF_CALLER | {"invocations": "20"})
            await two.flush()
            await done(one)
            for _ in range(3):
                answered(one)
            await one.flush()
            for _ in range(2):
                answered(one)  # and is killed before it can write them
            for _ in range(6):
                await done(two)
            await two.flush()
        async with places[0].meter(closing=False) as one, places[1].meter() as two:
            assert (invocations(one), invocations(two)) == (12, 10)
            await done(one)
            await one.flush()
            answered(one)  # killed again
        async with places[0].meter() as one, places[1].meter() as two:
            await one.flush()
            await two.flush()
            assert (invocations(one), invocations(two)) == (14, 14)
            for _ in range(6):
                await done(two)
            with pytest.raises(SlowDown, match="Requests are taken again then"):
                await let_in(two)

    story(work)


def test_a_server_that_stops_is_idle_or_is_gone_leaves_its_share_to_others(places):
    async def work():
        async with places[1].meter() as two:
            await two.put_budget("b", OF_CALLER | {"invocations": "30"})
            async with places[0].meter() as one:
                await done(one)  # of 30
            await all_of(two, 8)
            async with places[0].meter(closing=False) as one:
                await done(one)
                for place in places:
                    place.clock.advance(10)
                await one.flush()  # nobody has asked it for a while
                await all_of(two, 8)
                await done(one)  # of the last 12
            with pytest.raises(SlowDown, match="also on other servers"):
                await all_of(two, 11)
            places[1].clock.advance(3 * 3600)  # nothing is heard of it for so long
            await let_in(two)

    story(work)


async def all_of(meter, count):
    for tally in [await let_in(meter) for _ in range(count)]:
        ran(tally)
        tally.sent(100)
    await meter.flush()
    meter._watch.uses[0]._share._asked_at = 0.0  # as if that was a while ago
    await meter.flush()


def test_a_new_period_begins_with_a_new_share_and_not_with_the_old_use(places):
    async def work():
        async with places[0].meter() as one, places[1].meter() as two:
            await one.put_budget("b", OF_CALLER | {"invocations": "4"})
            await two.flush()
            for meter in (one, two, one, two):
                await done(meter)
            with pytest.raises(SlowDown):
                await let_in(one)
            for place in places:
                place.clock.advance(12 * 3600)
            for meter in (one, two, one, two):
                await done(meter)
            with pytest.raises(SlowDown, match="2026-11-30"):
                await let_in(one)
            await one.flush()
            return await one.ledger.total(Selection())

    assert story(work).invocations == 8


def test_while_the_database_does_not_answer_a_server_goes_on_with_its_share(tmp_path):
    postgres = Postgres()
    places = pair(postgres.database(), tmp_path)

    async def work():
        async with places[0].meter(closing=False, flush_seconds=0.2) as one:
            await one.put_budget("b", OF_CALLER | {"invocations": "100"})
            await done(one)
            postgres.break_off()
            for _ in range(20):
                await done(one)
            with pytest.raises(SlowDown) as refused:
                await asyncio.gather(*(done(one) for _ in range(40)))
            return refused.value.headers["Retry-After"]

    try:
        assert story(work) == "1"
    finally:
        postgres.stop()
