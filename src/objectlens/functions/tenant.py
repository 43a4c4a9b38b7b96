"""One gateway process at the function host, and the environments that it has leased.

Messages (see `messages`), N being numbers that the gateway gives:

    from the gateway  {"do": "lease", "id": N, "order": …, "fork": KEY or null, "files": COUNT} with its files
                      {"do": "stop", "id": N, "patience": SECONDS}
                      {"do": "mold", "id": N, "order": …, "key": KEY, "limit": SECONDS} with the file for its output
                      {"do": "retire", "key": KEY}
                      {"do": "attach"} with a socket: another gateway process is at its other end
    to the gateway    {"say": "ready", "isolation": [FEATURE…]}
                      {"say": "leased", "id": N, "pid": P, "inner": …, "note": …, "sockets": COUNT, "usage": FILE,
                       "groups": [FOLDER…]}
                      with so many sockets (see `Started`) and the process as a pidfd; FILE has the processor time of
                      its control group, null without one
                      {"say": "ended", "id": N, "exit": E, "out_of_memory": …, "cpu": SECONDS}
                      {"say": "gone", "id": N}: so are all that it started, and its place is free
                      {"say": "opened", "id": N, "template": T} with the sockets at which its sandbox reaches the
                      service, when it has no network: its imports may want it
                      {"say": "molded", "id": N, "template": T, "refused": …}
                      {"say": "forgotten", "template": T}: nothing more is forked from it
                      {"say": "closed", "template": T}: it has ended, and all that was forked from it
                      {"say": "failed", "id": N, "kind": KIND, "message": …} instead of `leased` or `molded`

An environment ends when it is stopped, when its process ends, or when its gateway hangs up. Nothing is said and nothing
is to be asked when an environment is given work.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple

from objectlens.functions.isolation import Confinement
from objectlens.functions.messages import Message, Messenger, copies
from objectlens.functions.orders import Order
from objectlens.functions.premises import Premises, Started, close_all
from objectlens.functions.process import Exit

_LOGGER = logging.getLogger(__name__)


class _Failed(NamedTuple):
    kind: str
    message: str


class Tenant:
    """One gateway process; `attach` is given the sockets of others, `on_end` is called when this one hangs up."""

    def __init__(self, premises: Premises, sock: socket.socket, attach: Callable[[socket.socket], None]) -> None:
        self.on_end: Callable[[], None] | None = None
        self._premises = premises
        self._attach = attach
        self._stopping: dict[int, asyncio.Future[float]] = {}
        """Of each lease: done, with the patience, when it is to end."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._channel = Messenger(sock, self._receive, self._lost)

    def begin(self) -> None:
        """Tell the gateway that orders are taken."""
        self.say("ready", isolation=self._premises.active)

    def say(self, what: str, *files: int, **more: Any) -> None:
        """Tell the gateway something; nothing when it has hung up."""
        self._channel.send({"say": what, **more}, files)

    async def close(self) -> None:
        """End all that the gateway has leased; returns when it is gone."""
        self._channel.close()
        for stopping in self._stopping.values():
            _settle(stopping, 0.0)
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _lost(self) -> None:
        if self.on_end is not None:
            self.on_end()

    def _receive(self, message: Message, files: list[int]) -> None:
        match message:
            case {"do": "lease", "id": int(number), "files": int(count)} if 0 < count == len(files):
                self._stopping[number] = asyncio.get_running_loop().create_future()
                self._begin(self._lease(number, message, files))
            case {"do": "mold", "id": int(number)} if len(files) == 1:
                self._begin(self._mold(number, message, files[0]))
            case {"do": "stop", "id": int(number), "patience": patience}:
                if stopping := self._stopping.get(number):
                    _settle(stopping, float(patience))
            case {"do": "retire", "key": str(key)}:
                self._premises.templates.retire(key)
            case {"do": "attach"} if len(files) == 1:
                self._attach(socket.socket(fileno=files[0]))
            case _:
                close_all(files)
                _LOGGER.error("a gateway process sent what is no order, or no more files can be open: %s", message)
                if "id" in message:
                    self._fail(message["id"], "error", "the function host could not take the order")

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _LOGGER.error("an environment's owner failed", exc_info=error)

    def _fail(self, number: int, kind: str, message: str) -> None:
        self.say("failed", id=number, kind=kind, message=message)

    async def _mold(self, number: int, message: Message, output: int) -> None:
        def opened(template: int, socks: Sequence[socket.socket]) -> None:
            self.say("opened", *copies(sock.fileno() for sock in socks), id=number, template=template)

        templates = self._premises.templates
        try:
            order = Order.read(message["order"])
            template, refused = await templates.open(message["key"], order, message["limit"], output, opened)
        except TimeoutError:
            self._fail(number, "timeout", "its imports take too long")
        except OSError as error:
            self._fail(number, "template", str(error))
        else:
            self.say("molded", id=number, template=template, refused=refused)

    async def _lease(self, number: int, message: Message, files: list[int]) -> None:
        """Start an environment, wait for its end, and clear away what is left."""
        failed: _Failed | None = _Failed("error", "the function host failed, as the server's log tells")
        if self._premises.full:
            failed = _Failed("full", "there are as many environments on this machine as may be")
            close_all(files)
        else:
            self._premises.environments += 1
            try:
                failed = await self._live(number, message, files)
            except Exception:
                _LOGGER.exception("an environment's owner failed")
            finally:
                self._premises.environments -= 1
        del self._stopping[number]
        if failed is None:
            self.say("gone", id=number)
        else:
            self._fail(number, *failed)

    async def _live(self, number: int, message: Message, files: list[int]) -> _Failed | None:
        """Return why it could not start, None when it has been."""
        confinement: Confinement | None = None
        started: Started | None = None
        try:
            try:
                order = Order.read(message["order"])
                confinement = self._premises.confine(order)
                started = await self._premises.start(order, confinement, message["fork"], files)
                self._say_leased(number, started, confinement)
            except OSError as error:
                if started is not None:  # no more files can be open here
                    await started.process.stop(0)
                    self._premises.watchman.release(started.process.pid)
                return _Failed("error", str(error))
            finally:
                close_all(files)
            await self._see_out(number, started, confinement)
            return None
        finally:
            if started is not None:
                started.give_back()
            if confinement is not None:
                await asyncio.to_thread(confinement.close)

    def _say_leased(self, number: int, started: Started, confinement: Confinement) -> None:
        process, sockets = started.process, [sock.fileno() for sock in started.sockets]
        about: dict[str, Any] = {
            "pid": process.pid,
            "inner": process.inner,
            "note": started.note,
            "sockets": len(sockets),
        }
        about["usage"] = None if confinement.group is None else confinement.group.usage
        about["groups"] = confinement.groups
        self.say("leased", *copies([*sockets, *process.handles()]), id=number, **about)

    async def _see_out(self, number: int, started: Started, confinement: Confinement) -> None:
        process, stopping = started.process, self._stopping[number]
        either: list[asyncio.Future[Any]] = [process.ended, stopping]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if process.ended.done():
            self._say_ended(number, process.ended.result(), confinement)
            await process.stop(0)
        else:
            self._say_ended(number, await process.stop(stopping.result()), confinement)
        self._premises.watchman.release(process.pid)

    def _say_ended(self, number: int, exit_: Exit, confinement: Confinement) -> None:
        # What the process left behind, or started and did not wait for, only its group knows; and who reads the group
        # while it lives must not be told another count at its end.
        spent = None if confinement.group is None else confinement.group.spent
        cpu = exit_.cpu if spent is None else spent
        self.say("ended", id=number, exit=exit_.status, out_of_memory=confinement.ran_out_of_memory, cpu=cpu)


def _settle(stopping: asyncio.Future[float], patience: float) -> None:
    if not stopping.done():
        stopping.set_result(patience)
