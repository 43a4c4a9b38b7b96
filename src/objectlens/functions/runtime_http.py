"""The HTTP of the Runtime API: one request at a time on each connection, everything bounded, nothing more.

A connection parses requests and hands them to a `Responder`, which answers now or later through the connection. It
knows no paths.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Protocol

import httptools

from objectlens.clock import Clock
from objectlens.functions.runtime_socket import Stream

# awslambdaric puts an X-Ray cause of up to 1 MiB into a header.
MAX_HEAD = 2 * 1024 * 1024
# What is read and thrown away of a body that was refused, so that the client gets to read the refusal.
MAX_DISCARD = 256 * 1024 * 1024
_REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request", 403: "Forbidden", 404: "Not Found"}
_REASONS |= {405: "Method Not Allowed", 413: "Payload Too Large", 500: "Internal Server Error", 501: "Not Implemented"}


@dataclass(slots=True)
class RuntimeRequest:
    """One request of a runtime. Header names are in lower case; trailers stand among the headers.

    `oversized` tells that the body was longer than the connection's limit; `body` is then empty.
    """

    method: str = ""
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    oversized: bool = False


class Responder(Protocol):
    """Whoever answers the requests of an environment's connections."""

    def handle(self, request: RuntimeRequest, connection: RuntimeConnection) -> None:
        """Answer through `connection.reply`, now or later."""
        ...

    def lost(self, connection: RuntimeConnection) -> None:
        """Take note that a connection is gone."""
        ...


class RuntimeConnection:
    """One connection of a runtime; it reads nothing before it is told to `begin`."""

    def __init__(self, sock: socket.socket, responder: Responder, max_body: int, clock: Clock) -> None:
        self._stream = Stream(sock, self, clock)
        self._responder = responder
        self._max_body = max_body
        self._parser = httptools.HttpRequestParser(self)
        self._request = RuntimeRequest()
        self._parts: list[bytes] = []
        self._size = 0
        self._head = 0
        self._in_head = True
        self._waiting = False
        self._resuming = False
        self._last = False

    # --- runtime_socket.Reader ---

    def lost(self) -> None:
        """Tell the responder."""
        self._responder.lost(self)

    def received(self, data: bytes) -> None:
        """Parse; anything that is not HTTP, too long, or a second request before the answer ends the connection."""
        if self._in_head:
            self._head += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self.close()
            return
        if self._in_head and self._head > MAX_HEAD:
            self.close()

    def _feed(self, data: bytes) -> None:
        """Parse; an offer of another protocol, such as Java's `Upgrade: h2c`, is ignored (RFC 9110 section 7.8).

        The parser takes what follows the offer for that protocol, so a fresh one is told how the body is framed.
        """
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._parser = httptools.HttpRequestParser(self)
            if framing := self._framing():
                self._resuming = True
                self._parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n\r\n")
                self._resuming = False
            if rest := data[upgrade.args[0] :]:
                self._feed(rest)

    def _framing(self) -> bytes:
        headers = self._request.headers
        if "transfer-encoding" in headers:
            return b"Transfer-Encoding: chunked"
        length = headers.get("content-length", "0")
        return b"" if length == "0" else b"Content-Length: " + length.encode("latin-1")

    # --- httptools ---

    def on_message_begin(self) -> None:
        """Begin a request."""
        if self._resuming:
            return
        if self._waiting or self._last or not self._stream.open:
            raise ValueError("a second request before the answer to the first, or after the last")
        self._request = RuntimeRequest()
        self._parts = []
        self._size = 0
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        if not self._resuming:
            self._request.path += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header or trailer."""
        self._request.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Send `100 Continue` where it is waited for."""
        if self._resuming:
            return
        self._last = _is_last(self._request, self._parser.get_http_version())
        self._request.method = self._parser.get_method().decode("ascii")
        self._in_head = False
        self._head = 0
        if self._request.headers.get("expect", "").lower() == "100-continue":
            self._stream.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._size += len(body)
        if self._size <= self._max_body:
            self._parts.append(body)
        else:
            self._parts.clear()
            if self._size > MAX_DISCARD:
                self.close()

    def on_message_complete(self) -> None:
        """Hand the request over."""
        if self._parser.should_upgrade() and self._framing():
            return  # its body is still to come
        request = self._request
        request.oversized = self._size > self._max_body
        request.body = b"".join(self._parts)
        self._parts = []
        self._in_head = True
        self._waiting = True
        self._responder.handle(request, self)

    # --- beginning ---

    @property
    def ends(self) -> tuple[tuple[str, int], tuple[str, int]] | None:
        """The addresses of the other end and of this one, None when the connection is broken."""
        return self._stream.ends

    def begin(self) -> None:
        """Take requests."""
        if self._stream.open:
            self._stream.begin()

    def look(self) -> None:
        """Take what lies there unread."""
        self._stream.look()

    @property
    def late(self) -> float:
        """For how many seconds the request that was handed over last has been there."""
        return self._stream.late

    # --- answering ---

    def reply(self, status: int, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Answer the request that was handed over last."""
        self._waiting = False
        lines = [f"HTTP/1.1 {status} {_REASONS[status]}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in headers]
        lines.append(f"Content-Length: {len(body)}")
        self._stream.send("\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + body)
        if self._last:
            self._stream.finish()

    def close(self) -> None:
        """End the connection."""
        self._stream.close()


def _is_last(request: RuntimeRequest, version: str) -> bool:
    """Whether the client wants its connection closed after the answer, by which simple ones know where that ends."""
    return version == "1.0" or "close" in request.headers.get("connection", "").lower()
