"""A handler with acceleration over HTTP, without any, and with it over a channel."""

import asyncio

from objectlens.testing.executors import make_function, make_zip
from support.recorder import Door


def three_ways(bench, recorder, code, events, files=None, *, environment=None):
    """Run events through a handler; returns values and requests of each way, and what came through the channel."""
    door = Door(recorder)

    async def main():
        found = []
        async with bench(endpoint_url=recorder.url) as opened:
            package = opened.install(make_zip({"app.py": code, **(files or {})}))
            for switch, way in (("1", None), ("0", None), ("1", door)):
                variables = {"OBJECTLENS_ACCELERATE": switch, **(environment or {})}
                function = make_function(package, f"f{len(found)}", environment=variables)
                recorder.seen = []
                found.append(([await opened.value(function, event, door=way) for event in events], recorder.seen))
        return found

    return *asyncio.run(main()), door.asked


def both_ways(bench, recorder, code, events, files=None):
    """Return values and requests with and without acceleration; over the channel it must come to the same."""
    fast, plain, channel, _ = three_ways(bench, recorder, code, events, files)
    assert channel[0] == fast[0]
    return fast, plain
