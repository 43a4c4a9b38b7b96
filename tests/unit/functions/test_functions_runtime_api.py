import asyncio
import base64
import json
import resource
import socket
import time

import pytest

from objectlens.clock import SystemClock
from objectlens.functions.runtime_api import MAX_RESPONSE, Dispatch, RuntimeApi
from objectlens.functions.states import Forbidden, State
from support.hosts import until

ROOT = "/2018-06-01/runtime"
EVENT = Dispatch(
    request_id="3f6b", payload=b'{"k":1}', deadline_ms=1700000000123, invoked_arn="arn:f", client_context='{"a": 1}'
)


class Recorder:
    def __init__(self):
        self.events = []

    def ready(self):
        self.events.append("ready")

    def answered(self, answer):
        self.events.append(answer)

    def init_failed(self, answer):
        self.events.append(("init", answer))


class Client:
    """A runtime's side of one connection, byte by byte."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def send(self, method, path, body=b"", *headers):
        lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
        self.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def raw(self, data):
        self.writer.write(data)

    async def answer(self):
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.strip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        body = await self.reader.readexactly(int(headers.get("Content-Length", 0)))
        return int(status.split()[1]), headers, body

    async def ask(self, method, path, body=b"", *headers):
        self.send(method, path, body, *headers)
        return await self.answer()

    async def error(self, method, path, body=b"", *headers):
        status, _, content = await self.ask(method, path, body, *headers)
        return status, json.loads(content)["errorType"]


def transcript(test, admits=lambda peer, own: True):
    """Run `test(api, listener, connect)` against a listening API that takes whom `admits` does."""

    async def run():
        listener = Recorder()
        api = RuntimeApi(listener, SystemClock())
        if admits is not None:
            api.admit(admits)
        host, port = api.listen().split(":")
        clients = []

        async def connect():
            clients.append(Client(*await asyncio.open_connection(host, int(port))))
            return clients[-1]

        try:
            async with asyncio.timeout(10):
                await test(api, listener, connect)
        finally:
            api.end()
            for client in clients:
                client.writer.close()
                await asyncio.wait([asyncio.ensure_future(client.writer.wait_closed())])
        assert api._connections == set()

    asyncio.run(run())


async def working(api, listener, connect):
    """A client that has received `EVENT`."""
    client = await connect()
    client.send("GET", f"{ROOT}/invocation/next")
    await until(lambda: listener.events == ["ready"])
    api.dispatch(EVENT)
    status, headers, body = await client.answer()
    assert (status, body) == (200, EVENT.payload)
    listener.events.clear()
    return client, headers


def test_connections_wait_until_it_is_known_whose_they_may_be():
    async def test(api, listener, connect):
        early = await connect()
        early.send("GET", f"{ROOT}/invocation/next")
        await asyncio.sleep(0.05)
        assert listener.events == []
        own = early.writer.get_extra_info("sockname")
        api.admit(lambda peer, ours: peer == own and ours == early.writer.get_extra_info("peername"))
        await until(lambda: listener.events == ["ready"])
        stranger = await connect()
        stranger.send("GET", f"{ROOT}/invocation/next")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await stranger.answer()
        api.dispatch(EVENT)
        assert (await early.answer())[0] == 200

    transcript(test, None)


def test_a_connection_that_comes_just_as_the_environment_ends_is_closed():
    async def test(api, listener, connect):
        known = await connect()
        host, port = known.writer.get_extra_info("peername")
        with socket.create_connection((host, port)) as late:  # the loop has had no turn to accept it
            api.end()
            with pytest.raises(ConnectionResetError):
                late.recv(1)
        assert await known.reader.read() == b""

    transcript(test)


def test_who_cannot_be_accepted_now_is_accepted_later(monkeypatch, caplog):
    monkeypatch.setattr("objectlens.functions.runtime_socket._PAUSE_SECONDS", 0.05)

    async def test(api, listener, connect):
        address = (await connect()).writer.get_extra_info("peername")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket() as late:
            resource.setrlimit(resource.RLIMIT_NOFILE, (late.fileno() + 1, hard))
            try:
                late.connect(address)
                await until(lambda: "Too many open files" in caplog.text)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            late.sendall(b"GET /ping HTTP/1.1\r\n\r\n")
            await until(lambda: len(api._connections) == 2)
            assert (await asyncio.to_thread(late.recv, 15)) == b"HTTP/1.1 200 OK"

    transcript(test)


def test_next_carries_the_event_and_its_headers():
    async def test(api, listener, connect):
        _, headers = await working(api, listener, connect)
        assert headers == {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": "3f6b",
            "Lambda-Runtime-Deadline-Ms": "1700000000123",
            "Lambda-Runtime-Invoked-Function-Arn": "arn:f",
            "Lambda-Runtime-Client-Context": '{"a": 1}',
            "Content-Length": "7",
        }
        assert api.state is State.BUSY

    transcript(test)


def test_a_response_and_the_next_event_on_one_connection():
    async def test(api, listener, connect):
        client, _ = await working(api, listener, connect)
        status, _, body = await client.ask("POST", f"{ROOT}/invocation/3f6b/response", b'{"ok":1}')
        assert (status, json.loads(body)) == (202, {"status": "OK"})
        assert (listener.events[0].body, listener.events[0].error_type) == (b'{"ok":1}', None)
        assert api.state is State.ANSWERED
        client.send("GET", f"{ROOT}/invocation/next")
        await until(lambda: listener.events[1:] == ["ready"])

    transcript(test)


@pytest.mark.parametrize("call", ["response", "error"])
def test_an_answer_ended_when_it_came_however_late_that_is_looked_at(call):
    async def test(api, listener, connect):
        client, _ = await working(api, listener, connect)
        head, rest = f"POST {ROOT}/invocation/3f6b/{call} HTTP/1.1\r\nContent-Length: 2\r\n\r\n1".encode(), b"2"
        client.raw(head)
        await asyncio.sleep(0.2)
        client.raw(rest)
        began = time.monotonic()
        asyncio.get_running_loop().call_soon(time.sleep, 0.1)  # the server is busy with something else
        assert (await client.answer())[0] == 202
        assert 0.1 <= listener.events[0].late <= time.monotonic() - began

    transcript(test)


def test_a_long_event_to_a_runtime_that_reads_slowly():
    async def test(api, listener, connect):
        client = await connect()
        client.send("GET", f"{ROOT}/invocation/next")
        await until(lambda: listener.events == ["ready"])
        event = bytes(range(256)) * (40 * 4096)  # more than both ends of a connection hold
        api.dispatch(Dispatch(request_id="3f6b", payload=event, deadline_ms=1, invoked_arn="arn:f"))
        client.send("POST", f"{ROOT}/invocation/3f6b/response", b"1")
        await asyncio.sleep(0.05)
        assert listener.events == ["ready"], "a request was read before the answer to the last had left"
        assert (await client.answer())[2] == event
        assert (await client.answer())[0] == 202

    transcript(test)


def test_an_error_with_its_type():
    async def test(api, listener, connect):
        client, _ = await working(api, listener, connect)
        document = b'{"errorMessage":"m","errorType":"ValueError","stackTrace":[]}'
        status, _, _ = await client.ask("POST", f"{ROOT}/invocation/3f6b/error", document)
        assert status == 202
        assert (listener.events[0].body, listener.events[0].error_type) == (document, "ValueError")

    transcript(test)


@pytest.mark.parametrize("body", [b"", b"not json", b"[1]", b'{"errorType": 5}', b"\xff", b"[" * 100_000])
def test_an_error_that_is_no_document_takes_its_type_from_the_header(body):
    async def test(api, listener, connect):
        client, _ = await working(api, listener, connect)
        header = "Lambda-Runtime-Function-Error-Type: Runtime.Odd"
        assert (await client.ask("POST", f"{ROOT}/invocation/3f6b/error", body, header))[0] == 202
        assert listener.events[0].error_type == "Runtime.Odd"
        assert isinstance(json.loads(listener.events[0].body), dict)

    transcript(test)


def test_an_init_error_ends_the_environment():
    async def test(api, listener, connect):
        client = await connect()
        body = b'{"errorMessage":"no module","errorType":"Runtime.ImportModuleError"}'
        assert (await client.ask("POST", f"{ROOT}/init/error", body))[0] == 202
        assert listener.events[0][1].error_type == "Runtime.ImportModuleError"
        assert api.state is State.DEAD
        assert await client.error("GET", f"{ROOT}/invocation/next") == (403, "InvalidStateTransition")

    transcript(test)


def test_a_wrong_id_is_refused_and_the_invocation_stands():
    async def test(api, listener, connect):
        client, _ = await working(api, listener, connect)
        assert await client.error("POST", f"{ROOT}/invocation/beef/response", b"1") == (400, "InvalidRequestID")
        assert await client.error("POST", f"{ROOT}/invocation/beef/error", b"{}") == (400, "InvalidRequestID")
        assert (await client.ask("POST", f"{ROOT}/invocation/3f6b/response", b"1"))[0] == 202

    transcript(test)


def test_what_the_state_does_not_allow():
    async def test(api, listener, connect):
        client = await connect()
        forbidden = (403, "InvalidStateTransition")
        assert await client.error("POST", f"{ROOT}/invocation/3f6b/response", b"1") == forbidden
        with pytest.raises(Forbidden):
            api.dispatch(EVENT)
        client, _ = await working(api, listener, connect)
        assert await client.error("GET", f"{ROOT}/invocation/next") == forbidden
        assert await client.error("POST", f"{ROOT}/init/error", b"{}") == forbidden
        with pytest.raises(Forbidden):
            api.dispatch(EVENT)
        assert (await client.ask("POST", f"{ROOT}/invocation/3f6b/response", b"1"))[0] == 202
        assert await client.error("POST", f"{ROOT}/invocation/3f6b/response", b"1") == forbidden
        assert len(listener.events) == 1

    transcript(test)


def test_whoever_is_retired_waits_for_its_end():
    async def test(api, listener, connect):
        client, _ = await working(api, listener, connect)
        assert (await client.ask("POST", f"{ROOT}/invocation/3f6b/response", b"1"))[0] == 202
        api.retire()
        client.send("GET", f"{ROOT}/invocation/next")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.answer()
        assert listener.events[1:] == []
        with pytest.raises(Forbidden):
            api.dispatch(EVENT)

    transcript(test)


def test_six_mebibytes_and_not_a_byte_more():
    async def test(api, listener, connect):
        client, _ = await working(api, listener, connect)
        path = f"{ROOT}/invocation/3f6b/response"
        assert await client.error("POST", path, b"x" * (MAX_RESPONSE + 1)) == (413, "RequestEntityTooLarge")
        assert listener.events[0].error_type == "Function.ResponseSizeTooLarge"
        client.send("GET", f"{ROOT}/invocation/next")
        await until(lambda: listener.events[1:] == ["ready"])
        api.dispatch(EVENT)
        await client.answer()
        assert (await client.ask("POST", path, b"x" * MAX_RESPONSE))[0] == 202
        assert len(listener.events[2].body) == MAX_RESPONSE

    transcript(test)


def test_an_error_that_is_too_long_says_so():
    async def test(api, listener, connect):
        client, _ = await working(api, listener, connect)
        await client.ask("POST", f"{ROOT}/invocation/3f6b/error", b'"' + b"x" * MAX_RESPONSE + b'"')
        assert listener.events[0].error_type == "Function.ResponseSizeTooLarge"
        assert str(MAX_RESPONSE) in json.loads(listener.events[0].body)["errorMessage"]

    transcript(test)


CHUNKED = (
    f"POST {ROOT}/invocation/3f6b/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
    "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n"
    "4\r\nhalf\r\n3\r\nway\r\n0\r\n"
).encode()


def test_a_streamed_response():
    async def test(api, listener, connect):
        client, _ = await working(api, listener, connect)
        for byte in CHUNKED + b"\r\n":
            client.raw(bytes([byte]))
            await asyncio.sleep(0)
        assert (await client.answer())[0] == 202
        assert (listener.events[0].body, listener.events[0].error_type) == (b"halfway", None)

    transcript(test)


def test_a_streamed_response_that_ends_in_an_error():
    async def test(api, listener, connect):
        client, _ = await working(api, listener, connect)
        document = b'{"errorMessage":"broke","errorType":"Oops"}'
        trailers = b"Lambda-Runtime-Function-Error-Type: Oops\r\nLambda-Runtime-Function-Error-Body: "
        client.raw(CHUNKED + trailers + base64.b64encode(document) + b"\r\n\r\n")
        assert (await client.answer())[0] == 202
        assert (listener.events[0].body, listener.events[0].error_type) == (document, "Oops")

    transcript(test)


@pytest.mark.parametrize("document", [b"[1]", b"null", b"not json", b"[" * 100_000])
def test_a_streamed_response_that_ends_in_what_is_no_document(document):
    async def test(api, listener, connect):
        client, _ = await working(api, listener, connect)
        trailers = b"Lambda-Runtime-Function-Error-Type: Oops\r\nLambda-Runtime-Function-Error-Body: "
        client.raw(CHUNKED + trailers + base64.b64encode(document) + b"\r\n\r\n")
        assert (await client.answer())[0] == 202
        assert json.loads(listener.events[0].body) == {"errorType": "Oops", "errorMessage": ""}

    transcript(test)


def test_an_unknown_response_mode():
    async def test(api, listener, connect):
        client, _ = await working(api, listener, connect)
        header = "Lambda-Runtime-Function-Response-Mode: telepathic"
        assert await client.error("POST", f"{ROOT}/invocation/3f6b/response", b"1", header) == (
            400,
            "InvalidFunctionResponseMode",
        )

    transcript(test)


def test_a_runtime_that_lost_its_connection_asks_again():
    async def test(api, listener, connect):
        first = await connect()
        first.send("GET", f"{ROOT}/invocation/next")
        await until(lambda: listener.events == ["ready"])
        first.writer.close()
        await until(lambda: api._poll is None)
        api.dispatch(EVENT)
        second = await connect()
        status, headers, _ = await second.ask("GET", f"{ROOT}/invocation/next")
        assert (status, headers["Lambda-Runtime-Aws-Request-Id"]) == (200, "3f6b")
        assert listener.events == ["ready"]

    transcript(test)


def test_a_second_poll_beside_a_living_one_is_refused():
    async def test(api, listener, connect):
        first = await connect()
        first.send("GET", f"{ROOT}/invocation/next")
        await until(lambda: listener.events == ["ready"])
        second = await connect()
        assert await second.error("GET", f"{ROOT}/invocation/next") == (403, "InvalidStateTransition")

    transcript(test)


def test_a_body_is_waited_for_with_100_continue():
    async def test(api, listener, connect):
        client, _ = await working(api, listener, connect)
        head = f"POST {ROOT}/invocation/3f6b/response HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"
        client.raw(head.encode())
        assert (await client.answer())[0] == 100
        client.raw(b"1")
        assert (await client.answer())[0] == 202

    transcript(test)


OFFER = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAA\r\n"


@pytest.mark.parametrize(
    ("framing", "parts"),
    [
        ("Content-Length: 3", [b"123"]),
        ("Content-Length: 3", [b"1", b"23"]),
        ("Transfer-Encoding: chunked", [b"2\r\n12\r\n", b"1\r\n3\r\n0\r\n\r\n"]),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_an_offer_of_another_protocol_is_ignored(framing, parts, together):
    async def test(api, listener, connect):
        client = await connect()
        client.raw(f"GET {ROOT}/invocation/next HTTP/1.1\r\n{OFFER}\r\n".encode())
        await until(lambda: listener.events == ["ready"])
        api.dispatch(EVENT)
        assert (await client.answer())[2] == EVENT.payload
        head = f"POST {ROOT}/invocation/3f6b/response HTTP/1.1\r\n{OFFER}{framing}\r\n\r\n".encode()
        for part in [head + b"".join(parts)] if together else [head, *parts]:
            client.raw(part)
            await asyncio.sleep(0.01)
        assert (await client.answer())[0] == 202
        assert listener.events[1].body == b"123"
        client.send("GET", f"{ROOT}/invocation/next")
        await until(lambda: listener.events[2:] == ["ready"])

    transcript(test)


@pytest.mark.parametrize("request_line", ["GET /ping HTTP/1.0\r\n", "GET /ping HTTP/1.1\r\nConnection: close\r\n"])
def test_a_connection_ends_after_the_answer_when_the_client_wants_it(request_line):
    async def test(api, listener, connect):
        client = await connect()
        client.raw(f"{request_line}\r\n".encode())
        assert (await client.answer())[2] == b"pong"
        assert await client.reader.read() == b""

    transcript(test)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/2020-01-01/extension/event/next", (501, "Extension.NotSupported")),
        ("POST", "/2020-01-01/extension/register", (501, "Extension.NotSupported")),
        ("PUT", "/2022-07-01/telemetry", (501, "Extension.NotSupported")),
        ("PUT", "/2020-08-15/logs", (501, "Extension.NotSupported")),
        ("GET", "/", (404, "NotFound")),
        ("GET", f"{ROOT}/restore/next", (404, "NotFound")),
        ("POST", f"{ROOT}/invocation/next", (405, "MethodNotAllowed")),
        ("GET", f"{ROOT}/invocation/3f6b/response", (405, "MethodNotAllowed")),
        ("GET", f"{ROOT}/init/error", (405, "MethodNotAllowed")),
    ],
)
def test_what_is_not_served(method, path, expected):
    async def test(api, listener, connect):
        client = await connect()
        assert await client.error(method, path) == expected
        assert api.state is State.STARTING

    transcript(test)


def test_ping():
    async def test(api, listener, connect):
        client = await connect()
        assert (await client.ask("GET", "/2018-06-01/ping"))[::2] == (200, b"pong")
        assert (await client.ask("GET", "/ping"))[0] == 200

    transcript(test)


@pytest.mark.parametrize(
    "noise",
    [
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /ping HTTP/1.1\r\n\r\nGET",
        b"POST /x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * (3 * 1024 * 1024),
        b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n" * 2,
        b"GET /ping HTTP/1.0\r\n\r\nGET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n",
    ],
)
def test_noise_ends_the_connection(noise):
    async def test(api, listener, connect):
        client = await connect()
        client.raw(noise)
        if noise.endswith(b"GET"):
            await client.answer()
            client.raw(b"\0\0")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await client.reader.readexactly(1_000_000)
        await until(lambda: not api._connections)
        assert api._poll is None

    transcript(test)
