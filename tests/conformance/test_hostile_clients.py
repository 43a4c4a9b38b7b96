"""What strangers may cost: no memory for bodies, no places, no time of others."""

from __future__ import annotations

import socket
import time
from urllib.parse import urlsplit

import pytest


def say(server, request: bytes) -> bytes:
    """Send bytes and return the first of the answer, which must come although the body never does."""
    place = urlsplit(server.url)
    with socket.create_connection((place.hostname, place.port), timeout=10) as sock:
        sock.sendall(request)
        return sock.recv(65536)


def claimed(service: str, key: str = "AKIANOBODY") -> bytes:
    scope = f"{key}/20260101/us-east-1/{service}/aws4_request"
    return f"Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0\r\n".encode()


@pytest.mark.parametrize(("service", "path"), [("lambda", "/2015-03-31/functions"), ("iam", "/"), ("sts", "/")])
def test_the_body_of_a_stranger_is_not_waited_for(server, service: str, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: h\r\nX-Amz-Date: 20260101T000000Z\r\nContent-Length: 60000\r\n".encode()
    for authorization in (claimed(service), claimed(service, "ASIASAAAAAAAAAAAAAAA")):
        began = time.monotonic()
        assert say(server, head + authorization + b"\r\n").startswith(b"HTTP/1.1 403 ")
        assert time.monotonic() - began < 5
    if service == "lambda":
        assert b" 403 " in say(server, b"POST " + path.encode() + b" HTTP/1.1\r\nHost: lambda.amazonaws.com\r\n\r\n")


def test_a_hostile_header_holds_nobody_up(server) -> None:
    began = time.monotonic()
    hostile = b"Authorization: " + b"Credential=" * 5500
    assert say(server, b"GET / HTTP/1.1\r\nHost: h\r\n" + hostile + b"\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert say(server, b"GET / HTTP/1.1\r\nHost: h\r\n" + b"a:\r\n" * 12_000 + b"\r\n").startswith(b"HTTP/1.1 403 ")
    assert time.monotonic() - began < 3
