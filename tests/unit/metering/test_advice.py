"""Advice: which sentence comes of which figures, and that its numbers are those of the ledger."""

import pytest

from objectlens.metering.costs import Library, advise, facts_of
from objectlens.metering.rows import DIMENSIONS, Key, Row, Sums

POINT = "arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/images"
FUNCTION = "arn:aws:lambda:us-west-2:123456789012:function:thumbnails"


def row(cache="", memory=512, seconds=3600, start=0, runtime="lambda", **sums):
    given = {
        "access_point": POINT,
        "function": FUNCTION,
        "runtime": runtime,
        "memory_size": memory,
        "cache": cache,
    }
    return Row(start=start, seconds=seconds, key=Key(**(dict.fromkeys(DIMENSIONS) | given)), sums=Sums(**sums))


def ran(invocations=1000, **more):
    plain = {
        "requests": invocations,
        "invocations": invocations,
        "duration_us": invocations * 100_000,
        "billed_duration_ms": invocations * 100,
        "memory_mb_ms": invocations * 100 * 512,
        "cpu_us": invocations * 50_000,
        "bytes_in": invocations * 100_000,
        "bytes_out": invocations * 20_000,
        "peak_mb": 100,
    }
    return plain | more


def advised(*rows, objects=None, host="ml.p2.xlarge"):
    library = Library.of(())
    (facts,) = facts_of(rows, library.book, {POINT: objects})
    return {one.about: one for one in advise(facts, library.book, library.host(host))}


@pytest.mark.parametrize(
    ("objects", "answer", "text"),
    [
        (100, "yes", "Cache it: code ran 1,000 times for 100 objects, so at least 900 answers had been made before."),
        (1000, "no", "No cache yet: code ran 1,000 times for 1,000 objects"),
        (None, "unknown", "Cache: code ran 1,000 times; how many objects there are is not known."),
    ],
)
def test_a_cache_is_for_what_is_read_again(objects, answer, text):
    found = advised(row(**ran()), objects=objects)["cache"]
    assert found.answer == answer
    assert text in found.text


def test_a_cache_that_is_there_is_judged_by_what_it_saved():
    found = advised(row(**ran()), row(cache="hit", requests=3000), objects=10)["cache"]
    assert found.answer == "keep"
    assert "it answered 3,000 of 4,000 GETs" in found.text


def test_what_is_read_often_is_baked_and_what_is_read_seldom_is_not():
    often = advised(row(**ran()), objects=100)["bake"]
    assert often.answer == "yes"
    assert "720,000 invocations a month" in often.text
    year = row(seconds=366 * 86_400, **ran(invocations=10))
    seldom = advised(year, objects=1_000_000)["bake"]
    assert seldom.answer == "no"
    assert "a copy of 1,000,000 objects with 19.5 KB each" in seldom.text


def test_the_client_is_for_what_takes_little_time_there():
    light = advised(row(**ran(cpu_us=1_000_000)))["client"]
    assert light.answer == "yes"
    assert "1.0 ms of CPU time, 97.7 KB in, 19.5 KB out each" in light.text
    assert "while its GPU waits" in light.text
    heavy = advised(row(**ran(cpu_us=1_000_000_000)))["client"]
    assert heavy.answer == "no"


@pytest.mark.parametrize(
    ("sums", "answer", "text"),
    [
        ({"peak_mb": 480}, "raise", "has 512 MB, peaked at 480 MB"),
        ({"cpu_us": 5_000_000}, "lower", "Lower MemorySize to 128 MB: thumbnails has 512 MB, peaked at 100 MB"),
        ({"cpu_us": 5_000_000, "peak_mb": 400}, "keep", "Keep MemorySize: thumbnails has 512 MB, peaked at 400 MB"),
        # A fifth of a processor is 354 MB of Lambda's, and half of one 885 MB.
        ({"cpu_us": 20_000_000}, "lower", "Lower MemorySize to 384 MB"),
        (
            {"cpu_us": 50_000_000},
            "keep",
            "this is 29%, and it takes longer; measure it with: objectlens tune",
        ),
    ],
)
def test_memory(sums, answer, text):
    found = advised(row(**ran(**sums)))["memory"]
    assert found.answer == answer
    assert text in found.text


def test_native_transforms_have_no_memory_to_choose():
    assert "memory" not in advised(row(runtime="native", **ran()))
