"""The sockets of the Runtime API, read by ourselves: the loop's own transports do not tell when something came."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Protocol

from objectlens.clock import Clock
from objectlens.functions.arrivals import ROOM, lateness, note

_LOGGER = logging.getLogger(__name__)

_READ = 64 * 1024
# As asyncio pauses, when this process can have no more files open; who connects waits in the kernel's queue.
_PAUSE_SECONDS = 1.0


class Accepting:
    """A socket that listens; it is owned, and whom it accepts is given to `take`."""

    def __init__(self, sock: socket.socket, take: Callable[[socket.socket], None]) -> None:
        self._socket = sock
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        sock.setblocking(False)
        self._begin()

    def _begin(self) -> None:
        self._pause = None
        self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        try:
            sock, _ = self._socket.accept()
        except (BlockingIOError, ConnectionError):
            return  # who connected has left
        except OSError as error:
            _LOGGER.warning("connections of a runtime wait for %g s: %s", _PAUSE_SECONDS, error)
            self._loop.remove_reader(self._socket)
            self._pause = self._loop.call_later(_PAUSE_SECONDS, self._begin)
            return
        sock.setblocking(False)
        self._take(sock)

    def close(self) -> None:
        """Accept no more; who has not been accepted is cut off."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()


class Reader(Protocol):
    """Whoever takes what comes."""

    def received(self, data: bytes) -> None:
        """Take a piece of what comes."""
        ...

    def lost(self) -> None:
        """Take note that the stream is closed, by whomever."""
        ...


class Stream:
    """An accepted connection, which reads nothing before `begin`, nor while what it sent is still on its way."""

    def __init__(self, sock: socket.socket, reader: Reader, clock: Clock) -> None:
        self._socket = sock
        self._reader = reader
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._times: list[tuple[int, int, bytes]] = []
        self._outgoing = bytearray()
        self._finishing = False
        self._reading = False
        self.open = True
        note(sock)
        # As the loop's transports do: an answer is written at once, and nobody gains by its waiting for another.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def ends(self) -> tuple[tuple[str, int], tuple[str, int]] | None:
        """The addresses of the other end and of this one, None when the connection is broken."""
        try:
            peer, own = self._socket.getpeername(), self._socket.getsockname()
        except OSError:
            return None
        return (peer[0], peer[1]), (own[0], own[1])

    @property
    def late(self) -> float:
        """For how many seconds what was read last has been there."""
        return lateness(self._times, self._clock)

    def begin(self) -> None:
        """Read."""
        self._reading = True
        self._loop.add_reader(self._socket, self._readable)

    def look(self) -> None:
        """Take what lies there unread."""
        while self._reading and self._readable():
            pass

    def _readable(self) -> bool:
        """Take a piece of what came; returns whether there was one."""
        try:
            data, self._times, _, _ = self._socket.recvmsg(_READ, ROOM)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if data:
            self._reader.received(data)
        else:
            self.close()
        return bool(data)

    def _rest(self) -> None:
        """Read no more for now."""
        self._reading = False
        self._loop.remove_reader(self._socket)

    def send(self, data: bytes) -> None:
        """Send, what does not go at once as soon as it does; a broken connection is closed."""
        if not self.open:
            return
        on_its_way = bool(self._outgoing)
        self._outgoing += data
        if not on_its_way and not self._push():
            self._rest()
            self._loop.add_writer(self._socket, self._writable)

    def _push(self) -> bool:
        """Send what can be sent; returns whether nothing is left to do."""
        try:
            del self._outgoing[: self._socket.send(self._outgoing)]
        except BlockingIOError:
            return False
        except OSError:
            self.close()
            return True
        if not self._outgoing and self._finishing:
            self.close()
        return not self._outgoing

    def _writable(self) -> None:
        if self._push() and self.open:
            self._loop.remove_writer(self._socket)
            self.begin()

    def finish(self) -> None:
        """Close when what was sent has left."""
        self._finishing = True
        if not self._outgoing:
            self.close()

    def close(self) -> None:
        """Close at once."""
        if self.open:
            self.open = False
            self._rest()
            self._loop.remove_writer(self._socket)
            self._socket.close()
            self._reader.lost()
