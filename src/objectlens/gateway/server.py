"""The listening sockets and their connections."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from functools import partial
from weakref import WeakSet

from objectlens.gateway.connection import App, Connection, Limits, Sent

_log = logging.getLogger(__name__)

HANDSHAKE_SECONDS = 10.0


class Server:
    """Accepts connections, watches their deadlines, and drains them when told to stop."""

    def __init__(self, app: App, sent: Callable[[Sent], None], limits: Limits, max_connections: int) -> None:
        self._app = app
        self._sent = sent
        self._limits = limits
        self._max_connections = max_connections
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._server: asyncio.Server | None = None
        self._further: WeakSet[asyncio.Server] = WeakSet()
        self._sweeper: asyncio.Task[None] | None = None

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._connections)

    async def start(self, sock: socket.socket) -> None:
        """Begin to accept on a bound socket."""
        self._server = await self._accept(sock)
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    async def accept(self, sock: socket.socket, tls: ssl.SSLContext | None = None) -> asyncio.Server:
        """Accept on a further socket, over TLS if there is a context for it, until closed or the server drains."""
        further = await self._accept(sock, tls)
        self._further.add(further)
        return further

    async def _accept(self, sock: socket.socket, tls: ssl.SSLContext | None = None) -> asyncio.Server:
        factory = partial(Connection, self._app, self._sent, self._limits, self._opened, self._closed)
        # A connection counts, and has a deadline, from the end of the handshake: that needs a limit of its own.
        seconds = None if tls is None else HANDSHAKE_SECONDS
        return await asyncio.get_running_loop().create_server(
            factory, sock=sock, backlog=2048, ssl=tls, ssl_handshake_timeout=seconds
        )

    def _opened(self, connection: Connection) -> None:
        self._connections.add(connection)
        self._empty.clear()
        if len(self._connections) > self._max_connections:
            # Those who only hold a place lose it first, so that a crowd of them keeps nobody out.
            idlest = min(self._connections, key=lambda one: one.deadline)
            _log.warning("more than %d connections: one was closed", self._max_connections)
            (idlest if idlest.deadline < float("inf") else connection).abort()

    def _closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    async def _sweep(self) -> None:
        """Close connections whose head or next request did not come in time."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1)
            now = loop.time()
            for connection in [one for one in self._connections if one.deadline < now]:
                connection.abort()

    async def drain(self, seconds: float) -> None:
        """Accept no more, let answers under way go out for at most `seconds`, then cut what is left."""
        for server in (*([self._server] if self._server else []), *self._further):
            server.close()
        for connection in list(self._connections):
            connection.close_when_idle()
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            _log.warning("cut %d connections that were still open after %g seconds", len(self._connections), seconds)
        for connection in list(self._connections):
            connection.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        await asyncio.sleep(0)
