"""The policy of the server's thread, as the kernel tells it, while transform processes have jobs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from objectlens.objectlambda.yielding import SHORT_SECONDS, Yielding


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    """A thread of the test's own."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def test_it_waits_while_each_process_has_its_next_job_and_until_one_has_none(thread: ThreadPoolExecutor) -> None:
    def policies() -> list[int]:
        yielding = Yielding(2)
        found = []
        for jobs in (1, 3, 4, 8, 3, 2, 3, 4, 0):
            yielding.out(jobs)
            found.append(os.sched_getscheduler(0))
        return found

    prompt, patient = os.SCHED_OTHER, os.SCHED_BATCH
    assert thread.submit(policies).result() == [
        prompt, prompt, patient, patient, patient, prompt, prompt, patient, prompt,
    ]  # fmt: skip


def test_it_does_not_wait_for_long_jobs(thread: ThreadPoolExecutor) -> None:
    def policies() -> list[int]:
        yielding = Yielding(1)
        found = []
        for seconds in (SHORT_SECONDS / 2, SHORT_SECONDS * 2):
            for _ in range(100):
                yielding.took(seconds)
            yielding.out(2)
            found.append(os.sched_getscheduler(0))
        return found

    assert thread.submit(policies).result() == [os.SCHED_BATCH, os.SCHED_OTHER]


def test_threads_that_it_starts_meanwhile_are_prompt_afterwards(thread: ThreadPoolExecutor) -> None:
    def policies() -> list[int]:
        yielding, over = Yielding(1), threading.Event()
        yielding.out(2)
        other = threading.Thread(target=over.wait)
        other.start()
        try:
            found = [os.sched_getscheduler(other.native_id or 0)]
            yielding.close()
            return [*found, os.sched_getscheduler(other.native_id or 0)]
        finally:
            over.set()
            other.join()

    assert thread.submit(policies).result() == [os.SCHED_BATCH, os.SCHED_OTHER]


def test_another_policy_of_the_operator_is_left_alone(thread: ThreadPoolExecutor) -> None:
    def found() -> int:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        yielding = Yielding(1)
        yielding.out(2)
        yielding.close()
        return os.sched_getscheduler(0)

    assert thread.submit(found).result() == os.SCHED_BATCH


def test_answers_lie_while_jobs_are_ahead_that_take_longer_than_a_turn(thread: ThreadPoolExecutor) -> None:
    def pauses() -> list[float]:
        yielding, found = Yielding(2), []
        for seconds, jobs in ((0.001, 8), (0.006, 3), (0.006, 4), (0.006, 6), (0.006, 8), (0.02, 8)):
            for _ in range(200):
                yielding.took(seconds)
            yielding.out(jobs)
            found.append(round(yielding.pause(), 4))
        return found

    assert thread.submit(pauses).result() == [0, 0, 0.003, 0.006, 0.009, 0]
