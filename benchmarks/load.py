"""The load generator: GETs over kept connections on one event loop, as light as Python allows.

Each request of ours is signed for itself (SigV4 in the header), with the day's key computed once, as SDKs do. Runs as
a process of its own: reads its orders as JSON from stdin, writes what it measured as JSON to stdout.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import uvloop

_EMPTY = hashlib.sha256(b"").hexdigest()
_END_OF_HEAD = b"\r\n\r\n"
# No answer takes longer, or it never comes.
_PATIENCE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Orders:
    """What to ask for: `paths` in turn, by `clients` connections, for `seconds`. `key` is (id, secret) or None.

    `unless` are ETags of the paths: with them, who asks has it already, and 304 is the right answer. With `once`, each
    path is asked for once, however long it takes.
    """

    host: str
    port: int
    paths: list[str]
    clients: int
    seconds: float
    key: tuple[str, str] | None = None
    region: str = "us-east-1"
    unless: list[str] | None = None
    once: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """One measurement: seconds it took, the time of each answer, body bytes, and CPU seconds of whoever asked."""

    seconds: float
    times: list[float]
    bytes: int = 0
    cpu: float = 0.0


class Signer:
    """Makes the head of each request."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._host = f"{orders.host}:{orders.port}"
        self._day = ""
        self._signing_key = b""

    def head(self, path: str, unless: str | None = None) -> bytes:
        plain = f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\n"
        if unless is not None:
            plain += f"If-None-Match: {unless}\r\n"
        if self._orders.key is None:
            return f"{plain}\r\n".encode()
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{stamp[:8]}/{self._orders.region}/s3/aws4_request"
        names = "host;x-amz-content-sha256;x-amz-date"
        canonical = (
            f"GET\n{path}\n\nhost:{self._host}\nx-amz-content-sha256:{_EMPTY}\nx-amz-date:{stamp}\n\n{names}\n{_EMPTY}"
        )
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._key_of(stamp[:8]), text.encode(), "sha256").hex()
        return (
            f"{plain}x-amz-date: {stamp}\r\nx-amz-content-sha256: {_EMPTY}\r\n"
            f"Authorization: AWS4-HMAC-SHA256 Credential={self._orders.key[0]}/{scope}, SignedHeaders={names}, "
            f"Signature={signature}\r\n\r\n"
        ).encode()

    def _key_of(self, day: str) -> bytes:
        if day != self._day and self._orders.key is not None:
            key = b"AWS4" + self._orders.key[1].encode()
            for part in (day, self._orders.region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._day, self._signing_key = day, key
        return self._signing_key


class Client(asyncio.Protocol):
    """One connection that asks again as soon as it has its answer."""

    def __init__(
        self, next_head: Callable[[], bytes | None], done: Callable[[float, int], None], *, may_have: bool = False
    ) -> None:
        self._next_head = next_head
        self._may_have = may_have
        self._done = done
        self._transport: asyncio.Transport
        self._began = 0.0
        self._head = b""
        self._expected: int | None = None
        self._received = 0
        self._tail = b""
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._ask()

    def _ask(self) -> None:
        head = self._next_head()
        if head is None:
            self._transport.close()
            return
        self._head, self._received = b"", -1
        self._began = time.perf_counter()
        self._transport.write(head)

    def data_received(self, data: bytes) -> None:
        if self._received < 0:
            self._head += data
            head, parted, data = self._head.partition(_END_OF_HEAD)
            if not parted:
                return
            self._received = 0
            self._expected = self._length(head.lower())
        self._received += len(data)
        if self._expected is None:
            self._tail = (self._tail + data)[-7:]
        ended = self._tail.endswith(b"0\r\n\r\n") if self._expected is None else self._received >= self._expected
        if ended:
            self._tail = b""
            self._done(time.perf_counter() - self._began, self._received)
            self._ask()

    def _length(self, head: bytes) -> int | None:
        if head.startswith(b"http/1.1 304") and self._may_have:
            return 0
        if not head.startswith((b"http/1.1 200", b"http/1.0 200")):
            self._fail(head.partition(b"\r\n")[0].decode("latin-1"))
        for line in head.split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return int(line[15:])
        return None

    def _fail(self, reason: str) -> None:
        if not self.closed.done():
            self.closed.set_exception(RuntimeError(reason))
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            if self._next_head() is not None:
                self.closed.set_exception(RuntimeError(f"the connection broke: {exc}"))
            else:
                self.closed.set_result(None)


async def generate(orders: Orders) -> Round:
    """Ask until the time is over; raises RuntimeError for any answer but 200."""
    signer, times, bytes_, number = Signer(orders), [], 0, 0
    paths = [quote(path, safe="/-_.~:()") if orders.key is None else path for path in orders.paths]
    began, used = time.perf_counter(), time.process_time()

    def next_head() -> bytes | None:
        nonlocal number
        # Everybody asks once at least, however short the time.
        if orders.once:
            if number >= len(paths):
                return None
        elif number >= orders.clients and time.perf_counter() - began > orders.seconds:
            return None
        number += 1
        at = number % len(paths)
        return signer.head(paths[at], orders.unless[at] if orders.unless else None)

    def done(seconds: float, received: int) -> None:
        nonlocal bytes_
        times.append(seconds)
        bytes_ += received

    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(
            lambda: Client(next_head, done, may_have=orders.unless is not None), orders.host, orders.port
        )
        for _ in range(orders.clients)
    ]
    await asyncio.gather(*(client.closed for _, client in made))
    return Round(time.perf_counter() - began, times, bytes_, time.process_time() - used)


def measure(orders: Orders) -> Round:
    """Generate the load from a process of its own; raises RuntimeError when an answer is not 200, or none comes."""
    with tempfile.TemporaryFile("w+") as out:
        command = [sys.executable, str(Path(__file__))]
        said = json.dumps(asdict(orders))
        limit = orders.seconds + _PATIENCE_SECONDS * (10 if orders.once else 1)
        try:
            done = subprocess.run(
                command, input=said, stdout=out, stderr=subprocess.PIPE, check=False, text=True, timeout=limit
            )
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"an answer did not come within {limit:g} seconds") from None
        if done.returncode:
            raise RuntimeError(done.stderr.strip().rpartition("\n")[2] or "the load generator failed")
        out.seek(0)
        return Round(**json.load(out))


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(generate(Orders(**json.load(sys.stdin)))))))
