"""Templates: processes that imported a handler once, from which environments are forked (see `mold`)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from objectlens.functions.isolation import Confinement
from objectlens.functions.isolation_doors import Doors
from objectlens.functions.mold import MESSAGE
from objectlens.functions.process import Exit, Process, Spawned
from objectlens.functions.watchman import Watchman

MOLD = str(Path(__file__).with_name("mold.py"))
FORK_SECONDS = 10.0
# Between the moment at which a process that was killed hangs up and the one at which it is reaped.
_END_SECONDS = 1.0
_KILLED = Exit(-9)
_CREDENTIALS = struct.Struct("3i")  # process, user, group (unix(7))


class Template:
    """One template process.

    `start` first; when it returned True, `fork` as often as wanted. `refused` tells why it cannot be forked. It lives
    at least as long as its forks; `close` it when the last has ended. `on_end` is called when it ends by itself,
    `on_open` with the sockets at which its sandbox reaches the service, when that has no network.
    """

    def __init__(self, watchman: Watchman, confinement: Confinement, script: str = MOLD) -> None:
        self.refused: str | None = None
        self.forks: dict[int, Process] = {}
        """By their numbers."""
        self.on_end: Callable[[], None] | None = None
        self.on_open: Callable[[Sequence[socket.socket]], None] | None = None
        self._watchman = watchman
        self._confinement = confinement
        self._script = script
        self._process: Process | None = None
        self._channel: socket.socket | None = None
        self._state: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._asked: dict[int, tuple[asyncio.Future[Process], str]] = {}
        self._number = 0
        self._told = False

    @property
    def doors(self) -> Doors | None:
        """The sockets of its sandbox, and of its forks, when that has no network."""
        return self._confinement.doors

    @property
    def alive(self) -> bool:
        """Whether it can be forked, as far as is known."""
        return self._channel is not None

    async def start(
        self, python: str, variables: Mapping[str, str], folder: Path, *, output: int, marker: str, limit: float
    ) -> bool:
        """Start it, its output going to a descriptor, and wait for its imports; returns whether it can be forked.

        Raises `TimeoutError` when they take longer than `limit` seconds, `OSError` when the machine refuses.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        # The kernel tells with each message which process sent it.
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        try:
            confinement = self._confinement
            command = [python, self._script, str(confinement.parent), confinement.orders, str(theirs.fileno())]
            self._process = Spawned.confined(
                confinement, command, variables, folder, output=output, marker=marker, keep=(theirs.fileno(),)
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._watchman.hold(self._process)
        self._channel = ours
        asyncio.get_running_loop().add_reader(ours, self._receive)
        async with asyncio.timeout(limit):
            if confinement.doors is not None:
                await confinement.doors.open()
                if self.on_open is not None:
                    self.on_open(confinement.doors.service)
            return await asyncio.shield(self._state)

    async def killed(self) -> bool:
        """Whether somebody else ended it before it told its state; to be asked when `start` did not return True.

        What it imports does not end it by SIGKILL, unless that uses up its memory.
        """
        if self._told or self._process is None:
            return False
        ended = self._process.ended
        await asyncio.wait([ended], timeout=_END_SECONDS)
        return ended.done() and ended.result().status == _KILLED.status and not self._confinement.ran_out_of_memory

    async def fork(
        self, confinement: Confinement, variables: Mapping[str, str], descriptors: Sequence[int], marker: str
    ) -> Process:
        """Fork an environment.

        Its output goes to the first of the descriptors; the second, if there is one, is its channel. Raises
        `ConnectionError` when the template is gone or does not answer.
        """
        tmp = await self._make_tmp(confinement)
        try:
            if self._channel is None:
                raise ConnectionError("the template has ended")
            self._number += 1
            number, asked = self._number, asyncio.get_running_loop().create_future()
            self._asked[number] = asked, marker
            shared = confinement.wanted is not None and confinement.storage is None
            folder = str(confinement.temporary) if shared else None
            groups = _entrances(confinement)
            order = {"fork": number, "variables": dict(variables), "folder": folder, "tmp": bool(tmp)}
            try:
                data = json.dumps(order | {"groups": len(groups)}).encode()
                socket.send_fds(self._channel, [data], [*descriptors, *groups, *tmp])
            finally:
                _close(groups)
            async with asyncio.timeout(FORK_SECONDS):
                process: Process = await asked
            await _join(process, confinement)
            process.groups = confinement.groups
        except OSError as error:  # TimeoutError is one
            raise ConnectionError(f"the template did not fork: {error or 'it does not answer'}") from error
        finally:
            _close(tmp)
        return process

    async def _make_tmp(self, confinement: Confinement) -> list[int]:
        making = asyncio.ensure_future(asyncio.to_thread(confinement.make_tmp))
        try:
            return await asyncio.shield(making)
        except OSError as error:
            raise ConnectionError(f"there is no /tmp for it: {error}") from error
        except asyncio.CancelledError:
            making.add_done_callback(_close_made)
            raise

    def _receive(self) -> None:
        assert self._channel is not None
        try:
            data, controls, _, _ = self._channel.recvmsg(MESSAGE, socket.CMSG_SPACE(_CREDENTIALS.size))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hung_up()
            return
        message = json.loads(data)
        if "state" in message:
            self._told = True
            self.refused = message.get("reason")
            self._settle(message["state"] == "ready")
        elif "forked" in message:
            self._forked(message["forked"], _sender(controls))
        else:
            self._ended(message["ended"], Exit(message["exit"], cpu=message.get("cpu", 0.0)))

    def _ended(self, number: int, how: Exit) -> None:
        if process := self.forks.pop(number, None):
            process.conclude(how)
        elif number in self._asked:
            asked, _ = self._asked.pop(number)
            if not asked.done():
                asked.set_exception(ConnectionError(f"the fork ended at once: {how}"))

    def _forked(self, number: int, pid: int) -> None:
        if pid <= 0:
            return  # it is gone; the template says how it ended
        asked, marker = self._asked.pop(number)
        if asked.done():
            # Whoever asked has gone, with what was to confine it.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            return
        process = self.forks[number] = Process(pid, marker)
        asked.set_result(process)

    def _settle(self, ready: bool) -> None:
        if not self._state.done():
            self._state.set_result(ready)

    def _hung_up(self) -> None:
        """Take note of its end, which is that of its forks: the kernel kills them."""
        self._disconnect()
        if not self._state.done():
            self.refused = "its imports ended the process"
            self._settle(False)
        unanswered, self._asked = self._asked, {}
        for asked, _ in unanswered.values():
            if not asked.done():
                asked.set_exception(ConnectionError("the template has ended"))
        forks, self.forks = self.forks, {}
        for process in forks.values():
            process.conclude(_KILLED)
        if self.on_end is not None:
            self.on_end()

    def _disconnect(self) -> None:
        if self._channel is not None:
            asyncio.get_running_loop().remove_reader(self._channel)
            self._channel.close()
            self._channel = None

    async def close(self) -> None:
        """End the process, and with it what it forked."""
        self.on_end = None
        self._hung_up()
        if self._process is not None:
            await self._process.stop(0)
            self._watchman.release(self._process.pid)
        await asyncio.to_thread(self._confinement.close)


def _entrances(confinement: Confinement) -> list[int]:
    """Open the files by which a fork joins its control groups; none where it is put there sooner."""
    if confinement.group is None or not confinement.group.quick:
        return []
    return [os.open(path, os.O_WRONLY | os.O_CLOEXEC) for path in confinement.group.entrances]


async def _join(process: Process, confinement: Confinement) -> None:
    """See that a fork is in its control groups before it is given any work; else it is in those of its template."""
    if confinement.group is None or confinement.group.holds(process.pid):
        return
    try:
        await asyncio.to_thread(confinement.group.add, process.pid)
    except BaseException:
        process.signal(signal.SIGKILL)
        raise


def _close(descriptors: Iterable[int]) -> None:
    for fd in descriptors:
        os.close(fd)


def _close_made(making: asyncio.Future[list[int]]) -> None:
    if making.exception() is None:
        _close(making.result())


def _sender(controls: list[tuple[int, int, bytes]]) -> int:
    """Return the process that sent a message, as this process numbers it; 0 when it is gone."""
    for level, kind, data in controls:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            pid: int = _CREDENTIALS.unpack_from(data)[0]
            return pid
    return 0
