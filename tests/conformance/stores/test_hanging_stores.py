"""A store that takes requests and does not answer, beside one that works."""

import asyncio

from objectlens.stores import StoreOpener, StoreUnavailable
from objectlens.stores.opener import SENDERS
from support.seaweed import KEY


def test_a_store_that_does_not_answer_holds_up_no_other(seaweed, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY[1])
    works = f"s3://{seaweed.bucket()}?endpoint={seaweed.url}"

    async def story():
        waiting, asked = [], asyncio.Event()

        async def silent(_reader, writer):
            waiting.append(writer)
            if len(waiting) == SENDERS:
                asked.set()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        hangs = f"s3://scans?endpoint=http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        opener = StoreOpener(tmp_path, durable=False)
        held = [asyncio.create_task(opener.open("held", hangs).list()) for _ in range(SENDERS)]
        try:
            await asyncio.wait_for(asked.wait(), 60)
            # What hangs is given up after 20 seconds.
            assert (await asyncio.wait_for(opener.open("works", works).list(), 10)).entries == ()
            assert not any(task.done() for task in held)
        finally:
            server.close()
            for writer in waiting:
                writer.close()
            ends = await asyncio.gather(*held, return_exceptions=True)
            await opener.close()
        assert {type(end) for end in ends} <= set(StoreUnavailable.__subclasses__())

    asyncio.run(story())
