"""Looks at sources in stores that take their time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from objectlens.clock import FixedClock
from objectlens.objectlambda.contract import STRICT, Contract
from objectlens.objectlambda.looks import Looks
from objectlens.stores import Attributes, KeyNotFound, Stat, Store

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Slow:
    """A store over a network; every look takes until `go` is called."""

    def __init__(self) -> None:
        self.version = 1
        self.looks = 0
        self.gates: list[asyncio.Event] = []

    async def stat(self, key: str) -> Stat:
        self.looks += 1
        seen, gate = self.version, asyncio.Event()
        self.gates.append(gate)
        await gate.wait()
        if key == "missing":
            raise KeyNotFound(key)
        return Stat(key=key, size=seen, etag=str(seen), modified=NOW, attributes=Attributes())

    async def go(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        for gate in self.gates:
            gate.set()
        self.gates = []
        for _ in range(3):
            await asyncio.sleep(0)


def test_who_comes_later_never_shares_an_older_look() -> None:
    async def work() -> None:
        store, looks = Slow(), Looks(FixedClock(NOW))
        first = asyncio.ensure_future(looks.stat(cast("Store", store), "k", "s"))
        for _ in range(3):
            await asyncio.sleep(0)
        assert store.looks == 1
        store.version = 2
        later = [asyncio.ensure_future(looks.stat(cast("Store", store), "k", "s")) for _ in range(5)]
        await store.go()
        assert (await first).size == 1
        await store.go()
        assert [(await one).size for one in later] == [2] * 5
        assert store.looks == 2

    asyncio.run(work())


@pytest.mark.parametrize("steps", range(6))
def test_who_comes_while_a_look_ends_has_another(steps: int) -> None:
    async def work() -> None:
        store, looks = Slow(), Looks(FixedClock(NOW))
        first = asyncio.ensure_future(looks.stat(cast("Store", store), "k", "s"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        store.version = 2
        store.gates.pop().set()
        for _ in range(steps):
            await asyncio.sleep(0)
        later = [asyncio.ensure_future(looks.stat(cast("Store", store), "k", "s")) for _ in range(2)]
        for _ in range(3):
            await store.go()
        assert [(await one).size for one in (first, *later)] == [1, 2, 2]
        assert store.looks <= 3

    asyncio.run(work())


def test_freshness_is_counted_from_the_beginning_of_a_look() -> None:
    async def work() -> None:
        clock = FixedClock(NOW)
        store, looks = Slow(), Looks(clock, freshness=10)
        first = asyncio.ensure_future(looks.stat(cast("Store", store), "k", "s"))
        await asyncio.sleep(0)
        clock.advance(9)
        await store.go()
        await first
        assert (await looks.stat(cast("Store", store), "k", "s")).size == 1
        clock.advance(2)
        again = asyncio.ensure_future(looks.stat(cast("Store", store), "k", "s"))
        await store.go()
        await again
        now = asyncio.ensure_future(looks.stat(cast("Store", store), "k", "s", now=True))
        await store.go()
        await now
        assert store.looks == 3

    asyncio.run(work())


def test_a_look_that_fails_fails_for_those_who_share_it_and_nobody_else() -> None:
    async def work() -> None:
        store, looks = Slow(), Looks(FixedClock(NOW), freshness=10)
        asked = [asyncio.ensure_future(looks.stat(cast("Store", store), "missing", "s")) for _ in range(3)]
        asked[1].cancel()
        for _ in range(2):
            await store.go()
        for one in (asked[0], asked[2]):
            with pytest.raises(KeyNotFound):
                await one
        assert store.looks == 2

    asyncio.run(work())


@pytest.mark.parametrize(
    ("tags", "contract"),
    [
        ({}, STRICT),
        ({"objectlens:answers": "strict", "objectlens:varies": "identity"}, STRICT),
        ({"objectlens:answers": "managed"}, Contract(managed=True)),
        ({"objectlens:answers": " Managed "}, Contract(managed=True)),
        ({"objectlens:answers": "managed", "objectlens:deterministic": "no"}, {"deterministic": False}),
        (
            {"objectlens:answers": "managed", "objectlens:varies": "Accept  identity X-A"},
            {"headers": frozenset({"accept", "x-a"}), "identity": True},
        ),
        ({"objectlens:answers": "managed", "objectlens:sizes": "exact"}, {"sizes": "exact"}),
    ],
)
def test_contracts(tags: dict[str, str], contract: Any) -> None:
    wanted = contract if isinstance(contract, Contract) else replace(Contract(managed=True), **contract)
    assert Contract.of(tags) == wanted
