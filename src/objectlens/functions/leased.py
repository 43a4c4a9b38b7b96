"""An environment's process as the gateway has it: leased from the function host, which owns it."""

from __future__ import annotations

import asyncio
import os
import select
import socket
from typing import Any

from objectlens.functions.messages import Message
from objectlens.functions.peaks import grandchildren, peak_kib
from objectlens.functions.process import Exit
from objectlens.functions.spent import Spent

KILLED = Exit(-9)


class HostLostError(ConnectionError):
    """The function host ended, and with it all environments; it is started anew."""


class LeaseError(Exception):
    """The function host gave no environment; the message says why."""


class NodeFullError(LeaseError):
    """There are as many environments on this machine as may be."""


_ERRORS: dict[str, type[Exception]] = {
    "full": NodeFullError,
    "template": ConnectionError,
    "timeout": TimeoutError,
}


class Leased:
    """One process.

    `ended` is done as soon as it has ended, `gone` when so has all that it started. `lost` tells that it ended with the
    function host; `note` why it was not forked from its template, when it was to be. `sockets` came with it, see
    `premises.Started`; they are there until it has ended.
    """

    def __init__(self, number: int, marker: str) -> None:
        loop = asyncio.get_running_loop()
        self.number = number
        self.marker = marker
        self.pid = 0
        self.groups: list[str] = []
        self.note: str | None = None
        self.lost = False
        self.sockets: list[socket.socket] = []
        self.started: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[Exit] = loop.create_future()
        self.gone: asyncio.Future[None] = loop.create_future()
        self._inner = False
        self._pidfd = -1
        self.spent: Spent | None = None
        """Its processor time; there until it has ended."""

    @property
    def is_over(self) -> bool:
        """Whether the process has ended, be it that the function host has not told yet."""
        if self.ended.done() or self._pidfd < 0:
            return self.started.done()
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(0))

    def peak_kib(self) -> int:
        """Return the most memory that the process and those it started held, in KiB; 0 when it is gone."""
        pids = grandchildren(self.pid) if self._inner else [self.pid]
        return sum(map(peak_kib, pids))

    # --- what the host says ---

    def begin(self, message: Message, files: list[int]) -> None:
        """Take note that it has started."""
        self.pid, self._inner, self.note = message["pid"], message["inner"], message["note"]
        self.groups = message.get("groups", [])
        count = message["sockets"]
        self.sockets = [socket.socket(fileno=fd) for fd in files[:count]]
        self._pidfd = files[count] if len(files) > count else -1
        self.spent = Spent(self.pid, message.get("usage"))
        if len(self.sockets) < count:
            refuse(self.started, LeaseError("the server can have no more files open"))
        if not self.started.done():
            self.started.set_result(None)

    def end(self, exit_: Exit) -> None:
        """Take note that it has ended."""
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
        if self.spent is not None:
            self.spent.close()
        while self.sockets:
            self.sockets.pop().close()
        if not self.ended.done():
            self.ended.set_result(exit_)

    def clear(self) -> None:
        """Take note that nothing is left of it."""
        self.end(KILLED)
        if not self.gone.done():
            self.gone.set_result(None)

    def fail(self, error: Exception) -> None:
        """Take note that it never started, or that the function host has ended."""
        self.lost = isinstance(error, HostLostError)
        refuse(self.started, error)
        self.clear()


def error_of(message: Message) -> Exception:
    """Return the error that a `failed` message tells."""
    return _ERRORS.get(message["kind"], LeaseError)(message["message"])


def refuse(future: asyncio.Future[Any], error: Exception) -> None:
    """Tell whoever still waits why."""
    if not future.done():
        future.set_exception(error)
        future.exception()  # seen: nobody may be waiting any more
