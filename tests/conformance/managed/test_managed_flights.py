"""Many who ask for one object that nobody has made yet."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from conformance.managed.conftest import MakeManaged, Managed, managed_on, way
from support.live import LiveServer

LARGE = random.Random(5).randbytes(16_000_000)
BODY = random.Random(6).randbytes(100_000)

# Takes its time: before its answer where the key says so, and in the middle of it always.
HELD = """
import http.client, os, time, urllib.request


def lambda_handler(event, context):
    where = event["getObjectContext"]
    with urllib.request.urlopen(where["inputS3Url"]) as answer:
        data = answer.read()[::2]
    time.sleep(1.5 if "late" in event["userRequest"]["url"] else 0)
    connection = http.client.HTTPConnection(os.environ["OBJECTLENS_ENDPOINT_URL"].split("//")[1])
    headers = {"x-amz-request-route": where["outputRoute"], "x-amz-request-token": where["outputToken"],
               "Content-Length": str(len(data))}

    def pieces():
        # The head is out by now.
        time.sleep(1.5 if "body" in event["userRequest"]["url"] else 0)
        for at in range(0, len(data), 500_000):
            yield data[at : at + 500_000]
            time.sleep(0.2 if at < 3_000_000 else 0)

    connection.request("POST", "/WriteGetObjectResponse", body=pieces(), headers=headers)
    connection.getresponse().read()
"""


def many(managed: Managed, key: str, count: int, **members: Any) -> list[tuple[str, bytes]]:
    client = managed.lens.server.client("s3", max_pool_connections=count)
    together = threading.Barrier(count)

    def get(_: int) -> tuple[str, bytes]:
        together.wait(30)
        answer = client.get_object(Bucket=managed.alias, Key=key, **members)
        return way(answer), answer["Body"].read()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(get, range(count)))


def test_a_hundred_at_once_are_one_invocation(make_managed: MakeManaged) -> None:
    managed = make_managed()
    managed.put("k.slow", BODY)
    answers = many(managed, "k.slow", 100)
    assert {body for _, body in answers} == {BODY[::2]}
    ways = Counter(came for came, _ in answers)
    assert (ways["miss"], managed.invocations()) == (1, 1), ways


def test_a_failure_is_one_invocation_too(make_managed: MakeManaged) -> None:
    managed = make_managed()
    managed.put("k.refused", BODY)

    def get(_: int) -> str:
        try:
            managed.get("k.refused")
        except managed.s3.exceptions.ClientError as error:
            return str(error.response["Error"]["Code"])
        return "answered"

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(get, range(16))) == {"NoSuchThing"}
    assert managed.invocations() == 1


@pytest.fixture
def held(own_server: Any) -> Managed:
    return managed_on(own_server(), HELD)


def environments(server: LiveServer, function: str) -> list[psutil.Process]:
    """Return the processes that run a function."""
    assert server.process is not None
    found = []
    for process in psutil.Process(server.process.pid).children(recursive=True):
        try:
            if process.environ().get("AWS_LAMBDA_FUNCTION_NAME") == function:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("key", ["before-the-first-byte-late", "before-the-body", "in-the-middle"])
def test_followers_survive_the_killing_of_the_leader(held: Managed, key: str) -> None:
    held.put(key, LARGE)
    half = LARGE[::2]
    killed: list[int] = []

    def kill() -> None:
        deadline = time.monotonic() + 30
        while not held.invocations() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.7)
        for process in environments(held.lens.server, held.lens.function):
            # With its template, an environment ends by itself.
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            killed.append(process.pid)

    killer = threading.Thread(target=kill)
    killer.start()
    answers = many(held, key, 12)
    killer.join()
    assert killed
    assert {body for _, body in answers} == {half}
    assert 2 <= held.invocations() <= 3
    assert held.get(key, Range="bytes=-9")["Body"].read() == half[-9:]


def test_the_first_client_streams_and_may_leave(held: Managed) -> None:
    held.put("k", LARGE)
    first = held.get("k")
    began = time.monotonic()
    assert first["Body"].read(10) == LARGE[::2][:10]
    # The whole takes longer than a second.
    assert time.monotonic() - began < 0.9
    second = held.get("k", Range="bytes=0-99")
    assert (way(second), second["Body"].read()) == ("fill", LARGE[::2][:100])
    first["Body"].close()
    second["Body"].close()
    assert held.get("k")["Body"].read() == LARGE[::2]
    assert held.invocations() == 1


def test_a_slow_reader_holds_up_nobody(held: Managed) -> None:
    held.put("k", LARGE)
    slow = held.get("k")
    slow["Body"].read(1)
    assert held.get("k")["Body"].read() == LARGE[::2]
    assert LARGE[::2][:1] + slow["Body"].read() == LARGE[::2]
    assert held.invocations() == 1
