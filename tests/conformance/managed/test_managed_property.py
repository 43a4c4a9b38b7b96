"""For random functions and requests, answers are those of a bucket that holds the bytes that the function makes.

The bucket is one of ours, and one of SeaweedFS's.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.managed.conftest import Managed, managed_on, new_bucket
from support.live import LiveServer

# What the function makes of an object is said by the query: any chain of these steps.
STEPS = """
import zlib

STEPS = {
    "half": lambda data: data[::2],
    "twice": lambda data: data + data,
    "turn": lambda data: data[::-1],
    "head": lambda data: data[:777],
    "none": lambda data: b"",
    "pad": lambda data: data + b"." * 300_000,
    "deflate": zlib.compress,
}


def made_of(data, steps):
    for step in filter(None, steps.split(".")):
        data = STEPS[step](data)
    return data
"""
HANDLER = (
    STEPS
    + """

import urllib.parse, urllib.request
import boto3

s3 = boto3.client("s3")


def lambda_handler(event, context):
    where = event["getObjectContext"]
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(event["userRequest"]["url"]).query))
    with urllib.request.urlopen(where["inputS3Url"]) as answer:
        data = made_of(answer.read(), asked.get("steps", ""))
    s3.write_get_object_response(
        RequestRoute=where["outputRoute"], RequestToken=where["outputToken"], Body=data, ContentType="a/b"
    )
"""
)
SPACE: dict[str, Any] = {}
exec(STEPS, SPACE)
NAMES = tuple(SPACE["STEPS"])


@dataclass
class Worlds:
    """The derived objects, and buckets that hold their bytes."""

    managed: Managed
    clients: dict[str, tuple[Any, str]]


@pytest.fixture(scope="module")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("weed")
    port = 18_333 + random.SystemRandom().randrange(2_000)
    accounts = folder / "s3.json"
    accounts.write_text(
        '{"identities": [{"name": "a", "credentials": [{"accessKey": "someone", "secretKey": "something"}],'
        ' "actions": ["Admin", "Read", "Write", "List"]}]}'
    )
    ports = [f"-{name}.port={port + 100 * at}" for at, name in enumerate(("master", "volume", "filer"), 1)]
    command = [Path(sys.executable).with_name("weed"), "server", f"-dir={folder}", "-ip=127.0.0.1", "-s3"]
    command += [f"-s3.port={port}", f"-s3.config={accounts}", *ports, "-volume.max=8", "-master.volumeSizeLimitMB=64"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id="someone",
            aws_secret_access_key="something",
            config=Config(retries={"max_attempts": 0}, signature_version="s3v4"),
        )
        try:
            _wait(client, folder / "log")
            yield client
        finally:
            process.terminate()
            process.wait(30)


def _wait(client: Any, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            client.create_bucket(Bucket="derived")
            client.put_object(Bucket="derived", Key="probe", Body=b"x")
        except (BotoCoreError, ClientError):
            if time.monotonic() > deadline:
                raise AssertionError(log.read_text(errors="replace")[-2000:]) from None
            time.sleep(0.3)
        else:
            return


@pytest.fixture(scope="module")
def worlds(server: LiveServer, seaweedfs: Any) -> Worlds:
    managed = managed_on(server, HANDLER)
    return Worlds(managed, {"ours": (managed.s3, new_bucket(server)), "SeaweedFS": (seaweedfs, "derived")})


numbers = st.one_of(st.integers(0, 40), st.integers(0, 40_000), st.integers(0, 10**7))
ranges = st.one_of(
    st.builds("bytes={}-".format, numbers),
    st.builds("bytes=-{}".format, numbers),
    st.builds(lambda first, more: f"bytes={first}-{first + more}", numbers, numbers),
)
conditions = st.fixed_dictionaries(
    {},
    optional={
        "IfMatch": st.sampled_from(["own", "other", "*", "several"]),
        "IfNoneMatch": st.sampled_from(["own", "other", "several"]),
        "IfModifiedSince": st.sampled_from(["before", "same", "after"]),
        "IfUnmodifiedSince": st.sampled_from(["before", "same", "after"]),
    },
)
requests = st.tuples(st.sampled_from(["get", "head"]), st.none() | ranges, st.just({}) | conditions)


@given(
    seed=st.integers(0, 2**16),
    size=st.one_of(st.integers(0, 3), st.integers(0, 100_000)),
    steps=st.lists(st.sampled_from(NAMES), max_size=3).map(".".join),
    asked=st.lists(requests, min_size=3, max_size=8),
)
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_answers_equal_those_of_a_bucket_with_the_derived_bytes(
    worlds: Worlds, seed: int, size: int, steps: str, asked: list[Any]
) -> None:
    body = random.Random(seed).randbytes(size)
    made = SPACE["made_of"](body, steps)
    key = f"{zlib.crc32(body):08x}-{steps}"
    worlds.managed.put(key, body)
    for client, bucket in worlds.clients.values():
        client.put_object(Bucket=bucket, Key=key, Body=made, ContentType="a/b")
    derived = worlds.managed._client(f"steps={steps}", None)
    for kind, span, wanted in asked:
        ours = _outcome(derived, worlds.managed.alias, key, (kind, span, wanted))
        for name, (client, bucket) in worlds.clients.items():
            if name == "ours" or _agrees_with_s3(kind, span, wanted, len(made)):
                theirs = _outcome(client, bucket, key, (kind, span, wanted))
                assert ours == theirs, (name, key, kind, span, wanted)


def _agrees_with_s3(kind: str, span: str | None, wanted: dict[str, str], size: int) -> bool:
    """Tell whether SeaweedFS answers such a request as S3 does; where it does not, ours is what S3's pages say."""
    if len(wanted) > 1 or "several" in wanted.values() or (kind == "head" and span is not None):
        return False
    return span is None or (size > 0 and span != "bytes=-0")


def _outcome(client: Any, bucket: str, key: str, asked: Any) -> Any:
    kind, span, wanted = asked
    state = client.head_object(Bucket=bucket, Key=key)
    members: dict[str, Any] = {"Bucket": bucket, "Key": key} | ({"Range": span} if span else {})
    etags = {"own": state["ETag"], "other": '"x"', "*": "*", "several": f'"x", {state["ETag"]}'}
    dates = {"before": -100, "same": 0, "after": 100}
    for name, value in wanted.items():
        members[name] = etags.get(value) or state["LastModified"] + timedelta(seconds=dates.get(value, 0))
    try:
        answer = client.get_object(**members) if kind == "get" else client.head_object(**members)
    except ClientError as error:
        told = error.response["ResponseMetadata"]
        return told["HTTPStatusCode"], told["HTTPHeaders"].get("content-range") if kind == "get" else None
    told = answer["ResponseMetadata"]
    found = (told["HTTPStatusCode"], answer["ContentLength"], answer.get("ContentRange"), answer["ContentType"])
    return (*found, answer["Body"].read() if kind == "get" else b"", answer["ETag"] == state["ETag"])
