import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectlens.functions.scaling import PANIC_SECONDS, STABLE_SECONDS, Scaler, Window


def test_a_level_is_its_own_average():
    window = Window(6, 100.0)
    window.change(100.0, 3)
    assert window.average(100.0) == 3
    assert window.average(103.5) == 3
    assert window.average(1000.0) == 3


def test_what_is_older_than_the_window_does_not_count():
    window = Window(6, 0.0)
    window.change(0.0, 10)
    window.change(10.0, 0)
    assert window.average(13.0) == pytest.approx(5)
    assert window.average(16.0) == 0


def test_half_of_the_time_is_half_of_the_level():
    window = Window(60, 0.0)
    for second in range(60):
        window.change(second, 4)
        window.change(second + 0.5, 0)
    assert window.average(60.0) == pytest.approx(2)


def test_one_at_a_time_is_worth_one_environment():
    scaler = Scaler(0.0)
    for step in range(1000):
        scaler.change(step / 10, 1)
        assert scaler.kept(step / 10) == 1


def test_nothing_is_kept_when_nothing_ran_for_a_window():
    scaler = Scaler(0.0)
    scaler.change(0.0, 8)
    scaler.change(30.0, 0)
    assert scaler.kept(31.0) > 0
    assert scaler.kept(31.0 + STABLE_SECONDS + 1) == 0


def test_calm_shrinks_with_the_average():
    scaler = Scaler(0.0)
    scaler.change(0.0, 10)
    assert scaler.kept(60.0) == 10
    scaler.change(60.0, 2)
    assert [scaler.kept(60.0 + passed) for passed in (0, 30, 60)] == [10, 6, 2]


def burst():
    """One invocation at a time for a minute, then forty for as long as the panic window is."""
    scaler = Scaler(0.0)
    scaler.change(0.0, 1)
    scaler.change(60.0, 40)
    scaler.change(60.0 + PANIC_SECONDS, 1)
    return scaler, 60.0 + PANIC_SECONDS


def test_a_burst_is_seen_long_before_the_stable_window_sees_it():
    scaler = Scaler(0.0)
    scaler.change(0.0, 1)
    scaler.change(60.0, 40)
    assert scaler.kept(60.0 + PANIC_SECONDS / 2) == 21


def test_a_burst_is_kept_until_it_is_over_for_a_window():
    scaler, end = burst()
    assert scaler.kept(end) == 40
    assert scaler.kept(end + STABLE_SECONDS - 1) == 40
    # The panic window sees the burst for some seconds more.
    assert scaler.kept(end + PANIC_SECONDS + STABLE_SECONDS) <= 1


def test_bursts_that_are_short_and_come_again_find_what_they_had():
    scaler = Scaler(0.0)
    for start in (100.0, 140.0, 180.0):
        for step in range(20):
            scaler.change(start + step / 10, 8)
            scaler.change(start + step / 10 + 0.05, 7)
        scaler.change(start + 2, 0)
        assert scaler.kept(start + 2) == scaler.kept(start + 30) == 8
    assert scaler.kept(182.0 + PANIC_SECONDS + STABLE_SECONDS) <= 1


changes = st.lists(st.tuples(st.floats(0, 100), st.integers(0, 200)), min_size=1, max_size=60)


@given(changes, st.integers(1, 60))
def test_an_average_lies_between_the_levels(steps, seconds):
    now, window = 0.0, Window(seconds, 0.0)
    levels = [0]
    for passed, level in steps:
        now += passed
        average = window.average(now)
        assert min(levels) - 1e-6 <= average <= max(levels) + 1e-6
        window.change(now, level)
        levels.append(level)


@given(changes)
def test_no_more_are_kept_than_ever_ran_and_none_after_a_long_rest(steps):
    now, scaler, most = 0.0, Scaler(0.0), 0
    for passed, level in steps:
        now += passed
        assert 0 <= scaler.kept(now) <= most
        scaler.change(now, level)
        most = max(most, level)
    scaler.change(now, 0)
    assert scaler.kept(now + 2 * STABLE_SECONDS + PANIC_SECONDS + 3) == 0


@given(changes, st.lists(st.floats(0, 1), max_size=10))
def test_looking_at_an_average_changes_nothing(steps, looks):
    quiet, watched, now = Window(60, 0.0), Window(60, 0.0), 0.0
    for passed, level in steps:
        for look in sorted(looks):
            watched.average(now + look * passed)
        now += passed
        quiet.change(now, level)
        watched.change(now, level)
    assert quiet.average(now) == pytest.approx(watched.average(now), abs=1e-6)


@given(st.integers(1, 100), st.floats(0.1, 5.9))
def test_nothing_is_taken_away_while_a_burst_lasts(size, after):
    scaler = Scaler(0.0)
    scaler.change(0.0, 1)
    scaler.change(120.0, 2 * size + 2)
    seen = [scaler.kept(120.0 + after * step) for step in range(10)]
    assert seen == sorted(seen)
