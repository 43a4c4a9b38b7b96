"""Sums by minute: nothing is lost, whatever there is no room for."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from objectlens.metering import OTHER, SUMS, Sums, Usage
from objectlens.metering.gathering import NOTHING, Gathering
from objectlens.metering.rollup import bounded, merge

NOON = 1_795_867_200  # 2026-11-28T12:00:00Z


def make_usage(**changes):
    made = {
        "function": "arn:aws:lambda:us-east-1:123456789012:function:f",
        "version": "$LATEST",
        "access_point": "arn:aws:s3-object-lambda:us-east-1:123456789012:accesspoint/a",
        "caller": "arn:aws:iam::123456789012:root",
        "job": "",
        "runtime": "lambda",
        "memory_size": 256,
        "cold": False,
        "cache": "",
        "requests": 1,
        "invocations": 1,
        "errors": 0,
        "duration_us": 1500,
        "billed_duration_ms": 2,
        "init_us": 0,
        "cpu_us": 900,
        "peak_mb": 40,
        "bytes_in": 10,
        "bytes_out": 20,
    }
    return Usage(**(made | changes))


def total(found):
    added = Sums()
    for one in found.values():
        added.add(one)
    return added


def test_what_is_alike_is_one_row_a_minute():
    gathering = Gathering(10)
    for second in (0, 1, 59):
        gathering.add(make_usage(peak_mb=second), NOON + second)
    gathering.add(make_usage(), NOON + 60)
    gathering.add(make_usage(cold=True), NOON + 61)
    taken = gathering.take()
    assert [(slot.start - NOON, slot.key.cold, sums.invocations) for slot, sums in taken.items()] == [
        (0, False, 3),
        (60, False, 1),
        (60, True, 1),
    ]
    first = next(iter(taken.values()))
    assert (first.memory_mb_ms, first.peak_mb, first.duration_us) == (3 * 512, 59, 4500)
    assert gathering.take() == {}


def test_beyond_the_bound_jobs_and_callers_are_given_up_and_then_all():
    gathering = Gathering(3)
    for number in range(20):
        gathering.add(make_usage(job=f"job-{number}"), NOON)
    for number in range(20):
        gathering.add(make_usage(function=f"function-{number}"), NOON)
    taken = gathering.take()
    jobs = [slot.key.job for slot in taken if slot.key.job.startswith("job-")]
    assert jobs == ["job-0", "job-1", "job-2"]
    assert len(taken) <= 2 * 3 + 1
    assert sum(sums.invocations for sums in taken.values()) == 40
    assert any(slot.key == NOTHING for slot in taken)
    # The bound is of a minute, also when it is written in between.
    gathering.add(make_usage(job="another"), NOON + 59)
    (slot,) = gathering.take()
    assert slot.key.job == OTHER
    gathering.add(make_usage(job="another"), NOON + 60)
    (slot,) = gathering.take()
    assert slot.key.job == "another"


def test_when_nothing_can_be_written_the_last_minute_goes_on():
    gathering = Gathering(2)
    for minute in range(1000):
        gathering.add(make_usage(), NOON + 60 * minute)
    taken = gathering.take()
    assert len(taken) <= 16 * 2
    assert total(taken).invocations == 1000


def test_what_waits_to_be_added_up_is_told_and_taken():
    gathering = Gathering(10)
    for _ in range(1000):
        gathering.add(make_usage(), NOON)
    assert total(gathering.sums).invocations == 1000
    gathering.add(make_usage(), NOON)
    assert total(gathering.take()).invocations == 1001
    assert gathering.take() == {}


def test_an_answer_out_of_the_cache_is_a_request_and_its_bytes():
    kept = make_usage(cache="hit", invocations=0, duration_us=0, billed_duration_ms=0, cpu_us=0, peak_mb=0, bytes_in=0)
    gathering = Gathering(10)
    gathering.add(kept, NOON)
    gathering.kept(kept[:9], 30, NOON + 1)
    gathering.kept(kept[:9], 30, NOON + 60)
    taken = gathering.take()
    assert [(slot.start - NOON, slot.key.cache, sums) for slot, sums in taken.items()] == [
        (0, "hit", Sums(requests=2, bytes_out=50)),
        (60, "hit", Sums(requests=1, bytes_out=30)),
    ]


def test_a_clock_that_is_set_back_loses_nothing():
    gathering = Gathering(10)
    for second in (0, 60, 0, 60, 3600, 0):
        gathering.add(make_usage(), NOON + second)
    assert total(gathering.sums) == total(gathering.sums)
    assert total(gathering.sums).invocations == 6
    assert {slot.start - NOON: sums.invocations for slot, sums in gathering.take().items()} == {0: 3, 60: 2, 3600: 1}


usages = st.builds(
    make_usage,
    job=st.sampled_from(["", *"abcdefgh"]),
    caller=st.sampled_from("xyz"),
    function=st.sampled_from("fg"),
    billed_duration_ms=st.integers(0, 100),
    bytes_out=st.integers(0, 1000),
    peak_mb=st.integers(0, 100),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(usages, st.integers(0, 300)), max_size=60), st.integers(1, 5), st.integers(1, 4))
def test_sums_are_right_whatever_is_told_apart(come, most, kept):
    gathering = Gathering(most)
    for usage, second in come:
        gathering.add(usage, NOON + second)
    taken = gathering.take()
    rows = bounded(merge((slot.key, sums) for slot, sums in taken.items()), kept)
    wanted = Counter(requests=len(come), billed_duration_ms=sum(one.billed_duration_ms for one, _ in come))
    wanted["bytes_out"] = sum(one.bytes_out for one, _ in come)
    wanted["memory_mb_ms"] = 256 * wanted["billed_duration_ms"]
    for found in (total(taken), total(dict(rows))):
        assert {name: getattr(found, name) for name in wanted} == dict(wanted)
        assert found.peak_mb == max((one.peak_mb for one, _ in come), default=0)
    assert len(rows) <= 2 * kept + 1
    assert set(SUMS) >= set(wanted)
