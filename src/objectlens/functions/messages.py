"""A connection between a gateway process and the function host: JSON messages, each with open files if need be.

A socket of the kind SEQPACKET keeps messages apart and in order (unix(7)); files go along as SCM_RIGHTS. Both sides
use this; it must be used on the thread of the event loop.
"""

from __future__ import annotations

import array
import asyncio
import json
import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

MESSAGE = 64 * 1024
FILES = 8
LARGEST = 16 * 1024 * 1024
_WAITING = 10_000
# The message is in the last of its files: the machine's /etc/hosts, which goes with an order, may be large.
_BESIDE = b"beside"

Message = Mapping[str, Any]


class Messenger:
    """One end. `receive` is called with each message and its files, which it owns; `lost` once, when the other is gone.

    Files that are sent are the channel's to close, whatever happens.
    """

    def __init__(
        self, sock: socket.socket, receive: Callable[[Message, list[int]], None], lost: Callable[[], None]
    ) -> None:
        sock.setblocking(False)
        self._sock: socket.socket | None = sock
        self._told = receive
        self._lost = lost
        self._waiting: deque[tuple[bytes, list[int]]] = deque()
        asyncio.get_running_loop().add_reader(sock, self._receive)

    def send(self, message: Message, files: Sequence[int] = ()) -> None:
        """Send a message, later when the other end is slow; raises `ValueError` for one that is too large."""
        data = json.dumps(message).encode()
        if len(data) > LARGEST or len(files) >= FILES:
            _close(files)
            raise ValueError(f"a message to the function host has {len(data)} bytes: at most {LARGEST} may be")
        if len(data) > MESSAGE:
            data, files = _BESIDE, [*files, _memory_file(data)]
        if self._sock is None:
            _close(files)
            return
        self._waiting.append((data, list(files)))
        if len(self._waiting) == 1:
            self._flush()
        elif len(self._waiting) > _WAITING:
            self._hang_up()  # the other end has stopped reading

    def close(self) -> None:
        """Hang up; what was not sent is dropped. `lost` is not called."""
        if self._sock is None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._sock)
        loop.remove_writer(self._sock)
        self._sock.close()
        self._sock = None
        while self._waiting:
            _close(self._waiting.popleft()[1])

    def _hang_up(self) -> None:
        if self._sock is not None:
            self.close()
            self._lost()

    def _flush(self) -> None:
        while self._waiting and self._sock is not None:
            data, files = self._waiting[0]
            try:
                _send(self._sock, data, files)
            except BlockingIOError:
                asyncio.get_running_loop().add_writer(self._sock, self._flush)
                return
            except OSError:
                self._hang_up()
                return
            self._waiting.popleft()
            _close(files)
        if self._sock is not None:
            asyncio.get_running_loop().remove_writer(self._sock)

    def _receive(self) -> None:
        # A message or more may be there; the next ones have a turn of the event loop of their own.
        assert self._sock is not None
        space = socket.CMSG_SPACE(FILES * array.array("i").itemsize)
        try:
            data, controls, _, _ = self._sock.recvmsg(MESSAGE, space, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except OSError:
            data, controls = b"", []
        if not data:
            self._hang_up()
            return
        files = _files(controls)
        if data == _BESIDE:
            if not files:
                self._hang_up()  # this process may open no more files
                return
            data = _content(files.pop())
        self._told(json.loads(data), files)


def copies(files: Iterable[int]) -> list[int]:
    """Return duplicates of descriptors, to be sent; raises `OSError` when this process may open no more."""
    made: list[int] = []
    try:
        for fd in files:
            made.append(os.dup(fd))  # noqa: PERF401  (those made so far are closed when one cannot be)
    except OSError:
        _close(made)
        raise
    return made


def _send(sock: socket.socket, data: bytes, files: Sequence[int]) -> None:
    if files:
        socket.send_fds(sock, [data], files)
    else:
        sock.send(data)


def _files(controls: list[tuple[int, int, bytes]]) -> list[int]:
    """Return the files that came with a message: fewer than were sent when this process may open no more (unix(7))."""
    found = array.array("i")
    for level, kind, data in controls:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return list(found)


def _memory_file(content: bytes) -> int:
    fd = os.memfd_create("objectlens", os.MFD_CLOEXEC)
    with open(fd, "wb", closefd=False) as file:
        file.write(content)
    return fd


def _content(fd: int) -> bytes:
    with open(fd, "rb") as file:
        file.seek(0)
        return file.read()


def _close(files: Sequence[int]) -> None:
    for fd in files:
        os.close(fd)
