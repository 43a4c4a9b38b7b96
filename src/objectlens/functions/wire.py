"""HTTP to this service at the least cost, for accelerated functions; it runs inside their processes (see `accelerate`).

One request at a time on a kept connection, answers of known length only: `Unsuited` says that the usual library has to
do it. It is loaded only once the handler itself has imported what it needs.
"""

from __future__ import annotations

import logging
import re
import select
import socket
import sys
import threading
from http.client import HTTPConnection
from typing import Any, NamedTuple

HEAD = 64 * 1024
# What observability tools change in order to see requests: then they have to see these, too.
_WATCHED = ("request", "_send_request", "putrequest", "endheaders", "getresponse", "connect")
# Inherited from what is written in C, unless somebody gives the class others.
_OF_SOCKETS = ("connect", "send", "sendall", "recv", "recv_into")
_OURS = "_objectlens_"
_CONNECTIONS, _RETRIES = logging.getLogger("urllib3.connectionpool"), logging.getLogger("urllib3.util.retry")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_BODY = {204, 304}


class Unsuited(ValueError):
    """Nothing, or nothing useful, came of it."""


class Answer(NamedTuple):
    """An answer, its body whole."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    content: bytes


class Wires:
    """The connections of this process: one for each thread and host."""

    def __init__(self) -> None:
        self._kept = threading.local()

    def ask(
        self, method: str, host: str, target: str, headers: list[tuple[str, str]], *, body: bytes, timeout: float | None
    ) -> Answer:
        """Send a request and return its answer; raises `socket.timeout`, and `Unsuited` for all else."""
        if not untouched():
            raise Unsuited
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers)]
        try:
            head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
            sock = self._connect(host, timeout)
            try:
                sock.sendall(head + body)
                answer, keep = _read(sock)
            except BaseException:
                sock.close()
                raise
        except socket.timeout:
            raise
        except (OSError, ValueError) as error:
            raise Unsuited from error
        if keep:
            self._kept.__dict__[host] = sock
        else:
            sock.close()
        return answer

    def _connect(self, host: str, timeout: float | None) -> socket.socket:
        sock: socket.socket | None = self._kept.__dict__.pop(host, None)
        if sock is not None and select.select([sock], [], [], 0)[0]:
            sock.close()  # the other side has hung up
            sock = None
        if sock is None:
            name, _, port = host.rpartition(":")
            sock = socket.create_connection((name.strip("[]"), int(port)), timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(timeout)
        return sock


def is_own(owner: Any, name: str) -> bool:
    """Whether a class has a method as its module, or a parent's, has made it: no tool has put another in its place."""
    for kind in owner.__mro__:
        if name in vars(kind):
            made_in = getattr(vars(kind)[name], "__globals__", None)
            return made_in is vars(sys.modules[kind.__module__])
    return False


def untouched() -> bool:
    """Whether Python's own HTTP client and sockets are as they were, and nobody wants to read what they do."""
    logged = _CONNECTIONS.isEnabledFor(logging.DEBUG) or _RETRIES.isEnabledFor(logging.DEBUG)
    return not logged and _seen() == _AS_MADE


def _seen() -> list[Any]:
    # Asked several times for each invocation.
    kind, client = socket.socket, HTTPConnection
    of_client = [getattr(client, name) for name in _WATCHED]
    return [kind, client.debuglevel, kind.connect, kind.send, kind.sendall, kind.recv, kind.recv_into, *of_client]


def has_plain_sockets() -> bool:
    """Whether sockets are Python's own, but for where they connect to (see `labels`)."""
    kind = socket.socket
    changed = [vars(kind)[name] for name in _OF_SOCKETS if name in vars(kind)]
    return kind.__module__ == "socket" and all(
        getattr(one, "__globals__", {}).get("__name__", "").startswith(_OURS) for one in changed
    )


# Those of a tool that was there before this module was loaded are no methods of the library's own.
_WAS_PLAIN = all(is_own(HTTPConnection, name) for name in _WATCHED) and has_plain_sockets()
_AS_MADE = _seen() if _WAS_PLAIN and not HTTPConnection.debuglevel else []


def _read(sock: socket.socket) -> tuple[Answer, bool]:
    """Return the answer and whether the connection can be kept."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        more = sock.recv(HEAD)
        if not more or len(data) > HEAD:
            raise Unsuited
        data += more
    first, *lines = data[:end].decode("latin-1").split("\r\n")
    version, status, reason = (*first.split(" ", 2), "")[:3]
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    named = {name.lower(): value for name, value in headers}
    if version != "HTTP/1.1" or "content-length" not in named or named.keys() & _ODD or int(status) in _NO_BODY:
        raise Unsuited
    content = _exactly(sock, data[end + 4 :], int(named["content-length"]))
    return Answer(int(status), reason, headers, content), "close" not in named.get("connection", "").lower()


_ODD = {"transfer-encoding", "set-cookie"}


def _exactly(sock: socket.socket, begun: bytes, length: int) -> bytes:
    if len(begun) >= length:
        return begun[:length]
    content = bytearray(length)
    content[: len(begun)] = begun
    view, at = memoryview(content), len(begun)
    while at < length:
        got = sock.recv_into(view[at:])
        if not got:
            raise Unsuited
        at += got
    return bytes(content)


def typed(value: Any) -> str:
    """Return a header's value as text; raises `Unsuited` for what is not plain ASCII text."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or text != text.strip():
        raise Unsuited
    return text


def named(name: Any) -> str:
    """Return a header's name as text; raises `Unsuited` for what is none (RFC 9110 section 5.6.2)."""
    text = name.decode("latin-1") if isinstance(name, bytes) else name
    if not isinstance(text, str) or not _TOKEN.fullmatch(text):
        raise Unsuited
    return text
