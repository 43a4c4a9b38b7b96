"""Clients that break off anywhere: nothing is lost, nothing is left behind.

Each round is a number of requests, plain and transformed, of which most are cut at a random byte: while they are sent,
before the answer, or within it; by a reset, a close, or half a close. What a round does follows from its seed.
`OBJECTLENS_CHAOS_ROUNDS` (default 2) and `OBJECTLENS_CHAOS_SEED` (default 1) say how many and which.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import struct
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from objectlens.sigv4 import Credentials, presign
from support.live import Lens, LiveServer, make_lens_on, start_server, stop_server

ROUNDS = int(os.environ.get("OBJECTLENS_CHAOS_ROUNDS", "2"))
SEED = int(os.environ.get("OBJECTLENS_CHAOS_SEED", "1"))
REQUESTS, AT_A_TIME, PLACES = 120, 12, 4
ENVIRONMENTS = 3
# Environments may have been replaced, or keep a connection or two to the service; what leaks, leaks with every request.
SLACK = 3 * ENVIRONMENTS
SIZE = 3_000_000
HANDLER = """
import http.client, os, time

def lambda_handler(event, context):
    place = event["getObjectContext"]
    path = event["userRequest"]["url"]
    time.sleep(0.05 if "late" in path else 0)
    connection = http.client.HTTPConnection(os.environ["AWS_ENDPOINT_URL_S3"].partition("//")[2], timeout=20)
    headers = {"x-amz-request-route": place["outputRoute"], "x-amz-request-token": place["outputToken"]}
    body = (b"y" * 100_000 for _ in range(30)) if "stream" in path else b"y" * 50_000
    if "broken" in path:
        headers["Content-Length"] = "70000"
    try:
        connection.request("POST", "/WriteGetObjectResponse", body, headers)
        if "broken" not in path:
            connection.getresponse().read()
    except OSError:
        pass
    connection.close()
"""


@dataclass(frozen=True)
class Deed:
    """One request: its bytes, after how many of them to stop, after how many of the answer, and how to go."""

    request: bytes
    sent: int
    read: int
    farewell: str


class Chaos:
    """Makes and does deeds; the same seed makes the same ones."""

    def __init__(self, lens: Lens, alias: str, seed: int) -> None:
        self.lens, self.alias, self.random = lens, alias, random.Random(seed)

    def deed(self) -> Deed:
        pick = self.random
        request = self.request(pick.choice(["get", "put", "chunks", "late", "stream", "plain", "broken", "list"]))
        farewell = pick.choice(["reset", "close", "half", "patience", "patience"])
        sent = len(request) if pick.random() < 0.6 else pick.randrange(1, len(request))
        read = pick.choice([0, 1, 300, 20_000, 1_000_000])
        return Deed(request, sent, read, farewell)

    def request(self, kind: str) -> bytes:
        if kind in {"put", "chunks"}:
            body = self.random.randbytes(SIZE)
            if kind == "put":
                return self.head("PUT", f"/{self.lens.bucket}/new", f"Content-Length: {SIZE}\r\n") + body
            head = self.head("PUT", f"/{self.lens.bucket}/new", "Transfer-Encoding: chunked\r\n")
            return head + b"%x\r\n%b\r\n0\r\n\r\n" % (SIZE, body)
        if kind == "get":
            return self.head("GET", f"/{self.lens.bucket}/large")
        if kind == "list":
            return self.head("GET", f"/{self.lens.bucket}?list-type=2")
        return self.head("GET", f"/{self.alias}/large?{kind}=1")

    def head(self, method: str, path: str, more: str = "") -> bytes:
        server = self.lens.server
        key = Credentials(server.access_key_id, server.secret_access_key)
        now = datetime.now(UTC)
        url = presign(method, server.url + path, key, region=server.region, now=now, expires=600)
        host, _, target = url.removeprefix("http://").partition("/")
        return f"{method} /{target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n".encode()

    async def do(self, deed: Deed) -> None:
        host, _, port = self.lens.server.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        if deed.farewell == "reset":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Cut from the other side: as broken answers are.
        with contextlib.suppress(OSError):
            async with asyncio.timeout(30):
                writer.write(deed.request[: deed.sent])
                await writer.drain()
                if deed.farewell == "half":
                    writer.write_eof()
                if deed.sent < len(deed.request):
                    await asyncio.sleep(0.01)
                else:
                    await self.read(reader, 2 * SIZE if deed.farewell == "patience" else deed.read)
        writer.transport.abort() if deed.farewell == "reset" else writer.close()

    @staticmethod
    async def read(reader: asyncio.StreamReader, left: int) -> None:
        """Read so many bytes of the answer, or all of it."""
        while left > 0 and (piece := await reader.read(min(left, 100_000))):
            left -= len(piece)

    async def round(self) -> None:
        places = asyncio.Semaphore(AT_A_TIME)

        async def one(deed: Deed) -> None:
            async with places:
                await self.do(deed)

        await asyncio.gather(*(one(self.deed()) for _ in range(REQUESTS)))


def files_of(server: LiveServer) -> int:
    """Return how many files and sockets the server has open."""
    assert server.process is not None
    return psutil.Process(server.process.pid).num_fds()


def drafts(server: LiveServer) -> list[Path]:
    """Return the large files of the buckets: their objects, and what unfinished uploads may have left."""
    assert server.data is not None
    return [path for path in (server.data / "buckets").rglob("*") if path.is_file() and path.stat().st_size > 100_000]


@pytest.mark.timeout(180 + 60 * ROUNDS)
def test_nothing_is_lost_and_nothing_is_left_behind(tmp_path: Path) -> None:
    settings = {
        "OBJECTLENS_ADMISSION_MAX_REQUESTS": str(PLACES),
        "OBJECTLENS_ADMISSION_MAX_INNER_REQUESTS": "16",
        "OBJECTLENS_FUNCTIONS_MAX_ENVIRONMENTS": str(ENVIRONMENTS),
    }
    server = start_server(tmp_path / "data", env=settings)
    try:
        lens = make_lens_on(server, HANDLER)
        control = server.client("s3control")
        found = control.get_access_point_for_object_lambda(AccountId=server.account, Name=lens.name)
        alias = found["Alias"]["Value"]
        for key in ("large", "new"):
            lens.put(key, b"x" * SIZE)
        # As many at once as may be in the functions' environments, so that those are all there before it begins.
        asyncio.run(Chaos(lens, alias, SEED - 1).round())
        before, stored = settled(server, 0), len(drafts(server))
        for number in range(ROUNDS):
            asyncio.run(Chaos(lens, alias, SEED + number).round())
        assert settled(server, before + SLACK) <= before + SLACK
        assert len(drafts(server)) <= stored
        # Were places lost, these would wait in line and be refused; each has its whole body.
        for _ in range(2 * PLACES):
            assert len(lens.read("large")) == 50_000
            assert lens.s3.get_object(Bucket=lens.bucket, Key="large")["Body"].read() == b"x" * SIZE
        log = (tmp_path / "data.log").read_text()
        assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:4000]
    except BaseException:
        stop_server(server)
        raise
    began = time.monotonic()
    assert stop_server(server) == 0
    assert time.monotonic() - began < 15  # a request that was never counted out would hold the drain up to its end


def settled(server: LiveServer, wanted: int) -> int:
    """Wait until the server has no more than so many files open, or their number has come to rest."""
    last, since = files_of(server), time.monotonic()
    while time.monotonic() - since < 8 and last > wanted:
        time.sleep(0.5)
        now = files_of(server)
        if now != last:
            last, since = now, time.monotonic()
    return last
