"""Places, the queue, and what happens when a wait ends early."""

import asyncio

import pytest

from objectlens.errors import SlowDown
from objectlens.gateway.admission import Admission


def test_places_are_given_in_order_of_arrival() -> None:
    async def main() -> None:
        admission = Admission(1, 10, 5)
        await admission.enter()
        order: list[int] = []

        async def wait(number: int) -> None:
            await admission.enter()
            order.append(number)
            admission.leave()

        tasks = [asyncio.create_task(wait(number)) for number in range(5)]
        await asyncio.sleep(0)
        assert admission.waiting == 5
        admission.leave()
        await asyncio.gather(*tasks)
        assert order == [0, 1, 2, 3, 4]
        await admission.enter()

    asyncio.run(main())


def test_a_full_queue_and_a_long_wait_say_slow_down() -> None:
    async def main() -> None:
        admission = Admission(1, 1, 0.05)
        await admission.enter()
        waiting = asyncio.create_task(admission.enter())
        await asyncio.sleep(0)
        with pytest.raises(SlowDown) as caught:
            await admission.enter()
        assert caught.value.headers == {"Retry-After": "1"}
        with pytest.raises(SlowDown):
            await waiting
        assert admission.waiting == 0
        admission.leave()
        await admission.enter()

    asyncio.run(main())


def test_a_wait_that_is_cancelled_loses_no_place() -> None:
    async def main() -> None:
        admission = Admission(1, 10, 5)
        await admission.enter()
        given, cancelled = (asyncio.create_task(admission.enter()) for _ in range(2))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        assert admission.waiting == 1
        admission.leave()
        given.cancel()
        await asyncio.gather(given, return_exceptions=True)
        await asyncio.wait_for(admission.enter(), 1)

    asyncio.run(main())
