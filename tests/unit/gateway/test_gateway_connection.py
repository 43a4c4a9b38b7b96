"""The HTTP server, byte for byte, over real sockets."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from objectlens.gateway.connection import Limits, Sent
from objectlens.gateway.server import Server
from objectlens.http import Headers, HttpRequest, HttpResponse
from objectlens.streams import FileSlice, read_all
from support.hosts import until


@dataclass
class Running:
    port: int
    server: Server
    sent: list[Sent] = field(default_factory=list)

    async def talk(self, *pieces: bytes, pause: float = 0.05, wait: float = 2.0) -> bytes:
        """Send the pieces one after the other and return everything that comes back until the end or silence."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        answer = b""
        try:
            async with asyncio.timeout(wait):
                while chunk := await reader.read(65536):
                    answer += chunk
        except TimeoutError:
            answer += b"<open>"
        except ConnectionError:
            answer += b"<cut>"
        writer.close()
        return answer


def with_server(
    app: Callable[[HttpRequest], Awaitable[HttpResponse]],
    test: Callable[[Running], Awaitable[None]],
    limits: Limits | None = None,
    max_connections: int = 100,
) -> None:
    async def main() -> None:
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        sent: list[Sent] = []
        server = Server(app, sent.append, limits or Limits(), max_connections)
        await server.start(sock)
        try:
            await test(Running(sock.getsockname()[1], server, sent))
        finally:
            await server.drain(1)
        assert server.connections == 0

    asyncio.run(main())


async def echo(request: HttpRequest) -> HttpResponse:
    body = await read_all(request.body, 10_000_000)
    text = f"{request.method} {request.host} {request.path} {request.query} ".encode() + body
    return HttpResponse(200, Headers([("X-Seen", ",".join(name for name, _ in request.headers))]), text)


def test_keeps_the_letter_case_of_headers() -> None:
    async def test(server: Running) -> None:
        answer = await server.talk(
            b"GET /k HTTP/1.1\r\nHost: h\r\nX-MiXed-Case: 1\r\nlower: 2\r\nConnection: close\r\n\r\n"
        )
        assert answer.startswith(b"HTTP/1.1 200 OK\r\nX-Seen: Host,X-MiXed-Case,lower,Connection\r\n")
        assert answer.endswith(b"GET h /k  ")

    with_server(echo, test)


def test_white_space_around_a_value_is_no_part_of_it() -> None:
    async def app(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, body=repr(list(request.headers)).encode())

    async def test(server: Running) -> None:
        answer = await server.talk(
            b"GET / HTTP/1.1\r\nHost: h \r\nA: \t b  c \t \r\nEmpty:  \r\nConnection: close \r\n\r\n"
        )
        assert answer.endswith(b"[('Host', 'h'), ('A', 'b  c'), ('Empty', ''), ('Connection', 'close')]")

    with_server(app, test)


def test_takes_absolute_form_targets_and_prefers_their_authority() -> None:
    async def test(server: Running) -> None:
        answer = await server.talk(
            b"GET http://resize-123456789012.localhost:9000/a%20b//c?x=1&y HTTP/1.1\r\nHost: other\r\n"
            b"Connection: close\r\n\r\n"
        )
        assert answer.endswith(b"GET resize-123456789012.localhost:9000 /a%20b//c x=1&y ")

    with_server(echo, test)


def test_a_scheme_in_the_target_proves_nothing() -> None:
    async def app(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, body=request.scheme.encode())

    async def test(server: Running) -> None:
        answer = await server.talk(b"GET https://h/k HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        # Policies with `aws:SecureTransport` ask for it.
        assert answer.endswith(b"\r\n\r\nhttp")

    with_server(app, test)


@pytest.mark.parametrize(
    ("request_bytes", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"Host header is missing"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"more than one Host"),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", b"CONNECT is not supported"),
        (b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", b""),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", b"longer than 65536 bytes"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b""),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3x\r\n\r\nabc", b""),
        (b"\x16\x03\x01\x02\x00 a TLS hello\r\n\r\n", b""),
        (b"GET http:///b/k HTTP/1.1\r\nHost: a\r\n\r\n", b"names no host"),
        (b"GET http://?x HTTP/1.1\r\nHost: a\r\n\r\n", b""),
        (b"GET http://u@a/k HTTP/1.1\r\nHost: a\r\n\r\n", b"user information"),
        (b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", b"user information"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", b"chunked"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", b"chunked"),
    ],
)
def test_refuses_what_is_not_http(request_bytes: bytes, reason: bytes) -> None:
    async def test(server: Running) -> None:
        answer = await server.talk(request_bytes)
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert reason in answer
        assert not answer.endswith(b"<open>")

    with_server(echo, test)


def test_answers_pipelined_requests_in_order() -> None:
    async def slow_first(request: HttpRequest) -> HttpResponse:
        await asyncio.sleep(0.2 if request.path == "/1" else 0)
        return await echo(request)

    async def test(server: Running) -> None:
        answer = await server.talk(
            b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
            b"GET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        )
        assert [answer.find(path) for path in (b"/1", b"/2  abc", b"/3")] == sorted(
            answer.find(path) for path in (b"/1", b"/2  abc", b"/3")
        )
        assert answer.count(b"HTTP/1.1 200 OK") == 3
        assert b"/2  abc" in answer

    with_server(slow_first, test)


@pytest.mark.parametrize(
    "response",
    [
        HttpResponse(200, Headers([("X-A", "b\r\nX-B: c")])),
        HttpResponse(200, Headers([("X-A: b\r\nX-B", "c")])),
        HttpResponse(200, Headers([("X-A", "b\0")])),
        HttpResponse(200, reason="Fine\nX-B: c"),
        HttpResponse(200, Headers([("X-A", "\ud800")])),
        HttpResponse(200, body=b"longer than announced", length=3),
    ],
)
def test_an_answer_that_cannot_be_written_cuts_and_is_reported_once(response: HttpResponse) -> None:
    async def app(request: HttpRequest) -> HttpResponse:
        return response

    async def test(server: Running) -> None:
        answer = await server.talk(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert answer in {b"", b"<cut>"}
        # Whoever counts requests counts this one out, or its place would be lost for ever.
        assert [sent.complete for sent in server.sent] == [False]

    with_server(app, test)


def test_requests_sent_ahead_are_bounded() -> None:
    async def app(request: HttpRequest) -> HttpResponse:
        await asyncio.sleep(0.1)
        return HttpResponse(200, body=b"done")

    async def test(server: Running) -> None:
        answer = await server.talk(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" * 1000)
        assert answer.count(b"done") == 1
        assert not answer.endswith(b"<open>")

    with_server(app, test)


def test_endless_trailers_and_chunk_extensions_are_cut() -> None:
    async def app(request: HttpRequest) -> HttpResponse:
        await read_all(request.body, 1000)
        return HttpResponse(200, body=b"done")

    async def test(server: Running) -> None:
        head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
        for endless in (b"0\r\nX: " + b"y" * 60_000, b"3;a=" + b"y" * 60_000):
            answer = await server.talk(head + endless, b"y" * 60_000, b"y" * 60_000)
            assert answer in {b"", b"<cut>"}
        few = await server.talk(head + b"0\r\nX-Sum: 1\r\n\r\n", wait=0.2)
        assert few.endswith(b"done<open>")

    with_server(app, test)


def test_sends_continue_only_when_the_body_is_wanted() -> None:
    async def app(request: HttpRequest) -> HttpResponse:
        return HttpResponse(403) if request.path == "/no" else await echo(request)

    async def test(server: Running) -> None:
        head = b"PUT %s HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        wanted = await server.talk(head % b"/yes", b"abc", wait=0.5)
        assert wanted.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
        refused = await server.talk(head % b"/no")
        assert refused.startswith(b"HTTP/1.1 403 Forbidden\r\n")
        assert b"100 Continue" not in refused
        assert b"Connection: close" in refused
        assert not refused.endswith(b"<open>")

    with_server(app, test)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_upgrade_offer_is_ignored_and_the_body_still_read(framing: str) -> None:
    header, body = {
        "length": (b"Content-Length: 5", b"hello"),
        "chunked": (b"Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n"),
    }[framing]

    async def test(server: Running) -> None:
        answer = await server.talk(
            b"POST /u HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: AA\r\n" + header + b"\r\n\r\n" + body[:3],
            body[3:] + b"GET /next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        )
        assert b"POST h /u  hello" in answer
        assert answer.endswith(b"GET h /next  ")

    with_server(echo, test)


def test_a_body_that_breaks_cuts_the_connection() -> None:
    async def app(request: HttpRequest) -> HttpResponse:
        async def body() -> AsyncIterator[bytes]:
            yield b"x" * 10
            await asyncio.sleep(0.05)
            raise ConnectionError("the function died")

        return HttpResponse(200, body=body(), length=100 if request.path == "/length" else None)

    async def test(server: Running) -> None:
        with_length = await server.talk(b"GET /length HTTP/1.1\r\nHost: h\r\n\r\n")
        assert b"Content-Length: 100" in with_length
        assert with_length.partition(b"\r\n\r\n")[2].removesuffix(b"<cut>") == b"x" * 10
        chunked = await server.talk(b"GET /chunked HTTP/1.1\r\nHost: h\r\n\r\n")
        assert chunked.partition(b"\r\n\r\n")[2].removesuffix(b"<cut>") == b"a\r\n" + b"x" * 10 + b"\r\n"
        assert [sent.complete for sent in server.sent] == [False, False]

    with_server(app, test)


def test_a_body_shorter_than_announced_cuts_the_connection() -> None:
    async def app(request: HttpRequest) -> HttpResponse:
        async def body() -> AsyncIterator[bytes]:
            yield b"abc"

        return HttpResponse(200, body=body(), length=5)

    async def test(server: Running) -> None:
        answer = await server.talk(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert not answer.endswith(b"<open>")
        assert [sent.complete for sent in server.sent] == [False]

    with_server(app, test)


def test_head_and_304_carry_no_body() -> None:
    async def app(request: HttpRequest) -> HttpResponse:
        return HttpResponse(304) if request.path == "/304" else HttpResponse(200, body=b"abc")

    async def test(server: Running) -> None:
        head = await server.talk(b"HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert b"Content-Length: 3\r\n" in head
        assert head.endswith(b"\r\n\r\n")
        unmodified = await server.talk(b"GET /304 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert b"Content-Length" not in unmodified
        assert unmodified.endswith(b"\r\n\r\n")

    with_server(app, test)


def test_sends_a_slice_of_a_file_and_closes_it(tmp_path) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(700_000))
    opened: list[FileSlice] = []

    async def app(request: HttpRequest) -> HttpResponse:
        opened.append(FileSlice(os.open(path, os.O_RDONLY), 100_000, 500_000))
        return HttpResponse(200, body=opened[-1])

    async def test(server: Running) -> None:
        answer = await server.talk(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert answer.partition(b"\r\n\r\n")[2] == path.read_bytes()[100_000:600_000]
        await server.talk(b"HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        for one in opened:
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(one.fd)

    with_server(app, test)


def test_a_client_that_leaves_cancels_its_request() -> None:
    cancelled = asyncio.Event()

    async def app(request: HttpRequest) -> HttpResponse:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        raise AssertionError("unreachable")

    async def test(server: Running) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        await asyncio.sleep(0.1)
        writer.close()
        async with asyncio.timeout(2):
            await cancelled.wait()
        await until(lambda: server.sent and server.server.connections == 0)
        assert server.sent[0].response is None

    with_server(app, test)


def test_an_upload_cut_short_raises_where_it_is_read() -> None:
    seen: list[str] = []

    async def app(request: HttpRequest) -> HttpResponse:
        try:
            await read_all(request.body, 100)
        except (ConnectionError, asyncio.CancelledError) as error:
            seen.append(type(error).__name__)
            raise
        raise AssertionError("a short body looked complete")

    async def test(server: Running) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
        await asyncio.sleep(0.1)
        writer.close()
        await asyncio.sleep(0.1)
        assert len(seen) == 1

    with_server(app, test)


def test_a_slow_reader_slows_the_body_down_and_is_cut_at_last() -> None:
    produced = 0

    async def app(request: HttpRequest) -> HttpResponse:
        async def body() -> AsyncIterator[bytes]:
            nonlocal produced
            while produced < 1000:
                produced += 1
                yield b"x" * 262_144

        return HttpResponse(200, body=body())

    async def test(server: Running) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        await asyncio.sleep(1.5)
        assert produced < 200
        assert server.sent[0].complete is False
        writer.close()

    with_server(app, test, Limits(write_seconds=0.3))


def test_idle_and_headless_connections_are_closed() -> None:
    async def test(server: Running) -> None:
        assert await server.talk(b"GET / HT", wait=4) in {b"", b"<cut>"}
        after = await server.talk(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", wait=4)
        assert after.startswith(b"HTTP/1.1 200")
        assert not after.endswith(b"<open>")

    with_server(echo, test, Limits(head_seconds=0.5, idle_seconds=0.5))


def test_one_too_many_takes_the_place_of_an_idle_connection() -> None:
    async def app(request: HttpRequest) -> HttpResponse:
        await asyncio.sleep(0.5 if request.path == "/slow" else 0)
        return HttpResponse(200, body=b"done")

    async def test(server: Running) -> None:
        busy = asyncio.create_task(server.talk(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n", wait=1))
        await asyncio.sleep(0.1)
        idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(3)]
        quick = await server.talk(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert quick.endswith(b"done")
        assert (await busy).endswith(b"done<open>")
        assert await idle[0][0].read() == b""
        for _, writer in idle:
            writer.close()

    with_server(app, test, max_connections=4)


def test_draining_lets_the_answer_under_way_go_out() -> None:
    async def app(request: HttpRequest) -> HttpResponse:
        await asyncio.sleep(0.5)
        return HttpResponse(200, body=b"done")

    async def test(server: Running) -> None:
        answer = asyncio.create_task(server.talk(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"))
        await asyncio.sleep(0.2)
        await server.server.drain(5)
        text = await answer
        assert b"Connection: close" in text
        assert text.endswith(b"done")
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await asyncio.open_connection("127.0.0.1", server.port)

    with_server(app, test)
