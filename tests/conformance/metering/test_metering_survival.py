"""Servers that are killed and started again: what the ledger and the budgets still know."""

import asyncio
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from objectlens.cli.main import main
from support.live import make_lens_on, start_server, stop_server
from support.load import Load, load, presigned
from support.usage import WRITE, ask, native_lens, run, total

FLUSH_SECONDS = 0.5
ROUNDS = 2


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("metered") / "data"


@pytest.fixture
def live(data):
    """A server that the test may kill: `again` starts it anew on the same data. It keeps no results: all are made."""
    servers = []
    env = {"OBJECTLENS_METERING_FLUSH_SECONDS": str(FLUSH_SECONDS), "OBJECTLENS_CACHE_ENABLED": "false"}

    def again():
        servers.append(start_server(data, env=env))
        return servers[-1]

    yield again
    if servers and servers[-1].process.poll() is None:
        assert stop_server(servers[-1]) == 0


def kill(server):
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(30)


async def loaded_until_killed(server, url, seconds):
    """Load a server, and kill it after a while; returns what was answered."""
    found = Load()
    alone = {"Cache-Control": "no-store"}  # each is made anew
    loading = asyncio.create_task(load(url, 1_000_000, connections=8, headers=alone, into=found))
    await asyncio.sleep(seconds)
    kill(server)
    await loading
    return found


def last_written(data):
    """Return when the server that was killed last wrote sums, as `time.monotonic` has it, and how long ago that is."""
    with closing(sqlite3.connect(data / "objectlens.db")) as connection:
        (at,) = connection.execute("SELECT max(at) FROM usage_writers").fetchone()
    ago = time.time() - at
    return time.monotonic() - ago, ago


@pytest.mark.timeout(300)
def test_a_kill_under_load_loses_an_interval_at_most_and_counts_nothing_twice(live, data):
    server = live()
    lens = native_lens(server)
    lens.put("k", b"0123456789")
    counted = 0
    for round_ in range(ROUNDS):
        url = presigned(lens, "k")
        found = asyncio.run(loaded_until_killed(server, url, 2.2 + 0.13 * round_))
        written, ago = last_written(data)
        # An interval, and what the writing takes on a machine that does other things.
        assert ago < FLUSH_SECONDS + 10
        server = lens.server = live()
        now = total(server, access_point=lens.arn)["invocations"]
        # All that was complete when it last wrote, which is known to the second, is there.
        sure = sum(moment < written - 1 for moment, _, _ in found.good)
        assert sure <= now - counted <= found.began, (sure, now, counted, found.began)
        counted = now
    lens.read("k")
    assert total(server, access_point=lens.arn)["invocations"] == counted + 1


def test_a_stop_loses_nothing(live):
    server = live()
    lens = make_lens_on(server, WRITE)
    lens.put("k")
    for _ in range(5):
        lens.read("k")
    assert stop_server(server) == 0
    server = live()
    assert total(server, function=lens.function_arn)["invocations"] == 5


GOES_ON = WRITE.replace("    return", "    import time; time.sleep(60)\n    return")


def test_what_a_stop_cuts_is_counted_as_far_as_it_came(live):
    server = live()
    lens = make_lens_on(server, GOES_ON)
    lens.put("k")
    lens.read("k")
    time.sleep(0.3)
    assert stop_server(server) == 0
    server = live()
    found = total(server, function=lens.function_arn)
    assert (found["requests"], found["invocations"], found["errors"]) == (1, 1, 1)
    assert 300 <= found["billed_duration_ms"] < 60_000


def test_a_budget_holds_against_many_at_once_and_over_kills_and_restarts(live):
    server = live()
    lens = native_lens(server)
    lens.put("k", b"0123456789")
    run(server, "budget", "set", "small", "--access-point", lens.name, "--per", "day", "--invocations", "40")

    def answered(count):
        # Each is made anew, and not shared with others who wait for the same.
        alone = {"Cache-Control": "no-store"}
        done = asyncio.run(load(presigned(lens, "k"), count, connections=16, headers=alone))
        assert {status for _, status, _ in done.answers} <= {200, 503}
        return len(done.good)

    assert answered(15) == 15
    kill(server)
    server = lens.server = live()
    assert answered(10) == 10
    assert stop_server(server) == 0
    server = lens.server = live()
    assert answered(60) == 15
    with pytest.raises(ClientError) as caught:
        lens.read("k")
    error = caught.value.response
    assert (error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]) == (503, "SlowDown")
    assert f"The budget small of {lens.arn} has used 40 of 40 invocations for this day, which ends" in str(caught.value)
    text = ask(server, "/-/metrics")[1]
    assert 'objectlens_budget_used{budget="small",measure="invocations"} 40\n' in text
    assert 'objectlens_budget_warning{budget="small"} 1\n' in text
    assert 'objectlens_budget_refusals_total{budget="small"} 46\n' in text
    log = (server.data.parent / f"{server.data.name}.log").read_text()
    assert log.count("WARNING The budget small") == 1
    assert {"40", "invocations", "used", "up"} <= set(run(server, "budget", "list").split())
    run(server, "budget", "set", "small", "--invocations", "41")
    assert answered(5) == 1
    run(server, "budget", "remove", "small")
    assert answered(5) == 5
    assert "no budget small" in run(server, "budget", "remove", "small", code=1)
    asked = ("--caller", "root", "--per", "day", "--invocations", "1")
    assert "'a&b' cannot be a budget's name" in run(server, "budget", "set", "a&b", *asked, code=1)


def test_a_budget_of_a_caller_bounds_gets_invocations_and_events(live):
    server = live()
    lens = make_lens_on(server, WRITE)
    lens.put("k")
    lens.read("k")
    set_ = ("budget", "set", "root", "--caller", "root", "--per", "month")
    run(server, *set_, "--bytes", "1", "--warn-at", "100")
    lambdas = server.client("lambda")
    with pytest.raises(ClientError, match="SlowDown"):
        lens.read("k")
    for kind in ("RequestResponse", "Event"):
        with pytest.raises(ClientError, match=r"TooManyRequestsException.*The budget root"):
            lambdas.invoke(FunctionName=lens.function, InvocationType=kind)
    lens.s3.get_object(Bucket=lens.access_point_arn, Key="k")  # what is not transformed is none of its business
    run(server, *set_, "--bytes", "none", "--gb-seconds", "100000")
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: len(lens.read("k")), range(8))) == [24] * 8
    run(server, "budget", "remove", "root")


def test_budgets_and_usage_need_no_server(live, data):
    server = live()
    lens = make_lens_on(server, WRITE)
    assert stop_server(server) == 0

    def command(*arguments, code=0):
        done = CliRunner().invoke(main, [*arguments, "--data", str(data)])
        assert done.exit_code == code, done.output
        return done.output

    command("budget", "set", "offline", "--access-point", lens.name, "--invocations", "0")
    assert lens.name in command("budget", "list", "--json")
    assert "there is no Object Lambda access point nowhere" in command(
        "budget", "set", "b", "--access-point", "nowhere", "--invocations", "0", code=1
    )
    assert command("usage", "export").startswith("time,start,seconds,function,")
    server = lens.server = live()
    lens.put("k")
    with pytest.raises(ClientError, match="SlowDown"):
        lens.read("k")
    assert stop_server(server) == 0
    command("budget", "remove", "offline")
    assert command("budget", "remove", "offline", code=1).startswith("Error: there is no budget offline")
