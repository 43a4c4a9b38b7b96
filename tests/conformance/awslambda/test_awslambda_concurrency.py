"""Concurrency of a running server: bursts, limits, environments kept ready, aliases that share their calls."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from botocore.exceptions import ClientError

from support.live import make_lens_on, start_server, stop_server, zipped

# Answers with who it is, after a while.
HANDLER = """
import boto3, json, os, time
def lambda_handler(event, context):
    who = {"pid": os.getpid(), "kind": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"],
           "version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"], "arn": context.invoked_function_arn}
    place = (event or {}).get("getObjectContext")
    if place is None:
        return who
    time.sleep(0.1)
    boto3.client("s3").write_get_object_response(
        RequestRoute=place["outputRoute"], RequestToken=place["outputToken"], Body=json.dumps(who).encode()
    )
"""


@contextmanager
def running(data, **settings):
    env = {f"OBJECTLENS_FUNCTIONS_{name.upper()}": str(value) for name, value in settings.items()}
    server = start_server(data, env=env)
    try:
        yield server
    finally:
        assert stop_server(server) == 0


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def alive(pid):
    return os.path.exists(f"/proc/{pid}")


def status(client, lens, qualifier):
    found = client.get_provisioned_concurrency_config(FunctionName=lens.function, Qualifier=qualifier)
    return found["Status"]


def test_a_burst_of_gets_is_answered_and_nothing_is_left_of_it(tmp_path):
    with running(tmp_path / "data", idle_seconds=2) as server:
        lens = make_lens_on(server, HANDLER)
        lens.put("key")
        lens.get  # noqa: B018  (the client is made before the threads are)
        with ThreadPoolExecutor(64) as threads:
            seen = [json.loads(one) for one in threads.map(lens.read, ["key"] * 64)]
        pids = {one["pid"] for one in seen}
        assert len(seen) == 64
        until(lambda: not any(map(alive, pids)))


def test_two_hundred_environments_may_be_set(tmp_path):
    with running(tmp_path / "data", max_environments=200, max_per_function=200, concurrency=400) as server:
        assert server.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 400


def test_a_get_over_a_limit_is_told_to_slow_down(tmp_path):
    with running(tmp_path / "data", concurrency=10) as server:
        client, lens = server.client("lambda"), make_lens_on(server, HANDLER)
        lens.put("key")
        client.put_function_concurrency(FunctionName=lens.function, ReservedConcurrentExecutions=0)
        with pytest.raises(ClientError) as caught:
            lens.get("key")
        answer = caught.value.response
        assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("SlowDown", 503)
        assert answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"
        over = {"FunctionName": lens.function, "ReservedConcurrentExecutions": 10}
        with pytest.raises(ClientError, match=r"below its minimum value of \[1\]"):
            client.put_function_concurrency(**over)
        client.put_function_concurrency(FunctionName=lens.function, ReservedConcurrentExecutions=9)
        slow = make_lens_on(server, HANDLER.replace("0.1", "1"))
        slow.put("key")
        with ThreadPoolExecutor(4) as threads:
            codes = list(threads.map(lambda _: outcome(slow, "key"), range(4)))
        assert sorted(codes) == ["SlowDown", "SlowDown", "SlowDown", "fine"]


def outcome(lens, key):
    try:
        lens.read(key)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "fine"


def test_environments_are_kept_ready_over_restarts_and_follow_their_alias(tmp_path):
    with running(tmp_path / "data", idle_seconds=1) as server:
        client, lens = server.client("lambda"), make_lens_on(server, HANDLER)
        client.publish_version(FunctionName=lens.function)
        client.create_alias(FunctionName=lens.function, Name="live", FunctionVersion="1")
        made = client.put_provisioned_concurrency_config(
            FunctionName=lens.function, Qualifier="live", ProvisionedConcurrentExecutions=2
        )
        assert made["Status"] in {"IN_PROGRESS", "READY"}
        until(lambda: status(client, lens, "live") == "READY")
    with running(tmp_path / "data", idle_seconds=1) as server:
        client = server.client("lambda")
        until(lambda: status(client, lens, "live") == "READY")
        time.sleep(2)
        one = json.load(client.invoke(FunctionName=lens.function, Qualifier="live")["Payload"])
        assert (one["kind"], one["version"]) == ("provisioned-concurrency", "1")
        assert one["arn"].endswith(":live")
        latest = json.load(client.invoke(FunctionName=lens.function)["Payload"])
        assert latest["kind"] == "on-demand"
        client.update_function_code(FunctionName=lens.function, ZipFile=zipped(HANDLER + "#"), Publish=True)
        client.update_alias(FunctionName=lens.function, Name="live", FunctionVersion="2")
        until(lambda: not alive(one["pid"]))
        until(lambda: status(client, lens, "live") == "READY")
        two = json.load(client.invoke(FunctionName=lens.function, Qualifier="live")["Payload"])
        assert (two["kind"], two["version"]) == ("provisioned-concurrency", "2")


def test_an_alias_shares_its_calls(server):
    client = server.client("lambda")
    lens = make_lens_on(server, HANDLER.replace("0.1", "0"))
    client.publish_version(FunctionName=lens.function, Description="one")
    client.update_function_code(FunctionName=lens.function, ZipFile=zipped(HANDLER.replace("0.1", "0.0")), Publish=True)
    arn = client.create_alias(
        FunctionName=lens.function,
        Name="live",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.25}},
    )["AliasArn"]
    control = server.client("s3control")
    where = {"AccountId": server.account, "Name": lens.name}
    configuration = control.get_access_point_configuration_for_object_lambda(**where)["Configuration"]
    configuration["TransformationConfigurations"][0]["ContentTransformation"]["AwsLambda"]["FunctionArn"] = arn
    control.put_access_point_configuration_for_object_lambda(**where, Configuration=configuration)
    lens.put("key")
    invoked = [client.invoke(FunctionName=arn)["ExecutedVersion"] for _ in range(200)]
    read = [json.loads(lens.read("key")) for _ in range(200)]
    assert {one["arn"] for one in read} == {arn}
    for versions in (invoked, [one["version"] for one in read]):
        # Less than one in a million runs falls outside of five standard deviations.
        assert set(versions) == {"1", "2"}
        assert 20 <= versions.count("2") <= 80
