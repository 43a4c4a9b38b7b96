"""HTTP at its edges: what two parsers could read in two ways, and clients that go away."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from typing import Any

import pytest

from support.live import LiveServer
from support.wire import UNSIGNED, Wire, head, read_answer


def _send(wire: Wire, data: bytes) -> bytes:
    with wire.connection() as opened:
        opened.settimeout(10)
        received = b""
        # A server that has refused the head need not read the rest: then the connection is reset.
        with suppress(OSError):
            opened.sendall(data)
            opened.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while part := opened.recv(65536):
                received += part
        return received


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 3", "Content-Length: 4"],
        ["Content-Length: 3", "Transfer-Encoding: chunked"],
        ["Content-Length: -1"],
        ["Content-Length: 3x"],
        ["Transfer-Encoding: gzip, chunked, identity"],
        ["Host : x"],
        ["Bad Name: x"],
        ["No colon"],
        ["X: a\x00b"],
    ],
)
def test_ambiguous_heads_are_refused(wire: Wire, lines: list[str]) -> None:
    received = _send(
        wire, "\r\n".join(["PUT /b/k HTTP/1.1", f"Host: {wire.netloc}", *lines, "", "abc"]).encode("latin-1")
    )
    assert received.startswith(b"HTTP/1.1 4")
    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "data", [b"GARBAGE\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/9.9\r\n\r\n", b"GET\r\n\r\n"]
)
def test_what_is_not_http(wire: Wire, data: bytes) -> None:
    received = _send(wire, data)
    assert received == b"" or received.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))
    assert wire.plain("GET", "/-/health/live", {}).status == 200


def test_a_request_without_a_host(wire: Wire) -> None:
    assert _send(wire, b"GET /b/k HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_heads_are_bounded(wire: Wire) -> None:
    received = _send(wire, head("GET", "/b/k", {"Host": wire.netloc, "X-Large": "x" * 200_000}))
    assert received == b"" or received.startswith(b"HTTP/1.1 4")


def test_http_1_0_ends_the_connection(wire: Wire, bucket: str) -> None:
    wire.send("PUT", f"/{bucket}/k", body=b"abc")
    data = head("GET", f"/{bucket}/k", wire.signed("GET", f"/{bucket}/k")).replace(b"HTTP/1.1", b"HTTP/1.0")
    with wire.connection() as opened:
        opened.settimeout(10)
        opened.sendall(data)
        received = b""
        while part := opened.recv(65536):
            received += part
    assert b" 200 " in received.partition(b"\r\n")[0]
    assert received.endswith(b"\r\n\r\nabc")


def test_a_refused_body_is_not_read_as_a_request(wire: Wire, bucket: str) -> None:
    smuggled = head("DELETE", f"/{bucket}/k", wire.signed("DELETE", f"/{bucket}/k"))
    wire.send("PUT", f"/{bucket}/k", body=b"abc")
    wrong = wire.signed("PUT", f"/{bucket}/other", None, None, sha256=UNSIGNED)
    wrong["Authorization"] = wrong["Authorization"][:-1] + "~"
    received = _send(wire, head("PUT", f"/{bucket}/other", wrong | {"Content-Length": str(len(smuggled))}) + smuggled)
    assert received.startswith(b"HTTP/1.1 403 ")
    assert received.count(b"HTTP/1.1 ") == 1
    assert wire.send("GET", f"/{bucket}/k").body == b"abc"


def test_readers_that_go_away_leave_nothing_open(server: LiveServer, wire: Wire, s3: Any, bucket: str) -> None:
    if server.process is None:
        # Somebody else's server: its files are not ours to count.
        return
    s3.put_object(Bucket=bucket, Key="large", Body=bytes(8_000_000))
    folder = f"/proc/{server.process.pid}/fd"

    def opened_files() -> int:
        found = []
        for name in os.listdir(folder):
            # Closed since the folder was listed.
            with suppress(FileNotFoundError):
                found.append(os.readlink(f"{folder}/{name}"))
        return sum(bucket in one for one in found)

    for _ in range(20):
        with wire.connection() as opened:
            opened.sendall(head("GET", f"/{bucket}/large", wire.signed("GET", f"/{bucket}/large")))
            assert opened.recv(1000).startswith(b"HTTP/1.1 200 OK")
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    deadline = time.monotonic() + 10
    while opened_files() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert opened_files() == 0


def test_an_object_replaced_while_it_is_read(wire: Wire, s3: Any, bucket: str) -> None:
    """The reader gets the whole of what there was when it began."""
    before = b"a" * 20_000_000
    s3.put_object(Bucket=bucket, Key="k", Body=before)
    with wire.connection() as opened:
        opened.sendall(head("GET", f"/{bucket}/k", wire.signed("GET", f"/{bucket}/k")))
        time.sleep(0.2)
        s3.put_object(Bucket=bucket, Key="k", Body=b"b" * 1000)
        s3.delete_object(Bucket=bucket, Key="k")
        assert read_answer(opened).body == before
