"""Processor time of real processes, by the process and by a control group's file."""

import os
import subprocess
import sys
import time

import pytest

from objectlens.functions.isolation_cgroups import Group
from objectlens.functions.spent import Spent

# It does so much work for each line that it reads, alone or by a child or a thread, and says what it took of it.
WORKER = """
import resource, subprocess, sys, threading, time
def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
def spent():
    # Of a process that runs, getrusage(2) tells what it had at the last tick.
    below = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + below.ru_utime + below.ru_stime
print("ready", flush=True)
for line in sys.stdin:
    how, seconds = line.split()
    before = spent()
    if how == "alone":
        burn(float(seconds))
    elif how == "thread":
        thread = threading.Thread(target=burn, args=(float(seconds),))
        thread.start()
        thread.join()
    else:
        code = "import time\\nwhile time.process_time() < %s: pass" % seconds
        subprocess.run([sys.executable, "-S", "-c", code])
    print(spent() - before, flush=True)
"""


@pytest.fixture
def worker():
    with subprocess.Popen([sys.executable, "-c", WORKER], stdin=-1, stdout=-1, text=True, bufsize=1) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.stdin.close()


def work(process, how, seconds):
    process.stdin.write(f"{how} {seconds}\n")
    own = float(process.stdout.readline())
    time.sleep(0.02)  # until it waits again, and the kernel has counted all
    return own


@pytest.mark.parametrize(("how", "off"), [("alone", 0.001), ("thread", 0.001), ("child", 0.021)])
def test_it_is_what_the_process_says_itself(worker, how, off):
    spent = Spent(worker.pid, None)
    for seconds in (0.05, 0.2):
        spent.begin()
        own = work(worker, how, seconds)
        taken = spent.end(seconds * 1000) / 1e6
        assert abs(taken - own) <= max(off, 0.02 * own), (taken, own)
    spent.close()


def test_what_runs_between_invocations_is_nobodys_and_what_is_gone_took_nothing_more(worker):
    spent = Spent(worker.pid, None)
    spent.begin()
    work(worker, "alone", 0.05)
    spent.end(50.0)
    work(worker, "alone", 0.1)
    spent.begin()
    own = work(worker, "alone", 0.05)
    assert abs(spent.end(50.0) / 1e6 - own) <= 0.002
    worker.kill()
    worker.wait()
    spent.begin()
    assert spent.end(1.0) == 0
    spent.close()


def test_control_groups_tell_it_in_either_version(tmp_path):
    pid, folder = os.getpid(), tmp_path / "group"
    folder.mkdir()
    assert Group({"cpu": folder}).usage is None
    (folder / "cpu.stat").write_text("nr_periods 0\nnr_throttled 0\n")
    assert Group({"cpu": folder}).usage is None
    (folder / "cpu.stat").write_text("usage_usec 1000\nuser_usec 800\nsystem_usec 200\n")
    assert Group({"memory": folder}).usage == str(folder / "cpu.stat")
    for name, before, after in (
        ("cpu.stat", "usage_usec 1000\nuser_usec 0\n", "usage_usec 3500\nuser_usec 0\n"),
        ("cpuacct.usage", "7000000\n", "9500000\n"),
    ):
        (folder / name).write_text(before)
        spent = Spent(pid, str(folder / name))
        spent.begin()
        (folder / name).write_text(after)
        assert spent.end(1.0) == 2500
        spent.close()
