"""One operating-system process and all that it starts."""

from __future__ import annotations

import asyncio
import os
import resource
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from objectlens.functions.isolation import OPEN_FILES, Confinement, sandbox_command
from objectlens.functions.peaks import grandchildren
from objectlens.functions.watch import end_all


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: its exit status, or minus the signal; whether its memory was used up.

    `cpu` is the processor time, in seconds, that it and the children that it waited for took; 0 when nobody knows.
    """

    status: int
    out_of_memory: bool = False
    cpu: float = 0.0

    def __str__(self) -> str:
        if self.status == 0:
            return "Runtime exited without providing a reason"
        if self.status < 0:
            return f"Runtime exited with error: signal: {_SIGNALS.get(-self.status, str(-self.status))}"
        return f"Runtime exited with error: exit status {self.status}"


# Go's words for signals, which Lambda's own messages use.
_SIGNALS: dict[int, str] = {
    signal.SIGKILL: "killed",
    signal.SIGTERM: "terminated",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGABRT: "aborted",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGILL: "illegal instruction",
    signal.SIGINT: "interrupt",
    signal.SIGHUP: "hangup",
    signal.SIGQUIT: "quit",
    signal.SIGTRAP: "trace/breakpoint trap",
    signal.SIGUSR1: "user defined signal 1",
    signal.SIGUSR2: "user defined signal 2",
    signal.SIGPIPE: "broken pipe",
    signal.SIGALRM: "alarm clock",
    signal.SIGXCPU: "CPU time limit exceeded",
    signal.SIGXFSZ: "file size limit exceeded",
}


class Process:
    """A process that leads its own session.

    `ended` is done as soon as the process is gone, and reaped. `marker` is a piece of its environment, `NAME=value`,
    that no other environment has: by it the processes are found that left the session, and by `groups`, the folders of
    the control groups that it is in, those that forgot that, too. `inner` tells that what it runs is in a sandbox below
    it.
    """

    inner = False

    def __init__(self, pid: int, marker: str, groups: Sequence[str] = ()) -> None:
        self.pid = pid
        self.marker = marker
        self.groups = groups
        self.ended: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        try:
            self._pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            self._pidfd = -1  # it is gone already, and somebody will say how

    def handles(self) -> list[int]:
        """Return a descriptor of the process to be copied for another's use, none when it is gone."""
        return [self._pidfd] if self._pidfd >= 0 else []

    def conclude(self, exit_: Exit) -> None:
        """Take note that the process is gone."""
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
        if not self.ended.done():
            self.ended.set_result(exit_)

    @property
    def gone(self) -> bool:
        """Whether the process has ended, be it that the event loop has not heard of it yet."""
        if self._pidfd < 0:
            return True
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(0))

    def signal(self, number: signal.Signals) -> None:
        """Signal the whole process group, if there is any of it left."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return  # the group is empty, or only zombies are in it

    async def stop(self, patience: float) -> Exit:
        """End the process and all it started: SIGTERM, after `patience` seconds SIGKILL; returns when all are gone."""
        if not self.ended.done() and patience > 0:
            self.signal(signal.SIGTERM)
            await asyncio.wait([self.ended], timeout=patience)
        self.signal(signal.SIGKILL)
        await asyncio.to_thread(end_all, {self.pid}, {self.marker.encode()}, self.groups)
        return await self.ended


class Spawned(Process):
    """A process that this one started."""

    def __init__(self, popen: subprocess.Popen[bytes], marker: str) -> None:
        super().__init__(popen.pid, marker)
        self._popen = popen
        asyncio.get_running_loop().add_reader(self._pidfd, self._reap)

    @classmethod
    def confined(
        cls,
        confinement: Confinement,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        *,
        output: int,
        marker: str,
        keep: Sequence[int] = (),
    ) -> Spawned:
        """Start `command` as `start` does, in what confines it."""
        kept: list[int] = []
        kind = cls
        name, _, value = marker.partition("=")
        if confinement.doors is not None:
            command, channel = confinement.doors.before(command, environment)
            kept, environment = [channel], {}
        if confinement.sandbox is not None and confinement.wanted is not None:
            kind = Sandboxed
            command, data = sandbox_command(confinement.sandbox, confinement.wanted, environment, command)
            kept += data
            environment, folder = {name: value}, Path("/")
        if confinement.orders:
            # The shell joins the groups before anything else is started, so that nothing is outside of them.
            places = [str(path) for path in confinement.group.entrances] if confinement.group is not None else []
            command = ["/bin/sh", "-c", confinement.shell + _JOIN, str(len(places)), *places, *command]
        try:
            started = kind.start(command, environment, folder, output=output, marker=marker, keep=[*keep, *kept])
            started.groups = confinement.groups
            return started
        finally:
            for fd in kept:
                os.close(fd)

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        *,
        output: int,
        marker: str,
        keep: Sequence[int] = (),
    ) -> Spawned:
        """Start `command` in `folder`, both its outputs going to the file descriptor `output`; raises `OSError`.

        It keeps the descriptors in `keep`. This must be called on the thread that runs the event loop: the kernel ties
        the process to its parent *thread*.
        """
        popen = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=keep,
        )
        try:
            resource.prlimit(popen.pid, resource.RLIMIT_CORE, (0, 0))
            resource.prlimit(popen.pid, resource.RLIMIT_NOFILE, _open_files())
        except ProcessLookupError:
            pass  # it has ended already, and says so itself
        return cls(popen, marker)

    def _reap(self) -> None:
        pid, status, used = os.wait4(self.pid, os.WNOHANG)
        if pid == 0:
            return
        self._popen.returncode = os.waitstatus_to_exitcode(status)
        asyncio.get_running_loop().remove_reader(self._pidfd)
        self.conclude(Exit(self._status(self._popen.returncode), cpu=used.ru_utime + used.ru_stime))

    def _status(self, status: int) -> int:
        return status


class Sandboxed(Spawned):
    """A process in a sandbox: what was started is bwrap, its child is the first of the sandbox, the next is ours."""

    inner = True

    def signal(self, number: signal.Signals) -> None:
        """Signal the process in the sandbox; SIGKILL ends the sandbox, and the kernel all that is in it."""
        if number == signal.SIGKILL:
            super().signal(number)
            return
        for pid in grandchildren(self.pid):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def _status(self, status: int) -> int:
        """Translate: bwrap ends with 128 and the signal's number."""
        return 128 - status if status - 128 in _SIGNALS else status


# When the machine's memory is used up, environments are to go before the server does (proc(5), oom_score_adj). "$0" is
# the number of files to write to, which come before the command.
_JOIN = (
    "[ -w /proc/self/oom_score_adj ] && echo 500 > /proc/self/oom_score_adj; n=$0; "
    'while [ "$n" -gt 0 ]; do echo 0 > "$1" || exit 126; shift; n=$((n-1)); done; exec "$@"'
)


def _open_files() -> tuple[int, int]:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limit = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    return limit, limit
