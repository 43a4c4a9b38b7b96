"""For random functions and requests, answers are those of a bucket that holds the bytes that the function makes.

The bucket is one of ours, and one of SeaweedFS's. OBJECTLENS_MANAGED_EXAMPLES says how many functions and objects.
"""

from __future__ import annotations

import os
import random
import zlib
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import formatdate
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.managed.conftest import Managed, managed_on, new_bucket
from support.live import LiveServer
from support.seaweed import SeaweedFS

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
class World:
    """One place that has the objects; `more` are the query and the headers that its next request has besides."""

    client: Any
    bucket: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # First, so that what checks parameters and signs sees it.
        self.client.meta.events.register_first("before-sign.s3.*", self._add)

    def _add(self, request: Any, **_: Any) -> None:
        if self.query and request.method in {"GET", "HEAD"}:
            request.url += ("&" if "?" in request.url else "?") + self.query
        for name, value in self.headers.items():
            request.headers[name] = value


@dataclass
class Worlds:
    """The derived objects, and buckets that hold their bytes."""

    managed: Managed
    derived: World
    others: dict[str, World]


@pytest.fixture(scope="module")
def worlds(server: LiveServer, seaweed: SeaweedFS) -> Worlds:
    managed = managed_on(server, HANDLER)
    others = {
        "ours": World(server.client("s3", cached=False), new_bucket(server)),
        "SeaweedFS": World(seaweed.client(retries={"max_attempts": 0}, signature_version="s3v4"), seaweed.bucket()),
    }
    return Worlds(managed, World(server.client("s3", cached=False), managed.alias), others)


EXAMPLES = int(os.environ.get("OBJECTLENS_MANAGED_EXAMPLES", "12"))

numbers = st.one_of(st.integers(0, 40), st.integers(0, 40_000), st.integers(0, 10**7))
ranges = st.one_of(
    st.builds("bytes={}-".format, numbers),
    st.builds("bytes=-{}".format, numbers),
    st.builds(lambda first, more: f"bytes={first}-{first + more}", numbers, numbers),
)
# None of them is a range of bytes to S3, which then answers with all of them (RFC 9110 section 14.2).
ODDITIES = (
    "bytes=9-3",
    "rows=1-2",
    "bytes=",
    "bytes=-",
    "bytes=0-1,5-6",
    "bytes=a-b",
    "bytes=1-2-3",
    "0-5",
    "bytes=--5",
)
oddities = st.sampled_from(ODDITIES)
parts = st.sampled_from([1, 1, 2, 10_000])
conditions = st.fixed_dictionaries(
    {},
    optional={
        "IfMatch": st.sampled_from(["own", "other", "*", "several"]),
        "IfNoneMatch": st.sampled_from(["own", "other", "*", "several"]),
        "IfModifiedSince": st.sampled_from(["before", "same", "after"]),
        "IfUnmodifiedSince": st.sampled_from(["before", "same", "after"]),
        "If-Range": st.sampled_from(["own", "other", "weak", "before", "same", "after"]),
    },
)


@dataclass(frozen=True)
class Asked:
    """A request: a range, a part or neither, and conditions by names for what they compare with."""

    kind: str
    span: str | int | None
    wanted: dict[str, str]


requests = st.builds(
    Asked,
    st.sampled_from(["get", "head"]),
    st.one_of(st.none(), ranges, ranges, oddities, parts),
    st.just({}) | conditions,
)


@given(
    seed=st.integers(0, 2**16),
    size=st.one_of(st.integers(0, 3), st.integers(0, 100_000)),
    steps=st.lists(st.sampled_from(NAMES), max_size=3).map(".".join),
    asked=st.lists(requests, min_size=3, max_size=12),
)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_answers_equal_those_of_a_bucket_with_the_derived_bytes(
    worlds: Worlds, seed: int, size: int, steps: str, asked: list[Asked]
) -> None:
    body = random.Random(seed).randbytes(size)
    made = SPACE["made_of"](body, steps)
    key = f"{zlib.crc32(body):08x}-{steps}"
    worlds.managed.put(key, body)
    for world in worlds.others.values():
        world.client.put_object(Bucket=world.bucket, Key=key, Body=made, ContentType="a/b")
    worlds.derived.query = f"steps={steps}"
    for one in asked:
        ours = _outcome(worlds.derived, key, one)
        for name, world in worlds.others.items():
            if name == "ours" or _agrees_with_s3(one, len(made)):
                assert ours == _outcome(world, key, one), (name, key, one)


def _agrees_with_s3(asked: Asked, size: int) -> bool:
    """Tell whether SeaweedFS answers such a request as S3 does; where it does not, ours is what S3's pages say."""
    if len(asked.wanted) > 1 or "several" in asked.wanted.values() or "If-Range" in asked.wanted:
        return False
    if asked.span is None:
        return True
    return asked.kind == "get" and size > 0 and asked.span not in {"bytes=-0", 2, 10_000, *ODDITIES}


def _outcome(world: World, key: str, asked: Asked) -> Any:
    client = world.client
    state = client.head_object(Bucket=world.bucket, Key=key)
    members: dict[str, Any] = {"Bucket": world.bucket, "Key": key}
    if asked.span is not None:
        members["PartNumber" if isinstance(asked.span, int) else "Range"] = asked.span
    etag, modified = state["ETag"], state["LastModified"]
    etags = {"own": etag, "weak": f"W/{etag}", "other": '"x"', "*": "*", "several": f'"x", {etag}'}
    dates = {"before": -100, "same": 0, "after": 100}
    for name, value in asked.wanted.items():
        compared = etags.get(value) or modified + timedelta(seconds=dates.get(value, 0))
        if name == "If-Range":
            world.headers[name] = (
                compared if isinstance(compared, str) else formatdate(compared.timestamp(), usegmt=True)
            )
        else:
            members[name] = compared
    try:
        answer = client.get_object(**members) if asked.kind == "get" else client.head_object(**members)
    except ClientError as error:
        told = error.response["ResponseMetadata"]
        return told["HTTPStatusCode"], told["HTTPHeaders"].get("content-range") if asked.kind == "get" else None
    finally:
        world.headers.clear()
    told = answer["ResponseMetadata"]
    found = (told["HTTPStatusCode"], answer["ContentLength"], answer.get("ContentRange"), answer["ContentType"])
    return (*found, answer["Body"].read() if asked.kind == "get" else b"", answer["ETag"] == state["ETag"])
