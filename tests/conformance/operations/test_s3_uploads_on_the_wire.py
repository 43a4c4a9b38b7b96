"""How bodies arrive: aws-chunked in all its forms, Expect: 100-continue, and connections that are cut."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import socket
import time
import zlib
from typing import Any

import pytest

from support.sums import FIVE, checksum
from support.wire import UNSIGNED, Answer, Wire, head, read_answer

BODY = random.Random(2).randbytes(150_000)
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
EMPTY = hashlib.sha256(b"").hexdigest()
CRC = base64.b64encode(zlib.crc32(BODY).to_bytes(4, "big")).decode()


def _key(wire: Wire, date: str) -> bytes:
    key = b"AWS4" + wire.server.secret_access_key.encode()
    for part in (date, wire.server.region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


class Chunks:
    """Signs the chunks of one upload, each with the signature before it."""

    def __init__(self, wire: Wire, headers: dict[str, str]) -> None:
        self.timestamp = headers["X-Amz-Date"]
        self.scope = f"{self.timestamp[:8]}/{wire.server.region}/s3/aws4_request"
        self.key = _key(wire, self.timestamp[:8])
        self.last = headers["Authorization"].rpartition("Signature=")[2]

    def sign(self, kind: str, *hashes: str) -> str:
        text = "\n".join([kind, self.timestamp, self.scope, self.last, *hashes])
        self.last = hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()
        return self.last

    def chunk(self, data: bytes) -> bytes:
        signature = self.sign("AWS4-HMAC-SHA256-PAYLOAD", EMPTY, hashlib.sha256(data).hexdigest())
        return f"{len(data):x};chunk-signature={signature}\r\n".encode() + data + b"\r\n"

    def trailer(self, line: str) -> bytes:
        signature = self.sign("AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(f"{line}\n".encode()).hexdigest())
        return f"{line}\r\nx-amz-trailer-signature:{signature}\r\n\r\n".encode()


def _signed_body(chunks: Chunks, body: bytes = BODY, size: int = 65536) -> bytes:
    return b"".join(chunks.chunk(body[at : at + size]) for at in range(0, len(body), size))


def _upload(wire: Wire, path: str, sha256: str, body: Any, **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    signed = wire.signed(
        "PUT",
        path,
        {"Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(BODY))} | names,
        None,
        sha256=sha256,
    )
    return wire.plain("PUT", path, signed, body(Chunks(wire, signed)))


def _final(chunks: Chunks) -> bytes:
    return _signed_body(chunks) + chunks.chunk(b"")


def test_signed_chunks(wire: Wire, bucket: str) -> None:
    path = f"/{bucket}/k"
    assert _upload(wire, path, SIGNED, _final).status == 200
    answer = wire.send("GET", path)
    assert answer.body == BODY
    assert answer.header("Content-Encoding") is None


def test_signed_chunks_in_tiny_pieces(wire: Wire, bucket: str) -> None:
    path = f"/{bucket}/k"
    headers = wire.signed(
        "PUT",
        path,
        {"Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": "20000"},
        None,
        sha256=SIGNED,
    )
    chunks = Chunks(wire, headers)
    body = _signed_body(chunks, BODY[:20_000], 8192) + chunks.chunk(b"")
    with wire.connection() as opened:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.sendall(head("PUT", path, headers | {"Content-Length": str(len(body))}))
        for at in range(0, len(body), 7):
            opened.sendall(body[at : at + 7])
        assert read_answer(opened, "PUT").status == 200
    assert wire.send("GET", path).body == BODY[:20_000]


def test_chunks_but_the_last_have_8_kib_or_more(wire: Wire, bucket: str) -> None:
    answer = _upload(wire, f"/{bucket}/k", SIGNED, lambda chunks: _signed_body(chunks, BODY, 8191) + chunks.chunk(b""))
    assert (answer.status, answer.code) == (403, "InvalidChunkSizeError")


def test_signed_chunks_with_a_signed_trailer(wire: Wire, bucket: str) -> None:
    path = f"/{bucket}/k"

    def body(chunks: Chunks) -> bytes:
        return _final(chunks)[:-2] + chunks.trailer(f"x-amz-checksum-crc32:{CRC}")

    answer = _upload(wire, path, f"{SIGNED}-TRAILER", body, x_amz_trailer="x-amz-checksum-crc32")
    assert (answer.status, answer.header("x-amz-checksum-crc32")) == (200, CRC)
    assert wire.send("GET", path).body == BODY


def _flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _signature_of_first(data: bytes, signature: bytes) -> bytes:
    at = data.index(b"=") + 1
    return data[:at] + signature + data[at + len(signature) :]


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (lambda chunks: _flip(_final(chunks), 1000), {"SignatureDoesNotMatch"}),
        (lambda chunks: _flip(_final(chunks), 100_000), {"SignatureDoesNotMatch"}),
        (lambda chunks: _signature_of_first(_final(chunks), b"0" * 64), {"SignatureDoesNotMatch"}),
        (lambda chunks: _signature_of_first(_final(chunks), b"g" * 64), {"IncompleteBody"}),
        (lambda chunks: _signed_body(chunks, BODY[:-1]) + chunks.chunk(b""), {"IncompleteBody"}),
        (lambda chunks: _signed_body(chunks, BODY + b"x") + chunks.chunk(b""), {"IncompleteBody", "InvalidRequest"}),
        (_signed_body, {"IncompleteBody"}),
    ],
    ids=["first chunk", "later chunk", "signature", "no signature", "too short", "too long", "no last chunk"],
)
def test_wrong_chunks_leave_nothing(wire: Wire, bucket: str, body: Any, codes: set[str]) -> None:
    path = f"/{bucket}/k"
    answer = _upload(wire, path, SIGNED, body)
    assert answer.status in {400, 403}
    assert answer.code in codes
    assert wire.send("GET", path).code == "NoSuchKey"


def _unsigned(trailer: str, size: int = 65536) -> bytes:
    parts = [BODY[at : at + size] for at in range(0, len(BODY), size)]
    body = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts)
    return body + b"0\r\n" + (f"{trailer}\r\n\r\n" if trailer else "\r\n").encode()


UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


@pytest.mark.parametrize("algorithm", FIVE)
def test_each_checksum_in_either_trailer(wire: Wire, s3: Any, bucket: str, algorithm: str) -> None:
    path, name, value = f"/{bucket}/k", f"x-amz-checksum-{algorithm.lower()}", checksum(algorithm, BODY)

    def signed(chunks: Chunks) -> bytes:
        return _final(chunks)[:-2] + chunks.trailer(f"{name}:{value}")

    def unsigned(_: Chunks) -> bytes:
        return _unsigned(f"{name}:{value}")

    for kind, body in ((f"{SIGNED}-TRAILER", signed), (UNSIGNED_TRAILER, unsigned)):
        answer = _upload(wire, path, kind, body, x_amz_trailer=name)
        assert (answer.status, answer.header(name)) == (200, value)
        assert s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")[f"Checksum{algorithm}"] == value
        wrong = _upload(wire, path, kind, body, x_amz_trailer="x-amz-checksum-sha512")
        assert wrong.status == 400


def test_unsigned_chunks_with_a_trailer(wire: Wire, bucket: str) -> None:
    path = f"/{bucket}/k"

    def upload(trailer: str) -> Answer:
        return _upload(wire, path, UNSIGNED_TRAILER, lambda _: _unsigned(trailer), x_amz_trailer="x-amz-checksum-crc32")

    wrong = upload("x-amz-checksum-crc32:AAAAAA==")
    assert (wrong.status, wrong.code) == (400, "BadDigest")
    missing = upload("")
    assert (missing.status, missing.code) == (400, "MalformedTrailerError")
    assert wire.send("GET", path).code == "NoSuchKey"
    answer = upload(f"x-amz-checksum-crc32:{CRC}")
    assert (answer.status, answer.header("x-amz-checksum-crc32")) == (200, CRC)
    assert wire.send("GET", path).body == BODY


def test_unsigned_chunks_inside_http_chunks(wire: Wire, bucket: str) -> None:
    path = f"/{bucket}/k"
    headers = wire.signed(
        "PUT",
        path,
        {
            "Content-Encoding": "gzip,aws-chunked",
            "Transfer-Encoding": "chunked",
            "x-amz-decoded-content-length": str(len(BODY)),
            "x-amz-trailer": "x-amz-checksum-crc32",
        },
        None,
        sha256=UNSIGNED_TRAILER,
    )
    body = _unsigned(f"x-amz-checksum-crc32:{CRC}")
    framed = b"".join(
        f"{len(body[at : at + 9999]):x}\r\n".encode() + body[at : at + 9999] + b"\r\n"
        for at in range(0, len(body), 9999)
    )
    assert wire.plain("PUT", path, headers, framed + b"0\r\n\r\n").status == 200
    answer = wire.send("GET", path)
    assert (answer.body, answer.header("Content-Encoding")) == (BODY, "gzip")


def test_expect_100_continue(wire: Wire, bucket: str) -> None:
    path = f"/{bucket}/k"
    headers = wire.signed("PUT", path, {"Expect": "100-continue"}, None, sha256=UNSIGNED)
    with wire.connection() as opened:
        opened.sendall(head("PUT", path, headers | {"Content-Length": "3"}))
        opened.settimeout(5)
        assert opened.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        opened.sendall(b"abc")
        assert read_answer(opened, "PUT").status == 200
    assert wire.send("GET", path).body == b"abc"


def test_a_refusal_comes_instead_of_100_continue(wire: Wire, bucket: str) -> None:
    path = f"/{bucket}/k"
    headers = wire.signed("PUT", path, {"Expect": "100-continue"}, None, sha256=UNSIGNED)
    headers["Authorization"] = headers["Authorization"][:-1] + "~"
    with wire.connection() as opened:
        opened.sendall(head("PUT", path, headers | {"Content-Length": "3"}))
        opened.settimeout(5)
        answer = read_answer(opened, "PUT")
        assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


def test_a_body_shorter_than_announced(wire: Wire, bucket: str) -> None:
    path = f"/{bucket}/k"
    headers = wire.signed("PUT", path, None, None, sha256=UNSIGNED)
    with wire.connection() as opened:
        opened.sendall(head("PUT", path, headers | {"Content-Length": "100000"}) + b"x" * 50_000)
        opened.shutdown(socket.SHUT_WR)
        rest = opened.recv(10_000)
        assert b" 200 " not in rest
    assert wire.send("GET", path).code == "NoSuchKey"


@pytest.mark.parametrize("sent", [0, 1, 70_000, 149_999])
def test_a_killed_upload_leaves_what_was_there(wire: Wire, bucket: str, sent: int) -> None:
    path = f"/{bucket}/folder/k"
    headers = wire.signed("PUT", path, None, None, sha256=UNSIGNED) | {"Content-Length": str(len(BODY))}

    def cut() -> None:
        with wire.connection() as opened:
            opened.sendall(head("PUT", path, headers) + BODY[:sent])
            # A reset, as from a process that was killed.
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        time.sleep(0.1)

    cut()
    assert wire.send("GET", path).code == "NoSuchKey"
    assert wire.send("PUT", path, body=b"before").status == 200
    cut()
    assert wire.send("GET", path).body == b"before"
    listing = wire.send("GET", f"/{bucket}?list-type=2").body
    assert listing.count(b"<Key>") == 1


def test_one_connection_serves_many_requests(wire: Wire, bucket: str) -> None:
    path = f"/{bucket}/k"
    put = wire.signed("PUT", path, None, b"abc")
    get = wire.signed("GET", path)
    missing = wire.signed("GET", f"/{bucket}/none")
    with wire.connection() as opened:
        for _ in range(3):
            opened.sendall(head("PUT", path, put | {"Content-Length": "3"}) + b"abc")
            assert read_answer(opened, "PUT").status == 200
            opened.sendall(head("GET", path, get))
            assert read_answer(opened).body == b"abc"
            opened.sendall(head("HEAD", path, wire.signed("HEAD", path)))
            assert read_answer(opened, "HEAD").header("Content-Length") == "3"
            opened.sendall(head("GET", f"/{bucket}/none", missing))
            assert read_answer(opened).status == 404
            opened.sendall(head("DELETE", path, wire.signed("DELETE", path)))
            assert read_answer(opened, "DELETE").status == 204


def test_pipelined_requests_are_answered_in_order(wire: Wire, bucket: str) -> None:
    for number in range(5):
        wire.send("PUT", f"/{bucket}/{number}", body=str(number).encode())
    with wire.connection() as opened:
        opened.sendall(
            b"".join(
                head("GET", f"/{bucket}/{number}", wire.signed("GET", f"/{bucket}/{number}")) for number in range(5)
            )
        )
        received = b""
        opened.settimeout(10)
        while received.count(b"HTTP/1.1 200 OK") < 5 or not received.endswith(b"4"):
            received += opened.recv(65536)
    assert [part[-1:] for part in received.split(b"HTTP/1.1 200 OK")[1:]] == [b"0", b"1", b"2", b"3", b"4"]
