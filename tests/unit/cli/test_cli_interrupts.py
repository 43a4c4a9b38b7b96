"""Signals break off work, and never what clears up after it."""

import os
import signal

import pytest

from objectlens.cli.interrupts import Interrupts

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def heeded():
    """Whoever runs the tests may have had them ignore signals, as nohup(1) does, and that is respected."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS[1:]}
    yield
    for number, one in before.items():
        signal.signal(number, one)


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_work_is_broken_off_and_clearing_up_is_not(number, capsys):
    done = []

    def work():
        with Interrupts("stopping") as interrupts:
            try:
                with interrupts.allowed():
                    send(number)
                    done.append("too much work")
            finally:
                # Whoever presses Ctrl-C twice has it cleared up all the same.
                send(number)
                done.append("cleared up")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["cleared up"]
    assert capsys.readouterr().err == "stopping\n"


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_where_none_is_allowed_is_heeded_at_the_next_step(number):
    def step(then):
        with Interrupts("stopping") as interrupts:
            send(number)
            then(interrupts)

    def enter(interrupts):
        with interrupts.allowed():
            pytest.fail("work began")

    for then in (Interrupts.check, enter, lambda interrupts: None):
        with pytest.raises(KeyboardInterrupt):
            step(then)


def test_without_a_signal_nothing_happens_and_handlers_come_back():
    before = [signal.getsignal(one) for one in SIGNALS]
    with Interrupts("stopping") as interrupts, interrupts.allowed():
        interrupts.check()
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(one) for one in SIGNALS] == before
