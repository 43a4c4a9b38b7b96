"""The gateway's side of the function host: it starts the host, starts it again when it ends, and orders from it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import NamedTuple, TypeVar

from objectlens.functions.configuration import Limits, Surroundings
from objectlens.functions.leased import HostLostError, Leased, LeaseError, error_of, refuse
from objectlens.functions.messages import Message, Messenger, copies
from objectlens.functions.orders import Order
from objectlens.functions.owned import surely
from objectlens.functions.premises import HostSettings, close_all
from objectlens.functions.process import Exit
from objectlens.functions.watch import end_all

_LOGGER = logging.getLogger(__name__)
_T = TypeVar("_T")

START_SECONDS = 20.0
# What the host may take for an order, beside the imports of a template; then it is taken to be stuck, and is ended.
ANSWER_SECONDS = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
# One that lived so long is not the next of a series of failures.
STEADY_SECONDS = 5.0


Opened = Callable[[int, list[socket.socket]], None]


class _Molding(NamedTuple):
    answer: asyncio.Future[tuple[int, str | None]]
    opened: Opened


class FunctionHost:
    """The function host as this gateway process has it; started by `wake`, or by the first order."""

    def __init__(self, surroundings: Surroundings, limits: Limits) -> None:
        self._settings = HostSettings(
            folder=str(surroundings.folder),
            python=surroundings.python,
            isolation=surroundings.isolation,
            processors=surroundings.processors,
            environments=limits.environments,
            templates=limits.templates,
            template_idle_seconds=limits.template_idle_seconds,
            age_seconds=limits.age_seconds,
        )
        self.pid: int | None = None
        """The process, while there is one."""
        self.on_forgotten: Callable[[int | None], None] | None = None
        """Called with the number of each template that is not to be had any more, None for all of them."""
        self.on_closed: Callable[[int | None], None] | None = None
        """Called with the number of each template that has ended, and its forks with it, None for all of them."""
        self._keeper: asyncio.Task[None] | None = None
        self._channel: Messenger | None = None
        self._up = asyncio.Event()
        self._closed = False
        self._lacking = False
        self._hopeless = False
        self._isolation: set[str] = set()
        self._leased: dict[int, Leased] = {}
        self._molding: dict[int, _Molding] = {}
        self._number = 0

    # --- orders ---

    def wake(self) -> None:
        """See that the host is there, or is being started."""
        if (self._keeper is None or self._keeper.done()) and not self._closed:
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def lease(self, order: Order, fork: str | None, files: Sequence[int]) -> Leased:
        """Have an environment started, forked from the template `fork` if that is there.

        Its output goes to the first of the files; the others are for a fork, see `Template.fork`. All of them stay the
        caller's. Raises `LeaseError`, and `HostLostError`.
        """
        channel = await self._connected()
        leased = Leased(self._next(), order.marker)
        message = {"do": "lease", "id": leased.number, "order": order.write(), "fork": fork, "files": len(files)}
        channel.send(message, copies(files))
        self._leased[leased.number] = leased
        try:
            await self._answer(leased.started, ANSWER_SECONDS)
        except BaseException:
            await surely(self.stop(leased, 0.0))
            raise
        return leased

    async def stop(self, leased: Leased, patience: float) -> None:
        """End an environment: SIGTERM, after `patience` seconds SIGKILL; returns when all it started is gone."""
        if leased.number not in self._leased:
            return  # it never started, or is gone already
        if self._channel is not None:
            self._channel.send({"do": "stop", "id": leased.number, "patience": patience})
        await self._answer(leased.gone, patience + ANSWER_SECONDS)

    async def mold(self, key: str, order: Order, limit: float, output: int, opened: Opened) -> tuple[int, str | None]:
        """See that there is a template under a key; returns its number, and why it cannot be forked, None when it can.

        `output`, which stays the caller's, is where its imports print. When its sandbox has no network, `opened` is
        called before they end, with its number and the sockets at which it reaches the service, which are then its own.
        Raises `TimeoutError` when the imports take more than `limit` seconds, `ConnectionError` when it was dismissed
        or killed meanwhile, `LeaseError`, and `HostLostError`.
        """
        channel = await self._connected()
        number = self._next()
        message = {"do": "mold", "id": number, "order": order.write(), "key": key, "limit": limit}
        channel.send(message, copies([output]))
        molding = self._molding[number] = _Molding(asyncio.get_running_loop().create_future(), opened)
        try:
            return await self._answer(molding.answer, limit + ANSWER_SECONDS)
        finally:
            del self._molding[number]

    def retire(self, key: str) -> None:
        """Have the template of a key end when its forks have."""
        if self._channel is not None:
            self._channel.send({"do": "retire", "key": key})

    def attach(self, sock: socket.socket) -> None:
        """Connect another gateway process, which has the other end of this socket; raises `HostLostError`."""
        if self._channel is None:
            raise HostLostError("the function host is not there")
        self._channel.send({"do": "attach"}, copies([sock.fileno()]))

    async def close(self) -> None:
        """End the host and all its processes; returns when none is left."""
        self._closed = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])

    def _next(self) -> int:
        self._number += 1
        return self._number

    async def _connected(self) -> Messenger:
        """Return the connection, waiting for it if the host is being started."""
        self.wake()
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._up.wait()
        except TimeoutError:
            if self._hopeless:
                raise LeaseError("the function host does not start, as the server's log tells") from None
            raise HostLostError("no function host had started, as the machine is busy or somebody kills them") from None
        if self._channel is None:
            raise HostLostError("the function host ended")
        return self._channel

    async def _answer(self, answer: asyncio.Future[_T], seconds: float) -> _T:
        """Wait for what the host says; end it when it says nothing, because nothing could be had of it any more."""
        await asyncio.wait([answer], timeout=seconds)
        if not answer.done():
            _LOGGER.error("the function host (process %s) does not answer and is ended", self.pid)
            self._end()
            raise HostLostError("the function host does not answer")
        return answer.result()

    # --- what it says ---

    def _receive(self, message: Message, files: list[int]) -> None:
        number = message.get("id", 0)
        match message["say"]:
            case "ready":
                self._accept(set(message["isolation"]))
            case "leased":
                self._leased[number].begin(message, files)
            case "ended":
                self._leased[number].end(Exit(message["exit"], message["out_of_memory"], message.get("cpu", 0.0)))
            case "gone":
                self._leased.pop(number).clear()
            case "failed" if leased := self._leased.pop(number, None):
                leased.fail(error_of(message))
            case "failed" if molding := self._molding.get(number):
                refuse(molding.answer, error_of(message))
            case "opened" if molding := self._molding.get(number):
                molding.opened(message["template"], [socket.socket(fileno=fd) for fd in files])
            case "molded" if molding := self._molding.get(number):
                if not molding.answer.done():
                    molding.answer.set_result((message["template"], message["refused"]))
            case "forgotten" if self.on_forgotten is not None:
                self.on_forgotten(message["template"])
            case "closed" if self.on_closed is not None:
                self.on_closed(message["template"])
            case _:
                close_all(files)  # nobody waits for it any more

    def _accept(self, isolation: set[str]) -> None:
        """Take a host into use, unless it isolates functions less than the one before: trying that may have failed."""
        if lacking := self._isolation - isolation:
            _LOGGER.error("the function host (process %s) is ended: it lacks %s", self.pid, ", ".join(sorted(lacking)))
            self._lacking = True
            self._end()
            return
        self._isolation, self._lacking = isolation, False
        self._up.set()

    def _check_start(self) -> None:
        if not self._up.is_set():
            _LOGGER.error("the function host (process %s) did not start in %g seconds", self.pid, START_SECONDS)
            self._end()

    def _end(self) -> None:
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)

    # --- its life ---

    async def _keep(self) -> None:
        """Start the host, and again whenever it ends."""
        pause = FIRST_PAUSE
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                status = await self._run()
            except OSError as error:
                status, self._hopeless = str(error), True
            if self._closed:
                return  # an error in place of the cancellation
            pause = min(2 * pause, LONGEST_PAUSE) if loop.time() - began < STEADY_SECONDS else FIRST_PAUSE
            _LOGGER.error(
                "the function host ended (%s), and all functions' environments with it; another starts in %.1f seconds",
                status,
                pause,
            )
            await asyncio.sleep(pause)

    async def _run(self) -> str:
        """Run one host; returns how it ended. Nothing is left of it then."""
        lost = asyncio.Event()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._channel = Messenger(ours, self._receive, lost.set)
            try:
                popen = self._start(theirs.fileno())
            except OSError:
                self._channel.close()
                self._channel = None
                raise
        self.pid = popen.pid
        alarm = asyncio.get_running_loop().call_later(START_SECONDS, self._check_start)
        try:
            await lost.wait()
        finally:
            alarm.cancel()
            self._channel.close()
            self._channel = None
            # One that was told to end, and has begun, ends what it started, and then itself.
            in_peace = self._up.is_set() and not lost.is_set()
            self._up.clear()
            self.pid = None
            await surely(self._bury(popen, in_peace=in_peace))
            # After one that was killed, be it because the machine was too busy for it, the next one may start.
            self._hopeless = popen.returncode >= 0 or self._lacking
        return f"process {popen.pid}, {Exit(popen.returncode)}"

    def _start(self, descriptor: int) -> subprocess.Popen[bytes]:
        # It finds what this process finds, and gets none of the settings, which have secrets among them. A session of
        # its own: a signal for the server's terminal must not end it before the requests that are under way.
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("OBJECTLENS_", "AWS_"))}
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        arguments = [str(os.getpid()), str(descriptor), json.dumps(asdict(self._settings))]
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "objectlens.functions.host", *arguments],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(descriptor,),
        )

    async def _bury(self, popen: subprocess.Popen[bytes], *, in_peace: bool) -> None:
        """See the host's end, and tell everybody who is concerned."""
        leased, self._leased = self._leased, {}
        for molding in self._molding.values():
            refuse(molding.answer, HostLostError("the function host ended"))
        if self.on_forgotten is not None:
            self.on_forgotten(None)
        if self.on_closed is not None:
            self.on_closed(None)
        if not in_peace:
            popen.kill()
        ended = {one.pid: one.marker for one in leased.values()}
        groups = [group for one in leased.values() for group in one.groups]
        for one in leased.values():
            one.fail(HostLostError("the function host ended"))
        await asyncio.to_thread(_await_end, popen, ended, groups)


def _await_end(popen: subprocess.Popen[bytes], environments: Mapping[int, str], groups: Sequence[str]) -> None:
    """Wait for a host's end, and end what it did not: its watchman may have been killed as well."""
    try:
        popen.wait(ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()
    if environments:
        end_all(set(environments) - {0}, {marker.encode() for marker in environments.values()}, groups)
