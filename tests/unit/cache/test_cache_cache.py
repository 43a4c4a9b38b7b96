"""Finding, making, evicting, purging, and what goes wrong."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from objectlens.cache import Cache, Derived, Failed, Head, Limits, Made, Maker, Selection, Source
from objectlens.cache.files import Draft
from objectlens.clock import FixedClock
from objectlens.streams import FileSlice

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MAKER = Maker(access_point="arn:ap", function="arn:f:1", digest="d", since=NOW)
HEAD = Head(system=(("Content-Type", "a/b"),))


def derived(key: str, function: str = "arn:f:1") -> Derived:
    source = Source(bucket="b", key=key, etag="e", size=3, modified=NOW, state="s")
    return Derived(source=source, maker=replace(MAKER, function=function))


def whole(body: bytes, calls: list[int] | None = None, **options: Any) -> Callable[[], Any]:
    async def make() -> Made:
        if calls is not None:
            calls.append(1)
        return Made(head=HEAD, body=body, length=len(body), **options)

    return make


async def read(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    try:
        return b"".join([chunk async for chunk in body])
    finally:
        if isinstance(body, FileSlice):
            body.close()


async def nothing(_: int) -> AsyncIterator[bytes]:
    raise AssertionError("nothing had to be made again")
    yield b""


async def make(cache: Cache, one: Derived, maker: Callable[[], Any], *, fresh: bool = False) -> bytes:
    """Make an object and wait until it is kept."""
    flight, _ = cache.flight(one, maker, fresh=fresh)
    try:
        await flight.begun()
        body = await read(flight.reader(0, None, nothing))
    finally:
        flight.release()
    await settled(cache)
    return body


async def settled(cache: Cache) -> None:
    while tasks := set(cache._tasks):
        await asyncio.wait(tasks)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def run(work: Callable[[Cache], Any], folder: Path, clock: FixedClock, **limits: Any) -> Any:
    async def within() -> Any:
        cache = Cache(folder, Limits(**({"bytes": 10_000_000} | limits)), clock)
        try:
            return await work(cache)
        finally:
            await cache.close()

    return asyncio.run(within())


def test_what_was_made_is_found_and_by_the_next_process_too(folder: Path, clock: FixedClock) -> None:
    async def first(cache: Cache) -> None:
        assert await cache.find(derived("k")) is None
        assert await make(cache, derived("k"), whole(b"made")) == b"made"
        hit = await cache.find(derived("k"))
        assert hit is not None
        assert (hit.entry.head, hit.entry.size, await read(hit.body)) == (HEAD, 4, b"made")

    async def second(cache: Cache) -> None:
        hit = await cache.find(derived("k"))
        assert hit is not None
        assert await read(hit.body) == b"made"
        assert (await cache.stats()).hits == 1

    run(first, folder, clock)
    (folder / "index.sqlite").unlink()
    run(second, folder, clock)


def test_an_index_is_made_of_the_files(folder: Path, clock: FixedClock) -> None:
    async def fill(cache: Cache) -> None:
        for number in range(5):
            await make(cache, derived(f"a/{number}"), whole(b"x" * 100))

    async def look(cache: Cache) -> list[str]:
        assert (await cache.stats()).entries == 5
        return sorted(entry.key for entry in await cache.entries(Selection(prefix="a/")))

    run(fill, folder, clock)
    for name in ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm"):
        (folder / name).unlink(missing_ok=True)
    assert run(look, folder, clock) == [f"a/{number}" for number in range(5)]
    (folder / "index.sqlite").write_bytes(b"x" * 5000)
    assert len(run(look, folder, clock)) == 5


def test_what_was_kept_while_the_index_failed_is_in_the_next_one(folder: Path, clock: FixedClock) -> None:
    def spoil() -> None:
        for path in folder.glob("index.sqlite*"):
            path.write_bytes(b"x" * 5000)

    async def work(cache: Cache) -> None:
        for number in range(3):
            await make(cache, derived(f"{number}"), whole(b"x" * 20_000))
        spoil()
        await make(cache, derived("3"), whole(b"x" * 20_000))
        assert (await cache.stats()).entries == 4
        for number in range(4, 20):
            # It rests for some seconds after a failure.
            clock.advance(10)
            await make(cache, derived(f"{number}"), whole(b"x" * 20_000))

    run(work, folder, clock, bytes=200_000)
    assert sum(path.stat().st_size for path in (folder / "entries").rglob("*") if path.is_file()) <= 200_000


def test_bytes_are_bounded_and_what_saves_least_goes_first(folder: Path, clock: FixedClock) -> None:
    async def work(cache: Cache) -> None:
        costly = derived("costly")

        async def slowly() -> Made:
            clock.advance(60)
            return Made(head=HEAD, body=b"c" * 20_000, length=20_000)

        await make(cache, costly, slowly)
        for number in range(20):
            await make(cache, derived(f"{number}"), whole(b"x" * 20_000))
        stats = await cache.stats()
        assert stats.bytes <= 200_000
        assert stats.evicted > 10
        kept = {entry.key for entry in await cache.entries(Selection())}
        assert "costly" in kept
        assert "0" not in kept
        assert await cache.find(derived("0")) is None
        assert sum(path.stat().st_size for path in (folder / "entries").rglob("*") if path.is_file()) <= 200_000

    run(work, folder, clock, bytes=200_000)


def test_purging(folder: Path, clock: FixedClock) -> None:
    async def work(cache: Cache) -> None:
        for key, function in (("a/1", "arn:f:1"), ("a/2", "arn:f:2"), ("b/1", "arn:f:1")):
            await make(cache, derived(key, function), whole(b"x"))
        assert (await cache.purge(Selection(function="arn:f:2"))).entries == 1
        assert (await cache.purge(Selection(prefix="b/"))).entries == 1
        assert await cache.find(derived("b/1")) is None
        assert [entry.key for entry in await cache.entries(Selection())] == ["a/1"]
        assert (await cache.purge(Selection(access_point="arn:ap"))).bytes > 0
        assert (await cache.stats()).entries == 0

    run(work, folder, clock)


def test_what_is_being_made_while_it_is_purged_is_not_kept(folder: Path, clock: FixedClock) -> None:
    async def work(cache: Cache) -> None:
        gate = asyncio.Event()

        async def held() -> Made:
            await gate.wait()
            return Made(head=HEAD, body=b"x", length=1)

        flight, _ = cache.flight(derived("k"), held)
        await asyncio.sleep(0)
        await cache.purge(Selection())
        gate.set()
        assert (await flight.begun()).whole == b"x"
        flight.release()
        await settled(cache)
        assert await cache.find(derived("k")) is None

    run(work, folder, clock)


def test_failures_are_remembered_and_forgotten(folder: Path, clock: FixedClock) -> None:
    async def work(cache: Cache) -> None:
        calls: list[int] = []

        async def fail() -> Made:
            calls.append(1)
            raise Failed("no", lasting=True)

        for _ in range(3):
            with pytest.raises(Failed):
                await make(cache, derived("k"), fail)
        assert len(calls) == 1
        clock.advance(6)
        with pytest.raises(Failed):
            await make(cache, derived("k"), fail)
        assert len(calls) == 2
        assert await make(cache, derived("k"), whole(b"x"), fresh=True) == b"x"

    run(work, folder, clock)


def test_what_failed_for_no_reason_is_tried_again(folder: Path, clock: FixedClock) -> None:
    async def work(cache: Cache) -> None:
        calls: list[int] = []

        async def once() -> Made:
            calls.append(1)
            if len(calls) == 1:
                raise Failed("killed", again=True)
            return Made(head=HEAD, body=b"x", length=1)

        assert await make(cache, derived("k"), once) == b"x"
        assert len(calls) == 2

    run(work, folder, clock)


@pytest.mark.parametrize("changed", [False, True])
def test_an_answer_that_breaks_off_goes_on_with_the_same_bytes_or_not_at_all(
    folder: Path, clock: FixedClock, changed: bool
) -> None:
    body = bytes(range(256)) * 4000

    async def work(cache: Cache) -> None:
        calls: list[int] = []

        async def pieces(until: int, of: bytes) -> AsyncIterator[bytes]:
            for at in range(0, until, 10_000):
                yield of[at : at + 10_000]
                await asyncio.sleep(0)
            if until < len(of):
                raise ConnectionError("broken")

        async def make_it() -> Made:
            calls.append(1)
            first = len(calls) == 1
            of = body if first or not changed else b"y" * len(body)
            return Made(head=HEAD, body=pieces(300_000 if first else len(body), of), length=len(body))

        if changed:
            with pytest.raises(ConnectionError):
                await make(cache, derived("k"), make_it)
            assert await cache.find(derived("k")) is None
        else:
            assert await make(cache, derived("k"), make_it) == body
            assert len(calls) == 2
            hit = await cache.find(derived("k"))
            assert hit is not None
            assert await read(hit.body) == body

    run(work, folder, clock)


def test_what_must_not_be_shared_goes_to_one(folder: Path, clock: FixedClock) -> None:
    async def work(cache: Cache) -> None:
        flight, _ = cache.flight(derived("k"), whole(b"x", reusable=False))
        other, own = cache.flight(derived("k"), whole(b"y"))
        assert (other, own) == (flight, False)

        async def take() -> Made | None:
            await flight.begun()
            made = flight.take_live()
            flight.release()
            return made

        assert [one is not None for one in await asyncio.gather(take(), take())] == [True, False]

    run(work, folder, clock)


def test_a_full_disk_in_the_middle_hands_readers_on(
    folder: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    body = bytes(range(256)) * 4000
    real = Draft.append

    def full(self: Draft, chunks: Any) -> None:
        if self.size > 200_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(self, chunks)

    monkeypatch.setattr(Draft, "append", full)

    async def work(cache: Cache) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for at in range(0, len(body), 50_000):
                yield body[at : at + 50_000]
                # What comes at once is written at once.
                await asyncio.sleep(0.002)

        async def make_it() -> Made:
            return Made(head=HEAD, body=pieces(), length=len(body))

        async def rest(position: int) -> AsyncIterator[bytes]:
            yield body[position:]

        for _ in range(2):
            flight, _ = cache.flight(derived("k"), make_it)
            await flight.begun()
            made = flight.take_live()
            assert (await read(made.body if made else flight.reader(0, None, rest))) == body
            flight.release()
            await settled(cache)

    run(work, folder, clock)
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "No space left" in warnings[0].getMessage()
    assert list((folder / "drafts").iterdir()) == []


def test_a_time_to_live_and_a_clock_that_jumps(
    folder: Path, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(cache: Cache) -> None:
        calls: list[int] = []
        for _ in range(2):
            await make(cache, derived("k"), whole(b"x", calls), fresh=True)
        clock.advance(99)
        assert await cache.find(derived("k")) is not None
        clock.advance(2)
        assert await cache.find(derived("k")) is None
        clock.at = NOW.replace(year=2020)
        for _ in range(3):
            assert await cache.find(derived("k")) is None
        assert await make(cache, derived("k"), whole(b"y")) == b"y"
        hit = await cache.find(derived("k"))
        assert hit is not None
        assert await read(hit.body) == b"y"

    run(work, folder, clock, ttl=100.0)
    assert sum("clock was set back" in record.getMessage() for record in caplog.records) == 1


def test_without_a_time_to_live_no_clock_matters(folder: Path, clock: FixedClock) -> None:
    async def work(cache: Cache) -> None:
        await make(cache, derived("k"), whole(b"x"))
        for year in (2000, 2090):
            clock.at = NOW.replace(year=year)
            hit = await cache.find(derived("k"))
            assert hit is not None
            hit.body.close()

    run(work, folder, clock)


def test_nothing_is_left_open(folder: Path, clock: FixedClock) -> None:
    async def work(cache: Cache) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(10):
                yield b"x" * 100_000

        async def make_it() -> Made:
            return Made(head=HEAD, body=pieces(), length=None)

        await make(cache, derived("warm"), make_it)
        gc.collect()  # what earlier tests have left is not to be closed in the middle of this one
        before = len(os.listdir("/proc/self/fd"))
        for number in range(10):
            flight, _ = cache.flight(derived(f"{number}"), make_it)
            await flight.begun()
            reader = flight.reader(0, None, nothing)
            assert not isinstance(reader, bytes)
            await anext(aiter(reader))
            await reader.aclose()  # type: ignore[union-attr]
            flight.release()
        await settled(cache)
        assert len(os.listdir("/proc/self/fd")) == before

    run(work, folder, clock)
