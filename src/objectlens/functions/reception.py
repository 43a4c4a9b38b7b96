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
    """The addresses at which functions know this service; `accept` serves it on a socket that listens at one.

    `others` are URLs at which functions reach it beside its endpoint.
    """

    endpoint_url: str
    accept: Accept
    others: tuple[str, ...] = ()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Return the addresses, host and port; raises `ValueError` for what is not to be had in a sandbox."""
        return [_address(url) for url in (self.endpoint_url, *self.others)]

    @property
    def home(self) -> dict[int, tuple[str, int]]:
        """Return the addresses that take the place of ports 80 and 443 of AWS's."""
        urls = (self.endpoint_url, *self.others)
        return {443 if urlsplit(url).scheme == "https" else 80: _address(url) for url in reversed(urls)}

    @property
    def refusal(self) -> str | None:
        """Why a sandbox without a network cannot have this service at its addresses."""
        try:
            _ = self.addresses
        except ValueError as error:
            return str(error)
        return None


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if host == "localhost":
        host = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
    try:
        here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = False
    if not here:
        raise ValueError(f"its network policy needs this service on the loopback, not at {url}")
    if port < 1024:
        raise ValueError(f"its network policy needs this service at a port from 1024 on, not at {url}")
    return host, port


class Reception:
    """Serves one sandbox on the sockets that were made in it at `addresses`."""

    def __init__(self, network: Network, entrances: Entrances) -> None:
        self._entrances = entrances
        self.addresses = entrances.addresses
        taken = {port for _, port in self.addresses}
        port = next(port for port in range(FIRST_PORT, FIRST_PORT + len(taken) + 1) if port not in taken)
        self._forwarder = Forwarder(network, port, entrances.home, tuple(self.addresses)) if network.allowed else None
        if self._forwarder is not None:
            self.addresses.append(self._forwarder.address)
        self._accepting: list[Closable] = []
        self._closed = False

    @property
    def variables(self) -> dict[str, str]:
        """Return what tells programs about the way to what is allowed."""
        return self._forwarder.variables(self._entrances.endpoint_url) if self._forwarder else {}

    async def open(self, socks: Sequence[socket.socket]) -> None:
        """Begin to accept on the sockets, in the order of `addresses`; they are closed with the rest.

        Raises `OSError` when one did not come along, as when the server can have no more files open.
        """
        service = list(socks)
        if len(service) != len(self.addresses):
            for sock in service:
                sock.close()
            raise OSError("the sockets of its sandbox are not all there")
        if self._forwarder is not None:
            self._accepting.append(await self._forwarder.start(service.pop()))
        for sock in service:
            self._accepting.append(await self._entrances.accept(sock))
        if self._closed:  # its sandbox was ended meanwhile
            self.close()

    def close(self) -> None:
        """Accept nothing more."""
        self._closed = True
        for one in self._accepting:
            one.close()
        if self._forwarder is not None:
            self._forwarder.close()


def reception_for(network: Network, entrances: Entrances | None) -> Reception | None:
    """Return what serves a sandbox with this policy, None when it has the machine's network.

    Raises `ValueError` when it cannot be served.
    """
    if network.open:
        return None
    if entrances is None:
        raise ValueError("its network policy needs to know this service's addresses")
    return Reception(network, entrances)
