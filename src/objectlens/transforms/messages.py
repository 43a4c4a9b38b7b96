"""What goes between a server and the processes in which its transforms run: a JSON object, perhaps bytes, open files.

A socket of the kind SEQPACKET keeps messages apart and in order (unix(7)); files go along as SCM_RIGHTS.
"""

from __future__ import annotations

import array
import json
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

INLINE = 64 * 1024
"""More bytes than this go beside the message, in a file in memory: sockets take about 200 KB at once."""

FILES = 4
_ROOM = 2 * INLINE + 4096
# As numbers: their own type takes longer to join two of them than the kernel to receive.
_CUT, _CLOSED_BY_EXEC = int(socket.MSG_TRUNC | socket.MSG_CTRUNC), int(socket.MSG_CMSG_CLOEXEC)
_AT_ONCE = int(socket.MSG_DONTWAIT)
_RIGHTS = socket.CMSG_SPACE(FILES * array.array("i").itemsize)
# The message itself is in the last of the files: pipelines may be long.
_BESIDE = b"beside"
# JSON has no bare line feed.
_END_OF_HEAD = b"\n"


class Message(NamedTuple):
    """What was received; `files` are the receiver's to close."""

    head: dict[str, Any]
    body: bytes
    files: list[int]


def send(sock: socket.socket, head: Mapping[str, Any], body: bytes = b"", files: Sequence[int] = ()) -> None:
    """Send a message with at most `INLINE` bytes of body and three files, which stay the caller's."""
    data = json.dumps(head).encode() + _END_OF_HEAD + body
    if len(data) <= _ROOM:
        _send(sock, data, files)
        return
    beside = memory_file(data)
    try:
        _send(sock, _BESIDE, [*files, beside])
    finally:
        os.close(beside)


def receive(sock: socket.socket, *, wait: bool = True) -> Message:
    """Return the next message; raises `ConnectionError` when the other end is gone, or sent what is no message.

    Without `wait` it raises `BlockingIOError` when there is none, as it does on a socket that does not block.
    """
    data, ancillary, flags, _ = sock.recvmsg(_ROOM, _RIGHTS, _CLOSED_BY_EXEC if wait else _CLOSED_BY_EXEC | _AT_ONCE)
    files = _files(ancillary)
    try:
        return _message(data, files, cut=bool(flags & _CUT))
    except (ValueError, IndexError, EOFError) as error:
        for one in files:
            os.close(one)
        raise ConnectionError(f"what was received is no message: {error}") from error


def _message(data: bytes, files: list[int], *, cut: bool) -> Message:
    if cut or not data:
        raise EOFError("the other end is gone")
    if data == _BESIDE:
        beside = files.pop()
        try:
            data = read_file(beside, 0, os.fstat(beside).st_size)
        finally:
            os.close(beside)
    head, _, body = data.partition(_END_OF_HEAD)
    said = json.loads(head)
    if not isinstance(said, dict):
        raise ValueError(f"{said!r:.60}")  # noqa: TRY004  (of what was received, not of an argument)
    return Message(said, body, files)


def memory_file(data: bytes | Iterable[bytes] = b"") -> int:
    """Return a file in memory with these bytes (memfd_create(2)); the caller closes it."""
    made = os.memfd_create("objectlens", os.MFD_CLOEXEC)
    try:
        for part in (data,) if isinstance(data, bytes) else data:
            write_all(made, part)
    except BaseException:
        os.close(made)
        raise
    return made


def write_all(file: int, data: bytes) -> None:
    """Write all of it: one write(2) takes 2 GiB at most."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def read_file(file: int, offset: int, length: int) -> bytes:
    """Return a run of bytes of a file; raises `EOFError` when it has become shorter."""
    parts: list[bytes] = []
    while length:
        part = os.pread(file, length, offset)
        if not part:
            raise EOFError("the file became shorter while it was read")
        parts.append(part)
        offset, length = offset + len(part), length - len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _send(sock: socket.socket, data: bytes, files: Sequence[int]) -> None:
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
    sock.sendmsg([data], rights)


def _files(ancillary: Sequence[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return found.tolist()
