"""Answers of functions of which they were told beforehand how they will be taken, against real environments."""

import asyncio
import json
from dataclasses import replace

import pytest

from objectlens.functions.values import Foretold
from objectlens.http import Headers, HttpResponse
from objectlens.testing.executors import make_function, make_zip
from support.hosts import until
from support.recorder import Door

ROUTE = "io-1"
TOLD = HttpResponse(200, Headers([("x-amz-request-id", "TOLD"), ("x-amz-id-2", "HOST")]), reason="OK")

CODE = """
import boto3, os, time
def write(token, body, **more):
    answer = boto3.client("s3").write_get_object_response(
        RequestRoute="io-1", RequestToken=token, Body=body.encode(), **more)
    return [answer["ResponseMetadata"][name] for name in ("RequestId", "HTTPStatusCode", "RetryAttempts")]
def wait(path):
    while not os.path.exists(path):
        time.sleep(0.005)
def handler(event, context):
    found = []
    for name, *values in event:
        if name == "write":
            found.append(write(*values[:2], **dict(values[2:])))
        elif name == "error":
            raise ValueError("as told")
        else:
            do = {"touch": lambda path: open(path, "w").close(), "wait": wait, "sleep": time.sleep, "exit": os._exit}
            do[name](*values)
    return found
"""
ASKED, HEARD = ["REQUEST", 200, 0], ["TOLD", 200, 0]


class Foretelling(Door):
    """A door that says beforehand how an answer is taken; `token` is that of the invocation."""

    def __init__(self, recorder):
        super().__init__(recorder)
        self.token, self.like, self.taken = "", [], []
        self.meanwhile = None
        self.recall = None

    async def foretell(self, like, recall):
        self.like.append(like)
        self.recall = recall
        return Foretold(ROUTE, self.token, TOLD)

    async def __call__(self, http):
        if self.meanwhile is not None:
            await self.meanwhile()
        response = await super().__call__(http)
        # What the SDK looks for: without it, its parser is asked each time.
        response = replace(response, headers=Headers([*response.headers, ("x-amz-id-2", "HOST")]))
        self.taken.append((http.headers.get("x-amz-request-token"), b"".join([part async for part in http.body])))
        return response


def run(bench, door, *events, code=CODE, **options):
    """Return what the handler returned for each, or the failure's type; tokens are t0, t1, ..."""

    async def main():
        found = []
        async with bench(endpoint_url=f"http://127.0.0.1:{door._address[1]}") as opened:
            function = make_function(opened.install(make_zip({"app.py": code})), **options)
            for number, event in enumerate(events):
                door.token = f"t{number}"
                outcome = await opened.invoke(function, event, door=door)
                found.append(outcome.failure.type if outcome.failure else json.loads(outcome.payload))
        return found

    return asyncio.run(main())


def test_an_answer_like_the_last_is_not_waited_for_and_taken_before_the_end_is_told(bench, recorder, tmp_path):
    door, path = Foretelling(recorder), tmp_path / "after"

    async def meanwhile():
        # The handler makes it when it has heard how its answer was taken.
        await until(lambda: door.token != "t1" or path.exists())
        await asyncio.sleep(0.2)

    door.meanwhile = meanwhile
    values = run(bench, door, [["write", "t0", "a"]], [["write", "t1", "b"], ["touch", str(path)]])
    assert values == [[ASKED], [HEARD]]
    assert door.taken == [("t0", b"a"), ("t1", b"b")]
    assert [like.headers.get("x-amz-request-token") for like in door.like] == ["t0"]
    assert door.like[0].body.length == 0


def test_it_is_told_for_one_answer_of_that_token_alone(bench, recorder):
    door = Foretelling(recorder)
    first = [["write", "t0", "a"]]
    values = run(bench, door, first, [["write", "t1", "b"], ["write", "t1", "c"]], [["write", "other", "d"]])
    assert values == [[ASKED], [HEARD, ASKED], [ASKED]]
    assert [token for token, _ in door.taken] == ["t0", "t1", "t1", "other"]


def test_a_status_and_a_length_that_any_answer_has_need_no_look(bench, recorder):
    door, more = Foretelling(recorder), [["StatusCode", 200], ["ContentLength", 1], ["ContentType", "a/b"]]
    values = run(bench, door, [["write", "t0", "a", *more]], [["write", "t1", "b", *more]])
    assert values == [[ASKED], [HEARD]]


@pytest.mark.parametrize(
    ("body", "more"),
    [
        ("x" * 70_000, []),
        ("b", [["Metadata", {"k": "v"}]]),
        ("b", [["ContentType", "t" * 300]]),
        ("b", [["StatusCode", 206]]),
    ],
    ids=["long", "metadata", "a long type", "a status"],
)
def test_answers_that_must_be_looked_at_are_asked_about(bench, recorder, body, more):
    door = Foretelling(recorder)
    plain, other = [["write", "t0", "a"]], ["write", "t2", body, *more]
    values = run(bench, door, plain, [["write", "t1", "a"]], [other], [["write", "t3", "a"]])
    assert values[:3] == [[ASKED], [HEARD], [ASKED]]
    assert door.taken[2] == ("t2", body.encode())


def test_a_content_type_may_be_said(bench, recorder):
    door = Foretelling(recorder)
    values = run(bench, door, *[[["write", f"t{number}", "a", ["ContentType", "image/jpeg"]]] for number in range(2)])
    assert values == [[ASKED], [HEARD]]
    assert {http.headers.get("x-amz-fwd-header-content-type") for http in door.asked} == {"image/jpeg"}


def test_what_is_recalled_is_asked_about(bench, recorder, tmp_path):
    door, path = Foretelling(recorder), tmp_path / "recalled"

    async def main():
        async with bench(endpoint_url=recorder.url) as opened:
            function = make_function(opened.install(make_zip({"app.py": CODE})))
            assert await opened.value(function, [["write", "t0", "a"]], door=door) == [ASKED]
            door.token = "t1"
            event = [["touch", f"{path}-began"], ["wait", str(path)], ["write", "t1", "b"]]
            invoking = asyncio.ensure_future(opened.value(function, event, door=door))
            await until((tmp_path / "recalled-began").exists)
            door.recall()
            path.touch()
            return await invoking

    assert asyncio.run(main()) == [ASKED]


def test_what_was_told_is_good_for_a_moment_only(bench, recorder):
    door = Foretelling(recorder)
    values = run(bench, door, [["write", "t0", "a"]], [["sleep", 1.2], ["write", "t1", "b"]])
    assert values == [[ASKED], [ASKED]]


@pytest.mark.parametrize(
    ("end", "failure"),
    [(["exit", 3], "Runtime.ExitError"), (["error"], "ValueError"), (["sleep", 30], "Sandbox.Timedout")],
)
def test_an_answer_is_taken_whatever_becomes_of_the_function_then(bench, recorder, end, failure):
    door = Foretelling(recorder)

    async def meanwhile():
        await asyncio.sleep(0.3)

    door.meanwhile = meanwhile
    values = run(bench, door, [["write", "t0", "a"]], [["write", "t1", "b"], end], timeout=2)
    assert values == [[ASKED], failure]
    assert door.taken == [("t0", b"a"), ("t1", b"b")]


def test_who_does_not_answer_so_any_more_is_not_told(bench, recorder):
    door = Foretelling(recorder)
    write = lambda number: [["write", f"t{number}", "a"]]  # noqa: E731
    values = run(bench, door, write(0), [], [], write(3), write(4))
    assert values == [[ASKED], [], [], [ASKED], [HEARD]]
    assert len(door.like) == 2


def test_a_door_that_does_not_know_is_asked(bench, recorder):
    class Silent(Foretelling):
        async def foretell(self, like, recall):
            await super().foretell(like, recall)
            if len(self.like) == 2:
                raise RuntimeError("as in a test")

    door = Silent(recorder)
    values = run(bench, door, *[[["write", f"t{number}", "a"]] for number in range(3)])
    assert values == [[ASKED]] * 3
    assert len(door.like) == 2


TELL = """
import os, stat, struct
def handler(event, context):
    for name in os.listdir("/proc/self/fd"):
        try:
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                os.write(int(name), struct.pack("<BII", 5, 6, 0) + b"POST /")
        except OSError:
            pass
    return []
"""


def test_who_was_not_told_cannot_say_so(bench, recorder):
    door = Foretelling(recorder)
    assert run(bench, door, [], code=TELL, timeout=5) == ["Runtime.ExitError"]
    assert not door.asked
