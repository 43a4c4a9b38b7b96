"""Hostile functions, and what keeps them in."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from objectlens.clock import SystemClock
from objectlens.functions import Credentials, PackageStore, Pool, Surroundings
from objectlens.functions.isolation import MIB, Isolation, niceness, sandbox_command
from objectlens.functions.isolation_finding import find_isolation
from objectlens.functions.isolation_sandbox import Wanted, interpreter_paths
from objectlens.functions.isolation_storage import Storage
from objectlens.testing.executors import Bench, make_function, make_zip
from support.debian import debian_program
from support.hosts import alive

debian_program("bubblewrap", "bwrap")
ISOLATION = find_isolation("auto")
ISOLATION.close()
HONEST = "def handler(event, context):\n    return 'fine'"
KINDS = [pytest.param({}, id="forked"), pytest.param({"OBJECTLENS_TEMPLATE": "0"}, id="plain")]
needs_groups = pytest.mark.skipif(
    ISOLATION.cgroups is None or "memory" not in ISOLATION.cgroups.parents, reason="no control groups here"
)


@asynccontextmanager
async def isolated(folder, mode="auto"):
    (folder / "functions").mkdir(exist_ok=True)
    for secret in ("credentials", "server-key", "objectlens.db"):
        (folder / secret).write_text("secret")
    packages = PackageStore(folder / "functions" / "packages")
    pool = Pool(
        packages=packages,
        surroundings=Surroundings(
            folder=folder / "functions",
            endpoint_url="http://127.0.0.1:9000",
            region="us-east-1",
            python=sys.executable,
            node_modules="none",
            isolation=mode,
        ),
        credentials=lambda function: Credentials("AKID", "SECRET", "TOKEN"),
        clock=SystemClock(),
    )
    try:
        yield Bench(pool, packages.add)
    finally:
        await pool.close()


def run(folder, code, event=None, environment=None, **attributes):
    """Run a hostile function beside an honest one; returns its outcome when the honest one still works."""

    async def main():
        async with isolated(folder) as bench:
            honest = bench.function(HONEST, "honest")
            assert await bench.value(honest) == "fine"
            function = bench.function(
                textwrap.dedent(code), "hostile", environment=environment or {}, **{"timeout": 20, **attributes}
            )
            outcome = await bench.invoke(function, event)
            assert await bench.value(honest) == "fine"
            return outcome

    return asyncio.run(main())


def value(folder, code, event=None, environment=None, **attributes):
    import json

    outcome = run(folder, code, event, environment, **attributes)
    assert outcome.failure is None, outcome
    return json.loads(outcome.payload)


TRY = """
import os
def attempt(work, *args):
    try:
        return str(work(*args))
    except OSError as error:
        return type(error).__name__
def read(path):
    with open(path, "rb") as file:
        return file.read()
def write(path):
    with open(path, "ab") as file:
        file.write(b"x")
    return "written"
"""


@pytest.mark.parametrize("environment", KINDS)
def test_secrets_and_other_functions_cannot_be_read(tmp_path, environment):
    folder = tmp_path / "data"
    folder.mkdir()
    names = ["credentials", "server-key", "objectlens.db", "functions/logs", "functions/tmp"]
    paths = [str(folder / name) for name in names] + [f"/proc/{os.getpid()}/environ", "/etc/shadow"]
    code = TRY + textwrap.dedent("""
        def handler(event, context):
            packages = os.path.dirname(os.environ["LAMBDA_TASK_ROOT"])
            environ = open("/proc/self/environ").read() + open("/proc/1/environ").read()
            return [[attempt(read, path) for path in event], os.listdir(packages), os.listdir("/tmp"),
                    "SERVER_SECRET" in environ, sorted(filter(str.isdigit, os.listdir("/proc")))]
    """)
    os.environ["SERVER_SECRET"] = "x"
    try:
        reads, packages, _, seen, processes = value(folder, code, paths, environment)
    finally:
        del os.environ["SERVER_SECRET"]
    assert reads == ["FileNotFoundError"] * len(paths)
    assert len(packages) == 1
    assert not seen
    assert len(processes) <= 3


@pytest.mark.parametrize("environment", KINDS)
def test_nothing_but_tmp_can_be_written(tmp_path, environment):
    code = TRY + textwrap.dedent("""
        import sys, tempfile
        def handler(event, context):
            root = os.environ["LAMBDA_TASK_ROOT"]
            places = [root + "/app.py", root + "/new", "/new", "/usr/new", "/etc/passwd", "/dev/new", "/var/new",
                      sys.prefix + "/new", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger"]
            fine = ["/tmp/new", "/var/tmp/new", os.path.join(os.environ["TMPDIR"], "new"), "/dev/shm/new", "/dev/null"]
            return [attempt(write, one) for one in places], [attempt(write, one) for one in fine], tempfile.gettempdir()
    """)
    refused, fine, folder = value(tmp_path, code, environment=environment)
    assert set(refused) <= {"OSError", "PermissionError", "FileNotFoundError"}, refused
    assert set(fine) == {"written"}
    assert folder == "/tmp"


@pytest.mark.parametrize("environment", KINDS)
def test_a_handler_may_empty_tmp_and_looks_itself_up(tmp_path, environment):
    code = TRY + textwrap.dedent("""
        import getpass, socket, subprocess, tempfile
        def handler(event, context):
            found = []
            for _ in range(2):
                before = [one for one in os.listdir("/tmp") if not os.path.ismount("/tmp/" + one)]
                with tempfile.NamedTemporaryFile() as file, open(os.path.expanduser("~/mine"), "w"):
                    found.append([len(before), os.path.dirname(file.name)])
                subprocess.run("rm -rf /tmp/* /tmp/.[!.]*", shell=True, stderr=subprocess.DEVNULL)
            return [found, socket.gethostbyname(socket.gethostname()), getpass.getuser()]
    """)
    found, address, user = value(tmp_path, code, environment=environment)
    # Where the packages are is below /tmp in tests.
    assert found == [[found[0][0], "/tmp"]] * 2
    assert (address, user) == ("127.0.0.1", "function")


@pytest.mark.parametrize("environment", KINDS)
def test_the_package_is_at_the_place_that_lambda_has_for_it(tmp_path, environment):
    code = TRY + textwrap.dedent("""
        import shutil, subprocess
        def handler(event, context):
            shutil.copy("/bin/echo", "/tmp/tool")  # as programs in packages are, which may have lost their mode
            os.chmod("/tmp/tool", 0o755)
            said = subprocess.run(["/tmp/tool", "said"], capture_output=True, text=True).stdout
            there = os.path.samefile("/var/task", os.environ["LAMBDA_TASK_ROOT"])
            return [there, os.listdir("/var/task"), attempt(write, "/var/task/new"), said]
    """)
    there, files, written, said = value(tmp_path, code, environment=environment)
    assert (there, files, said) == (True, ["app.py"], "said\n")
    assert written == "OSError"


@pytest.mark.parametrize("environment", KINDS)
def test_privileged_calls_are_refused(tmp_path, environment):
    code = TRY + textwrap.dedent("""
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        def call(name, *args):
            done = getattr(libc, name)(*args)
            return "done" if done >= 0 else os.strerror(ctypes.get_errno())
        def handler(event, context):
            return {
                "mount": call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
                "umount": call("umount2", b"/tmp", 2),
                "unshare": call("unshare", 0x10000000),
                "ptrace": call("ptrace", 16, 1, None, None),
                "chroot": call("chroot", b"/tmp"),
                "setuid": call("setuid", 0),
                "bpf": call("syscall", 321 if os.uname().machine == "x86_64" else 280, 0, None, 0),
                "vsock": call("socket", 40, 1, 0),  # no network namespace bounds what it reaches
                "server": attempt(os.kill, event, 0),
                "init": attempt(os.kill, 1, 9),
                "status": [line.split()[1] for line in open("/proc/self/status")
                           if line.startswith(("CapEff", "CapBnd", "NoNewPrivs", "Seccomp:"))],
            }
    """)
    seen = value(tmp_path, code, os.getpid(), environment)
    assert [int(word, 16) for word in seen.pop("status")] == [0, 0, 1, 2]
    assert seen.pop("server") == "ProcessLookupError"
    assert seen.pop("init") == "None"  # the first process of a sandbox is not ended by those inside
    assert seen.pop("setuid") in {"Operation not permitted", "Invalid argument"}
    assert set(seen.values()) == {"Operation not permitted"}, seen


@pytest.mark.parametrize("environment", KINDS)
def test_tmp_is_as_large_as_its_storage(tmp_path, environment):
    code = """
        def handler(event, context):
            written = 0
            try:
                with open("/tmp/fill", "wb") as file:
                    while True:
                        written += file.write(bytes(1 << 20))
            except OSError as error:
                return [written >> 20, error.strerror]
    """
    written, error = value(tmp_path, code, environment=environment, ephemeral_storage=64, memory_size=256)
    assert 60 <= written <= 64
    assert error == "No space left on device"


@pytest.mark.parametrize("environment", KINDS)
def test_environments_of_one_function_do_not_share_tmp(tmp_path, environment):
    code = """
        import os, sys, time
        open("/tmp/left-by-the-module", "w").write("here")
        os.chdir("/tmp")
        used = False
        def handler(event, context):
            global used
            if used:
                return time.sleep(0.5)  # on a busy machine it is not another environment's turn
            used = True
            import package_of
            left = open("left-by-the-module").read()
            open(os.urandom(8).hex(), "w").close()
            os.remove("/tmp/left-by-the-module")
            time.sleep(0.5)
            # The package, and Python, may lie below /tmp, where they are seen in any case.
            shown = (os.environ["LAMBDA_TASK_ROOT"], sys.prefix, sys.base_prefix)
            names = {name for name in os.listdir("/tmp") if not any(one.startswith(f"/tmp/{name}/") for one in shown)}
            return [len(names), left, package_of.NAME, os.stat("/tmp").st_mode & 0o7777]
    """
    files = {"app.py": textwrap.dedent(code), "package_of.py": "NAME = 'imported later'"}

    async def main():
        async with isolated(tmp_path) as bench:
            function = make_function(bench.install(make_zip(files)), environment=environment, timeout=20)
            found = []
            while len(found) < 4:
                found += filter(None, await asyncio.gather(*(bench.value(function) for _ in range(4))))
            return found

    found = [1, "here", "imported later", 0o1777]
    assert all(one == found for one in asyncio.run(main()))


def test_a_module_that_leaves_much_in_tmp_is_not_forked(tmp_path):
    code = "open('/tmp/much', 'wb').write(bytes(20 << 20))\n" + HONEST
    outcome = run(tmp_path, code)
    assert outcome.failure is None
    logs = "".join(path.read_text() for path in (tmp_path / "functions").rglob("*.log"))
    assert "its module left more than 16 MiB in /tmp" in logs


def test_what_a_template_keeps_is_of_no_use_to_its_module(tmp_path):
    """The handler's module runs before forks take their own `/tmp`, with what that takes at hand."""
    code = """
        import ctypes, importlib.util, os
        libc = ctypes.CDLL(None, use_errno=True)
        path = os.path.join(os.environ["LAMBDA_RUNTIME_DIR"], "private_tmp.py")
        spec = importlib.util.spec_from_file_location("private_tmp", path)
        private_tmp = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(private_tmp)
        def call(name, *args):
            done = getattr(libc, name)(*args)
            return "done" if done >= 0 else os.strerror(ctypes.get_errno())
        def status():
            return [line.split()[1] for line in open("/proc/self/status") if line.startswith(("CapEff", "CapAmb"))]
        SEEN = [status()]
        def tries():
            return [call("mount", b"none", b"/tmp", b"tmpfs", 0, None), call("umount2", b"/proc", 2),
                    call("unshare", 0x10000000), call("unshare", 0x10020000), call("chroot", b"/tmp"),
                    call("syscall", 428, -100, b"/", 1), call("syscall", 430, b"tmpfs", 0),
                    call("syscall", 429, -100, b"/proc", -100, b"/tmp", 0)]
        private_tmp.take_effect()
        SEEN.append(tries())
        SEEN.append(call("unshare", 0x20000))
        SEEN.append(tries())
        def handler(event, context):
            return SEEN
    """
    quiet, outside, unshared, inside = value(tmp_path, code)
    assert [int(one, 16) for one in quiet] == [0, 0]
    assert outside == ["Operation not permitted"] * 8
    assert unshared == "done"
    assert inside == ["Operation not permitted"] * 7 + ["Invalid argument"]  # all mounts are locked


def test_file_systems_in_memory_come_again_after_their_maker_died():
    storage = Storage(sys.executable)
    try:
        for _ in range(2):
            made = storage.make(MIB)
            assert os.fstatvfs(made).f_blocks * os.fstatvfs(made).f_bsize == MIB
            os.close(made)
            storage._popen.kill()
            storage._popen.wait()
    finally:
        storage.close()


def test_a_maker_of_file_systems_that_is_killed_while_it_is_asked_is_replaced_unseen():
    storage = Storage(sys.executable)
    try:
        os.close(storage.make(MIB))
        first = storage._popen.pid
        os.kill(first, signal.SIGSTOP)
        asked = ThreadPoolExecutor(1).submit(storage.make, MIB)
        time.sleep(0.1)
        os.kill(first, signal.SIGKILL)
        os.close(asked.result())
        assert storage._popen.pid != first
    finally:
        storage.close()


@pytest.mark.parametrize("end", ["kill -9 $$", "exit 137", "exit 139"])
def test_a_probe_that_is_killed_is_tried_again(tmp_path, monkeypatch, end):
    bwrap, tries = tmp_path / "bwrap", tmp_path / "tries"
    bwrap.write_text(
        f'#!/bin/sh\necho >> {tries}\n[ $(wc -l < {tries}) -lt 3 ] && {end}\nexec {ISOLATION.bwrap} "$@"\n'
    )
    bwrap.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    isolation = find_isolation("auto")
    isolation.close()
    assert isolation.bwrap == str(bwrap)
    assert [one.active for one in isolation.features] == [one.active for one in ISOLATION.features]


@pytest.mark.parametrize("environment", KINDS)
def test_the_kernel_ends_functions_before_the_server(tmp_path, environment):
    code = "def handler(event, context):\n    return int(open('/proc/self/oom_score_adj').read())"
    assert value(tmp_path, code, environment=environment) == 500


@pytest.mark.skipif(
    ISOLATION.cgroups is None or "cpu" not in ISOLATION.cgroups.parents, reason="no control groups for processors here"
)
@pytest.mark.parametrize("processors", ["share", "limit"])
def test_memory_size_says_the_share_of_the_processors(processors):
    isolation = find_isolation("auto", processors)
    groups = isolation.cgroups
    made = groups.make(memory=MIB, processes=1, processors=0.5, hard=processors == "limit")
    try:
        folder = made.folders["cpu"]
        hard = processors == "limit"
        if groups.version == 1:
            assert (folder / "cpu.shares").read_text() == "512\n"
            assert (folder / "cpu.cfs_quota_us").read_text() == ("50000\n" if hard else "-1\n")
            assert (folder.parent / "cpu.shares").read_text() == f"{1024 * os.cpu_count()}\n"
        else:
            assert (folder / "cpu.weight").read_text() == "50\n"
            assert (folder / "cpu.max").read_text() == f"{'50000' if hard else 'max'} 100000\n"
    finally:
        made.remove()
        isolation.close()
    assert not folder.exists()


@pytest.mark.skipif(ISOLATION.cgroups is None or not ISOLATION.cgroups.parents, reason="no control groups here")
def test_a_process_joins_control_groups_by_itself():
    made = ISOLATION.cgroups.make(memory=64 * MIB, processes=8, processors=0.5, hard=False)
    join = "".join(f"echo 0 > {path}; " for path in made.entrances)
    try:
        with subprocess.Popen(["/bin/sh", "-c", join + "echo in; read end"], stdin=-1, stdout=-1) as inside:
            assert inside.stdout.readline() == b"in\n"
            assert made.holds(inside.pid)
            assert not made.holds(os.getpid())
            inside.stdin.write(b"end\n")
    finally:
        made.remove()


ORPHAN = """
(i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo > {done}) &
"""


@pytest.mark.skipif(ISOLATION.cgroups is None or not ISOLATION.cgroups.parents, reason="no control groups here")
def test_a_control_group_counts_the_processor_time_of_what_nobody_waited_for(tmp_path):
    made = ISOLATION.cgroups.make(memory=64 * MIB, processes=8, processors=1.0, hard=False)
    try:
        before = made.spent
        assert before is not None or ISOLATION.cgroups.version == 1
        if before is None:
            pytest.skip("no group counts processor time here")
        join = "".join(f"echo 0 > {path}; " for path in made.entrances)
        done = tmp_path / "done"
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(["/bin/sh", "-c", join + ORPHAN.format(done=done)], check=True)
        waited = resource.getrusage(resource.RUSAGE_CHILDREN)
        deadline = time.monotonic() + 20
        while not done.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        # A loop of 200,000 steps takes a shell a tenth of a second; whoever started it heard of none of that.
        own = waited.ru_utime + waited.ru_stime - used.ru_utime - used.ru_stime
        assert made.spent - before > own + 0.02
    finally:
        made.remove()
    assert made.spent is None


def test_without_control_groups_processes_limit_themselves(tmp_path):
    isolation = Isolation("auto", None, None, ())
    confinement = isolation.confine(
        folder=tmp_path, key="one", task_root=tmp_path, python=sys.executable, memory_size=256, ephemeral_storage=512
    )
    assert f"as={(256 + 4096) * MIB}" in confinement.orders
    assert f"nice={niceness(256)}" in confinement.orders
    assert [niceness(size) for size in (128, 512, 1024, 1769, 10240)] == [10, 6, 2, 0, 0]


@pytest.mark.parametrize("environment", KINDS)
def test_processes_and_files_are_limited(tmp_path, environment):
    if not any(one.name == "process limit" and one.active for one in ISOLATION.features):
        pytest.skip("no process limit here")
    code = """
        import os, time
        def handler(event, context):
            files = []
            try:
                while len(files) < 10_000:
                    files.append(open("/dev/null"))
            except OSError as error:
                files_end = error.strerror
            count = len(files)
            del files
            forks = 0
            try:
                while forks < 5000:
                    if os.fork() == 0:
                        time.sleep(60)
                        os._exit(0)
                    forks += 1
            except OSError as error:
                return [count, files_end, forks, error.strerror]
    """
    files, files_end, forks, forks_end = value(tmp_path, code, environment=environment, memory_size=512)
    assert files < 1024
    assert files_end == "Too many open files"
    assert 100 < forks <= 256
    assert forks_end == "Resource temporarily unavailable"


@pytest.mark.parametrize("environment", KINDS)
def test_one_process_that_asks_for_too_much_memory_is_told(tmp_path, environment):
    code = "def handler(event, context):\n    return len(bytearray(1 << 30))"
    outcome = run(tmp_path, code, environment=environment)
    assert outcome.failure.type == "MemoryError"


@needs_groups
@pytest.mark.parametrize("environment", KINDS)
def test_processes_that_fill_the_memory_together_are_ended(tmp_path, environment):
    code = """
        import mmap
        def handler(event, context):
            kept = []
            while True:
                shared = mmap.mmap(-1, 16 << 20)
                for at in range(0, 16 << 20, 4096):
                    shared[at] = 1
                kept.append(shared)
    """
    outcome = run(tmp_path, code, environment=environment, memory_size=128, ephemeral_storage=512)
    assert outcome.failure.type == "Runtime.OutOfMemory"
    assert outcome.memory_mb >= 128
    assert b"Max Memory Used: 128 MB" in outcome.log_tail
    assert "128 MB" in outcome.failure.message


@pytest.mark.parametrize("environment", KINDS)
def test_limits_hold_before_the_first_code(tmp_path, environment):
    site = (
        "import resource\nSEEN = [resource.getrlimit(one)[1] for one in (resource.RLIMIT_NOFILE, resource.RLIMIT_DATA)]"
    )
    files = {"app.py": "import sitecustomize\ndef handler(event, context):\n    return sitecustomize.SEEN"}

    async def main():
        async with isolated(tmp_path) as bench:
            package = bench.install(make_zip(files | {"sitecustomize.py": site}))
            task = tmp_path / "functions" / "packages"
            function = make_function(package, environment=environment | {"PYTHONPATH": str(next(task.iterdir()))})
            return await bench.value(function)

    assert asyncio.run(main()) == [1024, (128 + 512) * MIB]


@pytest.mark.parametrize("environment", KINDS)
def test_ends_are_told_as_without_a_sandbox(tmp_path, environment):
    for ending, told in (("os._exit(3)", "exit status 3"), ("os.kill(os.getpid(), 9)", "signal: killed")):
        outcome = run(tmp_path, f"import os\ndef handler(event, context):\n    {ending}", environment=environment)
        assert outcome.failure.type == "Runtime.ExitError"
        assert told in outcome.failure.message


def test_a_data_directory_inside_what_is_shown_is_hidden(tmp_path):
    package = tmp_path / "shown" / "data" / "functions" / "packages" / "one"
    package.mkdir(parents=True)
    (package / "app.py").write_text("here")
    (tmp_path / "shown" / "data" / "credentials").write_text("secret")
    wanted = Wanted(
        reading=(*interpreter_paths(sys.executable), tmp_path / "shown", package),
        hidden=tmp_path / "shown" / "data",
        folder=package,
        temporary=Path("/tmp/one"),
        tmp_bytes=1 << 20,
        variables={},
    )
    code = f"import os; print(os.listdir(), os.listdir({str(wanted.hidden)!r}))"
    command, kept = sandbox_command(ISOLATION.bwrap, wanted, {}, [sys.executable, "-I", "-c", code])
    ran = subprocess.run(command, pass_fds=kept, capture_output=True, text=True, check=True)
    for fd in kept:
        os.close(fd)
    assert ran.stdout == "['app.py'] ['functions']\n"


def test_what_a_function_can_be_loaded_with_is_not_loaded_outside(tmp_path):
    environment = {"LD_PRELOAD": "/tmp/nothing.so", "OBJECTLENS_TEMPLATE": "0", "BASH_ENV": "/tmp/x"}
    assert value(tmp_path, HONEST, environment=environment) == "fine"


def left_groups():
    """The control groups of function hosts that have ended."""
    parents = ISOLATION.cgroups.parents.values() if ISOLATION.cgroups else []
    # Hosts name theirs by number; a probe of what can be limited, by a process beside this one, comes and goes.
    groups = {one for parent in parents for one in parent.glob("objectlens-[0-9]*-*")}
    return {one for one in groups if not alive(int(one.name.split("-")[1]))}


def test_nothing_is_left_behind(tmp_path):
    before = left_groups()
    value(tmp_path, "import subprocess\nsubprocess.Popen(['sleep', '600'])\n" + HONEST)
    assert not [name for name in os.listdir("/proc") if name.isdigit() and has_marker(name, tmp_path)]
    assert left_groups() <= before


def has_marker(pid, folder):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return str(folder).encode() in file.read()
    except OSError:
        return False


def test_strict_refuses_when_something_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    async def main():
        async with isolated(tmp_path, "strict") as bench:
            with pytest.raises(Exception, match="install bubblewrap"):
                await bench.invoke(bench.function(HONEST))

    asyncio.run(main())


def test_other_runtimes_are_in_it_too(tmp_path):
    import json

    script = b"""exports.handler = async () => {
        const fs = require("fs");
        let seen = "read";
        try { fs.readFileSync(process.env.SECRET); } catch (error) { seen = error.code; }
        return [seen, process.getuid()];
    };"""

    async def main():
        async with isolated(tmp_path) as bench:
            package = bench.install(make_zip({"index.js": script.decode()}))
            function = make_function(
                package,
                runtime="nodejs20.x",
                handler="index.handler",
                timeout=20,
                environment={"SECRET": str(tmp_path / "credentials")},
            )
            outcome = await bench.invoke(function)
            assert outcome.failure is None, outcome
            assert json.loads(outcome.payload) == ["ENOENT", 993]

    asyncio.run(main())


def test_forks_are_quick(tmp_path):
    async def main():
        async with isolated(tmp_path) as bench:
            function = bench.function("import time\ndef handler(event, context):\n    time.sleep(0.2)")
            await bench.invoke(function)
            began = time.monotonic()
            outcomes = await asyncio.gather(*(bench.invoke(function) for _ in range(4)))
            assert time.monotonic() - began < 3
            assert [one.failure for one in outcomes] == [None] * 4

    asyncio.run(main())


def test_a_flood_of_output_does_not_hide_the_time_out(tmp_path):
    code = """
        import os
        def handler(event, context):
            while True:
                os.write(1, b"flood\\n" * 1000)
    """
    outcome = run(tmp_path, code, timeout=1)
    assert outcome.failure.type == "Sandbox.Timedout"
    last = outcome.log_tail.splitlines()[-3:]
    assert last[0].endswith(b"Task timed out after 1.00 seconds")
    assert last[1].startswith(b"END RequestId: ")
