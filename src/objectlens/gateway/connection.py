"""One client connection: HTTP/1.1 over httptools.

Why our own protocol on a well-kept parser instead of an ASGI server: handlers look headers up in the caller's letter
case, clients behind a proxy variable send absolute-form targets, and an answer that breaks must cut the connection
(docs/decisions/0004-http-server.md).
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import httptools

from objectlens.gateway.bodies import IncomingBody
from objectlens.gateway.messages import BadRequest, has_body, now, one_host, render_head, split_target
from objectlens.http import Headers, HttpRequest, HttpResponse, ResponseBody
from objectlens.streams import CHUNK, FileSlice, all_cached, read_cached

_log = logging.getLogger(__name__)

App = Callable[[HttpRequest], Awaitable[HttpResponse]]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one connection: bytes and seconds."""

    head_bytes: int = 64 * 1024
    head_seconds: float = 30.0
    idle_seconds: float = 75.0
    body_seconds: float = 60.0
    write_seconds: float = 60.0
    discard_bytes: int = 256 * 1024
    discard_seconds: float = 5.0
    pipelined: int = 32
    write_buffer: int = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sent:
    """How an answer went out, for the access log and the meter; `response` is None when the client left before it."""

    request: HttpRequest
    response: HttpResponse | None
    bytes_sent: int
    complete: bool


@dataclass(slots=True)
class _Exchange:
    request: HttpRequest
    body: IncomingBody
    keep_alive: bool
    http10: bool
    sent: int = 0
    told: bool = False


class WriteTimeout(ConnectionError):
    """The client stopped reading in the middle of an answer."""


class Connection(asyncio.Protocol):
    """Parses requests, runs the app on one at a time, writes the answers in order."""

    def __init__(
        self,
        app: App,
        sent: Callable[[Sent], None],
        limits: Limits,
        opened: Callable[[Connection], None],
        closed: Callable[[Connection], None],
    ) -> None:
        self._app = app
        self._sent = sent
        self._limits = limits
        self._opened = opened
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._peer = ""
        self._scheme = "http"
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._head_size = 0
        self._seen = 0
        self._idle_bytes = 0
        self._in_head = False
        self._upgrading = False
        self._resuming = False
        self._parsing: IncomingBody | None = None
        self._pending: deque[_Exchange] = deque()
        self._task: asyncio.Task[None] | None = None
        self._continue_due = False
        self._reading = True
        self._writable: asyncio.Future[None] | None = None
        self._closing = False
        self._lost = False
        self.deadline: float = self._loop.time() + limits.head_seconds

    # --- what the transport calls ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a new connection."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""
        if transport.get_extra_info("sslcontext") is not None:
            self._scheme = "https"
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in {socket.AF_INET, socket.AF_INET6}:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport.set_write_buffer_limits(high=self._limits.write_buffer)
        self._opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End what is under way: nobody is there to read the answer."""
        self._lost = True
        if self._parsing is not None:
            self._parsing.fail(ConnectionError("the client closed the connection"))
        for exchange in self._pending:
            exchange.body.fail(ConnectionError("the client closed the connection"))
        self._pending.clear()
        self.resume_writing()
        if self._task is not None:
            self._task.cancel()
        self._closed(self)

    def eof_received(self) -> bool:
        """Take the end of the client's side for its leaving: no S3 client waits on half a connection."""
        return False

    def pause_writing(self) -> None:
        """Note that the write buffer is full."""
        if self._writable is None:
            self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """Note that the write buffer has room again."""
        if self._writable is not None:
            if not self._writable.done():
                self._writable.set_result(None)
            self._writable = None

    def data_received(self, data: bytes) -> None:
        """Parse what came in."""
        if self._closing:
            return
        if self._in_head or self._parsing is None:
            self._head_size += len(data)
        else:
            # Bytes that bring neither body nor its end: the parser gathers trailers, and nothing else bounds them.
            self._idle_bytes += len(data)
        try:
            self._feed(data)
        except BadRequest as error:
            self._refuse(str(error))
        except httptools.HttpParserError as error:
            # What a callback of ours raised arrives wrapped.
            self._refuse(str(error.__context__ or error))

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self._parser.feed_data(data)
                break
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                self._decline_upgrade()
        if self._in_head and self._head_size > self._limits.head_bytes:
            raise BadRequest(f"request line and headers are longer than {self._limits.head_bytes} bytes")
        if self._parsing is not None and self._idle_bytes > self._limits.head_bytes:
            raise BadRequest(f"chunk extensions or trailers are longer than {self._limits.head_bytes} bytes")

    def _decline_upgrade(self) -> None:
        """Go on in HTTP/1.1: an offer such as Java's `Upgrade: h2c` may be ignored (RFC 9110 section 7.8).

        The parser takes what follows for another protocol, so a fresh one is told how the body is framed.
        """
        self._parser = httptools.HttpRequestParser(self)
        if self._parsing is not None and self._upgrading:
            length = self._parsing.length
            framing = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
            self._resuming = True
            self._parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n\r\n")
            self._resuming = False
        self._upgrading = False

    # --- what the parser calls --------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Start a request."""
        if self._resuming:
            return
        self._url = b""
        self._headers = []
        self._seen = 0
        self._in_head = True
        if self._task is None:
            self.deadline = self._loop.time() + self._limits.head_seconds

    def on_url(self, url: bytes) -> None:
        """Gather the request target."""
        if not self._resuming:
            self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Gather a header; those after a chunked body (trailers) carry nothing for us."""
        if self._in_head:
            self._seen += len(name) + len(value) + 4
            if self._seen > self._limits.head_bytes:
                raise BadRequest(f"the headers are longer than {self._limits.head_bytes} bytes")
            # The parser leaves white space after a value, which is no part of it (RFC 9110 section 5.5).
            value = value.rstrip(b" \t")
            self._headers.append((name.decode("latin-1"), value.decode("utf-8", "surrogateescape")))

    def on_headers_complete(self) -> None:
        """Make the request and run it, or let it wait for its turn."""
        if self._resuming:
            return
        self._in_head = False
        self._head_size = 0
        headers = Headers(self._headers)
        method = self._parser.get_method().decode("ascii")
        http10 = self._parser.get_http_version() == "1.0"
        host = one_host(headers)
        if host is None and not http10:
            raise BadRequest("the Host header is missing")
        authority, path, query = split_target(method, self._url.decode("utf-8", "surrogateescape"), host)
        body = IncomingBody(self._body_length(headers), self._limits.body_seconds, self._wanted, self._resume_reading)
        self._parsing = body
        self._upgrading = self._parser.should_upgrade() and body.length != 0
        request = HttpRequest(
            method=method,
            path=path,
            query=query,
            headers=headers,
            host=authority,
            scheme=self._scheme,
            body=body,
            peer=self._peer,
        )
        exchange = _Exchange(request, body, self._parser.should_keep_alive() and not self._closing, http10)
        if self._task is None:
            self._start(exchange)
        elif len(self._pending) >= self._limits.pipelined:
            raise BadRequest(f"more than {self._limits.pipelined} requests were sent ahead")
        else:
            self._pending.append(exchange)
            self._pause_reading()

    def on_body(self, data: bytes) -> None:
        """Hand body bytes over."""
        self._idle_bytes = 0
        if self._parsing is not None:
            self._parsing.feed(data)
            if self._parsing.full:
                self._pause_reading()

    def on_message_complete(self) -> None:
        """End the body."""
        self._idle_bytes = 0
        if self._parsing is not None and not self._upgrading:
            self._parsing.end()
            self._parsing = None

    @staticmethod
    def _body_length(headers: Headers) -> int | None:
        coding = headers.get("transfer-encoding")
        if coding is not None:
            if coding.strip().lower() != "chunked":
                raise BadRequest("the only transfer coding that is understood is chunked")
            return None
        return int(headers.get("content-length") or 0)

    # --- running ------------------------------------------------------------------------------------------------------

    def _start(self, exchange: _Exchange) -> None:
        expects = (exchange.request.headers.get("expect") or "").lower() == "100-continue"
        # HTTP/1.0 knows no interim answers (RFC 9110 section 10.1.1).
        self._continue_due = expects and not exchange.http10
        self.deadline = float("inf")
        self._task = self._loop.create_task(self._serve(exchange))

    async def _serve(self, exchange: _Exchange) -> None:
        keep = False
        try:
            response = await self._app(exchange.request)
            keep = await self._answer(exchange, response)
            keep = keep and await self._finish_body(exchange.body)
        except asyncio.CancelledError:
            if not self._lost:
                raise
        except ConnectionError as error:
            _log.info("request %s %s cut: %s", exchange.request.method, exchange.request.path, error)
            self._transport.abort()
        except Exception:  # noqa: BLE001  (the last line of defence: the corridor renders every error it can)
            _log.exception("the connection to %s failed", self._peer)
            self._transport.abort()
        finally:
            self._tell(exchange, None, complete=False)
            self._task = None
            self._next(keep=keep)

    def _tell(self, exchange: _Exchange, response: HttpResponse | None, *, complete: bool) -> None:
        """Report the end of a request, once: whatever went wrong, the place that it holds must become free."""
        if not exchange.told:
            exchange.told = True
            self._sent(Sent(exchange.request, response, exchange.sent, complete))

    def _next(self, *, keep: bool) -> None:
        if self._lost:
            return
        if not keep:
            self._closing = True
            self._transport.close()
        elif self._pending:
            self._start(self._pending.popleft())
            self._resume_reading()
        elif self._closing:
            self._transport.close()
        else:
            self.deadline = self._loop.time() + self._limits.idle_seconds
            self._resume_reading()

    async def _finish_body(self, body: IncomingBody) -> bool:
        """Read what the handler left of the body, so that the next request can be told from it."""
        if body.ended:
            return True
        try:
            async with asyncio.timeout(self._limits.discard_seconds):
                return await body.discard(self._limits.discard_bytes)
        except (TimeoutError, ConnectionError):
            return False

    def _refuse(self, reason: str) -> None:
        """Answer what is not HTTP: there is no request that the corridor could take."""
        self._closing = True
        if self._task is None and not self._pending:
            text = reason.encode("utf-8", "replace")
            head = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"
            self._transport.write(head + b"Content-Length: %d\r\n\r\n" % len(text) + text)
            self._transport.close()
        elif self._parsing is not None:
            self._parsing.fail(ConnectionError(reason))

    def _wanted(self) -> None:
        if self._continue_due:
            self._continue_due = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _pause_reading(self) -> None:
        if self._reading and not self._lost:
            self._reading = False
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if not self._reading and not self._lost and not self._pending:
            self._reading = True
            self._transport.resume_reading()

    def close_when_idle(self) -> None:
        """Close after the answer under way; at once when there is none."""
        self._closing = True
        if self._task is None:
            self._transport.close()

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    # --- answering ------------------------------------------------------------------------------------------

    async def _answer(self, exchange: _Exchange, response: HttpResponse) -> bool:
        """Write an answer; returns whether the connection can be kept."""
        # A client that still waits for `100 Continue` may or may not send its body now: nothing can follow on this
        # connection (RFC 9110 section 10.1.1).
        keep = exchange.keep_alive and not self._closing and not (self._continue_due and not exchange.body.ended)
        self._continue_due = False
        complete = False
        try:
            if isinstance(response.body, bytes):
                await self._write_bytes(exchange, response, response.body, keep=keep)
            elif isinstance(response.body, FileSlice) and (whole := _at_hand(response.body)) is not None:
                await self._write_bytes(exchange, response, whole, keep=keep)
            else:
                await self._write_stream(exchange, response, response.body, keep=keep)
            complete = True
        except ConnectionError as error:
            _log.info("answer to %s %s cut: %s", exchange.request.method, exchange.request.path, error)
        finally:
            if not complete:
                # Cutting is the only way to tell the client that a body is broken.
                self._transport.abort()
            self._tell(exchange, response, complete=complete)
        return keep and complete

    async def _write_bytes(
        self, exchange: _Exchange, response: HttpResponse, body: bytes | bytearray, *, keep: bool
    ) -> None:
        carries = has_body(exchange.request.method, response.status)
        length: int | None = len(body) if response.length is None else response.length
        if carries and length != len(body):
            # Sent so, the rest would be read as the next answer.
            raise ConnectionError(f"the body has {len(body)} bytes, and {length} were announced")
        if response.status in {204, 304} and not body:
            length = None
        head = render_head(response, length, chunked=False, close=not keep, date=now())
        if carries and body:
            self._transport.writelines((head, body))
        else:
            self._transport.write(head)
        exchange.sent = len(body) if carries else 0
        await self._drain()

    async def _write_stream(
        self, exchange: _Exchange, response: HttpResponse, body: FileSlice | AsyncIterator[bytes], *, keep: bool
    ) -> None:
        """Write head and body chunk by chunk; the body is closed whatever happens."""
        length = body.length if isinstance(body, FileSlice) else response.length
        carries = has_body(exchange.request.method, response.status)
        unframed = length is None and exchange.http10
        chunks = file_chunks(body) if isinstance(body, FileSlice) else body
        try:
            chunked = carries and length is None and not unframed
            head = render_head(response, length, chunked=chunked, close=not keep or unframed, date=now())
            if not isinstance(body, FileSlice):
                # What comes from a stream may take its time; a file's first piece goes out with the head.
                self._transport.write(head)
                head = b""
            if carries:
                head = await self._write_chunks(exchange, chunks, length, chunked=chunked, head=head)
            if head:
                self._transport.write(head)
            self._closing = self._closing or unframed
        finally:
            await close_body(chunks)
            if isinstance(body, FileSlice):
                body.close()

    async def _write_chunks(
        self, exchange: _Exchange, chunks: AsyncIterator[bytes], length: int | None, *, chunked: bool, head: bytes
    ) -> bytes:
        """Write `head` with the first chunk, then the others; returns the head when there was none."""
        async for chunk in chunks:
            exchange.sent += len(chunk)
            if length is not None and exchange.sent > length:
                raise ConnectionError("the body is longer than announced")
            if chunk:
                self._transport.writelines((head, b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk))
                head = b""
                await self._drain()
        if length is not None and exchange.sent < length:
            raise ConnectionError(f"the body ended {length - exchange.sent} bytes too early")
        if chunked:
            self._transport.write(b"0\r\n\r\n")
        return head

    async def _drain(self) -> None:
        if self._lost:
            raise ConnectionError("the client closed the connection")
        if self._writable is not None:
            try:
                async with asyncio.timeout(self._limits.write_seconds):
                    await self._writable
            except TimeoutError:
                raise WriteTimeout(f"the client read nothing for {self._limits.write_seconds:g} seconds") from None
            if self._lost:
                raise ConnectionError("the client closed the connection")


async def close_body(body: ResponseBody) -> None:
    """Close the body of an answer that nobody will read on."""
    if isinstance(body, FileSlice):
        body.close()
    elif (close := cast("Any", getattr(body, "aclose", None))) is not None:
        await close()


def _at_hand(body: FileSlice) -> bytearray | None:
    """Return all of a file's run, and close it, if that is short and in the page cache; None for others."""
    found = all_cached(body.fd, body.length, body.offset) if 0 < body.length <= CHUNK else None
    if found is not None:
        body.close()
    return found


async def file_chunks(body: FileSlice) -> AsyncIterator[bytes]:
    """Read a file piece by piece: at once what is in the page cache, in a thread what must come from the disk."""
    position, end = body.offset, body.offset + body.length
    while position < end:
        chunk = read_cached(body.fd, min(CHUNK, end - position), position)
        if chunk is None:
            chunk = await asyncio.to_thread(os.pread, body.fd, min(CHUNK, end - position), position)
        if not chunk:
            raise ConnectionError("the file became shorter while it was read")
        position += len(chunk)
        yield chunk
