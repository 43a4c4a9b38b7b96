"""What a real run cost, and tuning a real function: a server, a handler, and the commands as a user types them."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from click.testing import CliRunner

from objectlens.cli.main import main

HANDLER = """
import time, urllib.request
import boto3
def lambda_handler(event, context):
    place = event["getObjectContext"]
    with urllib.request.urlopen(place["inputS3Url"]) as source:
        body = source.read()
    end = time.process_time() + 0.004
    while time.process_time() < end:
        pass
    boto3.client("s3").write_get_object_response(
        RequestRoute=place["outputRoute"], RequestToken=place["outputToken"], Body=body.upper()
    )
"""
READS = 24


def environment(server):
    return {
        "AWS_ACCESS_KEY_ID": server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
        "AWS_DEFAULT_REGION": server.region,
        "OBJECTLENS_DATA": None,
    }


def start(server, *arguments):
    """Start a command as a process, which can be stopped."""
    environ = {name: value for name, value in (os.environ | environment(server)).items() if value is not None}
    command = [sys.executable, "-m", "objectlens", *map(str, arguments), "--endpoint", server.url]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def invoke(server, *arguments):
    """Run a command here."""
    return CliRunner().invoke(main, [*map(str, arguments), "--endpoint", server.url], env=environment(server))


def run(server, *arguments):
    done = invoke(server, *arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def report(server, *arguments):
    return json.loads(run(server, "cost", "report", "--json", *arguments))


@pytest.fixture
def lens(make_lens):
    lens = make_lens(HANDLER)
    for number in range(4):
        lens.put(f"texts/{number}.txt", b"text" * 1000)
    return lens


def test_the_report_of_a_run_adds_up_to_the_ledger(server, lens):
    with ThreadPoolExecutor(4) as threads:
        bodies = list(threads.map(lambda number: lens.read(f"texts/{number % 4}.txt"), range(READS)))
    assert set(bodies) == {b"TEXT" * 1000}
    server.client("lambda").invoke(FunctionName=lens.function, Payload=b"{}")
    ledger = [
        one
        for one in csv.DictReader(io.StringIO(run(server, "usage", "export", "--by", "function,access_point")))
        if one["function"] == lens.function_arn
    ]
    row = next(one for one in report(server)["rows"] if one["function"] == lens.function_arn)
    assert row["invocations"] == sum(int(one["invocations"]) for one in ledger) == READS + 1
    assert row["billed_duration_ms"] == sum(int(one["billed_duration_ms"]) for one in ledger)
    assert Decimal(row["gb_seconds"]) == sum(Decimal(one["gb_seconds"]) for one in ledger)
    # 256 MB; at least the 4 ms that the handler computes.
    assert Decimal(row["gb_seconds"]) == Decimal(row["billed_duration_ms"]) / 4000
    assert Decimal(row["cpu_seconds"]) >= READS * Decimal("0.004")
    # A GET for the caller and one for the source.
    assert Decimal(row["cost_s3_requests"]) == READS * 2 * Decimal("0.0000004")
    through = next(one for one in report(server, "--by", "access-point")["rows"] if one["access_point"] == lens.arn)
    assert (through["requests"], through["bytes_out"]) == (READS, READS * 4000)
    advice = json.loads(run(server, "cost", "advice", "--json"))
    mine = next(one for one in advice if one["access_point"] == lens.arn)
    assert mine["objects"] == 4
    assert f"code ran {READS} times for 4 objects" in mine["advice"][0]["text"]


def temporary(server, lens):
    """Return what tuning leaves behind: versions, access points, and the function's MemorySize."""
    lambdas, control = server.client("lambda"), server.client("s3control")
    versions = lambdas.list_versions_by_function(FunctionName=lens.function)["Versions"]
    points = control.list_access_points_for_object_lambda(AccountId=server.account)["ObjectLambdaAccessPointList"]
    return (
        [one["Version"] for one in versions],
        [one["Name"] for one in points if one["Name"].startswith("tune-")],
        lambdas.get_function_configuration(FunctionName=lens.function)["MemorySize"],
    )


def test_tuning_measures_and_leaves_nothing_behind(server, lens, tmp_path):
    kept = server.client("lambda").publish_version(FunctionName=lens.function)["Version"]
    plot = tmp_path / "tuned.svg"
    said = json.loads(
        run(
            server,
            *("tune", lens.function, "--keys", "texts/*", "--memory", "256,512", "--concurrency", "1,2"),
            *("--rounds", "2", "--json", "--plot", plot),
        )
    )
    assert said["keys"] == [f"texts/{number}.txt" for number in range(4)]
    assert [(one["memory"], one["concurrency"]) for one in said["rows"]] == [(256, 1), (256, 2), (512, 1), (512, 2)]
    for one in said["rows"]:
        assert (one["reads"], one["errors"], one["invocations"]) == (8, 0, 8)
        assert one["p95_ms"] >= one["p50_ms"] > 4
        assert Decimal(one["cpu_ms"]) >= 4
        assert Decimal(one["cost_per_million"]) > Decimal(one["computing_per_million"]) > 0
        assert one["currency"] == "USD"
    assert said["cheapest"] in said["rows"]
    assert plot.read_text().count("<circle") == 4
    # The version that was there before has the same MemorySize as one that was measured, and stays.
    assert temporary(server, lens) == (["$LATEST", kept], [], 256)


def test_a_tuning_that_is_interrupted_takes_down_what_it_put_up(server, lens):
    arguments = ("tune", lens.function, "--keys", "texts/0.txt", "--memory", "128,512", "--rounds", "1000")
    with start(server, *arguments) as process:
        deadline = time.monotonic() + 60
        while len(temporary(server, lens)[1]) < 2:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        # What it put up is nothing that another one would measure.
        assert "the key 'none' cannot be read" in invoke(server, "tune", lens.function, "--keys", "none").output
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "what is temporary is deleted" in complaints
    assert temporary(server, lens) == (["$LATEST"], [], 256)


def test_what_cannot_be_tuned(server, lens):
    def refused(*arguments):
        done = invoke(server, "tune", *arguments)
        assert done.exit_code == 1
        return done.output

    assert "no Object Lambda access point uses a Lambda function none" in refused("none", "--keys", "k")
    assert "the key 'none' cannot be read" in refused(lens.function, "--keys", "none")
    assert "no key behind" in refused(lens.function, "--keys", "none*")
    assert "does not exist" in refused(lens.function, "--keys", "texts/0.txt", "--access-point", "nowhere")
    assert temporary(server, lens) == (["$LATEST"], [], 256)
