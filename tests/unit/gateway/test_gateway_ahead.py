"""Work ahead of its turn: in order, bounded, nothing left behind."""

import asyncio
from functools import partial

import pytest

from objectlens.gateway.ahead import Ahead


def test_results_come_in_order_and_no_more_than_so_many_are_ahead():
    async def main():
        running = most = 0

        async def work(number):
            nonlocal running, most
            running += 1
            most = max(most, running)
            # The later ones are done first.
            await asyncio.sleep(0.02 if number % 3 == 0 else 0)
            running -= 1
            return number

        ahead = Ahead((partial(work, number) for number in range(20)), 4, lambda _: None)
        assert [one async for one in ahead] == list(range(20))
        assert 1 < most <= 4

    asyncio.run(main())


def test_whoever_takes_slowly_slows_the_work_down():
    async def main():
        begun = []

        async def work(number):
            begun.append(number)
            return number

        ahead = Ahead((partial(work, number) for number in range(100)), 3, lambda _: None)
        assert await anext(ahead) == 0
        for _ in range(20):
            await asyncio.sleep(0)
        assert begun == [0, 1, 2]
        await ahead.aclose()

    asyncio.run(main())


def test_what_nobody_takes_is_stopped_and_dropped():
    async def main():
        dropped, stopped = [], []

        async def work(number):
            try:
                await asyncio.sleep(0 if number < 2 else 60)
            except asyncio.CancelledError:
                stopped.append(number)
                raise
            return number

        ahead = Ahead((partial(work, number) for number in range(9)), 4, dropped.append)
        assert await anext(ahead) == 0
        await asyncio.sleep(0.01)
        await ahead.aclose()
        assert (dropped, stopped) == ([1], [2, 3])
        with pytest.raises(StopAsyncIteration):
            await anext(ahead)

    asyncio.run(main())


def test_one_that_was_never_started_needs_no_cleaning():
    asyncio.run(Ahead([], 1, lambda _: None).aclose())
