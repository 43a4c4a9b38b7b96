import asyncio

import pytest

from objectlens.clock import SystemClock
from objectlens.errors import TooManyRequestsException
from objectlens.functions import figures
from objectlens.functions.figures import BOUNDS, Book, Figures
from objectlens.functions.values import Failure, Outcome
from objectlens.testing.executors import make_function, make_zip

CODE = """
import time
def handler(event, context):
    time.sleep(event or 0)
    return 1 / (event != 0)
"""


def test_an_invocation_is_counted_by_what_became_of_it():
    record = Figures(since=0.0)
    record.count(Outcome(payload=b"1", duration_ms=1.0, init_ms=200.0, memory_mb=70))
    record.count(Outcome(payload=b"1", duration_ms=2.5, memory_mb=60))
    record.count(Outcome(payload=b"", duration_ms=1e9, failure=Failure(kind="Unhandled", type="X", message="")))
    assert (record.invocations, record.errors, record.inits, record.peak_mb) == (3, 1, 1, 70)
    assert [index for index, count in enumerate(record.durations) if count] == [0, 3, len(BOUNDS)]


def test_there_is_a_bound_on_records(monkeypatch, tmp_path):
    monkeypatch.setattr(figures, "_MOST", 2)
    book = Book(SystemClock())
    package = figures_package(tmp_path)
    for name in "abc":
        book.of(make_function(package, name))
    assert [one.function for one in book.snapshot([])] == ["b", "c"]


def figures_package(folder):
    from objectlens.functions import PackageStore

    return PackageStore(folder).add(make_zip({"app.py": CODE}))


def test_a_pool_tells_what_its_functions_do(bench):
    async def run():
        async with bench(per_function=1, queue=1) as opened:
            function = opened.function(CODE)
            first = asyncio.create_task(opened.invoke(function, 30))
            async with asyncio.timeout(20):
                while not (seen := opened.executor.snapshot()) or not seen[0].busy:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            second = asyncio.create_task(opened.invoke(function, 0))
            await asyncio.sleep(0.05)
            with pytest.raises(TooManyRequestsException):
                await opened.invoke(function)
            (busy,) = opened.executor.snapshot()
            for task in (first, second):
                task.cancel()
            await asyncio.gather(first, second, return_exceptions=True)
            return busy

    busy = asyncio.run(run())
    assert (busy.function, busy.version, busy.busy, busy.idle, busy.waiting) == ("f", "$LATEST", 1, 0, 1)
    assert (busy.invocations, busy.throttles) == (0, 1)


def test_a_pool_counts_what_ended(bench):
    async def run():
        async with bench() as opened:
            function = opened.function(CODE)
            await opened.invoke(function, 0.01)
            await opened.invoke(function, 0)
            broken = opened.function("raise ValueError", "broken")
            await opened.invoke(broken)
            return opened.executor.snapshot()

    broken, good = asyncio.run(run())
    assert (good.invocations, good.errors, good.inits, good.busy) == (2, 1, 1, 0)
    assert good.peak_mb > 5
    assert sum(good.durations) == 2
    assert (broken.function, broken.invocations, broken.errors) == ("broken", 1, 1)
