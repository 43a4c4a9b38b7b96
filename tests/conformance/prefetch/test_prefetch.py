"""Prefetch: what is asked for before somebody waits for it, told line by line, behind everything that is live."""

import json
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from botocore.credentials import Credentials

from support.archives import eventually, members, post, prefetch, streaming
from support.live import ROLE, make_lens_on, start_server, stop_server
from support.usage import native_lens
from support.wire import Wire

JOINED = "objectlens_cache_joined_total"
MANAGED = {"objectlens:answers": "managed"}

UPPER = """
import urllib.request
from urllib.parse import parse_qs, urlsplit

import boto3


def lambda_handler(event, context):
    c, url = event["getObjectContext"], urlsplit(event["userRequest"]["url"])
    if "boom" in url.path:
        raise ValueError("no")
    tail = parse_qs(url.query).get("tail", [""])[0].encode()
    boto3.client("s3").write_get_object_response(
        RequestRoute=c["outputRoute"],
        RequestToken=c["outputToken"],
        Body=urllib.request.urlopen(c["inputS3Url"]).read().upper() + tail,
    )
"""

# Tells in the bucket that it began, and goes on when it is told so there.
HELD = """
import os
import time
import urllib.request
from urllib.parse import urlsplit

import boto3

s3 = boto3.client("s3")
BUCKET = os.environ["BUCKET"]


def lambda_handler(event, context):
    c, key = event["getObjectContext"], urlsplit(event["userRequest"]["url"]).path[1:]
    s3.put_object(Bucket=BUCKET, Key=f"began/{key}", Body=str(time.time()).encode())
    while not s3.list_objects_v2(Bucket=BUCKET, Prefix="go").get("KeyCount"):
        time.sleep(0.02)
    body = urllib.request.urlopen(c["inputS3Url"]).read().upper()
    s3.write_get_object_response(Body=body, RequestRoute=c["outputRoute"], RequestToken=c["outputToken"])
"""

PICTURE = cv2.imencode(".jpg", np.random.default_rng(1).integers(0, 255, (600, 800, 3), np.uint8))[1].tobytes()
BLURRED = json.dumps(
    {"pipeline": [{"image.decode": {}}, {"image.blur": {"sigma": 9.0}}, {"image.encode": {"format": "jpeg"}}]}
)


def managed(server, source, **options):
    lens = make_lens_on(server, source, **options)
    server.client("lambda").tag_resource(Resource=lens.function_arn, Tags=MANAGED)
    return lens


def figures(server):
    """Return what `/-/metrics` tells, by names with labels; to ask for it is no request that a prefetch yields to."""
    text = Wire(server).send("GET", "/-/metrics").body.decode()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")}


def figure(server, lens, name, more=""):
    labels = f'{{function="{lens.function}",version="$LATEST"{more}}}'
    return int(figures(server).get(f"objectlens_function_{name}{labels}", 0))


def invocations(server, lens):
    """Return how many invocations have ended."""
    return figure(server, lens, "invocations_total")


def at_work(server, lens):
    """Return how many invocations run, and how many wait."""
    return figure(server, lens, "environments", ',state="busy"'), figure(server, lens, "waiting")


def summary(lines):
    return lines[-1]["summary"]


@pytest.fixture(scope="module")
def lens(server):
    found = managed(server, UPPER)
    for number in range(12):
        found.put(f"k/{number}", f"text {number}".encode())
    return found


def test_what_was_prefetched_costs_no_invocation_any_more(lens, server):
    keys = [f"k/{number}" for number in range(6)]
    lines = prefetch(server, access_point=lens.arn, keys=keys)
    assert sorted(one["key"] for one in lines[:-1]) == keys
    assert {one["bytes"] for one in lines[:-1]} == {6}
    assert summary(lines) | {"seconds": 0, "cache": {}} == {
        "keys": 6,
        "done": 6,
        "errors": 0,
        "left": 0,
        "cache": {},
        "bytes": 36,
        "seconds": 0,
        "complete": True,
        "reason": None,
    }
    eventually(lambda: invocations(server, lens) == 6)
    assert [lens.read(key) for key in keys] == [f"TEXT {number}".encode() for number in range(6)]
    again = prefetch(server, access_point=lens.arn, keys=keys)
    assert summary(again)["cache"] == {"hit": 6}
    assert invocations(server, lens) == 6


def test_arguments_are_those_of_the_gets_to_come(lens, server):
    before = invocations(server, lens) + 1
    prefetch(server, access_point=lens.arn, keys=["k/0"], arguments={"tail": 7})
    eventually(lambda: invocations(server, lens) == before)
    client = server.client("s3", cached=False)

    def add(request, **_):
        request.url += "?tail=7"

    client.meta.events.register_first("before-sign.s3.GetObject", add)
    assert client.get_object(Bucket=lens.arn, Key="k/0")["Body"].read() == b"TEXT 07"
    assert invocations(server, lens) == before


def test_a_refresh_makes_anew_what_is_kept(lens, server):
    prefetch(server, access_point=lens.arn, keys=["k/1"])
    kept = lens.get("k/1")["ResponseMetadata"]["HTTPHeaders"]
    assert kept["x-objectlens-cache"] == "hit"
    assert summary(prefetch(server, access_point=lens.arn, keys=["k/1"], refresh=True))["cache"] == {"miss": 1}


def test_keys_that_fail_do_not_keep_the_others(lens, server):
    lens.put("boom", b"x")
    lines = prefetch(server, access_point=lens.arn, keys=["k/2", "boom", "", "k/3", "x" * 1025])
    errors = {one["key"]: one["error"]["code"] for one in lines[:-1] if "error" in one}
    assert errors == {"boom": "LambdaRuntimeError", "": "InvalidArgument", "x" * 1025: "KeyTooLongError"}
    found = summary(lines)
    assert (found["done"], found["errors"], found["left"], found["complete"]) == (5, 3, 0, True)


def test_a_manifest_is_read_as_the_caller(lens, server):
    lens.put("lists/all.txt", b"k/4\r\n\nk/5\n")
    for where in (lens.bucket, lens.access_point_arn):
        lines = prefetch(server, access_point=lens.arn, manifest=f"s3://{where}/lists/all.txt")
        assert {one["key"] for one in lines[:-1]} == {"k/4", "k/5"}
    refused = post(server, "/-/prefetch", {"access_point": lens.arn, "manifest": f"s3://{lens.bucket}/lists/none.txt"})
    assert (refused.status, refused.code) == (400, "InvalidRequest")
    assert b"NoSuchKey" in refused.body


def test_keys_may_be_uploaded_one_a_line(lens, server):
    path = f"/-/prefetch?access_point={lens.arn}&concurrency=2&deadline=60&arg.tail=x"
    answer = Wire(server).send("POST", path, {"Content-Type": "text/plain"}, b"k/6\nk/7\n")
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert {one["key"]: one["bytes"] for one in lines[:-1]} == {"k/6": 7, "k/7": 7}


def test_each_key_needs_the_rights_of_its_get(lens, server):
    iam, name = server.client("iam"), f"u{uuid.uuid4().hex[:12]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    asked = {"access_point": lens.arn, "keys": ["k/0", "k/8"]}
    assert {one["error"]["code"] for one in prefetch(server, credentials, **asked)[:-1]} == {"AccessDenied"}
    statements = [
        {"Effect": "Allow", "Action": "s3-object-lambda:GetObject", "Resource": lens.arn},
        {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": lens.function_arn},
        {
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": [f"{lens.access_point_arn}/object/*", "arn:aws:s3:::*/k/8"],
        },
    ]
    policy = {"Version": "2012-10-17", "Statement": statements}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    # What is kept is for those only who may read what it was made of.
    lines = {one["key"]: one for one in prefetch(server, credentials, **asked)[:-1]}
    assert lines["k/0"]["error"]["status"] == 403
    assert lines["k/8"]["bytes"] == 6
    assert Wire(server).plain("POST", "/-/prefetch", {}, json.dumps(asked).encode()).code == "AccessDenied"


def test_an_access_point_that_keeps_nothing_ends_a_prefetch_at_once(server):
    strict = make_lens_on(server, UPPER)
    for number in range(20):
        strict.put(f"k/{number}", b"text")
    found = summary(prefetch(server, access_point=strict.arn, keys=[f"k/{number}" for number in range(20)]))
    assert (found["reason"], found["complete"]) == ("not cached", False)
    assert invocations(server, strict) < 20


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"keys": ["k"]}, "neither a bucket's name"),
        ({"access_point": "a"}, "one of the two"),
        ({"access_point": "a", "keys": ["k"], "manifest": "s3://b/k"}, "one of the two"),
        ({"access_point": "a", "keys": "k"}, "keys"),
        ({"access_point": "a", "manifest": "b/k"}, "s3://BUCKET/KEY"),
        ({"access_point": "a", "keys": ["k"], "concurrency": 65}, "concurrency"),
        ({"access_point": "a", "keys": ["k"], "deadline": 0}, "deadline"),
        ({"access_point": "a", "keys": ["k"], "refresh": "yes"}, "refresh"),
        ({"access_point": "a", "keys": ["k"], "prefix": "p"}, "prefix"),
        ({"access_point": "a", "keys": ["k"] * 100_001}, "100,000"),
    ],
)
def test_what_is_no_prefetch_is_refused_as_a_whole(server, body, named):
    answer = post(server, "/-/prefetch", body)
    assert answer.status == 400
    assert named in answer.element("Message")


# --- behind everything that is live -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A server with one environment for a function, and three places for prefetches."""
    settings = {"OBJECTLENS_FUNCTIONS_MAX_PER_FUNCTION": "1", "OBJECTLENS_ADMISSION_MAX_PREFETCH": "3"}
    live = start_server(tmp_path_factory.mktemp("small") / "data", env=settings)
    try:
        yield live
    finally:
        assert stop_server(live) == 0


class Held:
    """An access point whose function tells when it began, and waits to be let go."""

    def __init__(self, server):
        self.notes = f"n{uuid.uuid4().hex[:16]}"
        self.server, self.s3 = server, server.client("s3")
        self.s3.create_bucket(Bucket=self.notes, CreateBucketConfiguration={"LocationConstraint": server.region})
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": ROLE},
            "Action": "s3:*",
            "Resource": [f"arn:aws:s3:::{self.notes}", f"arn:aws:s3:::{self.notes}/*"],
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.s3.put_bucket_policy(Bucket=self.notes, Policy=policy)
        self.lens = managed(server, HELD, environment={"BUCKET": self.notes}, timeout=50)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.go()

    def put(self, *keys):
        for key in keys:
            self.lens.put(key, key.encode())

    def go(self):
        self.s3.put_object(Bucket=self.notes, Key="go", Body=b"")

    def began(self):
        """Return the keys whose invocations began, in that order."""
        found = self.s3.list_objects_v2(Bucket=self.notes, Prefix="began/").get("Contents", ())
        moments = {
            one["Key"].removeprefix("began/"): float(
                self.s3.get_object(Bucket=self.notes, Key=one["Key"])["Body"].read()
            )
            for one in found
        }
        return sorted(moments, key=moments.get)


def test_no_live_request_waits_behind_a_prefetch_that_has_not_begun(small):
    early, live = [f"p{number}" for number in range(8)], [f"l{number}" for number in range(4)]
    with ThreadPoolExecutor(5) as threads, Held(small) as held:
        held.put(*early, *live)
        warming = threads.submit(prefetch, small, access_point=held.lens.arn, keys=early)
        # One runs, two of its fellows stand in line at the function, and the others are not let in.
        eventually(lambda: at_work(small, held.lens) == (1, 2))
        reading = [threads.submit(held.lens.read, key) for key in live]
        eventually(lambda: at_work(small, held.lens) == (1, 2 + len(live)))
        held.go()
        assert [one.result() for one in reading] == [key.upper().encode() for key in live]
        assert summary(warming.result())["done"] == len(early)
    order = held.began()
    assert order[0] in early
    assert set(order[1 : 1 + len(live)]) == set(live)
    assert set(order[1 + len(live) :]) == set(early) - {order[0]}


def test_while_live_requests_fill_the_places_no_prefetch_begins(small):
    live, early = [f"l{number}" for number in range(3)], ["p0", "p1"]
    with ThreadPoolExecutor(4) as threads, Held(small) as held:
        held.put(*live, *early)
        reading = [threads.submit(held.lens.read, key) for key in live]
        eventually(lambda: at_work(small, held.lens) == (1, 2))
        found = summary(prefetch(small, access_point=held.lens.arn, keys=early, deadline=1))
        assert (found["done"], found["left"], found["reason"]) == (0, 2, "deadline")
        held.go()
        assert [one.result() for one in reading] == [b"L0", b"L1", b"L2"]
    assert not set(early) & set(held.began())


def test_a_prefetch_ends_when_its_client_leaves(small):
    held = Held(small)
    keys = [f"p{number}" for number in range(20)]
    held.put(*keys)
    with streaming(small, "/-/prefetch", {"access_point": held.lens.arn, "keys": keys}) as answer:
        assert answer.status == 200
        eventually(lambda: at_work(small, held.lens) == (1, 2))
    log = small.data.with_name("data.log")
    eventually(lambda: "Prefetch POST /-/prefetch 200 0 bytes" in log.read_text())
    held.go()
    # Those that stood in line at the function may come to their end, others not.
    eventually(lambda: at_work(small, held.lens)[1] == 0)
    assert len(held.began()) <= 3
    assert held.lens.read(keys[-1]) == keys[-1].upper().encode()


def test_reserved_concurrency_keeps_its_last_place_for_others(small):
    with ThreadPoolExecutor(2) as threads, Held(small) as held:
        small.client("lambda").put_function_concurrency(FunctionName=held.lens.function, ReservedConcurrentExecutions=2)
        held.put("p0", "p1", "l0")
        warming = threads.submit(prefetch, small, access_point=held.lens.arn, keys=["p0", "p1"])
        eventually(lambda: at_work(small, held.lens) == (1, 0))
        reading = threads.submit(held.lens.read, "l0")
        eventually(lambda: at_work(small, held.lens) == (1, 1))
        held.go()
        assert reading.result() == b"L0"
        # What found no place tried again.
        assert summary(warming.result())["cache"]
        assert summary(warming.result())["errors"] == 0


def test_a_transform_that_somebody_waits_for_goes_before_prefetched_ones(tmp_path):
    early = [f"p{number}" for number in range(40)]
    # More places than cores.
    server = start_server(tmp_path / "data", env={"OBJECTLENS_ADMISSION_MAX_PREFETCH": "64"})
    try:
        lens = native_lens(server, BLURRED)
        for key in [*early, "live"]:
            lens.put(key, PICTURE)
        asked = {"access_point": lens.arn, "keys": early, "concurrency": 64}
        with streaming(server, "/-/prefetch", asked) as answer:
            assert "key" in json.loads(answer.readline())
            lens.read("live")
            assert json.loads(answer.readlines()[-1])["summary"]["errors"] == 0
        time.sleep(0.5)  # lines are held for a moment
        lines = server.data.with_name("data.log").read_text().splitlines()
        ended = [line for line in lines if "GetObject GET" in line]
        (place,) = (number for number, line in enumerate(ended) if "/live" in line)
        # It met what the processes had in work, and what they ended meanwhile.
        assert place < len(early) // 2
    finally:
        assert stop_server(server) == 0


def test_a_server_that_stops_tells_what_is_left(tmp_path):
    server = start_server(tmp_path / "data", env={"OBJECTLENS_ADMISSION_MAX_PREFETCH": "1"})
    try:
        lens = managed(server, UPPER.replace("c, url =", "__import__('time').sleep(0.2)\n    c, url ="))
        keys = [f"k{number}" for number in range(10)]
        for key in keys:
            lens.put(key, b"text")
        asked = {"bucket": lens.arn, "entries": keys[::-1], "concurrency": 1}
        with (
            streaming(server, "/-/batch", asked) as archive,
            streaming(server, "/-/prefetch", {"access_point": lens.arn, "keys": keys}) as answer,
        ):
            assert "key" in json.loads(answer.readline())
            server.process.send_signal(signal.SIGTERM)
            last = [json.loads(line) for line in answer][-1]["summary"]
            # Somebody waits for the batch: it comes to its end.
            assert [one.body for one in members(archive)] == [b"TEXT"] * 10
        assert (last["reason"], last["complete"]) == ("server stopping", False)
        assert 0 < last["left"] < 10
        assert server.process.wait(timeout=60) == 0
    finally:
        server.process.kill()


def test_whoever_asks_for_what_a_prefetch_waits_to_make_does_not_wait_like_it(small):
    early = [f"p{number}" for number in range(3)]
    with ThreadPoolExecutor(3) as threads, Held(small) as held:
        held.put(*early, "l0")
        warming = threads.submit(prefetch, small, access_point=held.lens.arn, keys=early, concurrency=3)
        eventually(lambda: at_work(small, held.lens) == (1, 2))
        eventually(held.began)
        (first,) = held.began()
        wanted, other = (key for key in early[::-1] if key != first)
        before = figures(small)[JOINED]
        reading = threads.submit(held.lens.read, wanted)
        eventually(lambda: figures(small)[JOINED] == before + 1)
        later = threads.submit(held.lens.read, "l0")
        eventually(lambda: at_work(small, held.lens) == (1, 3))
        held.go()
        assert (reading.result(), later.result()) == (wanted.upper().encode(), b"L0")
        assert summary(warming.result())["errors"] == 0
    # Once each, and in the order in which somebody began to wait for them.
    assert held.began() == [first, wanted, "l0", other]
