"""The sockets through which a sandbox without a network reaches this service, and nothing else.

The first code in the sandbox makes them (see `doors`); the server accepts on them from outside. What a function sends
takes no detour: its connection ends in the server.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from objectlens.functions.forwarding import Forwarder
from objectlens.functions.network import Network

_SCRIPT = str(Path(__file__).with_name("doors.py"))
_LOOPBACK = "127.0.0.1"
_FIRST_PORT = 9001
_PATIENCE = 10.0  # seconds
# What one message can bring (unix(7), SCM_MAX_FD), and more environments than a template ever has at once.
_MOST = 200


class Closable(Protocol):
    """Something that accepts until it is closed."""

    def close(self) -> None:
        """Accept no more."""
        ...


Accept = Callable[[socket.socket], Awaitable[Closable]]


@dataclass(frozen=True, slots=True)
class Entrances:
    """The addresses at which functions know this service; `accept` serves it on a socket that listens at one."""

    endpoint_url: str
    accept: Accept

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Return the addresses of the endpoint on the loopback, host and port; empty when it is not there."""
        parts = urlsplit(self.endpoint_url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        if host == "localhost":
            host = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
        try:
            return [(host, port)] if ipaddress.ip_address(host).is_loopback else []
        except ValueError:
            return []

    @property
    def refusal(self) -> str | None:
        """Why a sandbox without a network cannot have this service at its address."""
        if not self.addresses:
            return f"its network policy needs this service on the loopback, not at {self.endpoint_url}"
        if any(port < 1024 for _, port in self.addresses):
            return f"its network policy needs this service at a port from 1024 on, not at {self.endpoint_url}"
        return None


@dataclass(slots=True, eq=False)
class Place:
    """The address of one Runtime API in the sandbox, and, once it is open, the socket that listens there."""

    address: str
    sock: socket.socket | None = None


class Doors:
    """The sockets of one sandbox: of the service, and of up to `environments` Runtime APIs at a time."""

    def __init__(self, python: str, network: Network, entrances: Entrances, environments: int) -> None:
        self._python = python
        self._entrances = entrances
        self._service = entrances.addresses
        taken = {port for _, port in self._service}
        ports = [port for port in range(_FIRST_PORT, _FIRST_PORT + _MOST + 3) if port not in taken]
        self._runtime = [(_LOOPBACK, port) for port in ports[1 : 1 + min(environments, _MOST)]]
        self._forwarder = Forwarder(network, ports[0]) if network.allowed else None
        self._free = [Place(f"{host}:{port}") for host, port in self._runtime[::-1]]
        self._all = self._free[::-1]
        self._channel: socket.socket | None = None
        self._accepting: list[Closable] = []

    @property
    def variables(self) -> dict[str, str]:
        """Return what tells programs about the way to what is allowed."""
        return self._forwarder.variables(self._entrances.endpoint_url) if self._forwarder else {}

    @property
    def free(self) -> bool:
        """Whether there is a place for a further environment."""
        return bool(self._free)

    def lend(self) -> Place | None:
        """Return an address for a Runtime API, None when all are in use."""
        return self._free.pop() if self._free else None

    def give_back(self, door: Place) -> None:
        """Take an address back, when nothing accepts at it any more."""
        self._free.append(door)

    def before(self, command: Sequence[str], variables: Mapping[str, str]) -> tuple[list[str], int]:
        """Return the command that makes the sockets and then runs `command`, and the descriptor that it needs.

        The caller closes that when the command runs.
        """
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.setblocking(False)
        addresses = [*self._runtime, *self._service, *([self._forwarder.address] if self._forwarder else [])]
        self._channel.send(json.dumps({"listen": addresses, "variables": dict(variables)}).encode())
        fd = theirs.detach()
        return [self._python, "-I", "-S", _SCRIPT, str(fd), *command], fd

    async def open(self) -> None:
        """Take the sockets and begin to serve on them; raises `OSError` when they do not come."""
        descriptors = await self._receive()
        socks = [socket.socket(fileno=fd) for fd in descriptors]
        if len(socks) != len(self._runtime) + len(self._service) + (self._forwarder is not None):
            for sock in socks:
                sock.close()
            raise OSError("the sandbox did not make its sockets")
        for door in self._all:
            door.sock = socks.pop(0)
        if self._forwarder is not None:
            self._accepting.append(await self._forwarder.start(socks.pop()))
        for sock in socks:
            self._accepting.append(await self._entrances.accept(sock))

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
        _, descriptors, _, _ = socket.recv_fds(channel, 16, _MOST + 3)
        return descriptors

    def close(self) -> None:
        """Accept nothing more."""
        for one in self._accepting:
            one.close()
        for door in self._all:
            if door.sock is not None:
                door.sock.close()
                door.sock = None
        if self._forwarder is not None:
            self._forwarder.close()
        if self._channel is not None:
            self._channel.close()
            self._channel = None


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
