"""How the pool grows and shrinks: bursts, functions that compute, limits, environments that are kept ready."""

import asyncio
import os
from dataclasses import replace

import pytest

from objectlens.errors import TooManyRequestsException
from objectlens.functions import Arrangement
from objectlens.testing.executors import COUNTER
from support.hosts import until

# Computes for `burn` seconds of its own processor time, or waits until a file is there. Tells who it is.
WORKER = """
import os, time
def handler(event, context):
    if "until" in event:
        while not os.path.exists(event["until"]): time.sleep(0.005)
    end = time.process_time() + event.get("burn", 0)
    while time.process_time() < end: pass
    if "touch" in event: open(event["touch"], "w").close()
    return os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
"""


async def learn(opened, function, burn=0.05):
    """Let the pool find out that a function computes; on a busy machine it may take some invocations."""
    await opened.value(function, {"burn": burn})
    group = next(one for one in opened.executor._groups.values() if one.function.arn == function.arn)
    for _ in range(30):
        if group.demand.computes:
            return group
        await opened.value(function, {"burn": burn})
    raise AssertionError(group.demand.share)


def test_a_burst_is_answered_and_leaves_nothing(bench):
    async def main():
        async with bench(environments=48, per_function=36, idle_seconds=0.5) as opened:
            function = opened.function(COUNTER)
            seen = await asyncio.gather(*(opened.value(function, {"sleep": 0.2}) for _ in range(64)))
            assert len(seen) == 64
            assert len({one["environment"] for one in seen}) <= 36
            await until(lambda: opened.executor._size == 0)
            assert opened.executor._groups == {}

    asyncio.run(main())


def test_a_function_that_computes_gets_an_environment_for_each_core_and_one_more(bench, monkeypatch):
    # What goes by measurement depends on what else this machine does.
    monkeypatch.setattr("objectlens.functions.holding.LOOK_SECONDS", 600.0)

    async def main():
        async with bench(cores=2) as opened:
            function = opened.function(WORKER)
            group = await learn(opened, function)
            most = 0

            async def watched():
                nonlocal most
                group.demand.share = 1.0
                await opened.value(function, {"burn": 0.02})
                most = max(most, group.size)

            async def client():
                for _ in range(10):
                    await watched()

            await asyncio.gather(*(client() for _ in range(8)))
            # One that has answered may still be at it when the next begins.
            assert 2 <= most <= 4
            assert opened.executor._cores.running == opened.executor._cores.promised == 0

    asyncio.run(main())


def test_functions_that_wait_get_one_environment_each(bench):
    async def main():
        async with bench(cores=2) as opened:
            function = opened.function(COUNTER)
            for _ in range(3):
                await opened.value(function, {"sleep": 0.05})
            seen = await asyncio.gather(*(opened.value(function, {"sleep": 0.6}) for _ in range(8)))
            assert len({one["environment"] for one in seen}) == 8

    asyncio.run(main())


def test_what_computes_takes_nothing_from_what_waits(bench):
    async def main():
        async with bench(cores=2) as opened:
            busy, quiet = opened.function(WORKER, "busy"), opened.function(COUNTER, "quiet")
            await learn(opened, busy)
            flood = [asyncio.ensure_future(opened.value(busy, {"burn": 0.05})) for _ in range(40)]
            seen = await asyncio.gather(*(opened.value(quiet, {"sleep": 0.5}) for _ in range(6)))
            assert len({one["environment"] for one in seen}) == 6
            assert len(await asyncio.gather(*flood)) == 40

    asyncio.run(main())


def test_functions_that_compute_share_the_cores(bench):
    async def main():
        async with bench(cores=2) as opened:
            first, second = opened.function(WORKER, "first"), opened.function(WORKER, "second")
            await learn(opened, first)
            await learn(opened, second)
            flood = [asyncio.ensure_future(opened.value(first, {"burn": 0.03})) for _ in range(60)]
            await asyncio.sleep(0.2)
            others = [opened.value(second, {"burn": 0.03}) for _ in range(10)]
            await asyncio.gather(*others)
            assert sum(not one.done() for one in flood) > 10
            await asyncio.gather(*flood)

    asyncio.run(main())


def test_invocations_that_wait_for_others_do_not_block_them(bench, tmp_path):
    """All that may run at once wait for what would have to wait for them."""

    async def main():
        async with bench(cores=2) as opened:
            outer, inner = opened.function(WORKER, "outer"), opened.function(WORKER, "inner")
            await learn(opened, outer)
            await learn(opened, inner)
            flag = str(tmp_path / "flag")
            waiting = [asyncio.ensure_future(opened.value(outer, {"until": flag})) for _ in range(6)]
            await asyncio.sleep(0.1)
            assert len(await asyncio.gather(*(opened.value(inner, {"burn": 0.01}) for _ in range(6)))) == 6
            assert not any(one.done() for one in waiting)
            # And the same function, too: the last of a row lets the others go on.
            await opened.value(outer, {"touch": flag})
            await asyncio.gather(*waiting)

    asyncio.run(main())


def test_even_what_computes_while_it_waits_is_overtaken_in_the_end(bench, tmp_path):
    code = """
import os
def handler(event, context):
    while "until" in event and not os.path.exists(event["until"]): pass
    if "touch" in event: open(event["touch"], "w").close()
    sum(range(500000))
"""

    async def main():
        async with bench(cores=2) as opened:
            function = opened.function(code)
            await opened.value(function, {})
            flag = str(tmp_path / "flag")
            waiting = [asyncio.ensure_future(opened.value(function, {"until": flag})) for _ in range(4)]
            await asyncio.sleep(0.3)
            await opened.value(function, {"touch": flag})
            await asyncio.gather(*waiting)

    asyncio.run(main())


def test_an_environment_held_back_makes_room_for_another_function(bench):
    async def main():
        async with bench(cores=2, environments=3) as opened:
            busy, quiet = opened.function(WORKER, "busy"), opened.function(COUNTER, "quiet")
            await asyncio.gather(*(opened.value(busy, {"burn": 0.1}) for _ in range(3)))
            flood = [asyncio.ensure_future(opened.value(busy, {"burn": 0.05})) for _ in range(20)]
            assert (await opened.value(quiet))["count"] == 1
            await asyncio.gather(*flood)

    asyncio.run(main())


def test_surplus_environments_end(bench):
    async def main():
        async with bench(spare_seconds=0.1) as opened:
            function = opened.function(COUNTER)
            await opened.value(function)
            (group,) = opened.executor._groups.values()
            group.scaler.kept = lambda now: 3
            await asyncio.gather(*(opened.value(function, {"sleep": 1}) for _ in range(5)))
            await until(lambda: group.size == 3)
            await asyncio.sleep(0.3)
            assert group.size == 3
            # The last one is not surplus; it ends when it idled for long.
            group.scaler.kept = lambda now: 0
            await until(lambda: group.size == 1)
            await asyncio.sleep(0.3)
            assert group.size == 1

    asyncio.run(main())


def refused(error):
    return type(error), error.detail.get("Reason"), error.headers.get("Retry-After")


def test_an_account_has_a_limit_of_which_a_part_may_be_reserved(bench):
    async def main():
        async with bench(concurrency=5) as opened:
            opened.executor.arrange(Arrangement(reserved={"123456789012": 2}))
            free, own = opened.function(COUNTER, "free"), opened.function(COUNTER, "own", reserved_concurrency=2)
            running = [asyncio.ensure_future(opened.value(free, {"sleep": 1})) for _ in range(3)]
            running += [asyncio.ensure_future(opened.value(own, {"sleep": 1})) for _ in range(2)]
            await asyncio.sleep(0.05)
            with pytest.raises(TooManyRequestsException) as shared:
                await opened.invoke(opened.function(COUNTER, "another"))
            with pytest.raises(TooManyRequestsException) as reserved:
                await opened.invoke(own)
            assert refused(shared.value)[1:] == ("ConcurrentInvocationLimitExceeded", "1")
            assert refused(reserved.value)[1:] == ("ReservedFunctionConcurrentInvocationLimitExceeded", "1")
            await asyncio.gather(*running)
            await opened.value(opened.function(COUNTER, "another"))
            assert opened.executor._running == {}

    asyncio.run(main())


KIND = """
import os, time
def handler(event, context):
    time.sleep(event or 0)
    return os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
"""


def arranged(opened, *provisioned):
    opened.executor.arrange(Arrangement(provisioned=provisioned))


def test_provisioned_environments_are_ready_before_anyone_asks_and_stay(bench):
    async def main():
        async with bench(idle_seconds=0.2, spare_seconds=0.1) as opened:
            function = opened.function(KIND, version="1")
            arranged(opened, (function, 2))
            await until(lambda: opened.executor.provision(function).ready == 2)
            seen = await asyncio.gather(*(opened.value(function, 1.0) for _ in range(3)))
            assert sorted(kind for kind, _ in seen) == [
                "on-demand",
                "provisioned-concurrency",
                "provisioned-concurrency",
            ]
            await until(lambda: opened.executor._size == 2)
            again = await asyncio.gather(*(opened.value(function, 0.1) for _ in range(2)))
            assert {stream for _, stream in again} <= {stream for _, stream in seen}
            await asyncio.sleep(0.5)
            assert opened.executor._size == 2
            arranged(opened)
            await until(lambda: opened.executor._size == 0)
            assert opened.executor._groups == {}

    asyncio.run(main())


def test_a_provisioned_environment_that_dies_is_replaced(bench):
    async def main():
        async with bench() as opened:
            function = opened.function("import os\ndef handler(event, context):\n    return os.getpid()", version="1")
            arranged(opened, (function, 1))
            pid = await opened.value(function)
            os.kill(pid, 9)
            await until(lambda: not os.path.exists(f"/proc/{pid}"))
            await until(lambda: opened.executor.provision(function).ready == 1)
            assert await opened.value(function) != pid

    asyncio.run(main())


def test_provisioned_environments_that_cannot_start_are_said_and_tried_again_later(bench):
    async def main():
        async with bench() as opened:
            function = opened.function("raise RuntimeError('no')", version="1")
            arranged(opened, (function, 2))
            await until(lambda: opened.executor.provision(function).failure is not None)
            assert opened.executor.provision(function).failure == "FUNCTION_ERROR_INIT_FAILURE"
            await until(lambda: opened.executor._size == 0)
            (group,) = opened.executor._groups.values()
            assert 1 <= group.failures <= 2
            assert (await opened.invoke(function)).failure is not None

    asyncio.run(main())


def test_not_all_places_can_be_provisioned(bench):
    async def main():
        async with bench(environments=4) as opened:
            first, second = opened.function(KIND, "first", version="1"), opened.function(KIND, "second", version="1")
            arranged(opened, (first, 2), (second, 2))
            await until(lambda: opened.executor.provision(second).ready == 1)
            assert opened.executor.provision(first).failure is None
            assert "functions.max_environments" in opened.executor.provision(second).failure
            other = opened.function(KIND, "other")
            assert (await opened.value(other))[0] == "on-demand"

    asyncio.run(main())


def test_provisioned_environments_take_the_places_of_idle_ones(bench):
    async def main():
        async with bench(environments=2) as opened:
            for name in ("one", "two"):
                await opened.value(opened.function(KIND, name))
            function = replace(opened.function(KIND, "f"), version="3")
            arranged(opened, (function, 1))
            await until(lambda: opened.executor.provision(function).ready == 1)
            assert opened.executor._size <= 2

    asyncio.run(main())
