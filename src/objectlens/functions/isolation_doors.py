"""The sockets through which a sandbox without a network is reached, from the side of whoever starts it.

The first code in the sandbox makes them (see `doors`), the function host takes them and hands them on: what a function
sends takes no detour, its connection ends in the gateway. Those of the service go to a `reception`, each of the others
to one environment for its Runtime API.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = str(Path(__file__).with_name("doors.py"))
_LOOPBACK = "127.0.0.1"
FIRST_PORT = 9001
_PATIENCE = 10.0  # seconds
# What one message can bring is 253 (unix(7), SCM_MAX_FD); more environments than a template has at once.
_MOST = 200


@dataclass(slots=True, eq=False)
class Place:
    """The address of one Runtime API in the sandbox, and, once it is open, the socket that listens there."""

    address: str
    sock: socket.socket | None = None


class Doors:
    """The sockets of one sandbox: at `addresses`, and for up to `environments` Runtime APIs at a time."""

    def __init__(self, python: str, addresses: Sequence[tuple[str, int]], environments: int) -> None:
        self._python = python
        self._addresses = list(addresses)
        taken = {port for _, port in addresses}
        ports = [port for port in range(FIRST_PORT, FIRST_PORT + _MOST + len(taken)) if port not in taken]
        self._all = [Place(f"{_LOOPBACK}:{port}") for port in ports[: min(environments, _MOST)]]
        self._free = self._all[::-1]
        self._channel: socket.socket | None = None
        self.service: list[socket.socket] = []
        """Once they are open, the sockets at `addresses`, in their order."""

    def lend(self) -> Place | None:
        """Return a place for a Runtime API, None when all are in use."""
        return self._free.pop() if self._free else None

    def give_back(self, place: Place) -> None:
        """Take a place back, when nothing accepts at it any more."""
        self._free.append(place)

    def before(self, command: Sequence[str], variables: Mapping[str, str]) -> tuple[list[str], int]:
        """Return the command that makes the sockets and then runs `command`, and the descriptor that it needs.

        The caller closes that when the command runs.
        """
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.setblocking(False)
        runtime = [(_LOOPBACK, int(place.address.rpartition(":")[2])) for place in self._all]
        orders = {"listen": [*self._addresses, *runtime], "variables": dict(variables)}
        self._channel.send(json.dumps(orders).encode())
        fd = theirs.detach()
        return [self._python, "-I", "-S", _SCRIPT, str(fd), *command], fd

    async def open(self) -> None:
        """Take the sockets; raises `OSError` when they do not come."""
        socks = [socket.socket(fileno=fd) for fd in await self._receive()]
        if len(socks) != len(self._addresses) + len(self._all):
            for sock in socks:
                sock.close()
            raise OSError("the sandbox did not make its sockets")
        count = len(self._addresses)
        for place, sock in zip(self._all, socks[count:], strict=True):
            place.sock = sock
        self.service = socks[:count]

    async def _receive(self) -> list[int]:
        assert self._channel is not None
        channel, loop = self._channel, asyncio.get_running_loop()
        readable: asyncio.Future[None] = loop.create_future()
        loop.add_reader(channel, _wake, readable)
        try:
            async with asyncio.timeout(_PATIENCE):
                await readable
        except TimeoutError:
            raise OSError(f"the sandbox did not make its sockets within {_PATIENCE:g} seconds") from None
        finally:
            loop.remove_reader(channel)
        _, descriptors, _, _ = socket.recv_fds(channel, 16, _MOST + len(self._addresses))
        return descriptors

    def close(self) -> None:
        """Accept nothing more."""
        while self.service:
            self.service.pop().close()
        for place in self._all:
            if place.sock is not None:
                place.sock.close()
                place.sock = None
        if self._channel is not None:
            self._channel.close()
            self._channel = None


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
