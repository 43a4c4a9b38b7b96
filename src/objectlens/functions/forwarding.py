"""The way out of a sandbox for a function with a list of what it may reach: an HTTP proxy that lets only that through.

It takes CONNECT, which programs use for TLS, and plain HTTP in absolute form (RFC 9110, section 9.3.6; RFC 9112,
section 3.2.2), one request on each connection of the latter. It runs in the server, resolves names itself and connects
to what it resolved, so that a name cannot mean one address when it is looked at and another when it is used. AWS's host
names lead to this service here, too: who goes by the proxy does not resolve them himself.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from objectlens.functions.labels import is_service
from objectlens.functions.network import Address, Network

MAX_HEAD = 64 * 1024
MAX_CONNECTIONS = 64
_HEAD_SECONDS = 10.0
_CONNECT_SECONDS = 10.0
_IDLE_SECONDS = 900.0
_PIECE = 64 * 1024
_Way = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Refused(Exception):
    """The status line that says why not."""


class Forwarder:
    """The proxy of one sandbox.

    `address` is where it listens in it, `home` what is ours for ports of AWS's, `ours` are this service's addresses.
    """

    def __init__(
        self,
        network: Network,
        port: int,
        home: Mapping[int, tuple[str, int]],
        ours: Sequence[tuple[str, int]] = (),
    ) -> None:
        self.address = ("127.0.0.1", port)
        self._network = network
        self._home = home if network.captured else {}
        self._ours = ours
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def variables(self, endpoint_url: str) -> dict[str, str]:
        """Return the variables by which programs find it; what is this service's own needs no proxy.

        Where the list has something on the loopback, only the service's ports are spared the detour. Programs that do
        not tell ports apart in `NO_PROXY` find the service by the proxy.
        """
        url = f"http://{self.address[0]}:{self.address[1]}"
        direct = f"{urlsplit(endpoint_url).hostname},localhost,127.0.0.1"
        if self._network.reaches_loopback:
            direct = ",".join(dict.fromkeys([urlsplit(endpoint_url).netloc, *(_netloc(*one) for one in self._ours)]))
        found = {"HTTP_PROXY": url, "HTTPS_PROXY": url, "NO_PROXY": direct}
        return found | {name.lower(): value for name, value in found.items()}

    async def start(self, sock: socket.socket) -> asyncio.Server:
        """Begin to accept on a socket."""
        self._server = await asyncio.start_server(self._accept, sock=sock, limit=MAX_HEAD)
        return self._server

    def close(self) -> None:
        """End every connection."""
        for task in self._tasks:
            task.cancel()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= MAX_CONNECTIONS:
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            try:
                async with asyncio.timeout(_HEAD_SECONDS):
                    head = await reader.readuntil(b"\r\n\r\n")
                host, port, begun, answer = _parse(head)
                there = await self._connect(host, port)
            except Refused as refused:
                writer.write(f"HTTP/1.1 {refused}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
                with contextlib.suppress(OSError):
                    await writer.drain()
                return
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                return  # the function hung up, sent nothing, or too much
            with contextlib.closing(there[1]):
                writer.write(answer)
                there[1].write(begun)
                await _join((reader, writer), there)

    async def _connect(self, host: str, port: int) -> _Way:
        for address in await self._places(host, port):
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    return await asyncio.open_connection(*address)
            except OSError:
                continue
        raise Refused("502 Bad Gateway")

    async def _places(self, host: str, port: int) -> list[tuple[str, int]]:
        if port in self._home and is_service(host.lower().removesuffix(".")):
            return [self._home[port]]
        for name, number in self._ours:
            if port == number and f".{host}".endswith((f".{name}", ".localhost")):
                return [(name, number)]
        return [(str(address), port) for address in await self._addresses(host, port)]

    async def _addresses(self, host: str, port: int) -> list[Address]:
        """Return the addresses of a host that may be reached; raises `Refused` when none may."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # the latter for what can be no name
            raise Refused("502 Bad Gateway") from None
        addresses = [_plain(ipaddress.ip_address(one[4][0])) for one in found]
        named = self._network.by_name(host, port)
        allowed = [
            one
            for one in addresses
            if self._network.by_address(one, port) or (named and (host == "localhost" or not _is_here(one)))
        ]
        if not allowed:
            raise Refused("403 Forbidden by OBJECTLENS_NETWORK")
        return allowed


def _netloc(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _plain(address: Address) -> Address:
    """Return the address of IPv4 that one of IPv6 stands for (RFC 4291 section 2.5.5.2): there the kernel connects."""
    return (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address


def _is_here(address: Address) -> bool:
    """Whether an address is this machine's or its link's: who owns an allowed name could lead it there."""
    if address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((str(address), 9))  # sends nothing; to an address of its own a machine speaks from the same
        except OSError:
            return False
        return bool(sock.getsockname()[0] == str(address))


def _parse(head: bytes) -> tuple[str, int, bytes, bytes]:
    """Return host and port, what to send there first, and what to answer first; raises `Refused`."""
    line, _, rest = head.decode("latin-1").partition("\r\n")
    method, target, version = (*line.split(" "), "", "")[:3]
    try:
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        port = parts.port
    except ValueError:
        raise Refused("400 Bad Request") from None
    if not parts.hostname or (method == "CONNECT" and port is None):
        raise Refused("400 Bad Request")
    if method == "CONNECT":
        return parts.hostname, port or 443, b"", b"HTTP/1.1 200 Connection established\r\n\r\n"
    if parts.scheme != "http":
        raise Refused("400 Bad Request")
    kept = [one for one in rest.split("\r\n") if not one.lower().startswith(("connection:", "proxy-"))]
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    begun = "\r\n".join([f"{method} {path} {version}", "Connection: close", *kept])
    return parts.hostname, port or 80, begun.encode("latin-1"), b""


async def _join(one: _Way, other: _Way) -> None:
    """Copy both ways until one side ends and nothing more comes from the other."""
    with contextlib.suppress(OSError):
        async with asyncio.timeout(_IDLE_SECONDS), asyncio.TaskGroup() as group:
            group.create_task(_copy(one[0], other[1]))
            group.create_task(_copy(other[0], one[1]))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.write_eof()
