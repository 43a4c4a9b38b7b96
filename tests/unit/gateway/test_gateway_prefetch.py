"""A prefetch by imagined errands: what is told, when, and what is left behind."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from objectlens.access import Caller
from objectlens.errors import InternalError, ServiceUnavailable, SlowDown
from objectlens.gateway import render
from objectlens.gateway.prefetch import Prefetches
from objectlens.gateway.signed import Asked
from objectlens.http import Headers, HttpRequest, HttpResponse

CALLER = Caller(kind="Root", account="1", arn="a", principal_id="1", access_key_id="k")
KEPT = HttpResponse(200, Headers([("x-objectlens-cache", "miss")]), b"12345")


class Imagined:
    """Errands that end as `answers` says by key: an answer, an exception, or what to wait for first."""

    def __init__(self, **answers):
        self.answers = answers
        self.running = self.most = self.ended = 0

    @asynccontextmanager
    async def errand(self, outer, caller, target, *, spare=False):
        assert spare
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            answer = self.answers.get(target.key, KEPT)
            if isinstance(answer, list):
                answer = answer.pop(0)
            if isinstance(answer, asyncio.Event):
                await answer.wait()
                answer = KEPT
            if isinstance(answer, Exception):
                raise answer
            await asyncio.sleep(0)
            yield answer
        finally:
            self.running -= 1
            self.ended += 1


async def begin(errands, keys, *, beat=30.0, **more):
    body = json.dumps({"access_point": "a", "keys": keys, **more}).encode()
    prefetches = Prefetches(errands, beat=beat, pause=0.001)
    answer = await prefetches.answer(Asked(http=HttpRequest("POST", "/-/prefetch"), caller=CALLER, body=body))
    return (json.loads(line) async for line in answer.body), answer.body


def prefetched(errands, keys, **more):
    async def main():
        lines, _ = await begin(errands, keys, **more)
        return [line async for line in lines]

    return asyncio.run(main())


@pytest.mark.parametrize("concurrency", [1, 3, 64])
def test_no_more_than_so_many_are_in_work(concurrency):
    errands = Imagined()
    lines = prefetched(errands, [f"k{number}" for number in range(50)], concurrency=concurrency)
    assert lines[-1]["summary"]["cache"] == {"miss": 50}
    assert lines[-1]["summary"]["bytes"] == 250
    assert errands.most == min(concurrency, 50)


def test_no_keys_are_done_at_once():
    (line,) = prefetched(Imagined(), [])
    assert line["summary"]["complete"] is True


def test_who_found_no_place_tries_again():
    busy = render.s3_error(SlowDown(), "r")
    lines = prefetched(Imagined(k=[busy, busy, KEPT]), ["k"])
    assert lines[0] == {"key": "k", "cache": "miss", "bytes": 5}


def test_who_will_find_none_before_the_deadline_is_told_why():
    spent = render.s3_error(SlowDown("The budget b is used up.", headers={"Retry-After": "7200"}), "r")
    told, last = prefetched(Imagined(k=[spent, KEPT]), ["k"], deadline=3600)
    assert (told["error"]["code"], told["error"]["message"]) == ("SlowDown", "The budget b is used up.")
    assert (last["summary"]["errors"], last["summary"]["complete"]) == (1, True)
    assert prefetched(Imagined(k=[spent, KEPT]), ["k"], deadline=10_000)[0]["cache"] == "miss"


def test_one_that_fails_is_told_and_the_others_go_on(caplog):
    errands = Imagined(
        a=render.s3_error(InternalError("why"), "r"), b=ConnectionError("cut"), c=ValueError("a fault of ours"), d=KEPT
    )
    found = {one["key"]: one for one in prefetched(errands, ["a", "b", "c", "d"], concurrency=1)[:-1]}
    assert {key: one["error"]["message"] for key, one in found.items() if "error" in one} == {
        "a": "why",
        "b": "It broke off: cut",
        "c": "The log has the reason.",
    }
    assert found["d"]["cache"] == "miss"
    assert "a fault of ours" in caplog.text


def test_while_nothing_ends_it_says_that_it_lives():
    async def main():
        held = asyncio.Event()
        lines, _ = await begin(Imagined(k=held), ["k"], beat=0.02)
        assert await anext(lines) == {"progress": {"done": 0, "keys": 1}}
        assert "progress" in await anext(lines)
        held.set()
        assert [line async for line in lines][-1]["summary"]["done"] == 1

    asyncio.run(main())


def test_a_server_that_stops_ends_it():
    lines = prefetched(Imagined(b=ServiceUnavailable()), ["a", "b", "c"], concurrency=1)
    found = lines[-1]["summary"]
    assert (found["reason"], found["done"], found["left"]) == ("server stopping", 1, 2)


def test_whoever_leaves_leaves_nothing_in_work():
    async def main():
        errands = Imagined(b=asyncio.Event(), c=asyncio.Event())
        lines, body = await begin(errands, ["a", "b", "c", "d"], concurrency=3)
        assert (await anext(lines))["key"] == "a"
        await body.aclose()
        assert errands.running == 0
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_a_client_that_reads_nothing_stops_it():
    async def main():
        errands = Imagined()
        lines, body = await begin(errands, [f"k{number}" for number in range(100)], concurrency=2)
        assert (await anext(lines))["key"] == "k0"
        await asyncio.sleep(0.01)
        assert errands.ended <= 6
        await body.aclose()

    asyncio.run(main())
