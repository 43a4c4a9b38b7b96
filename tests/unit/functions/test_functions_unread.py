"""What a function has said counts, however late a loaded server comes to read it."""

import asyncio
import select
import time

import pytest
import uvloop

from objectlens.functions.environment import Environment
from objectlens.functions.process import Exit
from objectlens.functions.states import State
from objectlens.testing.executors import make_function, make_zip
from support.hosts import until

SLOW = "import time\ndef handler(event, context):\n    time.sleep(event)\n    return 'said'\n"
NODE = """
exports.handler = (event) => new Promise((done) => setTimeout(done, event * 1000, "said"));
"""
# A runtime of one invocation: it ends with its answer.
ONCE = """#!/bin/sh
exec python3 -c '
import http.client, os, time
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
api.request("GET", "/2018-06-01/runtime/invocation/next")
event = api.getresponse()
event.read()
path = "/2018-06-01/runtime/invocation/" + event.headers["Lambda-Runtime-Aws-Request-Id"] + "/response"
time.sleep(0.5)
api.sock.sendall(f"POST {path} HTTP/1.1\\r\\nHost: runtime\\r\\nContent-Length: 6\\r\\n\\r\\n\\"said\\"".encode())
os._exit(0)
'
"""
PYTHON = {"app.py": SLOW}
KINDS = {
    "over the channel": (PYTHON, {}),
    "over HTTP": (PYTHON, {"environment": {"OBJECTLENS_ACCELERATE": "0"}}),
    "Node.js": ({"app.js": NODE}, {"runtime": "nodejs20.x"}),
}


@pytest.fixture
def environments(monkeypatch):
    """Those that were given an invocation, in the order of that."""
    found, invoke = [], Environment.invoke

    def noted(self, invocation):
        found.append(self)
        return invoke(self, invocation)

    monkeypatch.setattr(Environment, "invoke", noted)
    return found


async def answered_before(opened, function, event, environments, hear):
    """Invoke; when the answer lies there, and before the loop looks at it, `hear` is called."""
    before = len(environments)
    running = asyncio.create_task(opened.invoke(function, event))
    await until(lambda: len(environments) > before and environments[-1]._api.state is State.BUSY)
    await asyncio.sleep(0.1)  # what was sent with the invocation has been read
    environment = environments[-1]
    sockets = [connection._stream._socket for connection in environment._api._connections]
    if environment._channel is not None:
        sockets.append(environment._channel._hand)
    assert select.select(sockets, [], [], 10)[0]
    time.sleep(0.5)  # noqa: ASYNC251  (the loop shall not look: head and body may come one after the other)
    hear(environment)
    return await running


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_in_time_is_no_time_out_when_the_alarm_is_heard_first(bench, environments, kind):
    files, more = KINDS[kind]

    async def main():
        async with bench() as opened:
            function = make_function(opened.install(make_zip(files)), "f", handler="app.handler", timeout=60, **more)
            await opened.value(function, 0)
            return await answered_before(opened, function, 0.5, environments, lambda one: one._time_out())

    outcome = uvloop.run(main())
    assert (outcome.failure, outcome.payload) == (None, b'"said"')


def test_a_runtime_that_ends_with_its_answer_has_answered(bench, environments):
    async def main():
        ended = asyncio.get_running_loop().create_future()
        ended.set_result(Exit(0))
        async with bench() as opened:
            package = opened.install(make_zip({"bootstrap": ONCE}, executable=("bootstrap",)))
            function = make_function(package, "f", runtime="provided.al2023", handler="any", timeout=60)
            return await answered_before(opened, function, None, environments, lambda one: one._process_ended(ended))

    outcome = uvloop.run(main())
    assert (outcome.failure, outcome.payload) == (None, b'"said"')
