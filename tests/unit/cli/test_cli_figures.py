import time

from rich.console import Console

from objectlens.cli.figures import parse, percentile, row
from objectlens.cli.top import since_begin, table
from objectlens.functions.figures import BOUNDS, Snapshot
from objectlens.gateway.metrics import exposition


def snapshot(**changes):
    facts = {
        **dict.fromkeys(("ending", "invocations", "errors", "throttles", "inits"), 0),
        "durations": (0,) * (len(BOUNDS) + 1),
    }
    name = {"function": "resize", "version": "$LATEST"}
    now = {"busy": 2, "idle": 1, "starting": 1, "waiting": 3}
    record = {"since": 1000.0, "peak_mb": 70, "seconds": 0.0}
    return Snapshot(**name | now | record | facts | changes)


def durations(**counts):
    """Counts by the index of a bound: `_3=10`."""
    found = [0] * (len(BOUNDS) + 1)
    for name, count in counts.items():
        found[int(name[1:])] = count
    return tuple(found)


def test_what_the_server_writes_is_read_again():
    one = snapshot(invocations=4, errors=1, inits=2, seconds=0.5, durations=durations(_0=1, _3=2, _36=1))
    other = snapshot(version="7", busy=0)
    read = parse(exposition([one, other]).decode())
    assert [(found.function, found.version) for found in read] == [("resize", "$LATEST"), ("resize", "7")]
    values = read[0].values
    assert (values["busy"], values["waiting"], values["invocations_total"], values["errors_total"]) == (2, 3, 4, 1)
    assert (values["duration_seconds_sum"], values["memory_peak_bytes"]) == (0.5, 70 * 2**20)
    assert read[0].buckets[0.001] == 1
    assert read[0].buckets[0.003] == 3
    assert read[0].buckets[float("inf")] == values["duration_seconds_count"] == 4


def test_every_series_is_said_what_it_is():
    lines = exposition([snapshot()]).decode().splitlines()
    told = {line.split()[2] for line in lines if line.startswith("# TYPE ")}
    assert told == {line.split()[2] for line in lines if line.startswith("# HELP ")}
    series = {line.partition("{")[0] for line in lines if not line.startswith("#")}
    assert {one.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for one in series} == told


def test_percentiles_lie_within_their_bound():
    (read,) = parse(exposition([snapshot(invocations=100, durations=durations(_0=50, _3=49, _36=1))]).decode())
    assert 0 < percentile(read.buckets, 0.5) <= BOUNDS[0]
    assert BOUNDS[2] < percentile(read.buckets, 0.99) <= BOUNDS[3]
    assert percentile(read.buckets, 1.0) == 900.0
    assert percentile({}, 0.5) is None


def test_a_row_is_what_happened_between_two_readings():
    (before,) = parse(exposition([snapshot(invocations=10, durations=durations(_0=10))]).decode())
    (after,) = parse(exposition([snapshot(invocations=30, errors=5, durations=durations(_0=10, _12=20))]).decode())
    found = row(after, before, 10.0)
    assert (found.invocations, found.invocations_per_second, found.errors) == (20, 2.0, 5)
    assert BOUNDS[11] < found.p50 <= BOUNDS[12]
    assert row(before, before, 10.0).p50 is None


def test_a_server_that_was_started_again_counts_from_nothing():
    (before,) = parse(exposition([snapshot(invocations=10)]).decode())
    (after,) = parse(exposition([snapshot(invocations=1, since=2000.0)]).decode())
    assert row(after, before, 1.0).invocations == 1


def test_the_table_says_everything():
    now = time.time()
    (read,) = parse(exposition([snapshot(since=now - 300, invocations=30, durations=durations(_12=30))]).decode())
    console = Console(width=160, record=True, file=None)
    with console.capture() as drawn:
        console.print(table(since_begin([read], now), now))
        console.print(table([], now))
    head, line, *rest = drawn.get().splitlines()
    assert head.split()[:6] == ["function", "version", "busy", "idle", "starting", "queue"]
    assert line.split()[:7] == ["resize", "$LATEST", "2", "1", "1", "3", "0.1"]
    assert line.split()[-4:] == ["70", "MB", "5", "m"]
    assert "No function has run" in " ".join(rest)


def test_a_narrow_terminal_goes_without_columns_and_what_is_shown_is_whole():
    now = time.time()
    (read,) = parse(exposition([snapshot(function="image-normalizer", since=now - 300, invocations=30)]).decode())
    console = Console(width=80)
    with console.capture() as drawn:
        console.print(table(since_begin([read], now), now, console.width))
    heading, row_ = drawn.get().splitlines()
    assert heading.split()[:4] == ["function", "version", "busy", "idle"]
    assert heading.split()[-3:] == ["p50", "p99", "peak"]
    assert row_.startswith("image-normalizer $LATEST")
    assert "…" not in drawn.get()
