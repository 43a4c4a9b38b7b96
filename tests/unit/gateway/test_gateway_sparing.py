"""Work that nobody waits for begins only on places that live requests leave."""

import asyncio

import pytest

from objectlens.errors import ServiceUnavailable
from objectlens.gateway.sparing import Spare


async def begun(spare, count):
    """Let so much work ask for a place, and return the tasks once they have."""
    tasks = [asyncio.create_task(spare.enter()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


def done(tasks):
    return [one.done() for one in tasks]


def test_each_live_request_takes_a_place_away():
    async def main():
        spare = Spare(3)
        spare.live_begins()
        tasks = await begun(spare, 3)
        assert done(tasks) == [True, True, False]
        spare.live_begins()
        spare.leave()
        await asyncio.sleep(0)
        assert done(tasks) == [True, True, False]
        spare.leave()
        await asyncio.sleep(0)
        assert done(tasks) == [True, True, True]

    asyncio.run(main())


def test_nothing_begins_while_live_requests_fill_the_places_and_all_does_when_they_end():
    async def main():
        spare = Spare(2, quiet=0)
        for _ in range(5):
            spare.live_begins()
        tasks = await begun(spare, 3)
        assert (spare.waiting, any(done(tasks))) == (3, False)
        for _ in range(5):
            spare.live_ends()
        await asyncio.wait_for(asyncio.gather(*tasks[:2]), 1)
        assert done(tasks) == [True, True, False]
        spare.leave()
        await asyncio.wait_for(tasks[2], 1)

    asyncio.run(main())


def test_a_place_stays_free_for_the_next_live_request():
    async def main():
        spare = Spare(3, quiet=3600)
        spare.live_begins()
        tasks = await begun(spare, 3)
        assert done(tasks) == [True, True, False]
        spare.live_ends()
        await asyncio.sleep(0)
        assert done(tasks) == [True, True, False]
        spare.live_begins()
        spare.leave()
        spare.leave()
        await asyncio.wait_for(tasks[2], 1)
        spare.close()

    asyncio.run(main())


def test_the_only_place_is_kept_for_nobody():
    async def main():
        spare = Spare(1, quiet=3600)
        spare.live_begins()
        (waiting,) = await begun(spare, 1)
        assert not waiting.done()
        spare.live_ends()
        await asyncio.wait_for(waiting, 1)

    asyncio.run(main())


def test_a_wait_that_is_cancelled_loses_no_place():
    async def main():
        spare = Spare(1)
        await spare.enter()
        cancelled, given, last = await begun(spare, 3)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        spare.leave()
        given.cancel()  # at the very moment at which its place comes
        await asyncio.gather(given, return_exceptions=True)
        await asyncio.wait_for(last, 1)
        assert spare.waiting == 0

    asyncio.run(main())


def test_at_the_end_nobody_waits_on():
    async def main():
        spare = Spare(1)
        await spare.enter()
        (waiting,) = await begun(spare, 1)
        spare.close()
        with pytest.raises(ServiceUnavailable):
            await waiting
        with pytest.raises(ServiceUnavailable):
            await spare.enter()
        spare.leave()

    asyncio.run(main())
