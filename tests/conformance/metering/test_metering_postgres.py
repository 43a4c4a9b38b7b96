"""The ledger and the budgets over PostgreSQL, with two servers' meters at once."""

import asyncio

import pytest

from objectlens.metering import Selection
from support.metering import answered, story

# Where PostgreSQL has to be installed first, that counts into the first test.
pytestmark = pytest.mark.timeout(600)


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
