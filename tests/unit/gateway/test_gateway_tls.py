"""The door for functions: HTTP as ever, over TLS, under many names."""

import asyncio
import os
import socket
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import uvloop

from objectlens.gateway.certificates import open_authority
from objectlens.gateway.connection import Limits
from objectlens.gateway.inner import open_doors
from objectlens.gateway.server import Server
from objectlens.gateway.tls import PERIOD, tls_context
from objectlens.http import Headers, HttpRequest, HttpResponse
from objectlens.streams import FileSlice, read_all

OURS = ("s3.amazonaws.com", "bucket.with.dots.s3.us-east-1.amazonaws.com")
LOOPS = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])


@dataclass
class At:
    """A clock that stands."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return 0.0


@asynccontextmanager
async def serving(folder, app, limits: Limits | None = None):
    """Serve over TLS; yields a function that connects under a name, and what was sent."""
    clock = At(datetime.now(UTC))
    authority = open_authority(folder, ("localhost",), clock.now())
    sock = socket.create_server(("127.0.0.1", 0))
    sent = asyncio.Queue()
    server = Server(app, sent.put_nowait, limits or Limits(), 100)
    await server.start(socket.create_server(("127.0.0.1", 0)))
    await server.accept(sock, tls_context(authority, lambda name: name in OURS, clock))
    client = ssl.create_default_context(cadata=authority.certificate.decode())

    async def connect(name: str = OURS[0], **options):
        return await asyncio.open_connection(
            "127.0.0.1", sock.getsockname()[1], ssl=client, server_hostname=name, **options
        )

    try:
        yield connect, sent
    finally:
        await server.drain(1)
    assert server.connections == 0


def run(loop, main) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


async def ask(connect, request: bytes, name: str = OURS[0]) -> bytes:
    reader, writer = await connect(name)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


@LOOPS
def test_it_is_the_same_http(tmp_path, loop) -> None:
    async def app(request: HttpRequest) -> HttpResponse:
        body = await read_all(request.body, 10_000_000)
        return HttpResponse(200, Headers(), f"{request.scheme} {request.host} {request.path} {len(body)}".encode())

    async def main() -> None:
        async with serving(tmp_path, app) as (connect, _):
            head = b"PUT /k HTTP/1.1\r\nHost: %b\r\nConnection: close\r\nContent-Length: 3000000\r\n\r\n"
            for name in OURS:
                answer = await ask(connect, head % name.encode() + bytes(3_000_000), name)
                assert answer.endswith(f"\r\n\r\nhttps {name} /k 3000000".encode())

    run(loop, main)


@LOOPS
def test_files_and_streams_go_out_whole(tmp_path, loop) -> None:
    content = os.urandom(5_000_000)
    (tmp_path / "file").write_bytes(content)

    async def parts():
        for at in range(0, len(content), 70_000):
            yield content[at : at + 70_000]

    async def app(request: HttpRequest) -> HttpResponse:
        if request.path == "/file":
            return HttpResponse(200, body=FileSlice(os.open(tmp_path / "file", os.O_RDONLY), 1000, 4_000_000))
        return HttpResponse(200, body=parts(), length=len(content))

    async def main() -> None:
        async with serving(tmp_path, app) as (connect, sent):
            reader, writer = await connect()
            writer.write(
                b"GET /file HTTP/1.1\r\nHost: h\r\n\r\nGET /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
            )
            answer = await reader.read()
            writer.close()
        first = answer.index(b"\r\n\r\n") + 4
        assert answer[first : first + 4_000_000] == content[1000:4_001_000]
        assert answer.endswith(b"\r\n\r\n" + content)
        for size in (4_000_000, 5_000_000):
            one = sent.get_nowait()
            assert (one.bytes_sent, one.complete) == (size, True)

    run(loop, main)


@LOOPS
def test_a_slow_reader_slows_the_stream_down(tmp_path, loop) -> None:
    made = [0]

    async def parts():
        for _ in range(1000):
            made[0] += 1
            yield bytes(100_000)

    async def app(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, body=parts())

    async def main() -> None:
        async with serving(tmp_path, app) as (connect, sent):
            _, writer = await connect(limit=1000)
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            before = -1
            while before < made[0] or not made[0]:
                before = made[0]
                await asyncio.sleep(0.2)
            assert before < 500
            writer.transport.abort()
            assert not (await sent.get()).complete

    run(loop, main)


@LOOPS
def test_a_broken_body_never_looks_whole(tmp_path, loop) -> None:
    async def parts():
        yield b"some"
        raise ConnectionError("broken")

    async def app(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, body=parts())

    async def main() -> None:
        async with serving(tmp_path, app) as (connect, _):
            reader, writer = await connect()
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            answer = b""
            try:
                while part := await reader.read(65536):
                    answer += part
            except (ConnectionError, ssl.SSLError):
                answer += b"<cut>"
            writer.close()
        assert not answer.endswith(b"0\r\n\r\n")

    run(loop, main)


@LOOPS
def test_a_name_that_is_not_ours_has_no_certificate(tmp_path, loop) -> None:
    async def app(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200)

    async def main() -> None:
        async with serving(tmp_path, app) as (connect, _):
            for name in ("dynamodb.amazonaws.com", "example.org"):
                with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
                    await connect(name)
            for name in ("127.0.0.1", "localhost"):
                assert b" 200 " in await ask(connect, b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", name)

    run(loop, main)


@LOOPS
def test_what_is_not_tls_gets_no_answer(tmp_path, loop) -> None:
    async def app(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200)

    async def main() -> None:
        async with serving(tmp_path, app) as (connect, sent):
            _, probe = await connect()
            port = probe.get_extra_info("peername")[1]
            probe.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            try:
                answer = await reader.read()
            except ConnectionError:
                answer = b""
            writer.close()
        assert b"HTTP" not in answer
        assert sent.empty()

    run(loop, main)


def test_certificates_are_made_once_in_a_period(tmp_path) -> None:
    clock = At(datetime.fromtimestamp(PERIOD * 3000, UTC))
    authority = open_authority(tmp_path, ("localhost",), clock.now())
    context = tls_context(authority, lambda name: name in OURS, clock)

    def certificate(name: str | None) -> bytes:
        """Shake hands in memory."""
        up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname = False
        trusting.verify_mode = ssl.CERT_NONE
        client = trusting.wrap_bio(down, up, server_hostname=name)
        server = context.wrap_bio(up, down, server_side=True)
        waiting = [client, server]
        while waiting:
            one = waiting.pop(0)
            try:
                one.do_handshake()
            except ssl.SSLWantReadError:
                waiting.append(one)
        found = client.getpeercert(binary_form=True)
        assert found
        return found

    first = certificate(OURS[0])
    assert certificate(OURS[0].upper()) == first
    assert certificate(OURS[1]) != first
    assert certificate(None) == certificate("example.org")
    clock.moment += timedelta(seconds=PERIOD)
    assert certificate(OURS[0]) != first


def test_the_doors_are_on_loopback_and_close(tmp_path) -> None:
    bound = []

    def bind(host: str, port: int) -> socket.socket:
        bound.append((host, port))
        return socket.create_server(("127.0.0.1", 0))

    doors = open_doors(tmp_path, ("localhost",), "127.9.0.1", At(datetime.now(UTC)), bind)
    assert bound == [("127.0.0.1", 0), ("127.9.0.1", 443), ("127.9.0.1", 80)]
    assert [tls is not None for _, tls in doors.doors] == [True, True, False]
    assert doors.tls_url == f"https://127.0.0.1:{doors.doors[0][0].getsockname()[1]}"
    doors.close()
    assert [sock.fileno() for sock, _ in doors.doors] == [-1, -1, -1]


def test_none_stays_open_when_one_cannot_be_had(tmp_path) -> None:
    made = []

    def bind(host: str, port: int) -> socket.socket:
        if port:
            raise PermissionError
        made.append(socket.create_server((host, port)))
        return made[0]

    with pytest.raises(PermissionError):
        open_doors(tmp_path, ("localhost",), "127.9.0.1", At(datetime.now(UTC)), bind)
    assert made[0].fileno() == -1
