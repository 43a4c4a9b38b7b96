"""How this service is there for a sandbox without a network, and what else that is allowed."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from objectlens.functions.forwarding import Forwarder
from objectlens.functions.isolation_doors import FIRST_PORT
from objectlens.functions.network import Network


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


class Reception:
    """Serves one sandbox on the sockets that were made in it at `addresses`."""

    def __init__(self, network: Network, entrances: Entrances) -> None:
        self._entrances = entrances
        self.addresses = entrances.addresses
        taken = {port for _, port in self.addresses}
        port = next(port for port in range(FIRST_PORT, FIRST_PORT + len(taken) + 1) if port not in taken)
        self._forwarder = Forwarder(network, port) if network.allowed else None
        if self._forwarder is not None:
            self.addresses.append(self._forwarder.address)
        self._accepting: list[Closable] = []

    @property
    def variables(self) -> dict[str, str]:
        """Return what tells programs about the way to what is allowed."""
        return self._forwarder.variables(self._entrances.endpoint_url) if self._forwarder else {}

    async def open(self, socks: Sequence[socket.socket]) -> None:
        """Begin to accept on the sockets, in the order of `addresses`; they are closed with the rest."""
        service = list(socks)
        if self._forwarder is not None:
            self._accepting.append(await self._forwarder.start(service.pop()))
        for sock in service:
            self._accepting.append(await self._entrances.accept(sock))

    def close(self) -> None:
        """Accept nothing more."""
        for one in self._accepting:
            one.close()
        if self._forwarder is not None:
            self._forwarder.close()


def reception_for(network: Network, entrances: Entrances | None) -> Reception | None:
    """Return what serves a sandbox with this policy, None when it has the machine's network."""
    return None if network.open or entrances is None else Reception(network, entrances)
