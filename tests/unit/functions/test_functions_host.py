"""The function host: it may die at any time, and its gateway too; nothing is lost that could be kept, nothing stays."""

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from objectlens.errors import ServiceException, TooManyRequestsException
from objectlens.functions import Limits, Surroundings, hosting
from objectlens.functions.hosting import FunctionHost
from objectlens.functions.leased import HostLostError, Leased, LeaseError, NodeFullError
from objectlens.functions.messages import Messenger
from objectlens.functions.orders import LIMITS, OPT, PARENT, TEMPORARY, Order
from objectlens.functions.starting import LAUNCH
from objectlens.functions.watch import find_members
from objectlens.testing.executors import COUNTER
from support.hosts import alive, children, descendants, gone, hosts_of, templates_of, until, watchmen_of

DAEMON = """
import os, time
def handler(event, context):
    r, w = os.pipe()
    between = os.fork()
    if between == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            os.write(w, str(os.getpid()).encode())
            time.sleep(600)
        os._exit(0)
    os.waitpid(between, 0)
    pids = [os.getpid(), int(os.read(r, 20))]
    if event == "hang": print("PIDS", *pids, flush=True); time.sleep(600)
    return pids
"""


def fds(pid="self"):
    return len(os.listdir(f"/proc/{pid}/fd"))


def proc_file(pid, name):
    return Path(f"/proc/{pid}/{name}").read_text()


# --- a host without a pool ---


@contextlib.asynccontextmanager
async def opened_host(folder, **limits):
    surroundings = Surroundings(folder=folder, endpoint_url="", region="", python=sys.executable)
    host = FunctionHost(surroundings, Limits(**limits))
    try:
        yield host
    finally:
        await host.close()


def order_of(folder, script, name="a"):
    """Order a process that runs a script, as a runtime of its own."""
    (folder / name).mkdir(exist_ok=True)
    bootstrap = folder / name / "bootstrap"
    bootstrap.write_text(script)
    bootstrap.chmod(0o755)
    return Order(
        stream=f"2026/01/01/[$LATEST]{random.getrandbits(128):032x}",
        command=[sys.executable, "-I", "-S", LAUNCH, str(PARENT), LIMITS, str(bootstrap)],
        python=sys.executable,
        variables={
            "AWS_LAMBDA_LOG_STREAM_NAME": name,
            "PATH": os.environ["PATH"],
            "HOME": f"{TEMPORARY}",
            "OPT": f"{OPT}/x",
        },
        task_root=folder / name,
        layers=folder / "layers",
        memory_size=128,
        ephemeral_storage=512,
        node=None,
        addresses=None,
        forks=0,
        hosts=None,
        java=(Path("/a"), Path("/b")),
    )


@contextlib.contextmanager
def pipe():
    reading, writing = os.pipe()
    try:
        yield reading, writing
    finally:
        os.close(reading)
        os.close(writing)


def test_a_process_is_leased_and_stopped(tmp_path):
    async def main():
        before = fds()
        async with opened_host(tmp_path) as host:
            with pipe() as (reading, writing):
                script = "#!/bin/sh\necho here $HOME $OPT\nexec sleep 600\n"
                leased = await host.lease(order_of(tmp_path, script), None, [writing])
                said, home, opt = (await asyncio.to_thread(os.read, reading, 1000)).decode().split()
                assert said == "here"
                assert os.path.dirname(home) == str(tmp_path / "tmp")
                assert opt == f"{tmp_path / 'layers'}/x"
                assert alive(leased.pid)
                assert not leased.is_over
                assert leased.peak_kib() > 0
                assert children(host.pid)[0] == leased.pid
                await host.stop(leased, 1.0)
                assert leased.ended.result().status == -signal.SIGTERM
                assert leased.is_over
                assert not alive(leased.pid)
                assert os.listdir(tmp_path / "tmp") == []
        assert fds() == before

    asyncio.run(main())


def test_ends_are_told_without_being_asked(tmp_path):
    async def main():
        async with opened_host(tmp_path) as host:
            with pipe() as (_, writing):
                leased = await host.lease(order_of(tmp_path, "#!/bin/sh\nexit 7\n"), None, [writing])
                assert (await asyncio.wait_for(leased.ended, 5)).status == 7
                await asyncio.wait_for(leased.gone, 5)
                await host.stop(leased, 1.0)
            assert os.listdir(tmp_path / "tmp") == []

    asyncio.run(main())


def test_what_cannot_be_started_is_said_and_takes_no_place(tmp_path):
    async def main():
        async with opened_host(tmp_path, environments=1) as host:
            with pipe() as (_, writing):
                order = replace(order_of(tmp_path, ""), command=["/no/such/program"])
                for _ in range(3):
                    with pytest.raises(LeaseError, match="No such file"):
                        await host.lease(order, None, [writing])
            assert os.listdir(tmp_path / "tmp") == []

    asyncio.run(main())


def test_orders_may_be_large(tmp_path):
    async def main():
        async with opened_host(tmp_path) as host:
            with pipe() as (_, writing):
                order = replace(order_of(tmp_path, "#!/bin/sh\nexit 7\n"), hosts="1.2.3.4 name\n" * 100_000)
                await host._connected()
                held = fds()
                leased = await host.lease(order, None, [writing])
                assert (await leased.ended).status == 7
                await leased.gone
                assert fds() == held

    asyncio.run(main())


class Other:
    """A second gateway process, as far as the host can tell."""

    def __init__(self, host):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.said, self.files = asyncio.Queue(), []
        self.channel = Messenger(ours, self.receive, lambda: None)
        with theirs:
            host.attach(theirs)

    def receive(self, message, files):
        for fd in files:
            os.close(fd)
        self.said.put_nowait(message)

    async def hear(self):
        return await asyncio.wait_for(self.said.get(), 10)

    def lease(self, number, order, writing):
        message = {"do": "lease", "id": number, "order": order.write(), "fork": None, "files": 1}
        self.channel.send(message, [os.dup(writing)])


def test_gateway_processes_share_the_places_of_the_node(tmp_path):
    async def main():
        async with opened_host(tmp_path, environments=2) as host:
            with pipe() as (_, writing):
                order = order_of(tmp_path, "#!/bin/sh\nexec sleep 600\n")
                mine = await host.lease(order, None, [writing])
                other = Other(host)
                assert await other.hear() == {"say": "ready", "isolation": []}
                other.lease(1, order_of(tmp_path, "#!/bin/sh\nexec sleep 600\n", "b"), writing)
                leased = await other.hear()
                assert leased["say"] == "leased"
                other.lease(2, order, writing)
                failed = await other.hear()
                assert (failed["say"], failed["kind"]) == ("failed", "full")
                with pytest.raises(NodeFullError):
                    await host.lease(order, None, [writing])
                assert alive(leased["pid"])
                # Whose gateway hangs up ends, and nobody else.
                other.channel.close()
                await gone(leased["pid"])
                assert alive(mine.pid)
                while True:
                    try:
                        await host.lease(order_of(tmp_path, "#!/bin/sh\nexec sleep 600\n", "c"), None, [writing])
                        break
                    except NodeFullError:
                        await asyncio.sleep(0.05)

    asyncio.run(main())


def test_what_is_no_order_harms_nobody(tmp_path, capfd):
    async def main():
        async with opened_host(tmp_path) as host:
            host.wake()
            await host._connected()
            other = Other(host)
            await other.hear()
            held = fds(host.pid)
            for message in ({}, {"do": "dance"}, {"do": "attach"}, {"do": "lease", "id": 1, "files": 1}):
                other.channel.send(message)
            other.channel.send({"do": "dance"}, [os.dup(2)])
            assert (await other.hear())["say"] == "failed"
            other.channel.send({"do": "lease", "id": 2, "files": 1, "order": {}}, [os.dup(2)])
            assert (await other.hear())["kind"] == "error"
            with pipe() as (_, writing):
                await host.lease(order_of(tmp_path, "#!/bin/sh\nexec sleep 600\n"), None, [writing])
                await asyncio.sleep(0.1)
                assert fds(host.pid) <= held + 3
            other.channel.close()

    asyncio.run(main())
    assert "no order" in capfd.readouterr().err


def test_a_gateway_that_waits_for_places_gets_them(bench):
    async def main():
        async with bench(environments=1) as opened:
            host = opened.executor._host
            await host._connected()
            other = Other(host)
            await other.hear()
            folder = opened.executor._surroundings.folder
            with pipe() as (_, writing):
                other.lease(1, order_of(folder, "#!/bin/sh\nexec sleep 600\n"), writing)
                assert (await other.hear())["say"] == "leased"
            waiting = asyncio.ensure_future(opened.value(opened.function(COUNTER)))
            await asyncio.sleep(0.5)
            assert not waiting.done()
            other.channel.send({"do": "stop", "id": 1, "patience": 0})
            assert (await waiting)["count"] == 1
            other.channel.close()

    asyncio.run(main())


# --- a host that dies ---


def test_a_host_killed_while_idle_is_replaced_unseen(bench, caplog):
    async def main():
        async with bench() as opened:
            function = opened.function(COUNTER)
            await opened.value(function)
            host = opened.executor._host.pid
            family = descendants(host)
            assert len(family) == 3
            os.kill(host, signal.SIGKILL)
            while any(map(alive, [host, *family])):
                time.sleep(0.001)  # noqa: ASYNC251  (the event loop must not hear of it before the invocation)
            assert (await opened.value(function))["count"] == 1
            assert opened.executor._host.pid != host
            await gone(host, *family)
            assert len(descendants(opened.executor._host.pid)) == 3

    asyncio.run(main())
    (line,) = [record.getMessage() for record in caplog.records if "function host ended" in record.getMessage()]
    assert "signal: killed" in line


@pytest.mark.parametrize("forked", ["0", "1"])
def test_what_ran_fails_and_what_waited_runs(bench, forked):
    async def main():
        async with bench(per_function=2) as opened:
            function = opened.function(COUNTER, environment={"OBJECTLENS_TEMPLATE": forked})
            await asyncio.gather(*(opened.value(function, {"sleep": 0.2}) for _ in range(2)))
            running = [asyncio.ensure_future(opened.invoke(function, {"sleep": 15})) for _ in range(2)]
            await asyncio.sleep(0.1)
            waiting = [asyncio.ensure_future(opened.value(function)) for _ in range(4)]
            await asyncio.sleep(0.1)
            began = time.monotonic()
            os.kill(opened.executor._host.pid, signal.SIGKILL)
            for outcome in await asyncio.gather(*running):
                assert outcome.failure.type == "Runtime.ExitError"
                assert outcome.failure.message.endswith("Runtime exited with error: signal: killed")
            assert time.monotonic() - began < 2
            assert all(one["count"] for one in await asyncio.gather(*waiting))

    asyncio.run(main())


@pytest.mark.parametrize("forked", ["0", "1"])
def test_a_host_killed_while_environments_start_costs_nobody_an_answer(bench, forked):
    code = "import time\ntime.sleep(0.5)\n" + COUNTER

    async def main():
        async with bench() as opened:
            function = opened.function(code, environment={"OBJECTLENS_TEMPLATE": forked})
            waiting = [asyncio.ensure_future(opened.value(function)) for _ in range(3)]
            await until(lambda: opened.executor._host.pid and len(descendants(opened.executor._host.pid)) > 1)
            os.kill(opened.executor._host.pid, signal.SIGKILL)
            assert all(one["count"] for one in await asyncio.gather(*waiting))

    asyncio.run(main())


def test_a_host_killed_again_and_again_leaves_nothing_behind(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(hosting, "LONGEST_PAUSE", 0.1)

    async def main():
        before, tasks = fds(), len(asyncio.all_tasks())
        async with bench(per_function=2) as opened:
            function = opened.function(DAEMON)
            seen = []
            for _ in range(6):
                seen += await opened.value(function)
                running = asyncio.ensure_future(opened.invoke(function, "hang"))
                await asyncio.sleep(0.05)
                seen += descendants(host := opened.executor._host.pid)
                os.kill(host, signal.SIGKILL)
                assert (await running).failure.type == "Runtime.ExitError"
            await opened.value(function)
            await gone(*seen)
            assert len(os.listdir(tmp_path / "tmp")) == 2
        assert os.listdir(tmp_path / "tmp") == []
        assert (fds(), len(asyncio.all_tasks())) == (before, tasks)
        assert find_members((), [f"LAMBDA_TASK_ROOT={tmp_path}".encode()]) == []

    asyncio.run(main())


def test_daemons_end_with_a_host_whose_watchman_was_killed_too(bench):
    async def main():
        async with bench() as opened:
            pids = await opened.value(opened.function(DAEMON))
            host = opened.executor._host.pid
            for pid in (*watchmen_of(host), host):
                os.kill(pid, signal.SIGKILL)
            await gone(*pids)

    asyncio.run(main())


def test_a_host_that_does_not_answer_is_ended(bench, monkeypatch, caplog):
    monkeypatch.setattr(hosting, "ANSWER_SECONDS", 1.0)

    async def main():
        async with bench() as opened:
            await opened.value(opened.function(COUNTER))
            host = opened.executor._host.pid
            os.kill(host, signal.SIGSTOP)
            assert (await opened.value(opened.function(COUNTER, "other")))["count"] == 1
            await gone(host)

    asyncio.run(main())
    assert any("does not answer" in record.getMessage() for record in caplog.records)


def test_a_host_that_does_not_begin_is_ended(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(hosting, "START_SECONDS", 2.0)

    async def main():
        async with opened_host(tmp_path) as host:
            host.wake()
            await until(lambda: host.pid is not None)
            stuck = host.pid
            os.kill(stuck, signal.SIGSTOP)
            await until(lambda: host.pid not in (None, stuck))
            await gone(stuck)

    asyncio.run(main())
    assert any("did not start" in record.getMessage() for record in caplog.records)


def test_a_host_that_cannot_start_is_said(bench, monkeypatch, caplog):
    async def main():
        async with bench() as opened:
            function = opened.function(COUNTER)
            with monkeypatch.context() as patch:
                patch.setattr(hosting, "START_SECONDS", 0.2)
                patch.setattr(hosting.sys, "executable", "/no/such/python")
                with pytest.raises(ServiceException, match="function host does not start"):
                    await opened.invoke(function)
            assert (await opened.value(function))["count"] == 1

    asyncio.run(main())
    assert any("No such file" in record.getMessage() for record in caplog.records)


def test_a_host_killed_whenever_it_starts_costs_nobody_an_answer(bench, monkeypatch, caplog):
    monkeypatch.setattr(hosting, "START_SECONDS", 0.3)

    async def main():
        async with bench() as opened:
            host = opened.executor._host
            waiting = asyncio.ensure_future(opened.value(opened.function(COUNTER)))
            for _ in range(3):
                await until(lambda: host.pid is not None)
                os.kill(killed := host.pid, signal.SIGKILL)
                await until(lambda killed=killed: host.pid != killed)
            monkeypatch.undo()
            assert (await waiting)["count"] == 1

    asyncio.run(main())
    assert sum("signal: killed" in record.getMessage() for record in caplog.records) == 3


def test_who_waited_too_long_for_a_host_may_try_again(bench, monkeypatch):
    monkeypatch.setattr(hosting, "START_SECONDS", 0.3)

    async def main():
        async with bench(queue_seconds=0.5) as opened:
            host = opened.executor._host
            waiting = asyncio.ensure_future(opened.invoke(opened.function(COUNTER)))
            while not waiting.done():
                if host.pid is not None:
                    os.kill(host.pid, signal.SIGKILL)
                await asyncio.sleep(0.01)
            assert isinstance(waiting.exception(), TooManyRequestsException)

    asyncio.run(main())


def test_a_host_that_isolates_less_than_the_one_before_is_not_used(bench, monkeypatch, caplog):
    async def main():
        async with bench() as opened:
            function = opened.function(COUNTER)
            await opened.value(function)
            host = opened.executor._host
            monkeypatch.setattr(hosting, "START_SECONDS", 3.0)
            host._isolation = {"file system"}
            os.kill(host.pid, signal.SIGKILL)
            await until(lambda: host.pid is None)
            with pytest.raises(ServiceException, match="does not start"):
                await opened.invoke(function)
            host._isolation = set()
            monkeypatch.undo()
            assert (await opened.value(function))["count"] == 1

    asyncio.run(main())
    assert any("it lacks file system" in record.getMessage() for record in caplog.records)


def test_templates_that_are_killed_leave_nothing_behind(bench, tmp_path):
    async def main():
        async with bench() as opened:
            function = opened.function(COUNTER)
            host = opened.executor._host
            for _ in range(5):
                await opened.value(function)
                (template,) = templates_of(host.pid)
                family = [template, *children(template)]
                os.kill(template, signal.SIGKILL)
                await gone(*family)
            await opened.value(function)
            await until(lambda: len(os.listdir(tmp_path / "tmp")) == 2)

    asyncio.run(main())


def test_closing_while_the_host_is_gone(bench, monkeypatch):
    monkeypatch.setattr(hosting, "FIRST_PAUSE", 60.0)
    monkeypatch.setattr(hosting, "LONGEST_PAUSE", 60.0)

    async def main():
        async with bench() as opened:
            function = opened.function(COUNTER)
            await opened.value(function)
            os.kill(opened.executor._host.pid, signal.SIGKILL)
            await until(lambda: opened.executor._host.pid is None)
            waiting = asyncio.ensure_future(opened.invoke(function))
            await asyncio.sleep(0.1)
            began = time.monotonic()
        assert time.monotonic() - began < 5
        await asyncio.wait([waiting])
        assert isinstance(waiting.exception(), Exception)

    asyncio.run(main())


def test_closing_ends_also_when_the_hosts_end_cannot_be_seen_to(tmp_path, monkeypatch):
    async def main():
        async with opened_host(tmp_path) as host:
            host.wake()
            await until(lambda: host.pid is not None)
            bury = host._bury

            async def fail(*given, **said):
                await bury(*given, **said)
                raise OSError("no time left")

            monkeypatch.setattr(host, "_bury", fail)
            await asyncio.wait_for(host.close(), 20)
            assert host.pid is None

    asyncio.run(main())


def test_signals_for_the_server_do_not_end_the_host(bench):
    async def main():
        async with bench() as opened:
            function = opened.function(COUNTER)
            first = await opened.value(function)
            host = opened.executor._host.pid
            assert os.getsid(host) == host
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                os.kill(host, number)
            await asyncio.sleep(0.2)
            assert (await opened.value(function))["pid"] == first["pid"]
            assert opened.executor._host.pid == host
        # What a host lets pass, its environments do not: else SIGTERM would not end them.
        assert not alive(host)

    asyncio.run(main())


def test_the_host_knows_none_of_the_servers_settings(bench, monkeypatch):
    monkeypatch.setenv("OBJECTLENS_ROOT_SECRET_ACCESS_KEY", "a secret")

    async def main():
        async with bench() as opened:
            await opened.value(opened.function(COUNTER))
            host = opened.executor._host.pid
            assert "a secret" not in proc_file(host, "environ")
            assert "sqlalchemy" not in proc_file(host, "maps")

    asyncio.run(main())


def test_invocations_need_nothing_of_the_host(bench):
    async def main():
        async with bench() as opened:
            function = opened.function(COUNTER)
            await opened.value(function)
            host = opened.executor._host.pid
            os.kill(host, signal.SIGSTOP)
            try:
                for _ in range(20):
                    await asyncio.wait_for(opened.value(function), 5)
            finally:
                os.kill(host, signal.SIGCONT)

    asyncio.run(main())


# --- a gateway that dies ---

SERVER = """
import asyncio, sys
from pathlib import Path
from objectlens.clock import SystemClock
from objectlens.functions import Credentials, PackageStore, Pool, Surroundings
from objectlens.testing.executors import Bench

async def main(folder, code, isolation="off"):
    packages = PackageStore(folder / "packages")
    pool = Pool(
        packages=packages,
        surroundings=Surroundings(
            folder=folder, endpoint_url="", region="us-east-1", python=sys.executable, isolation=isolation
        ),
        credentials=lambda function: Credentials("a", "b", "c"),
        clock=SystemClock(),
    )
    bench = Bench(pool, packages.add)
    print(*await bench.value(bench.function(code)), flush=True)
    await asyncio.sleep(600)

asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
"""


@pytest.mark.parametrize("victims", ["server", "server host", "host server", "server watchman", "stopped-host server"])
def test_nothing_survives_kills_in_any_order(tmp_path, victims):
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(tmp_path), DAEMON], stdout=subprocess.PIPE, text=True)
    with server, contextlib.ExitStack() as stack:
        stack.callback(server.kill)
        pids = [int(word) for word in server.stdout.readline().split()]
        (host,) = hosts_of(server.pid)
        pids += [host, *descendants(host)]
        assert len({pid for pid in pids if alive(pid)}) == 5
        named = {"server": server.pid, "host": host, "watchman": watchmen_of(host)[0]}
        for victim in victims.split():
            stopped, _, name = victim.rpartition("-")
            os.kill(named[name], signal.SIGSTOP if stopped else signal.SIGKILL)
    if "watchman" in victims:
        # A daemon that has left its session, and nobody to look for it: the next start of a server would not find it.
        daemon = pids.pop(1)
        with contextlib.suppress(ProcessLookupError):
            os.kill(daemon, signal.SIGKILL)
    asyncio.run(gone(*pids))


STOPPED = """
import ctypes, os, signal, time
def begin(work):
    r, w = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(w, str(os.getpid()).encode())
            work()
        os._exit(0)
    return int(os.read(r, 20))
def stop():
    os.kill(os.getpid(), signal.SIGSTOP)
def traced():
    ctypes.CDLL(None).ptrace(0, 0, 0, 0)
    stop()
def tracing():
    if os.fork() == 0:
        traced()
    time.sleep(600)
def forgetful():
    os.execve("/bin/sh", ["sh", "-c", "kill -STOP $$; exec sleep 600"], {})
def handler(event, context):
    found = [begin(work) for work in WORK]
    me = os.getpid()
    begin(lambda: (time.sleep(0.2), os.kill(me, signal.SIGSTOP)))
    return found
"""


def is_stopped(pid):
    return proc_file(pid, "stat").rpartition(")")[2].split()[0] in "Tt"


@pytest.mark.parametrize("isolation", ["off", "auto"])
def test_what_is_stopped_ends_with_the_host(tmp_path, isolation):
    """Without a sandbox, where only the watchman knows of it; the server cannot help, it is stopped as well."""
    # What has left its session and forgotten its environment is found by its control group.
    forgetful = ", forgetful" if isolation == "auto" else ""
    code = STOPPED.replace("WORK", f"(stop, traced, tracing{forgetful})")
    bare = tmp_path / "bin"
    bare.mkdir()
    (bare / "sh").symlink_to("/bin/sh")
    command = [sys.executable, "-c", SERVER, str(tmp_path / "data"), code, isolation]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PATH": str(bare)})
    with server, contextlib.ExitStack() as stack:
        stack.callback(server.kill)
        pids = [int(word) for word in server.stdout.readline().split()]
        (host,) = hosts_of(server.pid)
        held = len(pids) + 1  # the tracer is not, but whom it traces, and the environment itself
        pids += [below for pid in (*pids, host) for below in descendants(pid) if below not in watchmen_of(host)]
        asyncio.run(until(lambda: sum(map(is_stopped, pids)) == held))
        os.kill(server.pid, signal.SIGSTOP)
        os.kill(host, signal.SIGKILL)
        asyncio.run(gone(*pids))


# --- what comes with a lease ---


def test_sockets_that_did_not_come_along_are_said():
    """As when this process may open no more files."""

    async def main():
        before = fds()
        leased = Leased(1, "NAME=value")
        sock = socket.socket()
        leased.begin({"pid": 1, "inner": False, "note": None, "sockets": 2}, [sock.detach()])
        with pytest.raises(LeaseError, match="no more files open"):
            await leased.started
        leased.clear()
        assert fds() == before

    asyncio.run(main())


# --- the channel ---


async def two_ends(receive, lost=lambda: None):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Messenger(ours, lambda *_: None, lambda: None), Messenger(theirs, receive, lost)


def test_messages_come_in_order_also_when_the_other_end_is_slow():
    async def main():
        seen = []
        ours, theirs = await two_ends(lambda message, files: seen.append(message["n"]))
        for number in range(3000):
            ours.send({"n": number, "fill": "x" * 500})
        await until(lambda: len(seen) == 3000)
        assert seen == list(range(3000))
        ours.close()
        theirs.close()

    asyncio.run(main())


def test_files_are_handed_over_and_closed():
    async def main():
        before = fds()
        got = []
        ours, theirs = await two_ends(lambda message, files: got.extend(files))
        reading, writing = os.pipe()
        ours.send({}, [writing, os.dup(writing)])
        await until(lambda: len(got) == 2)
        assert not any(os.get_inheritable(fd) for fd in got)
        for fd in got:
            os.write(fd, b"x")
            os.close(fd)
        assert os.read(reading, 10) == b"xx"
        assert os.read(reading, 10) == b""
        with pytest.raises(ValueError, match="bytes"):
            ours.send({"fill": "x" * 17_000_000}, [os.dup(reading)])
        theirs.close()
        await until(lambda: ours._sock is None)
        ours.send({}, [os.dup(reading)])
        os.close(reading)
        assert fds() == before

    asyncio.run(main())


def test_an_end_that_reads_no_more_is_given_up():
    async def main():
        before = fds()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        lost = []
        channel = Messenger(ours, lambda *_: None, lambda: lost.append(1))
        for _ in range(12_000):
            channel.send({"fill": "x" * 100})
        assert lost == [1]
        theirs.close()
        assert fds() == before

    asyncio.run(main())


def test_orders_are_read_as_they_were_written(tmp_path):
    order = replace(order_of(tmp_path, ""), addresses=(("127.0.0.1", 9000), ("::1", 9443)))
    assert Order.read(order.write()) == order


def test_orders_fail_at_once_when_the_host_is_not_there(tmp_path):
    async def main():
        async with opened_host(tmp_path) as host:
            with socket.socket() as sock, pytest.raises(HostLostError):
                host.attach(sock)

    asyncio.run(main())


@pytest.mark.parametrize("forked", ["0", "1"])
def test_environments_do_not_push_the_server_aside(bench, forked):
    """What they start does not either."""
    code = """
import os, subprocess, sys
LOOK = "import os; print(os.sched_getscheduler(0))"
def handler(event, context):
    return [os.sched_getscheduler(0), int(subprocess.check_output([sys.executable, "-c", LOOK]))]
"""

    async def main():
        async with bench() as opened:
            function = opened.function(code, environment={"OBJECTLENS_TEMPLATE": forked})
            assert await opened.value(function) == [os.SCHED_BATCH] * 2
            assert os.sched_getscheduler(opened.executor._host.pid) == os.SCHED_OTHER

    asyncio.run(main())
