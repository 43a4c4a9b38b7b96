"""Reading from stores whose bodies are streams, as remote stores' are."""

import asyncio

import pytest

from objectlens.objects.reading import open_chosen
from objectlens.stores import Attributes, MemoryStore


async def stream(*chunks):
    for chunk in chunks:
        yield chunk


async def read(opened):
    return b"".join([chunk async for chunk in opened.body])


def choosing(choice):
    async def choose(stat):
        return choice(stat)

    return choose


def test_runs_of_streams():
    async def scenario():
        store = MemoryStore()
        await store.put("k", stream(b"0123456789"), Attributes())
        opened, span = await open_chosen(store, "k", choosing(lambda stat: (2, stat.size - 1)))
        assert (await read(opened), span, opened.stat.size) == (b"2345678", (2, 9), 10)
        opened, span = await open_chosen(store, "k", choosing(lambda _: None))
        assert (await read(opened), span) == (b"0123456789", None)

    asyncio.run(scenario())


def test_a_choice_is_made_for_what_is_read():
    class Changing(MemoryStore):
        """Is written to between the two looks that a range of a stream takes."""

        async def open(self, key, span=None):
            if span is not None and (await self.stat(key)).size == 10:
                await self.put(key, stream(b"new"), Attributes())
            return await super().open(key, span)

    async def scenario():
        store = Changing()
        await store.put("k", stream(b"0123456789"), Attributes())
        opened, span = await open_chosen(store, "k", choosing(lambda stat: (1, stat.size)))
        assert (await read(opened), span, opened.stat.size) == (b"ew", (1, 3), 3)

    asyncio.run(scenario())


def test_what_the_choice_raises_closes_the_body():
    closed = []

    class Watched(MemoryStore):
        async def open(self, key, span=None):
            opened = await super().open(key, span)

            async def body():
                try:
                    yield b""
                finally:
                    closed.append(key)

            started = body()
            await anext(started)
            return type(opened)(opened.stat, started)

    def refuse(_):
        raise LookupError

    async def scenario():
        store = Watched()
        await store.put("k", stream(b"x"), Attributes())
        with pytest.raises(LookupError):
            await open_chosen(store, "k", choosing(refuse))
        assert closed == ["k"]

    asyncio.run(scenario())
