"""The script of a template: a process that has imported a handler once, and forks environments from that.

Started as `mold.py PARENT LIMITS CHANNEL`, usually compiled (see `compiled`). CHANNEL is a socket that keeps messages
apart, each of them JSON:

    to the host  {"state": "ready"}, {"state": "plain", "reason": R}, {"forked": N},
                 {"ended": N, "exit": E, "cpu": SECONDS}
    to the template  {"fork": N, "variables": {…}, "folder": F, "tmp": B, "groups": G} with the descriptors of the
                     environment's output and, where it is accelerated, of its channel (see `polling`)

`forked` is said by the fork itself, because the kernel then tells the host which process that is: in a sandbox it has
another number. F, when it is not null, is a temporary directory that is made for the fork and removed after it. By G
more descriptors the fork joins its control groups. When B is true, the last descriptor is of a file system that becomes
the `/tmp` of the fork (see `private_tmp`); what the handler's module left in the template's is copied to it.

What a fork cannot share makes it answer `plain` and end: threads, processes, sockets and pipes of the handler's
module, files open for writing, memory that would be the same in all. Files open for reading are opened anew in each
environment, so that none moves another's position. Variables that the module changed stay as it has left them. It
imports nothing of objectlens, because it runs beside user code.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import gc
import importlib.util
import json
import os
import select
import shutil
import signal
import socket
import stat
import sys
from collections.abc import Callable
from typing import Any

PR_SET_PDEATHSIG = 1
MESSAGE = 64 * 1024
_FILES = 8
_CLIENT = "runtime_client"
_MARK = "AWS_LAMBDA_LOG_STREAM_NAME"
_KEY = "AWS_ACCESS_KEY_ID"
# What a fork was given: its variables, its channel, and the access key ID of its template.
_Begun = tuple["dict[str, str]", "int | None", str]


class Plain(Exception):
    """The function cannot be forked; the message says why."""


def tie_to(parent: int) -> None:
    """Have the kernel kill this process when its parent dies (prctl(2)); end at once when it already has."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def prepare(channel: int, private_tmp: Any) -> tuple[list[int], set[str]]:
    """Import the runtime and the handler; returns files to open anew and variables that are changed. Raises `Plain`."""
    bootstrap = import_runtime()
    load("labels").install()
    load("accelerate").install()
    load("searching").put_first()
    chance = load("randomness").CHANCE
    chance.watch()
    sys.argv = ["bootstrap", os.environ["_HANDLER"]]
    bootstrap.init_logging()
    # Before the handler's module, which may change what these need.
    load("polling")
    given, wake = dict(os.environ), load("collecting").rest()
    try:
        bootstrap._get_handler(os.environ["_HANDLER"])  # noqa: SLF001  (what the runtime itself calls)
    except BaseException as error:  # noqa: BLE001  (whatever it is, a plain process reports it as Lambda does)
        # The runtime's own class stands for several errors, and says so by Lambda's names for them.
        kind = error.exception_type if isinstance(error, bootstrap.FaultException) else type(error).__name__
        raise Plain(f"its module cannot be imported: {kind}") from None
    chance.settle()
    run_hooks("before_snapshot")
    _loaded["accelerate"].warm()
    files = check_forkable(channel)
    if private_tmp is not None and (reason := private_tmp.too_much()):
        raise Plain(reason)
    # What is alive now will be in all environments: the collector need not look at it, and so does not copy its pages.
    gc.freeze()
    wake()
    return files, {name for name in given.keys() | os.environ.keys() if given.get(name) != os.environ.get(name)}


def run_hooks(which: str) -> None:
    """Run what the handler's module registered with AWS's `snapshot_restore_py`: a template is such a snapshot.

    https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
    Raises `Plain` for what goes wrong before a snapshot.
    """
    if "snapshot_restore_py" not in sys.modules:
        return
    from awslambdaric import lambda_runtime_hooks_runner as hooks  # noqa: PLC0415  (only then it is needed)

    if which == "after_restore":
        hooks.run_after_restore()
        return
    try:
        hooks.run_before_snapshot()
    except BaseException as error:  # noqa: BLE001  (whatever it is, plain processes need no such function)
        raise Plain(f"what is to run before a snapshot failed: {type(error).__name__}: {error}") from None


def import_runtime() -> Any:
    """Import AWS's runtime for Python without its client in C++, which keeps the address that it finds when loaded."""
    modules: dict[str, Any] = sys.modules
    modules[_CLIENT] = None
    try:
        from awslambdaric import bootstrap, lambda_runtime_client  # noqa: PLC0415  (only here is it known to be needed)
    except ImportError:
        raise Plain("awslambdaric is not there") from None
    finally:
        del modules[_CLIENT]
    needed = ("init_logging", "_setup_logging", "_get_handler", "run")
    if not all(hasattr(bootstrap, name) for name in needed) or not hasattr(lambda_runtime_client, "_user_agent"):
        raise Plain("this version of awslambdaric does not let a process be prepared")
    return bootstrap


def load(name: str) -> Any:
    """Return one of the modules beside this file, under a name that no module of the handler's has."""
    folder, script = os.path.split(__file__)  # (pathlib costs its import)
    # Beside the compiled script are compiled modules.
    path = os.path.join(folder, name + os.path.splitext(script)[1])  # noqa: PTH118, PTH122
    spec = importlib.util.spec_from_file_location(f"_objectlens_{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    _loaded[name] = module
    return module


_loaded: dict[str, Any] = {}


def check_forkable(channel: int) -> list[int]:
    """Return the descriptors of files that are open for reading; raises `Plain` for what forks cannot share."""
    if len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208
        raise Plain("its module started threads")
    if _read(f"/proc/self/task/{os.getpid()}/children").strip():
        raise Plain("its module started processes")
    # The kernel gives forks the very same pages of such memory (proc(5): rw-s), whether a file is behind it or not.
    if any(line.split(" ", 2)[1][1::2] == "ws" for line in _read("/proc/self/maps").splitlines()):
        raise Plain("its module has memory that forks would share")
    files = []
    for fd in _descriptors() - {0, 1, 2, channel}:
        mode = os.fstat(fd).st_mode
        flags = _flags(fd)
        if stat.S_ISREG(mode) and flags & os.O_ACCMODE == os.O_RDONLY and os.fstat(fd).st_nlink:
            files.append(fd)
        elif not stat.S_ISCHR(mode):
            raise Plain("its module opened sockets, pipes or files to write to")
    return files


def _descriptors() -> set[int]:
    found = set()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  (the listing's own descriptor is closed by then)
        try:
            os.fstat(int(name))
        except OSError:
            continue
        found.add(int(name))
    return found


def _flags(fd: int) -> int:
    return int(_read(f"/proc/self/fdinfo/{fd}").partition("flags:")[2].split()[0], 8)


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123  (pathlib is not worth its import here)
        return file.read()


class Mold:
    """The template at work: forks when told, reports the ends of its forks."""

    def __init__(self, channel: socket.socket, private_tmp: Any) -> None:
        self._channel = channel
        self._private_tmp = private_tmp
        self._stream, self._key = os.environ[_MARK], os.environ[_KEY]
        self._files: list[int] = []
        self._changed: set[str] = set()
        self._children: dict[int, tuple[int, int, str | None]] = {}
        self._poll = select.poll()
        self._poll.register(channel, select.POLLIN)

    def prepare(self) -> None:
        """Import the handler; raises `Plain`."""
        self._files, self._changed = prepare(self._channel.fileno(), self._private_tmp)

    def tell(self, **message: Any) -> None:
        """Send a message to the server."""
        self._channel.send(json.dumps(message).encode())

    def work(self) -> Callable[[], _Begun] | None:
        """Serve until the server hangs up; in a fork, return what makes an environment of it."""
        while True:
            for fd, _ in self._poll.poll():
                if fd != self._channel.fileno():
                    self._reap(fd)
                    continue
                order = self._receive()
                if order is None:
                    return None
                if become := self._fork(*order):
                    return become

    def _receive(self) -> tuple[dict[str, Any], list[int]] | None:
        size = array.array("i").itemsize
        data, controls, _, _ = self._channel.recvmsg(MESSAGE, socket.CMSG_SPACE(_FILES * size), socket.MSG_CMSG_CLOEXEC)
        if not data:
            return None
        content = controls[0][2]
        return json.loads(data), list(array.array("i", content[: len(content) - len(content) % size]))

    def _fork(self, order: dict[str, Any], descriptors: list[int]) -> Callable[[], _Begun] | None:
        template = os.getpid()
        pid = os.fork()
        if pid == 0:
            return lambda: self._become(template, order, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        child = os.pidfd_open(pid)
        self._children[child] = pid, order["fork"], order["folder"]
        self._poll.register(child, select.POLLIN)
        return None

    def _reap(self, child: int) -> None:
        forked, number, folder = self._children[child]
        pid, status, used = os.wait4(forked, os.WNOHANG)
        if pid:
            self._poll.unregister(child)
            os.close(child)
            del self._children[child]
            if folder is not None:  # unless it was in a /tmp of the fork's own
                shutil.rmtree(folder, ignore_errors=True)
            self.tell(ended=number, exit=os.waitstatus_to_exitcode(status), cpu=used.ru_utime + used.ru_stime)

    def _become(self, template: int, order: dict[str, Any], descriptors: list[int]) -> _Begun:
        """Make an environment of a fork: what must differ between environments is made different."""
        os.setsid()
        tie_to(template)
        if order["tmp"]:
            self._private_tmp.take(descriptors.pop())
            # The module may have gone to the template's own: the same place is in this one's.
            with contextlib.suppress(FileNotFoundError):  # or removed it
                os.chdir(os.getcwd())  # noqa: PTH109
        for _ in range(order["groups"]):
            _join(descriptors.pop())
        self.tell(forked=order["fork"])
        variables = order["variables"]
        output, *channels = descriptors
        if order["folder"] is not None:
            os.mkdir(order["folder"], 0o700)  # noqa: PTH102
        for fd in (1, 2):
            os.dup2(output, fd)
        os.close(output)
        self._channel.close()
        for child in self._children:
            os.close(child)
        for fd in self._files:
            _open_anew(fd)
        mark(self._stream, variables[_MARK])
        os.environ.update({name: value for name, value in variables.items() if name not in self._changed})
        renew_state()
        return variables, channels[0] if channels else None, self._key


def _join(group: int) -> None:
    """Move this process, whose only thread this is, into a control group."""
    os.write(group, b"0")
    os.close(group)


def _open_anew(fd: int) -> None:
    position = os.lseek(fd, 0, os.SEEK_CUR)
    inheritable = os.get_inheritable(fd)
    other = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    os.lseek(other, position, os.SEEK_SET)
    os.dup2(other, fd, inheritable=inheritable)
    os.close(other)


def renew_state() -> None:
    """Part what an environment would otherwise share with its siblings."""
    modules: dict[str, Any] = sys.modules
    if "tempfile" in modules:
        modules["tempfile"].tempdir = None  # it remembers the template's
    if "threading" in modules and hasattr(thread := modules["threading"].main_thread(), "_set_native_id"):
        thread._set_native_id()  # noqa: SLF001  (which Python forgets at a fork before 3.13)
    _loaded["randomness"].CHANCE.renew()


def mark(old: str, new: str) -> None:
    """Write this environment's log stream over the template's in the block that /proc/PID/environ shows.

    By it the server finds what an environment started. Both are of the same length; when they are not, the block stays
    as it is and the session alone tells. (The block's addresses are fields 50 and 51 of proc(5)'s stat.)
    """
    fields = _read("/proc/self/stat").rpartition(")")[2].split()
    start, end = int(fields[47]), int(fields[48])
    block = ctypes.string_at(start, end - start)
    at = block.find(f"{_MARK}={old}\0".encode())
    if at >= 0 and len(old) == len(new):
        ctypes.memmove(start + at, f"{_MARK}={new}".encode(), len(_MARK) + 1 + len(new))


def run(variables: dict[str, str], descriptor: int | None, key: str) -> None:
    """Serve invocations in a fork, over its channel if it has one; what was prepared is not prepared again.

    `variables` are those that it was given: the handler's module may have changed some for itself. `key` is the access
    key ID with which the module was imported.
    """
    from awslambdaric import bootstrap, lambda_runtime_client  # noqa: PLC0415

    def native() -> Any:
        client = importlib.import_module(_CLIENT)
        client.initialize_client(lambda_runtime_client._user_agent())  # noqa: SLF001
        return client

    address = variables["AWS_LAMBDA_RUNTIME_API"]
    if descriptor is None:
        lambda_runtime_client.runtime_client = native()
    else:
        polling = _loaded["polling"]
        channel = polling.Channel(descriptor, {key, variables[_KEY]}, variables["OBJECTLENS_ENDPOINT_URL"])
        lambda_runtime_client.runtime_client = polling.Runtime(channel, native)
        _loaded["accelerate"].use(channel)
    bootstrap._setup_logging = lambda *_: None  # noqa: SLF001
    runtime = lambda_runtime_client.LambdaRuntimeClient(address)
    restore(bootstrap, runtime)
    bootstrap.run(variables["_HANDLER"], runtime)


def restore(bootstrap: Any, runtime: Any) -> None:
    """Run what is to run in each environment; what goes wrong is reported as the runtime does, and ends the process."""
    try:
        run_hooks("after_restore")
    except BaseException:  # noqa: BLE001  (as the runtime has it)
        failure = bootstrap.build_fault_result(sys.exc_info(), None)
        with bootstrap.create_log_sink() as sink:
            bootstrap.log_error(failure, sink)
        runtime.post_init_error(failure)
        sys.exit(1)
    finally:
        sys.stdout.flush()


def main(arguments: list[str]) -> None:
    """Do what the module says."""
    tie_to(int(arguments[0]))
    # What is woken here is not to push the server aside, nor are its forks (sched(7)).
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    os.nice(5)
    confine = load("confine")
    confine.apply(arguments[1])
    private_tmp = load("private_tmp") if confine.OWN_TMP in arguments[1].split(",") else None
    if private_tmp is not None:
        private_tmp.keep_capabilities()
    del sys.path[0]  # the folder of this script
    channel = socket.socket(fileno=int(arguments[2]))
    os.set_inheritable(channel.fileno(), False)
    mold = Mold(channel, private_tmp)
    try:
        mold.prepare()
    except Plain as error:
        mold.tell(state="plain", reason=str(error))
        return
    mold.tell(state="ready")
    # In a fork the work ends here, too: an environment's end is an ordinary end of the interpreter.
    if become := mold.work():
        run(*become())


if __name__ == "__main__":
    main(sys.argv[1:])
