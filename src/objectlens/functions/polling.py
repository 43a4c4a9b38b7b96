"""The channel from the side of an accelerated Python environment, and the Runtime API spoken over it.

`Channel` is a socket that the server keeps with this one process. What comes and goes are frames: a kind, a head and a
body (`FRAME`). `Runtime` has the methods of AWS's client in C++ which `awslambdaric` calls for every invocation; a
result leaves together with the question for the next invocation, and `Channel.ask` takes requests to the service in
between, whose answers may come as an open file instead of bytes. Errors are reported by AWS's own client. It runs
inside the function's process, beside user code.
"""

from __future__ import annotations

import array
import functools
import io
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Set
from typing import Any

FRAME = struct.Struct("<BII")
"""The kind of a frame, the bytes of its head and of its body. Heads are lines, parted by newlines."""

NEXT, RESULT, UNUSED, ASK, TELL = 1, 2, 3, 4, 5
"""From the environment: for work; a result (the head is its request id), with `UNUSED` also that what was foreseen was
not asked for; a request: `METHOD TARGET`, then its headers, `NAME: VALUE`; one whose answer was foretold."""

INVOKE, ANSWER, FORESEEN, HAND, FORETOLD, RECALL = 1, 2, 3, 4, 5, 6
"""To the environment: an invocation with its headers; an answer: `STATUS OFFSET SIZE REASON`, then its headers; the
answer to a request that will probably be made, with that request's head and an empty line before its own; a socket
that takes short results, which comes along; how the function's answer will be taken, after the route and the token that
it has to name, each on a line; that it would not be any more.

An answer's content is the frame's body, or, when SIZE is not negative, so many bytes at OFFSET of the file that comes
along, as does that of a foreseen one. The status 0 says that this request needs a connection of its own.
"""

SMALL = 1024 * 1024
"""Results and requests of up to so many bytes go through the channel; longer ones take the usual way."""

SHORT = 16 * 1024
"""Frames of results of up to so many bytes go through the socket that takes those alone, one in each packet."""

BRIEF = 64 * 1024
"""Answers of up to so many bytes may have been foretold: the socket has room for them, whatever the server does."""

CONTENT_TYPE, STATUS = "x-amz-fwd-header-content-type", "x-amz-fwd-status"
"""What such an answer may say of itself, and nothing else: its type, and that it is a 200, which it is in any case."""

FRESH = 1.0
"""Seconds for which an answer that came before it was asked for is as good as one that is asked for now."""

_PIECE = 256 * 1024
# The class as Python has it, whatever the handler's module puts in its place.
_Socket = socket.socket
_DEADLINE = "Lambda-Runtime-Deadline-Ms"
_NAMES = (
    "Lambda-Runtime-Aws-Request-Id",
    "Lambda-Runtime-Trace-Id",
    "Lambda-Runtime-Invoked-Function-Arn",
    _DEADLINE,
    "Lambda-Runtime-Client-Context",
    "Lambda-Runtime-Cognito-Identity",
    "Lambda-Runtime-Aws-Tenant-Id",
    "Lambda-Runtime-Invocation-Id",
)
_NOTHING = {**dict.fromkeys(_NAMES), "Content-Type": "application/json"}


class Channel:
    """One end of the socket, by its descriptor; one thread at a time uses it, and only in this process.

    `keys` are the access key IDs of the function that clients here may have: what the environment was given, and what
    its template was, which clients made by the handler's module keep. `url` tells where the service is.
    """

    def __init__(self, descriptor: int, keys: Set[str], url: str) -> None:
        self._socket = _Socket(fileno=descriptor)
        self._owner = os.getpid()
        self._keys = keys
        self._host = url.partition("://")[2].rstrip("/")
        self._lock = threading.Lock()
        self._data = b""
        self._files: list[int] = []
        self._unsent = b""
        self._unread = 0
        self._ahead: tuple[bytes, bytes, bytes] | None = None
        self._foretold: tuple[str, bytes] | None = None
        self._came = 0.0
        self._wasted = False
        self._hand: socket.socket | None = None

    def next(self, result: tuple[str, bytes] | None) -> tuple[bytes, dict[str, Any]]:
        """Hand a result in, if there is one, and wait for an invocation: its event and headers. Raises `OSError`."""
        with self._lock:
            self._socket.settimeout(None)
            self._forget()
            self._foretold = None
            if result is None:
                self._send(NEXT, b"", b"")
            else:
                self._hand_in(UNUSED if self._wasted else RESULT, result[0].encode(), result[1])
            self._wasted = False
            head, body = self._receive(INVOKE)
            return body, dict(_pairs(head.decode().split("\n")))

    def _hand_in(self, kind: int, head: bytes, body: bytes) -> None:
        """Send the frame of a result, and never before a request whose wait was given up."""
        frame = FRAME.pack(kind, len(head), len(body)) + head + body
        if self._hand is None or self._unsent or self._unread or len(frame) > SHORT:
            self._send(kind, head, body)
        else:
            self._hand.send(frame)

    def ask(
        self, method: str, target: str, headers: list[tuple[str, str]], *, body: bytes, timeout: float | None
    ) -> tuple[int, str, list[tuple[str, str]], bytes] | None:
        """Send a request to the service: status, reason, headers and content of its answer.

        None when this request has to take a connection. Raises `socket.timeout`, and `OSError` when there is no answer.
        """
        found = self._ask(method, target, headers, body, timeout)
        if found is None:
            return None
        answer, content, run = found
        return (*_head(answer), content if run is None else _read_file(*run))

    def tell(
        self, names: tuple[str, str], target: str, headers: list[tuple[str, str]], *, body: bytes
    ) -> tuple[int, str, list[tuple[str, str]], bytes] | None:
        """Send the function's answer, which names a route and a token, and return what it hears, as `ask` does.

        That came with the invocation, so nobody is waited for. None when it is not known. Raises `OSError`.
        """
        if self._foretold is None or os.getpid() != self._owner or self._unread or len(body) > BRIEF:
            return None
        head = "\n".join([f"POST {target}", *[f"{name}: {value}" for name, value in headers]]).encode()
        if not self._lock.acquire(blocking=False):
            return None
        try:
            answer = self._still_foretold("\n".join(names))
            if answer is not None:
                self._forget()
                self._send(TELL, head, body)
        finally:
            self._lock.release()
        return None if answer is None else (*_head(answer), b"")

    def _still_foretold(self, names: str) -> bytes | None:
        """Return what was foretold of these, once, unless it was recalled or is old."""
        if self._socket.gettimeout() is not None:
            self._socket.settimeout(None)
        while self._more(_AT_ONCE):
            pass
        while (frame := self._frame()) is not None:
            self._note(*frame)
        foretold, self._foretold = self._foretold, None
        if foretold is None or foretold[0] != names or time.monotonic() - self._came > FRESH:
            return None
        return foretold[1]

    def open(
        self, method: str, target: str, headers: list[tuple[str, str]], *, body: bytes, timeout: float | None
    ) -> tuple[int, str, list[tuple[str, str]], io.BytesIO | Slice] | None:
        """Send a request as `ask` does; the content is a file, to be read when it is wanted, however long it is."""
        found = self._ask(method, target, headers, body, timeout)
        if found is None:
            return None
        answer, content, run = found
        return (*_head(answer), io.BytesIO(content) if run is None else Slice(*run))

    def _ask(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes, timeout: float | None
    ) -> tuple[bytes, bytes, tuple[int, int, int] | None] | None:
        """Return the head of an answer, and its content or the run of a file that has it."""
        head = "\n".join([f"{method} {target}", *[f"{name}: {value}" for name, value in headers]]).encode()
        # After a wait that was given up, the channel is free again with the next invocation.
        mine = os.getpid() == self._owner and not self._unread
        if not mine or max(len(head), len(body)) > SMALL or not self._lock.acquire(blocking=False):
            return None
        try:
            answer, content = self._foreseen(head) or self._exchange(head, body, timeout)
            offset, size = _place(answer)
            run = None if size < 0 else (self._files.pop(0), offset, size)
        finally:
            self._lock.release()
        if run is not None and run[0] == _LOST:
            raise ConnectionError("this process has too many open files")
        return None if answer.startswith(b"0 ") else (answer, content, run)

    def _exchange(self, head: bytes, body: bytes, timeout: float | None) -> tuple[bytes, bytes]:
        self._forget()
        self._socket.settimeout(timeout)
        self._unread += 1
        self._send(ASK, head, body)
        return self._receive(ANSWER)

    def _foreseen(self, head: bytes) -> tuple[bytes, bytes] | None:
        """Return the answer that came with the invocation, if this is its request and it is fresh."""
        if self._ahead is None or self._ahead[0] != head or time.monotonic() - self._came > FRESH:
            return None
        (_, answer, content), self._ahead = self._ahead, None
        return answer, content

    def _forget(self) -> None:
        """Drop what was foreseen and not asked for."""
        if self._ahead is not None:
            self._wasted = True
            self._drop(self._ahead[1])
            self._ahead = None

    def _drop(self, answer: bytes) -> None:
        """Close the file that came with an answer, if one did: files come in the order of their answers."""
        if _place(answer)[1] >= 0:
            descriptor = self._files.pop(0)
            if descriptor != _LOST:
                os.close(descriptor)

    def leads_to(self, host: str, access_key_id: str) -> bool:
        """Whether it stands for requests to this host signed with this key: the service's, one of the function's."""
        return access_key_id in self._keys and (host == self._host or host.endswith(f".{self._host}"))

    def _send(self, kind: int, head: bytes, body: bytes) -> None:
        """Send a frame, first the rest of the last one when its time was up: the server reads one after another."""
        data = self._unsent + FRAME.pack(kind, len(head), len(body)) + head + body
        sent = 0
        try:
            while sent < len(data):
                sent += self._socket.send(memoryview(data)[sent:])
        finally:
            self._unsent = data[sent:]

    def _receive(self, wanted: int) -> tuple[bytes, bytes]:
        """Return the next frame of a kind; an answer that was waited for too long is passed over."""
        while True:
            while (frame := self._frame()) is None:
                self._more()
            kind, head, body = frame
            if kind == ANSWER:
                self._unread -= 1
            if kind == wanted:
                return head, body
            self._note(kind, head, body)

    def _frame(self) -> tuple[int, bytes, bytes] | None:
        """Cut the next frame off what came, None while it is incomplete."""
        data = self._data
        if len(data) < FRAME.size:
            return None
        kind, head, body = FRAME.unpack_from(data)
        start, end = FRAME.size + head, FRAME.size + head + body
        if len(data) < end:
            return None
        self._data = data[end:]
        return kind, data[FRAME.size : start], data[start:end]

    def _note(self, kind: int, head: bytes, body: bytes) -> None:
        """Take note of a frame that nobody waits for."""
        if kind == FORESEEN:
            request, _, answer = head.partition(b"\n\n")
            self._ahead, self._came = (request, answer, body), time.monotonic()
        elif kind == FORETOLD:
            route, token, answer = head.split(b"\n", 2)
            self._foretold, self._came = (f"{route.decode()}\n{token.decode()}", answer), time.monotonic()
        elif kind == RECALL:
            self._foretold = None
        elif kind == ANSWER:
            self._drop(head)
        elif kind == HAND and (descriptor := self._files.pop(0)) != _LOST:
            self._hand = _Socket(fileno=descriptor)

    def _more(self, flags: int = 0) -> bool:
        """Take a piece of what comes, with `_AT_ONCE` if there is one; returns whether there was."""
        try:
            data, controls, flags, _ = self._socket.recvmsg(_PIECE, _ONE_FILE, flags | _CLOSE_ON_EXEC)
        except BlockingIOError:
            return False
        for _, _, content in controls:
            self._files += array.array("i", content[: len(content) - len(content) % _INT])
        if flags & _TRUNCATED:
            self._files.append(_LOST)
        if not data:
            raise ConnectionError("the server has hung up")
        self._data += data
        return True


_INT = array.array("i").itemsize
_ONE_FILE = socket.CMSG_SPACE(_INT)
# As numbers: of members of `socket`'s enumerations Python would make another, by code of its own, each time.
_AT_ONCE, _CLOSE_ON_EXEC, _TRUNCATED = (
    int(flag) for flag in (socket.MSG_DONTWAIT, socket.MSG_CMSG_CLOEXEC, socket.MSG_CTRUNC)
)
# A file that came when this process could open no more of them (cmsg(3)).
_LOST = -1


def _place(answer: bytes) -> tuple[int, int]:
    """Return offset and size of an answer's content in the file that came along; the size is negative without one."""
    _, offset, size, _ = answer.partition(b"\n")[0].split(b" ", 3)
    return int(offset), int(size)


def _pairs(lines: list[str]) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in [line.partition(": ") for line in lines]]


def _head(answer: bytes) -> tuple[int, str, list[tuple[str, str]]]:
    """Return status, reason and headers of an answer."""
    first, *lines = answer.decode("latin-1").split("\n")
    status, _, _, reason = first.split(" ", 3)
    return int(status), reason, _pairs(lines)


def _read_file(descriptor: int, offset: int, size: int) -> bytes:
    """Read a run of a file and close it; raises `ConnectionError` when it has become shorter."""
    try:
        content = os.pread(descriptor, size, offset)
        while len(content) < size:
            more = os.pread(descriptor, size - len(content), offset + len(content))
            if not more:
                raise ConnectionError("the object became shorter while it was read")
            content += more
    finally:
        os.close(descriptor)
    return content


class Slice(io.RawIOBase):
    """A run of a file, as that is when it is read; closing it closes the file."""

    def __init__(self, descriptor: int, offset: int, size: int) -> None:
        self._descriptor, self._offset, self._left = descriptor, offset, size

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes; 0 at the end, also of a file that has become shorter."""
        count = os.preadv(self._descriptor, [memoryview(buffer)[: self._left]], self._offset) if self._left else 0
        self._offset, self._left = self._offset + count, self._left - count
        return count

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()


class Runtime:
    """The part of `runtime_client` that serves invocations."""

    def __init__(self, channel: Channel, native: Callable[[], Any]) -> None:
        self._channel = channel
        self._result: tuple[str, bytes] | None = None
        self._native = functools.cache(native)

    def next(self) -> tuple[bytes, dict[str, Any]]:
        """Wait for an invocation; returns its event and its headers. Raises `RuntimeError`."""
        result, self._result = self._result, None
        try:
            body, headers = self._channel.next(result)
        except OSError as error:
            raise RuntimeError(f"Failed to get next invocation: {error}") from error
        headers[_DEADLINE] = int(headers[_DEADLINE])
        return body, _NOTHING | headers

    def post_invocation_result(
        self, invoke_id: str, result: bytes, content_type: str, invocation_id: str | None = None
    ) -> None:
        """Answer an invocation, a short one together with the next `next`. Raises `RuntimeError`."""
        if len(result) <= SMALL:
            self._result = invoke_id, result
        else:
            self._native().post_invocation_result(invoke_id, result, content_type, invocation_id)

    def post_error(self, *arguments: Any) -> None:
        """Report an error in AWS's own way."""
        self._native().post_error(*arguments)
