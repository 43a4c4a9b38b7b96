"""Transforms written in Python: the same object in this process and deployed, with equal results."""

import importlib.util
import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

PHOTOGRAPH = Path(__file__).parents[3] / "examples" / "photographs" / "rocket.jpg"
SOURCE = """
from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np

from objectlens.transforms import BadInput, Bounds, Context, Result, transform
from objectlens.transforms.image import decode, encode, grayscale, resize

small = decode() >> resize(width=64, height=48) >> grayscale() >> encode(format="png")


@transform
def negative(pixels: np.ndarray, ctx: Context) -> np.ndarray:
    return 255 - pixels


mixed = decode() >> resize(width=64, height=48) >> negative >> encode(format="png")


@transform
def signed(data: bytes, ctx: Context) -> Result:
    if b"bad" in data:
        raise BadInput("the object is bad")
    ctx.limits.check("frames", len(data) if b"long" in data else 0, "a long one")
    return Result(data + b" by " + ctx.key.encode(), "text/x-signed", {"length": str(len(data))})


@transform
def told(data: bytes, ctx: Context) -> bytes:
    return ctx.quality.encode()


@transform
def shout(chunks: Iterator[bytes], ctx: Context) -> Iterator[bytes]:
    for chunk in chunks:
        if b"bad" in chunk:
            raise BadInput("the object is bad")
        yield chunk.upper()


@transform
def verbose(data: bytes, ctx: Context) -> bytes:
    raise BadInput("one line\\r\\n and\\x00 another: ü\\u2028")


@transform
def late(chunks: Iterator[bytes], ctx: Context) -> Iterator[bytes]:
    yield from chunks
    raise BadInput("the end is bad")


@transform
def large(data: bytes, ctx: Context) -> Iterator[bytes]:
    yield b"head"
    yield b"x" * 100_000_000


@transform
def endless(chunks: Iterator[bytes], ctx: Context) -> Iterator[bytes]:
    try:
        while True:
            yield b"x" * 65536
    finally:
        print("endless is closed")


endlessly = endless >> shout


@transform
def often(text: str, ctx: Context, *, times: Annotated[int, Bounds(1, 9)] = 2, mark: Literal["!", "?"] = "!") -> str:
    return text * times + mark + str(ctx.arguments["times"])


@transform
def framed(text: str, ctx: Context, *, left: str = "<", right: str = ">") -> str:
    return left + text + right


framed_often = often >> framed(left="[")
"""


@pytest.fixture
def deployed(server, tmp_path):
    """Deploy transforms of the module above; returns a function from name to (transform, read)."""
    endpoint = ["--endpoint", server.url] if server.process is None else ["--data", str(server.data)]
    environ = os.environ | {
        "AWS_ACCESS_KEY_ID": server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
        "AWS_DEFAULT_REGION": server.region,
    }
    (tmp_path / "lenses.py").write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("lenses", tmp_path / "lenses.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    s3 = server.client("s3")
    bucket = f"t{uuid.uuid4().hex[:16]}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": server.region})

    def deploy(name, *options):
        command = [
            "function",
            "deploy",
            f"lenses:{name}",
            "--access-point",
            f"{bucket}-ol",
            "--bucket",
            bucket,
            *options,
        ]
        done = subprocess.run(
            [sys.executable, "-m", "objectlens", *command, *endpoint, "--json"],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        made = json.loads(done.stdout)

        def read(key, body, query="", header=None, event="before-sign"):
            def ask(request, **_):
                request.url += query and ("&" if "?" in request.url else "?") + query
                if header is not None:
                    request.headers["x-objectlens-args"] = header

            s3.put_object(Bucket=bucket, Key=key, Body=body)
            s3.meta.events.register(f"{event}.s3.GetObject", ask, unique_id="ask")
            try:
                return s3.get_object(Bucket=made["access_point"], Key=key)
            finally:
                s3.meta.events.unregister(f"{event}.s3.GetObject", unique_id="ask")

        return getattr(module, name), read, made

    return deploy


def test_built_in_steps_are_deployed_as_data(deployed) -> None:
    small, read, made = deployed("small")
    assert made["function"].endswith(":function:objectlens-transform")
    answer = read("a.jpg", PHOTOGRAPH.read_bytes())
    assert answer["ContentType"] == "image/png"
    # `fast` and step by step come to pictures of one size; the bytes are those of `fast`.
    assert answer["Body"].read()[:24] == bytes(small(PHOTOGRAPH))[:24]


def test_steps_of_ones_own_run_as_a_lambda_function(deployed) -> None:
    mixed, read, made = deployed("mixed")
    assert made["payload"] is None
    assert read("a.jpg", PHOTOGRAPH.read_bytes())["Body"].read() == bytes(mixed(PHOTOGRAPH))


def test_type_metadata_and_key_go_through_and_refusals_are_errors(deployed) -> None:
    _, read, _ = deployed("signed")
    answer = read("a b/ü.txt", b"words")
    assert answer["Body"].read() == "words by a b/ü.txt".encode()
    assert (answer["ContentType"], answer["Metadata"]) == ("text/x-signed", {"length": "5"})
    with pytest.raises(ClientError) as caught:
        read("bad", b"bad")
    assert caught.value.response["Error"] == {"Code": "InvalidTransformInput", "Message": "the object is bad"}
    with pytest.raises(ClientError) as caught:
        read("long", b"long" * 1000)
    assert caught.value.response["Error"] == {
        "Code": "TransformLimitExceeded",
        "Message": "a long one is more than the limit of 1,000 on 'frames'; deploy it with --limit frames=...",
    }


def test_limits_and_quality_go_with_what_is_deployed(deployed) -> None:
    _, read, _ = deployed("signed", "--limit", "frames=5000", "--limit", "duration=0.5")
    assert read("long", b"long" * 1000)["Body"].read().endswith(b"by long")
    with pytest.raises(ClientError, match="limit of 5,000 on 'frames'"):
        read("longer", b"long" * 2000)
    _, read, made = deployed("told", "--quality", "exact")
    assert json.loads(made["payload"]) == {"quality": "exact"}
    assert read("a", b"")["Body"].read() == b"exact"
    _, read, _ = deployed("small", "--limit", "pixels=1000")
    with pytest.raises(ClientError, match="limit of 1,000 on 'pixels'"):
        read("a.jpg", PHOTOGRAPH.read_bytes())
    # What is not said any more does not stay.
    _, read, made = deployed("told")
    assert made["payload"] is None
    assert read("a", b"")["Body"].read() == b"fast"


def test_requests_set_the_arguments_that_are_declared(deployed) -> None:
    framed_often, read, _ = deployed("framed_often")

    def refused(**said):
        with pytest.raises(ClientError) as caught:
            read("a", b"ho", **said)
        error = caught.value.response
        return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"], error["Error"]["Message"]

    for said, arguments in (
        ({}, {}),
        ({"query": "times=3&x-id=GetObject"}, {"times": 3}),
        ({"query": "right=%2B%20%26%C3%BC", "header": "times=4; mark=?"}, {"times": 4, "mark": "?", "right": "+ &ü"}),
        ({"header": '{"times": 1, "right": ""}'}, {"times": 1, "right": ""}),
    ):
        assert read("a", b"ho", **said)["Body"].read() == bytes(framed_often(b"ho", **arguments))
    for said, name in (
        ({"query": "times=10"}, "'times' is 10; it must be from 1 to 9"),
        ({"header": "mark=."}, "'mark' must be one of"),
        ({"query": "times=3", "header": "times=3"}, "'times' is given twice"),
        ({"query": "left=x"}, "unknown arguments: left; this pipeline takes: mark, right, times"),
    ):
        status, code, message = refused(**said)
        assert (status, code) == (400, "InvalidArgument")
        assert name in message
    # As of a pipeline: who has a presigned URL may not say more than its maker.
    assert refused(header="times=3", event="before-send")[:2] == (403, "AccessDenied")


def test_streams_stay_streams_and_deploying_again_replaces(deployed) -> None:
    deployed("signed")
    _, read, _ = deployed("shout")
    body = b"words " * 100_000
    assert read("a", body)["Body"].read() == body.upper()
    with pytest.raises(ClientError, match="the object is bad"):
        read("a", b"bad")
    _, read, _ = deployed("small")
    assert read("a", PHOTOGRAPH.read_bytes())["ContentType"] == "image/png"


def test_reasons_are_sent_on_one_line(deployed) -> None:
    _, read, _ = deployed("verbose")
    with pytest.raises(ClientError) as caught:
        read("a", b"words")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert caught.value.response["Error"] == {"Code": "InvalidTransformInput", "Message": "one line and another: ü"}


def test_what_fails_while_it_is_sent_is_in_the_log(deployed, server) -> None:
    _, read, made = deployed("late")
    with pytest.raises((ClientError, BotoCoreError)):
        read("a", b"words " * 1_000_000)["Body"].read()
    assert "[ERROR] BadInput: the end is bad" in _log(server, made)


def test_generators_are_closed_when_whoever_asked_is_gone(deployed, server) -> None:
    _, read, made = deployed("endlessly")
    body = read("a", b"words")["Body"]
    assert body.read(100_000) == b"X" * 100_000
    body.close()
    assert "endless is closed" in _log(server, made).partition("END ")[0]


def _log(server, made) -> str:
    """Return a function's log, which is written when it has returned."""
    path = server.data / "functions" / "logs" / made["function"].rpartition(":")[2] / "current.log"
    deadline = time.monotonic() + 20
    while "REPORT " not in (said := path.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return said


def test_what_fails_before_any_of_it_was_passed_on_is_refused(deployed) -> None:
    _, read, _ = deployed("late")
    with pytest.raises(ClientError) as caught:
        read("a", b"words")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert caught.value.response["Error"] == {"Code": "InvalidTransformInput", "Message": "the end is bad"}


def test_large_chunks_are_sent_as_fast_as_small_ones(deployed) -> None:
    _, read, _ = deployed("large")
    began = time.monotonic()
    assert len(read("a", b"words")["Body"].read()) == 100_000_004
    # What is left must not be copied for each piece that is taken off it.
    assert time.monotonic() - began < 20
