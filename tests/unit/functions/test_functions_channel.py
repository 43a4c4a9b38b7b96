"""The channel between the server and an accelerated environment: what comes with an invocation, what is asked for."""

import asyncio
import gc
import json
import os
import signal
import time

import pytest

from objectlens.functions.channel import _request
from objectlens.http import Headers, HttpResponse
from objectlens.testing.executors import make_function, make_zip
from support.hosts import alive
from support.recorder import Door

SOURCE = "/photos-s3alias/key-?X-Amz-Signature=ab"

READ = """
import os, requests, threading, time
URL = os.environ["AWS_ENDPOINT_URL_S3"]
def read(path):
    answer = requests.get(URL + path, timeout=30)
    return answer.content.decode()
def aside(path):
    found = []
    thread = threading.Thread(target=lambda: found.append(read(path)))
    thread.start()
    thread.join()
    return found[0]
def child(path):
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, read(path).encode())
        os._exit(0)
    os.wait()
    return os.read(reading, 100).decode()
def handler(event, context):
    do = {"read": read, "aside": aside, "child": child, "sleep": time.sleep}
    return [do[name](value) for name, value in event]
"""


class Counting(Door):
    """A door that numbers its answers."""

    async def __call__(self, http):
        self.asked.append(http)
        return HttpResponse(200, Headers([("Content-Length", "1")]), self._body(b"%d" % len(self.asked)))


def run(bench, recorder, *events, door=None, code=READ):
    door = door or Counting(recorder, SOURCE)

    async def main():
        async with bench(endpoint_url=recorder.url) as opened:
            package = opened.install(make_zip({"app.py": code}))
            function = make_function(package)
            counts, values = [], []
            for event in events:
                before = len(door.asked)
                values.append(await opened.value(function, event, door=door))
                counts.append(len(door.asked) - before)
            return values, counts

    return asyncio.run(main())


def test_what_was_read_before_comes_with_the_next_invocation(bench, recorder):
    door = Counting(recorder, SOURCE)
    values, counts = run(bench, recorder, *[[["read", SOURCE]]] * 4, door=door)
    assert (values, counts) == ([["1"], ["2"], ["3"], ["4"]], [1] * 4)
    assert not recorder.seen
    assert len({tuple(http.headers) for http in door.asked}) == 1


def test_reading_twice_reads_twice(bench, recorder):
    values, counts = run(bench, recorder, *[[["read", SOURCE], ["read", SOURCE]]] * 3)
    assert (values, counts) == ([["1", "2"], ["3", "4"], ["5", "6"]], [2] * 3)


def test_what_is_not_asked_for_is_not_foreseen_again(bench, recorder):
    values, counts = run(bench, recorder, [["read", SOURCE]], [], [], [["read", SOURCE]], [["read", SOURCE]])
    assert counts == [1, 1, 0, 1, 1]
    assert values == [["1"], [], [], ["3"], ["4"]]


def test_what_was_foreseen_is_good_for_a_moment_only(bench, recorder):
    values, counts = run(bench, recorder, [["read", SOURCE]], [["sleep", 1.2], ["read", SOURCE]])
    assert (values, counts) == ([["1"], [None, "3"]], [1, 2])


def test_another_source_is_asked_for(bench, recorder):
    other = SOURCE.replace("key-", "other-")
    values, counts = run(bench, recorder, [["read", SOURCE]], [["read", other]], [["read", SOURCE]])
    assert (values, counts) == ([["1"], ["3"], ["4"]], [1, 2, 1])


def test_threads_use_it_and_forks_take_connections(bench, recorder):
    values, counts = run(bench, recorder, [["aside", SOURCE]], [["child", SOURCE]])
    assert (values, counts) == ([["1"], ["data"]], [1, 1])
    assert len(recorder.seen) == 1


@pytest.mark.parametrize("error", [ConnectionError, RuntimeError])
def test_a_door_that_does_not_open_sends_to_the_network(bench, recorder, error):
    class Closed(Counting):
        async def __call__(self, http):
            self.asked.append(http)
            if len(self.asked) > 1:
                raise error

    values, _ = run(bench, recorder, *[[["read", SOURCE]]] * 2, door=Closed(recorder, SOURCE))
    assert values == [["data"], ["data"]]
    assert len(recorder.seen) == 2


SLOW = """
import os, requests
def handler(event, context):
    try:
        requests.get(os.environ["AWS_ENDPOINT_URL_S3"] + event, timeout=0.2)
    except requests.exceptions.Timeout as error:
        return type(error).__name__
    return "in time"
"""


def test_a_wait_that_was_given_up_leaves_the_channel_usable(bench, recorder):
    class Slow(Counting):
        async def __call__(self, http):
            if "slow" in http.path:
                await asyncio.sleep(0.5)
            return await super().__call__(http)

    slow = SOURCE.replace("key-", "key-slow")
    values, _ = run(bench, recorder, slow, SOURCE, SOURCE, door=Slow(recorder, SOURCE), code=SLOW)
    assert values == ["ReadTimeout", "in time", "in time"]


@pytest.mark.parametrize("call", ["requests.get(url)", "kept.get(url)", "requests.get(url, stream=True)", "http(url)"])
def test_a_wait_that_was_given_up_was_waited_for_once(bench, recorder, call):
    code = f"""
import os, requests, urllib3, threading, time
kept = requests.Session()
def http(url, timeout):
    return urllib3.PoolManager().request("GET", url, timeout=timeout, retries=False)
def handler(event, context):
    url = os.environ["AWS_ENDPOINT_URL_S3"] + event
    try:
        {call.replace(")", ", timeout=0.2)")}
    except (requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError) as error:
        return "Read timed out. (read timeout=0.2)" in str(error)
"""

    class Slow(Counting):
        async def __call__(self, http):
            await asyncio.sleep(0.5)
            return await super().__call__(http)

    values, _ = run(bench, recorder, SOURCE, door=Slow(recorder, SOURCE), code=code)
    assert values == [True]
    assert not recorder.seen


LIBRARIES = """
import os, requests, urllib.request, urllib3
url = os.environ["AWS_ENDPOINT_URL_S3"] + "/photos-s3alias/key-?X-Amz-Signature=ab"
pool, session = urllib3.PoolManager(), requests.Session()
def urlopen():
    with urllib.request.urlopen(url) as answer:
        return answer.read()
READS = {
    "urlopen": urlopen,
    "urlopen of a request": lambda: urllib.request.urlopen(urllib.request.Request(url, headers={"K": "v"})).read(),
    "opener": lambda: urllib.request.build_opener().open(url).read(),
    "pool": lambda: pool.request("GET", url).data,
    "new pool": lambda: urllib3.PoolManager().request("GET", url, preload_content=False).read(),
    "requests": lambda: requests.get(url).content,
    "stream": lambda: b"".join(requests.get(url, stream=True).iter_content(10)),
    "session": lambda: session.get(url).content,
    "stream of a session": lambda: session.get(url, stream=True).raw.read(),
    "headers": lambda: requests.get(url, headers={"Range": "bytes=0-3"}).content,
}
def handler(event, context):
    return [READS[name]().decode() for name in event]
"""
NAMES = [line.split('"')[1] for line in LIBRARIES.splitlines() if line.startswith('    "')]


@pytest.mark.parametrize("name", NAMES)
def test_each_library_reads_through_it_and_what_was_foreseen(bench, recorder, name):
    values, counts = run(bench, recorder, [name], [name], [name, name], code=LIBRARIES)
    assert (values, counts) == ([["1"], ["2"], ["3", "4"]], [1, 1, 2])
    assert not recorder.seen


FULL = """
import os, requests, resource, urllib.request
def handler(event, context):
    url = os.environ["AWS_ENDPOINT_URL_S3"] + "/photos-s3alias/key-?X-Amz-Signature=ab"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = []
    requests.get(url)  # what came with the invocation
    if event:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        while event:
            files.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    found = []
    try:
        for read in (lambda: requests.get(url).text, lambda: urllib.request.urlopen(url).read().decode()):
            try:
                found.append(read())
            except OSError as error:
                found.append(type(error).__name__)
        return found
    finally:
        for file in files:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
"""


def test_files_that_cannot_be_opened_are_errors_and_leave_the_channel_usable(bench, recorder):
    class Filed(Counting):
        def _body(self, content):
            return self._file(content)

    door = Filed(recorder, SOURCE)
    values, _ = run(bench, recorder, 0, 1, 0, 1, 0, door=door, code=FULL)
    assert values[1] == values[3]
    assert values[1][0] in {"ConnectionError", "OSError"}  # `requests` also opens files
    assert values[1][1] == "URLError"
    assert all(one.isdecimal() for value in values[::2] for one in value)
    assert not recorder.seen


@pytest.mark.parametrize("size", [10, 2_000_000])
def test_results_of_any_length_arrive(bench, recorder, size):
    code = "def handler(event, context):\n    return 'x' * event"
    values, _ = run(bench, recorder, size, size, code=code)
    assert [len(value) for value in values] == [size, size]


def test_nothing_is_left_open(bench, recorder):
    before = set(os.listdir("/proc/self/fd"))
    run(bench, recorder, *[[["read", SOURCE]], []] * 3)
    assert set(os.listdir("/proc/self/fd")) <= before


def test_a_line_break_in_a_header_is_no_header(bench, recorder):
    class Broken(Counting):
        async def __call__(self, http):
            response = await super().__call__(http)
            return HttpResponse(200, Headers([("Content-Type", "a\nSet-Cookie: b=c")]), response.body)

    values, _ = run(bench, recorder, [["read", SOURCE]], door=Broken(recorder, SOURCE))
    assert values == [["data"]]  # over a connection, where such an answer is refused in its own way


NOISE = """
import os, stat
def handler(event, context):
    for name in os.listdir("/proc/self/fd"):
        try:
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                os.write(int(name), b"\\x07" * 64)
        except OSError:
            pass
    return 1
"""


def test_noise_on_the_channel_ends_the_environment_and_nothing_else(bench, recorder):
    async def main():
        async with bench(endpoint_url=recorder.url) as opened:
            package = opened.install(make_zip({"app.py": READ, "noise.py": NOISE}))
            noisy = make_function(package, "noisy", handler="noise.handler", timeout=5)
            outcome = await opened.invoke(noisy)
            assert outcome.failure is not None
            quiet = make_function(package, "quiet")
            assert await opened.value(quiet, []) == []
            return outcome.failure.type

    assert asyncio.run(main()) == "Runtime.ExitError"


@pytest.mark.parametrize("line", ["a b: c", "ä: c", ": c", "a: b\rc", "a\tb: c", "a"])
def test_what_is_no_header_is_no_request(line):
    head = f"GET /x HTTP/1.1\nHost: a\n{line}"
    with pytest.raises(ValueError, match="the head of a request is none"):
        _request(head, b"")


class Deadly(Counting):
    """A door at which the environment ends that is about to be given its second invocation."""

    async def __call__(self, http):
        response = await super().__call__(http)
        if len(self.asked) == 2:
            await self.end()
        return response


@pytest.mark.parametrize("heard", [True, False], ids=["the server knows", "the server does not know yet"])
def test_an_environment_killed_while_its_source_is_foreseen_is_replaced_unseen(bench, recorder, heard):
    door = Deadly(recorder, SOURCE)
    code = READ + "\ndef handler(event, context):\n    return [read(event), os.getpid()]"

    async def main():
        async with bench(endpoint_url=recorder.url) as opened:
            package = opened.install(make_zip({"app.py": code}))
            function = make_function(package)
            _, first = await opened.value(function, SOURCE, door=door)

            async def end():
                os.kill(first, signal.SIGKILL)
                while alive(first):
                    time.sleep(0.001)  # noqa: ASYNC251  (the event loop must not hear of it before the invocation)
                if heard:
                    await asyncio.sleep(0.2)

            door.end = end
            read, second = await opened.value(function, SOURCE, door=door)
            assert (read, second != first) == ("3", True)
            (figures,) = opened.executor.snapshot()
            assert (figures.invocations, figures.busy) == (2, 0)

    before = set(os.listdir("/proc/self/fd"))
    gc.disable()  # the file that was read ahead is closed by whoever knows that nobody takes it
    try:
        asyncio.run(main())
        assert set(os.listdir("/proc/self/fd")) <= before
    finally:
        gc.enable()


@pytest.mark.parametrize("variables", [{}, {"OBJECTLENS_ACCELERATE": "0"}], ids=["channel", "Runtime API"])
def test_a_result_ended_when_it_came_however_late_that_is_looked_at(bench, variables):
    code = """
import time
def handler(event, context):
    began = time.monotonic()
    time.sleep(event)
    return [began, time.monotonic()]
"""

    async def main():
        async with bench() as opened:
            function = make_function(opened.install(make_zip({"app.py": code})), environment=variables)
            await opened.value(function, 0)
            asyncio.get_running_loop().call_later(0.05, time.sleep, 1)  # the server is busy with something else
            return await opened.invoke(function, 0.2)

    outcome = asyncio.run(main())
    began, ended = json.loads(outcome.payload)
    assert (ended - began) * 1000 <= outcome.duration_ms < 800


def test_a_result_counts_although_its_environment_ends_at_once(bench, recorder):
    code = """
import os, threading
from awslambdaric import lambda_runtime_client
def handler(event, context):
    # It ends as soon as the result is handed in, before any other work is asked for.
    channel = lambda_runtime_client.runtime_client._channel
    channel._receive = lambda kind: os._exit(0)
    return event
"""

    async def main():
        async with bench(endpoint_url=recorder.url) as opened:
            package = opened.install(make_zip({"app.py": code}))
            # Each has an environment of its own: the next invocation would go to one that ends just now.
            return [await opened.value(make_function(package, name=f"f{number}"), number) for number in range(5)]

    assert asyncio.run(main()) == [0, 1, 2, 3, 4]


def test_work_is_asked_for_after_errors_as_after_results(bench, recorder):
    code = """
def handler(event, context):
    return 1 / event
"""

    async def main():
        async with bench(endpoint_url=recorder.url) as opened:
            function = make_function(opened.install(make_zip({"app.py": code})))
            outcomes = [await opened.invoke(function, number) for number in (1, 0, 2, 0, 0, 4)]
            return [outcome.failure is None for outcome in outcomes]

    assert asyncio.run(main()) == [True, False, True, False, False, True]
