"""The ledger and the budgets over PostgreSQL, with two servers' meters at once."""

import asyncio

import pytest

from objectlens.errors import SlowDown
from objectlens.metering import Selection
from support.metering import CALLER, Place, answered, opened, ran, story
from support.postgres import Postgres

# Where PostgreSQL has to be installed first, that counts into the first test.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture
def places(postgres, tmp_path):
    url, found = postgres.database(), []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        found.append(Place(tmp_path / name, url))
    return found


def test_two_meters_add_to_the_same_rows(places):
    async def work():
        async with places[0].meter() as one, places[1].meter() as two:
            for _ in range(5):
                for meter in (one, two):
                    answered(meter)
                    answered(meter, job="other")
                await asyncio.gather(one.flush(), two.flush())
            (row,) = await one.ledger.rows(Selection(step=None, where={"job": "train"}))
            assert (row.sums.invocations, row.sums.peak_mb, row.sums.memory_mb_ms) == (10, 33, 10 * 256)
            assert [found.seconds for found in await one.ledger.rows(Selection(by=("job",), step=3600))] == [3600] * 2
            return await two.ledger.total(Selection())

    assert story(work).invocations == 20


def test_two_meters_that_roll_at_once_lose_and_double_nothing(places):
    async def work():
        async with places[0].meter(minutes_kept=3600) as one, places[1].meter(minutes_kept=3600) as two:
            for _ in range(30):
                answered(one)
                await one.flush()
                for place in places:
                    place.clock.advance(300)
            for place in places:
                place.clock.advance(86_400)
            await asyncio.gather(one.roll(), two.roll(), one.roll())
            rows = await one.ledger.rows(Selection(step=None))
            assert [row.seconds for row in rows] == [3600] * 3
            return sum(row.sums.invocations for row in rows)

    assert story(work) == 30


def test_budgets_are_shared(places):
    async def work():
        async with places[0].meter() as one, places[1].meter() as two:
            await one.put_budget("b", {"kind": "caller", "subject": CALLER, "invocations": "4", "period": "day"})
            await two.flush()
            for _ in range(2):
                answered(one)
                answered(two)
            for meter in (one, two, one):
                await meter.flush()
            for meter in (one, two):
                assert meter.uses[0].spent.invocations == 4
                with pytest.raises(SlowDown):
                    opened(meter)
            assert await two.remove_budget("b")
            await one.flush()
            answered(one)

    story(work)


def test_no_server_uses_more_than_half_of_the_rest_before_it_hears_of_the_other(places):
    async def work():
        async with places[0].meter() as one, places[1].meter() as two:
            await one.put_budget("b", {"kind": "caller", "subject": CALLER, "invocations": "100", "period": "day"})
            await two.flush()
            under_way = [opened(meter) for meter in (one, two) for _ in range(50)]
            for meter in (one, two):
                with pytest.raises(SlowDown, match="also on other servers, may need the rest: 50 here") as held:
                    opened(meter)
                assert held.value.headers["Retry-After"] == "1"
            for tally in under_way:
                ran(tally)
                tally.sent(100)
            for meter in (one, two, one):
                await meter.flush()
            for meter in (one, two):
                assert meter.uses[0].spent.invocations == 100
                with pytest.raises(SlowDown, match="Requests are taken again then"):
                    opened(meter)

    story(work)


def test_a_budget_that_comes_to_its_end_is_written_at_once(places):
    async def work():
        # Written once an hour, but for budgets that near their end.
        async with places[0].meter(flush_seconds=3600) as one, places[1].meter(flush_seconds=3600) as two:
            await one.put_budget("b", {"kind": "caller", "subject": CALLER, "invocations": "40", "period": "day"})
            await two.flush()
            done = 0
            async with asyncio.timeout(20):
                while done < 40:
                    for meter in (one, two):
                        try:
                            answered(meter)
                            done += 1
                        except SlowDown:
                            await asyncio.sleep(0.02)
            for meter in (one, two, one):
                await meter.flush()
            assert one.uses[0].spent.invocations == two.uses[0].spent.invocations == done
            return done

    assert 40 <= story(work) <= 42
