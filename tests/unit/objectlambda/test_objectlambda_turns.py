"""What can wait begins on the places that others leave."""

from __future__ import annotations

import asyncio

from objectlens.functions.patience import Patience
from objectlens.objectlambda.turns import Turns, patience


class World:
    """Pieces of work that begin when they may and end when they are told."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.began: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def _work(self, name: str, mine: Patience | None) -> None:
        patience.set(mine)
        async with self.turns:
            self.began.append(name)
            await self.ends[name].wait()

    async def come(self, name: str, mine: Patience | None = None) -> None:
        self.ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._work(name, mine))
        await settled()

    async def end(self, name: str) -> None:
        self.ends[name].set()
        await self.tasks[name]
        await settled()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_what_can_wait_begins_on_places_that_are_free_and_all_else_at_once() -> None:
    async def main() -> None:
        world = World(Turns(2))
        for name in ("p1", "p2", "p3", "p4"):
            await world.come(name, Patience())
        assert world.began == ["p1", "p2"]
        await world.come("live")
        await world.end("p1")
        # The live one has the place.
        assert world.began == ["p1", "p2", "live"]
        await world.end("p2")
        await world.end("live")
        assert world.began == ["p1", "p2", "live", "p3", "p4"]
        await world.end("p3")
        await world.end("p4")

    asyncio.run(main())


def test_nothing_waits_when_its_patience_is_over_or_it_has_waited_long() -> None:
    async def main() -> None:
        world = World(Turns(1, seconds=0.05))
        hurried, last = Patience(), Patience()
        await world.come("live")
        await world.come("p1", hurried)
        await world.come("p2", last)
        hurried.end()
        await settled()
        assert world.began == ["live", "p1"]
        world.ends["p2"].set()
        await world.tasks["p2"]
        assert world.began == ["live", "p1", "p2"]
        for name in ("live", "p1"):
            await world.end(name)
        await world.come("p3", Patience())
        assert world.began[-1] == "p3"
        await world.end("p3")

    asyncio.run(main())


def test_who_leaves_takes_no_place() -> None:
    async def main() -> None:
        world = World(turns := Turns(1))
        async with turns:
            for name in ("p1", "p2", "p3"):
                await world.come(name, Patience())
            world.tasks["p1"].cancel()
            await settled()
        # In the moment in which its turn has come.
        world.tasks["p2"].cancel()
        await settled()
        assert world.began == ["p3"]
        await world.end("p3")

    asyncio.run(main())
