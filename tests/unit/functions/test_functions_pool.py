import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from objectlens.errors import ServiceException, ServiceUnavailable, TooManyRequestsException
from objectlens.functions import watch
from objectlens.functions.environment import Environment
from objectlens.functions.logs import log_folder, read_log
from objectlens.functions.watch import find_members
from objectlens.testing.executors import COUNTER, make_function, make_zip
from support.hosts import alive, descendants, gone, templates_of, until, watchmen_of


def resident_kib():
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0])


def messages(folder, name="f"):
    return [line.message for line in read_log(log_folder(folder, name))]


# A function that starts a child, a child in a session of its own, and a daemon that has left everything behind.
FAMILY = """
import os, subprocess, sys, time
DAEMON = '''
import os, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
print(os.getpid(), flush=True)
os.close(1)
time.sleep(600)
'''
def handler(event, context):
    pids = [subprocess.Popen(["sleep", "600"]).pid, subprocess.Popen(["sleep", "600"], start_new_session=True).pid]
    pids.append(int(subprocess.run([sys.executable, "-c", DAEMON], stdout=subprocess.PIPE).stdout))
    if event == "exit": print("FAMILY", *pids); os._exit(1)
    if event == "hang": print("FAMILY", *pids); time.sleep(600)
    return [os.getpid(), *pids]
"""


def test_closing_ends_all_that_a_function_started(bench):
    async def main():
        async with bench() as opened:
            pids = await opened.value(opened.function(FAMILY))
            assert all(map(alive, pids))
        assert not any(map(alive, pids))

    asyncio.run(main())


@pytest.mark.parametrize("event", ["exit", "hang"])
def test_a_crash_or_a_timeout_ends_all_that_a_function_started(bench, tmp_path, event):
    async def main():
        async with bench() as opened:
            outcome = await opened.invoke(opened.function(FAMILY, timeout=2), event)
            assert outcome.failure is not None
            (line,) = [line for line in messages(tmp_path) if line.startswith("FAMILY")]
            await gone(*map(int, line.split()[1:]))

    asyncio.run(main())


def test_a_process_killed_from_outside_fails_its_invocation_at_once(bench, tmp_path):
    async def main():
        async with bench() as opened:
            function = opened.function(COUNTER)
            pid = (await opened.value(function))["pid"]
            running = asyncio.ensure_future(opened.invoke(function, {"sleep": 15}))
            await asyncio.sleep(0.1)
            began = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            outcome = await running
            assert time.monotonic() - began < 1
            assert outcome.failure.message.endswith("Runtime exited with error: signal: killed")
            assert (await opened.value(function))["count"] == 1

    asyncio.run(main())


def test_an_idle_process_killed_from_outside_is_replaced_unseen(bench):
    async def main():
        async with bench() as opened:
            function = opened.function(COUNTER)
            pid = (await opened.value(function))["pid"]
            os.kill(pid, signal.SIGKILL)
            while alive(pid):
                time.sleep(0.001)  # noqa: ASYNC251  (the event loop must not hear of it before the invocation)
            assert (await opened.value(function))["pid"] != pid

    asyncio.run(main())


# It stays for all of `kill_seconds`, so that whatever it would say when it is hung up on is seen.
PATIENT = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def handler(event, context): return event
"""


@pytest.mark.parametrize("accelerate", ["0", "1"])
def test_an_environment_that_is_no_longer_needed_ends_without_a_word(bench, tmp_path, accelerate):
    async def main():
        async with bench(kill_seconds=0.2) as opened:
            function = opened.function(PATIENT, environment={"OBJECTLENS_ACCELERATE": accelerate})
            assert await opened.value(function, 7) == 7
        kinds = [message.split(" ", 1)[0] for message in messages(tmp_path)]
        assert kinds == ["INIT_START", "START", "END", "REPORT"]

    asyncio.run(main())


HOPPING = """
import os, sys, time
sys.stdin.readline()
if os.fork():
    os._exit(0)
os.setsid()
print(os.getpid(), flush=True)
time.sleep(600)
"""


def test_a_daemon_that_begins_while_processes_are_looked_at_is_ended(monkeypatch):
    marker = f"HOPPING={os.urandom(8).hex()}"
    name, _, value = marker.partition("=")
    command = [sys.executable, "-c", HOPPING]
    first = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={name: value})
    listed, daemons = watch._all_pids, []

    def all_pids():
        found = listed()
        if not daemons:  # between the list and the look at each
            first.stdin.write("\n")
            first.stdin.flush()
            daemons.append(int(first.stdout.readline()))
            first.wait()
        return found

    with first:
        monkeypatch.setattr(watch, "_all_pids", all_pids)
        watch.end_all((), [marker.encode()])
        assert [alive(pid) for pid in daemons] == [False]


SERVER = """
import asyncio, sys
from pathlib import Path
from objectlens.clock import SystemClock
from objectlens.functions import Credentials, PackageStore, Pool, Surroundings
from objectlens.testing.executors import Bench

async def main(folder, code):
    packages = PackageStore(folder / "packages")
    pool = Pool(
        packages=packages,
        surroundings=Surroundings(folder=folder, endpoint_url="", region="us-east-1", python=sys.executable),
        credentials=lambda function: Credentials("a", "b", "c"),
        clock=SystemClock(),
    )
    bench = Bench(pool, packages.add)
    print(*await bench.value(bench.function(code)), pool._host.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


def test_nothing_survives_the_death_of_the_server(tmp_path):
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(tmp_path), FAMILY], stdout=subprocess.PIPE, text=True)
    with server:
        pids = [int(word) for word in server.stdout.readline().split()]
        assert len(pids) == 5
        assert set(descendants(server.pid)) >= {*pids[:3], pids[-1]}
        pids = [*pids, *templates_of(pids[-1]), *watchmen_of(pids[-1])]
        assert len(pids) == 7
        assert all(map(alive, pids))
        server.kill()
    asyncio.run(gone(*pids))


def test_the_watchman_is_replaced_when_it_dies(bench):
    async def main():
        async with bench() as opened:
            function = opened.function(COUNTER)
            await opened.value(function)
            (watchman,) = watchmen_of(opened.executor._host.pid)
            os.kill(watchman, signal.SIGKILL)
            await gone(watchman)
            await until(lambda: watchmen_of(opened.executor._host.pid) not in ([], [watchman]))
            seen = await asyncio.gather(*(opened.value(function, {"sleep": 0.2}) for _ in range(3)))
            assert len({one["pid"] for one in seen}) > 1
            assert len(watchmen_of(opened.executor._host.pid)) == 1

    asyncio.run(main())


def test_thousands_of_invocations_leave_nothing_behind(bench):
    async def main():
        async with bench(per_function=2) as opened:
            function = opened.function("def handler(event, context):\n    if event % 50 == 7: raise ValueError\n")

            async def rounds(count):
                for base in range(0, count, 8):
                    await asyncio.gather(*(opened.invoke(function, base + n) for n in range(8)))

            # Long enough for both environments to have reported an error: that keeps one connection more, once.
            await rounds(1000)
            before = await census()
            await rounds(2000)
            after = await census()
            assert after[:2] == before[:2]
            assert after[2] - before[2] < 4 * 1024, "KiB"

    async def census():
        gc.collect()
        await asyncio.sleep(0.05)
        return len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks()), resident_kib()

    asyncio.run(main())


@pytest.mark.parametrize("templates", [0, 1])
def test_hundreds_of_environments_leave_nothing_behind(bench, tmp_path, templates):
    async def main():
        fds = len(os.listdir("/proc/self/fd"))
        async with bench(templates=templates) as opened:
            function = opened.function("import os\ndef handler(event, context):\n    os._exit(1)\n")
            for _ in range(60):
                outcome = await opened.invoke(function)
                assert outcome.failure.type == "Runtime.ExitError"
            await until(lambda: not opened.executor._tasks)
            assert opened.executor._size == opened.executor._starting == 0
            assert opened.executor._groups == opened.executor._running == {}
            assert len(os.listdir(tmp_path / "tmp")) == templates
        assert os.listdir(tmp_path / "tmp") == []
        assert len(os.listdir("/proc/self/fd")) <= fds
        assert find_members((), [f"LAMBDA_TASK_ROOT={tmp_path}".encode()]) == []

    asyncio.run(main())


def test_waiting_has_an_end(bench):
    async def main():
        async with bench(per_function=1, queue_seconds=0.3, queue=2) as opened:
            function = opened.function(COUNTER)
            await opened.value(function)
            running = asyncio.ensure_future(opened.value(function, {"sleep": 1}))
            await asyncio.sleep(0.05)
            waiting = [asyncio.ensure_future(opened.invoke(function)) for _ in range(2)]
            await asyncio.sleep(0.05)
            with pytest.raises(TooManyRequestsException) as full:
                await opened.invoke(function)
            assert full.value.detail["Reason"] == "ConcurrentInvocationLimitExceeded"
            assert full.value.headers["Retry-After"] == "1"
            began = time.monotonic()
            late = await asyncio.gather(*waiting, return_exceptions=True)
            assert [type(one) for one in late] == [TooManyRequestsException] * 2
            assert time.monotonic() - began < 0.6
            assert (await running)["count"] == 2
            assert (await opened.value(function))["count"] == 3

    asyncio.run(main())


def test_first_come_first_served(bench):
    async def main():
        async with bench(per_function=1) as opened:
            function = opened.function(COUNTER)
            seen = await asyncio.gather(*(opened.value(function, {"sleep": 0.01}) for _ in range(10)))
            assert [one["count"] for one in seen] == list(range(1, 11))

    asyncio.run(main())


def test_no_more_processes_than_needed_or_allowed(bench):
    async def main():
        async with bench(environments=3, per_function=8) as opened:
            function = opened.function(COUNTER)
            for _ in range(5):
                await opened.value(function)
            assert opened.executor._size == 1
            seen = await asyncio.gather(*(opened.value(function, {"sleep": 0.1}) for _ in range(12)))
            assert len({one["pid"] for one in seen}) == 3

    asyncio.run(main())


def test_a_busy_function_does_not_starve_another(bench):
    async def main():
        async with bench(environments=2, per_function=2) as opened:
            busy, quiet = opened.function(COUNTER, "busy"), opened.function(COUNTER, "quiet")
            flood = [asyncio.ensure_future(opened.value(busy, {"sleep": 0.1})) for _ in range(60)]
            await asyncio.sleep(0.3)
            began = time.monotonic()
            await opened.value(quiet)
            assert time.monotonic() - began < 1.0
            assert sum(task.done() for task in flood) < 40
            await asyncio.gather(*flood)

    asyncio.run(main())


def test_an_idle_environment_makes_room_for_another_function(bench):
    async def main():
        async with bench(environments=1) as opened:
            first = await opened.value(opened.function(COUNTER, "one"))
            assert (await opened.value(opened.function(COUNTER, "two")))["count"] == 1
            await gone(first["pid"])

    asyncio.run(main())


def test_idle_environments_retire(bench):
    async def main():
        async with bench(idle_seconds=0.2) as opened:
            function = opened.function(COUNTER)
            first = await opened.value(function)
            await gone(first["pid"])
            await until(lambda: opened.executor._size == 0)
            assert (await opened.value(function))["count"] == 1

    asyncio.run(main())


def test_old_environments_are_replaced(bench):
    async def main():
        async with bench(age_seconds=0.0) as opened:
            function = opened.function(COUNTER)
            pids = {(await opened.value(function))["pid"] for _ in range(3)}
            assert len(pids) == 3

    asyncio.run(main())


def test_retiring_moves_those_who_wait(bench):
    async def main():
        async with bench(per_function=1) as opened:
            function = opened.function(COUNTER)
            running = [asyncio.ensure_future(opened.value(function, {"sleep": 0.2})) for _ in range(3)]
            await asyncio.sleep(0.2)
            await opened.executor.retire(function)
            assert len(await asyncio.gather(*running)) == 3

    asyncio.run(main())


@pytest.mark.parametrize("plain", ["0", "1"])
def test_who_waits_for_an_environment_that_starts_does_not_begin_anew(bench, plain):
    slow = "import time\ntime.sleep(0.8)\ndef handler(event, context):\n    return 1"

    async def main():
        async with bench() as opened:
            function = opened.function(slow, environment={"OBJECTLENS_TEMPLATE": plain}, timeout=20)
            asked = [asyncio.ensure_future(opened.value(function)) for _ in range(2)]
            for _ in range(12):
                await asyncio.sleep(0.25)
                await opened.executor.retire(function)
            assert [one.done() and one.result() for one in asked] == [1, 1]

    asyncio.run(main())


def test_who_waits_for_an_environment_that_a_change_finds_starting_is_told_when_the_server_stops(bench):
    async def main():
        async with bench() as opened:
            function = opened.function("import time\ntime.sleep(5)\ndef handler(event, context):\n    return 1")
            asked = asyncio.ensure_future(opened.invoke(function))
            await asyncio.sleep(0.3)
            await opened.executor.retire(function)
        with pytest.raises(ServiceUnavailable, match="stopping"):
            await asyncio.wait_for(asked, 5)

    asyncio.run(main())


def test_what_the_service_does_before_it_hears_the_answer_is_not_billed(bench, monkeypatch):
    honest = Environment.answered

    def busy(self, answer):
        # Others have their turn before whoever waits for the answer.
        asyncio.get_running_loop().call_soon(time.sleep, 1.0)
        honest(self, answer)

    async def main():
        async with bench() as opened:
            function = opened.function("def handler(event, context):\n    return 1")
            await opened.value(function)
            monkeypatch.setattr(Environment, "answered", busy)
            began = time.monotonic()
            outcome = await opened.invoke(function)
            assert time.monotonic() - began >= 1.0
            assert outcome.duration_ms < 1000

    asyncio.run(main())


def test_initialisation_may_be_slow_if_the_timeout_allows(bench, tmp_path):
    async def main():
        async with bench(init_seconds=0.2) as opened:
            slow = "import time\ntime.sleep(0.6)\ndef handler(event, context):\n    return 1"
            assert await opened.value(opened.function(slow, timeout=2)) == 1
            stuck = opened.function(
                "import time\ntime.sleep(60)\ndef handler(event, context):\n    return 1", timeout=1
            )
            began = time.monotonic()
            outcome = await opened.invoke(stuck)
            assert outcome.failure.type == "Sandbox.Timedout"
            assert outcome.failure.message.endswith("Task timed out after 1.00 seconds")
            assert b"Initialisation takes longer than 1.2 seconds." in outcome.log_tail
            # Not once in a template and then once more from nothing.
            assert time.monotonic() - began < 2.2

    asyncio.run(main())


@pytest.mark.parametrize("forked", ["0", "1"])
def test_waiting_for_initialisation_is_not_waiting_for_a_place(bench, forked):
    async def main():
        async with bench(queue_seconds=0.3, starting=1) as opened:
            slow = "import time\ntime.sleep(1.5)\ndef handler(event, context):\n    return 1"
            function = opened.function(slow, timeout=5, environment={"OBJECTLENS_TEMPLATE": forked})
            first, second = opened.invoke(function), opened.invoke(function)
            done = await asyncio.gather(first, second, return_exceptions=True)
            assert done[0].payload == b"1"
            assert isinstance(done[1], TooManyRequestsException)

    asyncio.run(main())


def test_closing_fails_what_runs_and_what_waits(bench):
    async def main():
        async with bench(per_function=1) as opened:
            function = opened.function(COUNTER)
            pid = (await opened.value(function))["pid"]
            tasks = [asyncio.ensure_future(opened.invoke(function, {"sleep": 15})) for _ in range(2)]
            await asyncio.sleep(0.1)
            began = time.monotonic()
            await opened.executor.close()
            assert time.monotonic() - began < 2
            assert not alive(pid)
            failed = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(one) for one in failed] == [ServiceException, ServiceUnavailable]
            with pytest.raises(ServiceUnavailable):
                await opened.invoke(function)

    asyncio.run(main())


def test_a_cancelled_wait_takes_its_place_in_the_queue_with_it(bench):
    async def main():
        async with bench(per_function=1) as opened:
            function = opened.function(COUNTER)
            running = asyncio.ensure_future(opened.value(function, {"sleep": 0.5}))
            await asyncio.sleep(0.2)
            waiting = asyncio.ensure_future(opened.value(function))
            await asyncio.sleep(0.05)
            waiting.cancel()
            await asyncio.wait([waiting])
            await running
            assert (await opened.value(function))["count"] == 2
            assert opened.executor._running == {}

    asyncio.run(main())


def test_a_missing_package_is_said(bench, caplog):
    async def main():
        async with bench() as opened:
            function = opened.function(COUNTER)
            opened.executor._packages.collect(())
            with pytest.raises(ServiceException, match=r"its package is not in .* update its code through this server"):
                await opened.invoke(function)
            assert opened.executor._size == 0
            assert [record.exc_info for record in caplog.records] == [False]

    asyncio.run(main())


def test_the_environment_is_clean(bench, monkeypatch):
    monkeypatch.setenv("SERVER_SECRET", "x")
    code = """
import os, sys, resource
def handler(event, context):
    open(os.path.join(os.environ["TMPDIR"], "mine"), "w").close()
    return {"env": dict(os.environ), "cwd": os.getcwd(), "path0": sys.path[0], "fds": os.listdir("/proc/self/fd"),
            "limits": [resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_NOFILE)]}
"""

    async def main():
        async with bench() as opened:
            function = opened.function(code, memory_size=512, environment={"AWS_ENDPOINT_URL_STS": "http://mine"})
            return function, await opened.value(function)

    function, seen = asyncio.run(main())
    env = seen["env"]
    assert "SERVER_SECRET" not in env
    assert seen["cwd"] == seen["path0"] == env["LAMBDA_TASK_ROOT"]
    assert Path(env["LAMBDA_TASK_ROOT"]).name == function.package
    assert seen["limits"][0] == [0, 0]
    assert seen["limits"][1][1] <= 1024
    assert len(seen["fds"]) <= 8
    assert not Path(env["TMPDIR"]).exists()
    expected = {
        "AWS_ACCESS_KEY_ID": "AKID",
        "AWS_ACCESS_KEY": "AKID",
        "AWS_SECRET_ACCESS_KEY": "SECRET",
        "AWS_SESSION_TOKEN": "TOKEN",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000",
        "AWS_ENDPOINT_URL_STS": "http://mine",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "TZ": ":UTC",
    }
    assert {name: env.get(name) for name in expected} == expected


def test_the_language_is_one_that_this_machine_has(bench):
    code = """
import locale, os
def handler(event, context):
    return [locale.setlocale(locale.LC_ALL, ""), os.environ["LANG"]]
"""

    async def main():
        async with bench() as opened:
            own = opened.function(code, environment={"LANG": "C"})
            return await opened.value(opened.function(code)), await opened.value(own)

    (found, named), own = asyncio.run(main())
    assert found == named
    assert named in {"en_US.UTF-8", "C.UTF-8"}
    assert own[1] == "C"


def test_another_python_is_run_here_and_said(bench, tmp_path):
    async def main():
        async with bench() as opened:
            code = "import os\ndef handler(event, context):\n    return os.environ['AWS_EXECUTION_ENV']"
            assert await opened.value(opened.function(code, runtime="python3.8")) == "AWS_Lambda_python3.8"

    asyncio.run(main())
    assert any("python3.8 is not on this machine" in line for line in messages(tmp_path))


BOOTSTRAP = """#!/bin/sh
# A runtime in shell: one loop of next and response.
while true; do
  head=$(mktemp)
  body=$(curl -sS -D "$head" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next") || exit 1
  id=$(grep -i '^lambda-runtime-aws-request-id' "$head" | tr -d '\\r' | cut -d' ' -f2)
  echo "handling $id"
  curl -sS -o /dev/null -d "{\\"handler\\": \\"$_HANDLER\\", \\"event\\": $body}" \\
    "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response"
done
"""


def test_a_bootstrap_of_ones_own(bench):
    async def main():
        async with bench() as opened:
            package = opened.install(make_zip({"bootstrap": BOOTSTRAP}, executable=("bootstrap",)))
            function = make_function(package, runtime="provided.al2023", handler="what.ever")
            for number in range(3):
                outcome = await opened.invoke(function, number)
                assert json.loads(outcome.payload) == {"handler": "what.ever", "event": number}
                assert b"handling " in outcome.log_tail

    asyncio.run(main())


@pytest.mark.parametrize("files", [{"bootstrap": "#!/bin/sh"}, {"other": "x"}])
def test_no_executable_bootstrap(bench, files):
    async def main():
        async with bench() as opened:
            function = make_function(opened.install(make_zip(files)), runtime="provided.al2")
            outcome = await opened.invoke(function)
            assert outcome.failure.type == "Runtime.InvalidEntrypoint"
            assert "bootstrap" in outcome.failure.message
            assert opened.executor._starting == 0

    asyncio.run(main())


def test_a_bootstrap_that_cannot_run(bench):
    async def main():
        async with bench() as opened:
            files = {"bootstrap": "#!/no/such/interpreter\n"}
            function = make_function(opened.install(make_zip(files, executable=("bootstrap",))), runtime="provided")
            outcome = await opened.invoke(function)
            assert outcome.failure.type == "Runtime.InvalidEntrypoint"

    asyncio.run(main())


def test_a_flood_of_output_is_bounded_and_harms_no_other(bench, tmp_path):
    async def main():
        async with bench(log_bytes=100_000, log_files=2) as opened:
            flood = opened.function(
                "def handler(event, context):\n    while True: print('x' * 100)", "flood", timeout=2
            )
            other = opened.function(COUNTER, "other")
            await opened.value(other)
            running = asyncio.ensure_future(opened.invoke(flood))
            slowest = 0.0
            while not running.done():
                began = time.monotonic()
                await opened.value(other)
                slowest = max(slowest, time.monotonic() - began)
                await asyncio.sleep(0.02)
            assert (await running).failure.type == "Sandbox.Timedout"
            assert slowest < 0.5

    asyncio.run(main())
    assert sum(path.stat().st_size for path in log_folder(tmp_path, "flood").iterdir()) <= 500_000


def test_output_without_an_end_of_line_is_kept(bench, tmp_path):
    async def main():
        async with bench() as opened:
            code = "import sys\ndef handler(event, context):\n    sys.stdout.write('no end'); sys.stdout.flush()"
            outcome = await opened.invoke(opened.function(code))
            assert b"\nno end\nEND RequestId" in outcome.log_tail

    asyncio.run(main())


def test_credentials_may_be_awaited(bench):
    async def main():
        async with bench() as opened:

            async def credentials(function):
                await asyncio.sleep(0)
                return ("one", "two", function.role)

            opened.executor._credentials = credentials
            code = "import os\ndef handler(event, context):\n    return os.environ['AWS_SESSION_TOKEN']"
            assert await opened.value(opened.function(code, role="the role")) == "the role"

    asyncio.run(main())


def test_credentials_that_fail_are_said(bench, caplog):
    async def main():
        async with bench() as opened:

            def credentials(function):
                raise LookupError(f"no role {function.role}")

            opened.executor._credentials = credentials
            with pytest.raises(ServiceException, match="no role gone"):
                await opened.invoke(opened.function(COUNTER, role="gone"))

    asyncio.run(main())


def test_a_function_that_sits_on_signals_still_ends(bench):
    code = textwrap.dedent("""
        import os, signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        def handler(event, context):
            return os.getpid()
    """)

    async def main():
        async with bench(kill_seconds=0.1) as opened:
            pid = await opened.value(opened.function(code))
        assert not alive(pid)

    asyncio.run(main())
