"""Templates: what forks from them must not be told from plain processes, and nothing of them may stay."""

import asyncio
import contextlib
import gc
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from objectlens.functions.logs import log_folder, read_log
from objectlens.functions.molds import OPT_OUT
from objectlens.functions.watch import find_members
from objectlens.testing.executors import COUNTER, make_function, make_zip
from support.hosts import alive, gone, templates_of, until

WHO = "import os\nvalue = {made}\ndef handler(event, context):\n    return [os.getpid(), os.getppid(), {shown}]"


def messages(folder, name="f"):
    return [line.message for line in read_log(log_folder(folder, name))]


def template_pids(opened):
    return templates_of(opened.executor._host.pid)


async def spread(opened, function, count=3):
    """Invoke so that several environments answer; returns one answer of each."""
    code = {}
    while len(code) < count:
        answers = await asyncio.gather(*(opened.value(function, {"sleep": 0.05}) for _ in range(2 * count)))
        code |= {answer[0]: answer for answer in answers}
    return list(code.values())


def who(made, shown, sleep="(event or {}).get('sleep', 0)"):
    code = WHO.format(made=made, shown=shown)
    return code.replace("    return", f"    import time; time.sleep({sleep})\n    return")


def test_environments_are_forked_from_one_process_that_imported_once(bench, tmp_path):
    async def main():
        async with bench() as opened:
            seen = await spread(opened, opened.function("print('imported')\n" + who("object()", "id(value)")))
            assert {parent for _, parent, _ in seen} == set(template_pids(opened))
            assert len({identity for *_, identity in seen}) == 1

    asyncio.run(main())
    assert messages(tmp_path).count("imported") == 1


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        ("__import__('random').random()", "__import__('random').random()"),
        ("__import__('numpy.random')", "float(value.random.rand())"),
        ("__import__('random').Random()", "value.random()"),
        ("__import__('numpy').random.default_rng()", "float(value.random())"),
        ("__import__('numpy').random.RandomState()", "float(value.rand())"),
        ("__import__('uuid').uuid4()", "str(__import__('uuid').uuid4())"),
        ("__import__('tempfile').gettempdir()", "__import__('tempfile').gettempdir()"),
        ("__import__('secrets').token_hex()", "__import__('secrets').token_hex()"),
        (
            "None",
            "os.environ['AWS_LAMBDA_LOG_STREAM_NAME'], os.environ['TMPDIR'], os.environ['AWS_LAMBDA_RUNTIME_API']",
        ),
        ("None", "context.log_stream_name"),
        ("None", "open('/proc/self/environ').read().partition('AWS_LAMBDA_LOG_STREAM_NAME=')[2].partition(chr(0))[0]"),
        ("None", "os.getsid(0)"),
    ],
)
def test_what_must_differ_between_environments_does(bench, made, shown):
    async def main():
        async with bench() as opened:
            seen = await spread(opened, opened.function(who(made, shown)))
            assert template_pids(opened)
            assert len({str(answer[2:]) for answer in seen}) == len(seen)

    asyncio.run(main())


SEEDED = """
import os, random, time
import numpy
random.seed(7)
numpy.random.seed(7)
makers = [random.random, random.Random(7).random, numpy.random.rand, numpy.random.RandomState(7).rand]
makers += [numpy.random.default_rng(7).random, numpy.random.default_rng(7 << 100).random]
seen = []
def handler(event, context):
    time.sleep((event or {}).get("sleep", 0))
    if not seen:
        seen.extend(float(make()) for make in makers)
    return [os.getpid(), os.getppid(), seen]
"""


def test_what_a_module_seeds_gives_every_environment_the_same_numbers(bench):
    async def main():
        async with bench() as opened:
            seen = await spread(opened, opened.function(SEEDED))
            assert template_pids(opened)
            plain = make_function(opened.install(make_zip({"app.py": SEEDED})), "plain", environment={OPT_OUT: "0"})
            expected = (await opened.value(plain))[2]
            assert [numbers for *_, numbers in seen] == [expected] * len(seen)

    asyncio.run(main())


HOOKS = """
import os, socket, time
from snapshot_restore_py import register_after_restore, register_before_snapshot
pair = socket.socketpair()
ran = []
@register_before_snapshot
def close():
    for one in pair: one.close()
@register_after_restore
def begin(fail="{fail}"):
    print("restored")
    if fail: raise LookupError("nothing there")
    ran.append([os.getpid(), os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]])
def handler(event, context):
    time.sleep((event or {{}}).get("sleep", 0))
    return [os.getpid(), os.getppid(), ran]
"""


CHANGING = """
import gc, os, threading, time
seen = [gc.isenabled(), gc.get_threshold()]
gc.disable()
seen.append(gc.isenabled())
os.environ["PATH"] += ":/opt/mine"
os.environ["TZ"] = "Asia/Tokyo"
time.tzset()
os.environ["OWN"] = os.environ["OWN"] * 2
for name in ("LANG", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "_HANDLER"):
    del os.environ[name]
os.environ["AWS_ACCESS_KEY_ID"] = "mine"
def handler(event, context):
    names = ("PATH", "TZ", "OWN", "LANG", "AWS_LAMBDA_RUNTIME_API", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN")
    found = [os.environ.get(name) for name in names]
    found += [time.strftime("%Z", time.localtime(0)), time.mktime((1970, 1, 1, 9, 0, 0, 0, 0, 0)), gc.isenabled()]
    return [*found, seen, threading.main_thread().native_id == threading.get_native_id()]
"""


def test_what_a_module_changes_stays_changed(bench):
    async def main():
        async with bench() as opened:
            package = opened.install(make_zip({"app.py": CHANGING}))
            forked = await opened.value(make_function(package, "forked", environment={"OWN": "ab"}))
            assert template_pids(opened)
            plain = make_function(package, "plain", environment={"OWN": "ab", OPT_OUT: "0"})
            assert forked == await opened.value(plain)
            assert forked[0].endswith(":/opt/mine")
            assert forked[1:7] == ["Asia/Tokyo", "abab", None, None, "mine", "TOKEN"]
            assert forked[7:] == ["JST", 0.0, False, [True, list(gc.get_threshold()), False], True]

    asyncio.run(main())


COLLECTOR = """
def handler(event, context):
    out = [[gc.isenabled(), gc.get_threshold()]]
    for one in own[1], own[0]:
        one()
        out.append([own[2](), gc.isenabled()])
    return out
"""


@pytest.mark.parametrize("said", ["pass", "gc.set_threshold(50_000, 20)", "gc.disable(); gc.enable()"])
def test_the_collector_is_as_the_module_has_it(bench, said):
    async def main():
        async with bench() as opened:
            code = f"import gc\nown = gc.enable, gc.disable, gc.isenabled\n{said}\n" + COLLECTOR
            forked = await opened.value(opened.function(code))
            assert template_pids(opened)
            wanted = (50_000, 20, gc.get_threshold()[2]) if "threshold" in said else gc.get_threshold()
            assert forked == [[True, list(wanted)], [False] * 2, [True] * 2]

    asyncio.run(main())


def test_what_is_to_run_in_each_environment_does(bench, tmp_path):
    async def main():
        async with bench() as opened:
            seen = await spread(opened, opened.function(HOOKS.format(fail="")))
            assert {parent for _, parent, _ in seen} == set(template_pids(opened))
            assert [[pid for pid, _ in ran] for *_, ran in seen] == [[pid] for pid, *_ in seen]
            assert len({stream for *_, [[_, stream]] in seen}) == len(seen)

    asyncio.run(main())
    assert messages(tmp_path).count("restored") >= 3


def test_what_fails_in_each_environment_is_told(bench):
    async def main():
        async with bench() as opened:
            outcome = await opened.invoke(opened.function(HOOKS.format(fail="yes")))
            assert outcome.failure is not None
            assert (outcome.failure.type, outcome.failure.message) == ("LookupError", "nothing there")
            assert b"LookupError" in outcome.log_tail

    asyncio.run(main())


def test_the_log_stream_in_the_process_table_is_the_environments_own(bench):
    shown = "[open('/proc/self/environ').read().count(os.environ['AWS_LAMBDA_LOG_STREAM_NAME']), len(os.environ)]"

    async def main():
        async with bench() as opened:
            for *_, [found, variables] in await spread(opened, opened.function(who("None", shown))):
                assert found == 1
                assert variables > 20

    asyncio.run(main())


def test_files_that_are_open_have_their_own_position(bench):
    code = """
import os, time
file = open(os.path.join(os.path.dirname(__file__), "words.txt"))
file.readline()
def handler(event, context):
    time.sleep((event or {}).get("sleep", 0))
    return [os.getpid(), file.readline()]
"""

    async def main():
        async with bench() as opened:
            package = opened.install(make_zip({"app.py": code, "words.txt": "one\ntwo\nthree\n" + "more\n" * 100}))
            function = make_function(package)
            first = await asyncio.gather(*(opened.value(function, {"sleep": 0.3}) for _ in range(3)))
            assert template_pids(opened)
            assert [word for _, word in first] == ["two\n"] * 3

    asyncio.run(main())


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()", "threads"),
        ("import socket\na, b = socket.socketpair()", "sockets"),
        ("import asyncio\nloop = asyncio.new_event_loop()", "sockets, pipes"),
        ("import os\nr, w = os.pipe()", "pipes"),
        ("import tempfile\nfile = tempfile.TemporaryFile()", "write"),
        ("import mmap\nmemory = mmap.mmap(-1, 16)", "memory"),
        ("import multiprocessing\nlock = multiprocessing.Lock()", "memory"),
        ("import subprocess\nchild = subprocess.Popen(['sleep', '60'])", "processes"),
        ("import os\nif os.environ['AWS_LAMBDA_RUNTIME_API'] == '127.0.0.1:9': os._exit(3)", "ended the process"),
        ("import os, sys\nif os.environ['AWS_LAMBDA_RUNTIME_API'] == '127.0.0.1:9': sys.exit(3)", "SystemExit"),
        (
            "import os\nif os.environ['AWS_LAMBDA_RUNTIME_API'] == '127.0.0.1:9': import nowhere",
            "cannot be imported: Runtime.ImportModuleError.",
        ),
    ],
)
def test_what_cannot_be_forked_starts_plainly(bench, tmp_path, module, reason):
    async def main():
        async with bench() as opened:
            function = opened.function(module + "\n" + who("1", "value"))
            seen = await spread(opened, function, 2)
            assert {parent for _, parent, _ in seen} == {opened.executor._host.pid}
            assert template_pids(opened) == []

    asyncio.run(main())
    told = [line for line in messages(tmp_path) if "starts from nothing" in line]
    assert [reason in line for line in told] == [True]
    assert os.listdir(tmp_path / "tmp") == []


def test_a_template_killed_while_it_imports_is_another_time_forked(bench, tmp_path):
    slow = "import os, time\nif os.environ['AWS_LAMBDA_RUNTIME_API'] == '127.0.0.1:9': time.sleep(0.5)\n"

    async def main():
        async with bench() as opened:
            function = opened.function(slow + who("1", "value"))
            first = asyncio.ensure_future(opened.value(function))
            await until(lambda: opened.executor._host.pid and template_pids(opened))
            os.kill(*template_pids(opened), signal.SIGKILL)
            pid, parent, _ = await first
            assert parent == opened.executor._host.pid
            os.kill(pid, signal.SIGKILL)
            await gone(pid)
            assert [(await opened.value(function))[1]] == template_pids(opened)

    asyncio.run(main())
    assert not [line for line in messages(tmp_path) if "starts from nothing" in line]


def test_a_function_may_ask_for_plain_processes(bench):
    async def main():
        async with bench() as opened:
            function = opened.function(who("1", "value"), environment={OPT_OUT: "0"})
            _, parent, _ = await opened.value(function)
            assert parent == opened.executor._host.pid

    asyncio.run(main())


def test_a_template_that_is_killed_takes_its_environments_with_it_and_is_replaced(bench):
    async def main():
        async with bench() as opened:
            function = opened.function(COUNTER)
            first = await opened.value(function)
            (template,) = template_pids(opened)
            running = asyncio.ensure_future(opened.invoke(function, {"sleep": 15}))
            await asyncio.sleep(0.1)
            began = time.monotonic()
            os.kill(template, signal.SIGKILL)
            outcome = await running
            assert outcome.failure.type == "Runtime.ExitError"
            assert time.monotonic() - began < 2
            second = await opened.value(function)
            assert second["count"] == 1
            assert second["pid"] != first["pid"]
            assert template_pids(opened) != [template]

    asyncio.run(main())


def test_exits_of_forks_are_told_exactly(bench):
    ends = "os._exit(event) if event > 0 else os.kill(os.getpid(), -event)"
    code = f"import os\ndef handler(event, context):\n    {ends}"

    async def main():
        async with bench() as opened:
            function = opened.function(code)
            signals = {9: "killed", 11: "segmentation fault", 14: "alarm clock", 24: "CPU time limit exceeded"}
            for event, text in ((7, "exit status 7"), *((-one, f"signal: {text}") for one, text in signals.items())):
                outcome = await opened.invoke(function, event)
                assert template_pids(opened)
                assert outcome.failure.message.endswith(f"Runtime exited with error: {text}")

    asyncio.run(main())


def test_new_credentials_reach_new_environments(bench):
    async def main():
        async with bench(idle_seconds=0.1) as opened:
            made = []

            def credentials(function):
                made.append(f"token {len(made)}")
                return ("id", "secret", made[-1])

            opened.executor._credentials = credentials
            function = opened.function(who("1", "os.environ['AWS_SESSION_TOKEN']"))
            tokens = []
            for _ in range(2):
                tokens.append((await opened.value(function))[2])
                await asyncio.sleep(0.3)
            assert tokens == ["token 0", "token 1"]
            assert len(template_pids(opened)) == 1

    asyncio.run(main())


def test_retiring_ends_the_template_when_its_last_fork_has_ended(bench):
    async def main():
        async with bench() as opened:
            function = opened.function(COUNTER)
            await opened.value(function)
            (template,) = template_pids(opened)
            running = asyncio.ensure_future(opened.value(function, {"sleep": 0.5}))
            await asyncio.sleep(0.1)
            await opened.executor.retire(function)
            await asyncio.sleep(0.1)
            assert alive(template)
            assert (await running)["count"] == 2
            await gone(template)

    asyncio.run(main())


def test_templates_are_few_and_end_when_unused(bench):
    async def main():
        async with bench(templates=2, idle_seconds=0.05, template_idle_seconds=2.5) as opened:
            pids = []
            for name in ("one", "two", "three"):
                await opened.value(opened.function(COUNTER, name))
                pids.append(template_pids(opened)[-1])
                await asyncio.sleep(0.02)
            await gone(pids[0])
            assert template_pids(opened) == pids[1:]
            for pid in pids[1:]:
                await gone(pid)

    asyncio.run(main())


def test_old_templates_are_replaced(bench):
    async def main():
        async with bench(age_seconds=0.3) as opened:
            function = opened.function(COUNTER)
            await opened.value(function)
            (old,) = template_pids(opened)
            await asyncio.sleep(0.4)
            await opened.value(function)
            await opened.value(function)
            assert template_pids(opened) != [old]
            await gone(old)

    asyncio.run(main())


DAEMON = """
import os, subprocess, sys, time
def handler(event, context):
    r, w = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            os.write(w, str(os.getpid()).encode())
            time.sleep(600)
        os._exit(0)
    return [os.getpid(), int(os.read(r, 20))]
"""


def test_daemons_of_a_fork_end_with_it(bench):
    async def main():
        async with bench(idle_seconds=0.2) as opened:
            pids = await opened.value(opened.function(DAEMON))
            assert template_pids(opened)
            for pid in pids:
                await gone(pid)
            assert all(map(alive, template_pids(opened)))

    asyncio.run(main())


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
    seen = await bench.value(bench.function(code))
    print(*seen, pool._host.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


def test_templates_and_daemons_end_with_the_server(tmp_path):
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(tmp_path), DAEMON], stdout=subprocess.PIPE, text=True)
    with server:
        pids = [int(word) for word in server.stdout.readline().split()]
        assert len(pids) == 3
        pids = [*pids, *templates_of(pids[-1])]
        assert len(pids) == 4
        assert all(map(alive, pids))
        server.kill()
    for pid in pids:
        asyncio.run(gone(pid))


def test_closing_while_a_template_imports(bench, tmp_path):
    async def main():
        async with bench() as opened:
            function = opened.function("import time\ntime.sleep(600)\ndef handler(event, context):\n    pass")
            running = asyncio.ensure_future(opened.invoke(function))
            host = opened.executor._host
            await until(lambda: host.pid is not None and templates_of(host.pid))
            began = time.monotonic()
        assert time.monotonic() - began < 3
        await asyncio.wait([running])
        assert running.exception() is not None

    asyncio.run(main())
    assert os.listdir(tmp_path / "tmp") == []


def test_logging_is_set_up_before_the_module_and_once(bench, tmp_path):
    code = """
import logging
logging.basicConfig(level="DEBUG", format="mine %(message)s")
logging.getLogger().setLevel("INFO")
logging.info("at import")
def handler(event, context):
    logging.info("in handler")
    return [len(logging.getLogger().handlers), type(logging.getLogger().handlers[0]).__name__]
"""

    async def main():
        async with bench() as opened:
            assert await opened.value(opened.function(code)) == [1, "LambdaLoggerHandler"]
            assert template_pids(opened)

    asyncio.run(main())
    lines = messages(tmp_path)
    assert [line.count("\t") for line in lines if line.endswith(("at import", "in handler"))] == [3, 3]


def test_a_client_made_at_import_works_in_every_fork(bench):
    code = """
import boto3, os, time
client = boto3.client("s3")
def handler(event, context):
    time.sleep((event or {}).get("sleep", 0))
    return [os.getpid(), client.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})]
"""

    async def main():
        async with bench() as opened:
            seen = await spread(opened, opened.function(code), 2)
            assert template_pids(opened)
            assert all(url.startswith("http://127.0.0.1:9000/b/k?") for _, url in seen)

    asyncio.run(main())


def test_random_kills_end_in_answers_or_documented_errors(bench, tmp_path):
    async def main():
        chance = random.Random(20261123)
        async with bench(per_function=3, environments=4) as opened:
            functions = [opened.function(COUNTER, name) for name in ("one", "two")]
            kinds = set()

            async def caller(function):
                for _ in range(60):
                    outcome = await opened.invoke(function, {"sleep": 0.01})
                    kinds.add(outcome.failure.type if outcome.failure else "fine")

            callers = [asyncio.ensure_future(caller(function)) for function in functions for _ in range(3)]
            while not all(task.done() for task in callers):
                await asyncio.sleep(chance.uniform(0.01, 0.15))
                marker = f"LAMBDA_TASK_ROOT={opened.executor._packages.path(functions[0].package)}".encode()
                for pid in chance.sample(found := find_members((), [marker]), k=min(1, len(found))):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            await asyncio.gather(*callers)
            assert "fine" in kinds
            assert kinds <= {"fine", "Runtime.ExitError"}
        assert find_members((), [marker]) == []
        assert os.listdir(tmp_path / "tmp") == []

    asyncio.run(main())
