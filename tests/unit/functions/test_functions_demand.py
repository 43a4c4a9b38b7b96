import subprocess
import sys
import time

import pytest

from objectlens.functions.cpu import wanted_seconds
from objectlens.functions.demand import MEASURING_SECONDS, Cores, Demand, Gauge


def test_what_was_not_measured_is_let_through():
    demand = Demand()
    assert not demand.computes
    demand.learn(0.95)
    assert demand.computes


def test_one_measurement_every_so_often_is_enough():
    demand = Demand()
    assert demand.asks(10.0)
    assert not demand.asks(10.0 + MEASURING_SECONDS / 2)
    assert demand.asks(10.1 + MEASURING_SECONDS)


def test_a_function_that_changes_its_ways_is_believed_in_time():
    demand = Demand()
    demand.learn(1.0)
    for _ in range(5):
        demand.learn(0.0)
    assert not demand.computes
    demand.learn(-3.0)
    assert demand.share >= 0


def test_two_more_than_there_are_cores_may_compute():
    cores = Cores(2)
    begun = []
    while cores.have_room(1.0):
        begun.append(cores.begin(1.0))
    assert len(begun) == 4
    assert not cores.have_room(0.8)
    cores.end(begun.pop())
    assert cores.have_room(0.8)
    assert not cores.have_room(0.8, 2)


def test_what_wants_more_cores_than_there_are_may_begin_alone():
    cores = Cores(2)
    assert cores.have_room(64.0)
    promise = cores.begin(64.0)
    assert promise == 2
    cores.end(promise)
    assert cores.promised == 0


def test_what_was_measured_counts_more_than_what_was_promised():
    cores = Cores(2)
    for _ in range(4):
        cores.begin(1.0)
    assert not cores.have_room(1.0)
    assert cores.have_room(1.0, used=0.5)


def test_the_gauge_needs_two_looks():
    readings = {1: 10.0, 2: 20.0}
    gauge = Gauge(readings.__getitem__)
    assert gauge.look([1, 2], 100.0) is None
    readings |= {1: 10.05, 2: 20.025}
    assert gauge.look([1, 2], 100.05) == pytest.approx(1.5)
    readings[3] = 7.0
    assert gauge.look([3], 100.10) == 1.0
    assert gauge.look([], 100.15) == 0.0
    assert gauge.look([], 500.0) is None


BURN = "import time\nend = time.monotonic() + 30\nwhile time.monotonic() < end: pass"
PARENT = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN!r}])"
SLEEP = "import time\ntime.sleep(30)"


@pytest.fixture
def started():
    running = []

    def start(code):
        running.append(subprocess.Popen([sys.executable, "-c", code], start_new_session=True))
        return running[-1].pid

    yield start
    for one in running:
        subprocess.run(["pkill", "-KILL", "-s", str(one.pid)], check=False)
        one.wait()


def wanted(pids, seconds=0.4):
    began, before = time.monotonic(), [wanted_seconds(pid) for pid in pids]
    time.sleep(seconds)
    elapsed = time.monotonic() - began
    return [(wanted_seconds(pid) - old) / elapsed for pid, old in zip(pids, before, strict=True)]


def test_waiting_for_a_core_is_wanting_one(started):
    pids = [started(BURN) for _ in range(6)]
    time.sleep(0.3)
    # One that waits is counted when its turn comes, which may take a while.
    assert min(wanted(pids, seconds=1.5)) > 0.8


def test_what_a_child_computes_counts(started):
    pid = started(PARENT)
    time.sleep(0.3)
    assert wanted([pid])[0] > 0.8


def test_sleeping_wants_nothing(started):
    pid = started(SLEEP)
    time.sleep(0.3)
    assert wanted([pid])[0] < 0.1


def test_what_is_gone_wants_nothing():
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert wanted_seconds(gone.pid) == 0
