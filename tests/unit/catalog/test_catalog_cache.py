import asyncio
from datetime import UTC, datetime

import pytest

from objectlens.catalog import cache as cache_module
from objectlens.catalog.cache import ReadCache
from objectlens.clock import FixedClock

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class Source:
    """Something to look up, with a version, that counts how often it is asked."""

    def __init__(self):
        self.version = 1
        self.values = {}
        self.loads = 0
        self.checks = 0
        self.during = lambda: None

    async def current(self):
        self.checks += 1
        version = self.version
        await asyncio.sleep(0)
        return version

    def loader(self, key):
        async def load():
            self.loads += 1
            version, value = self.version, self.values.get(key)
            await asyncio.sleep(0)
            self.during()
            return version, value

        return load


def play(story, staleness=0.05):
    async def main():
        source, clock = Source(), FixedClock(NOW)
        cache = ReadCache(clock, source.current, staleness)

        async def get(key):
            return await cache.get(key, source.loader(key))

        return await story(source, clock, cache, get)

    return asyncio.run(main())


def test_what_is_known_is_neither_loaded_nor_checked_again():
    async def story(source, clock, cache, get):
        source.values = {"a": 1}
        assert [await get(key) for key in "aabb"] == [1, 1, None, None]
        assert (source.loads, source.checks) == (2, 1)

    play(story)


def test_a_change_elsewhere_is_seen_when_the_last_check_is_too_old():
    async def story(source, clock, cache, get):
        assert await get("a") is None
        source.values, source.version = {"a": 1}, 2
        clock.advance(0.0499)
        assert await get("a") is None
        clock.advance(0.0002)
        assert await get("a") == 1
        assert source.checks == 2

    play(story)


def test_a_check_that_finds_nothing_new_forgets_nothing():
    async def story(source, clock, cache, get):
        for _ in range(5):
            await get("a")
            clock.advance(1)
        assert (source.loads, source.checks) == (1, 5)

    play(story)


def test_ones_own_change_counts_at_once():
    async def story(source, clock, cache, get):
        assert await get("a") is None
        source.values, source.version = {"a": 1}, 2
        cache.advance(2)
        assert await get("a") == 1

    play(story)


def test_an_old_version_heard_late_changes_nothing():
    async def story(source, clock, cache, get):
        source.version = 5
        await get("a")
        cache.advance(3)
        await get("a")
        assert source.loads == 1

    play(story)


def test_what_was_read_while_it_changed_is_not_remembered():
    async def story(source, clock, cache, get):
        source.values = {"a": "old"}

        def changed():
            source.values, source.version = {"a": "new"}, 2
            cache.advance(2)
            source.during = lambda: None

        source.during = changed
        assert await get("a") == "old"  # it began before the change
        assert await get("a") == "new"

    play(story)


def test_those_who_come_together_share_one_check():
    async def story(source, clock, cache, get):
        await asyncio.gather(*(get(f"k{number}") for number in range(20)))
        assert source.checks == 1

    play(story)


def test_a_check_that_fails_is_told_and_made_again():
    async def story(source, clock, cache, get):
        real = source.current

        async def broken():
            raise LookupError("the database is gone")

        cache._current = broken
        for _ in range(2):
            with pytest.raises(LookupError):
                await get("a")
        cache._current = real
        assert await get("a") is None

    play(story)


def test_one_who_gives_up_does_not_stop_the_others():
    async def story(source, clock, cache, get):
        source.values = {"a": 1}
        first, second = asyncio.create_task(get("a")), asyncio.create_task(get("a"))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == 1
        with pytest.raises(asyncio.CancelledError):
            await first

    play(story)


def test_guessed_names_do_not_push_out_what_is_in_use(monkeypatch):
    monkeypatch.setattr(cache_module, "FOUND_LIMIT", 3)
    monkeypatch.setattr(cache_module, "MISSING_LIMIT", 2)

    async def story(source, clock, cache, get):
        source.values = {"a": 1, "b": 2, "c": 3, "d": 4}
        for key in ("a", "b", "c", *map(str, range(100))):
            await get(key)
        assert (len(cache._found), len(cache._missing)) == (3, 2)
        await get("a")  # used last, so the one that goes is b
        await get("d")
        loads = source.loads
        await get("a")
        assert source.loads == loads
        await get("b")
        assert source.loads == loads + 1

    play(story)
