"""The doors that only functions use: TLS on a loopback port, and, when asked for, ports 443 and 80 of an address."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from objectlens.clock import Clock
from objectlens.functions.labels import is_service
from objectlens.gateway.certificates import open_authority
from objectlens.gateway.tls import tls_context
from objectlens.gateway.trust import Trust, write_trust
from objectlens.s3.address import is_under

LOOPBACK = "127.0.0.1"
HTTPS = 443
HTTP = 80


@dataclass(frozen=True, slots=True)
class InnerDoors:
    """Bound sockets, those for TLS with its context, the first for all names; and what functions are to trust."""

    doors: tuple[tuple[socket.socket, ssl.SSLContext | None], ...]
    trust: Trust

    @property
    def tls_url(self) -> str:
        """Where functions reach the first door."""
        return f"https://{LOOPBACK}:{self.doors[0][0].getsockname()[1]}"

    def tls_at(self, port: int) -> ssl.SSLContext | None:
        """Return the context of the first door when that is at this port, in whatever network."""
        sock, tls = self.doors[0]
        return tls if sock.getsockname()[1] == port else None

    def close(self) -> None:
        """Close the sockets."""
        for sock, _ in self.doors:
            sock.close()


def open_doors(
    data: Path, domains: Sequence[str], address: str | None, clock: Clock, bind: Callable[[str, int], socket.socket]
) -> InnerDoors:
    """Bind the doors, by `bind` and its errors, and write what functions trust below the data directory.

    `domains` are the names of this service itself, `address` is the one whose ports 443 and 80 are wanted. Raises
    `ValueError` when the authority kept there cannot be used, `OSError` when files cannot be written.
    """
    authority = open_authority(data, domains, clock.now())
    trust = write_trust(data / "functions" / "trust", authority.certificate)
    tls = tls_context(authority, lambda name: is_service(name) or is_under(name, domains), clock)
    places: list[tuple[str, int, ssl.SSLContext | None]] = [(LOOPBACK, 0, tls)]
    if address is not None:
        places += [(address, HTTPS, tls), (address, HTTP, None)]
    with ExitStack() as stack:
        doors: list[tuple[socket.socket, ssl.SSLContext | None]] = []
        for host, port, context in places:
            sock = bind(host, port)
            stack.callback(sock.close)
            doors.append((sock, context))
        stack.pop_all()
    return InnerDoors(tuple(doors), trust)
