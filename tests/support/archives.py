"""Batches and prefetches, asked for on the wire."""

from __future__ import annotations

import http.client
import io
import json
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.credentials import Credentials

from support.live import LiveServer
from support.wire import Answer, Wire

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Member:
    """One member of an archive."""

    name: str
    body: bytes
    facts: dict[str, str]
    modified: float

    @property
    def status(self) -> int:
        return int(self.facts["status"])

    @property
    def error(self) -> dict[str, Any]:
        """Return what the member of an error tells."""
        assert self.name.endswith(".error.json")
        return json.loads(self.body)


def members(archive: bytes | Any) -> list[Member]:
    """Read an archive to its end, as a stream, which must have one."""
    stream = io.BytesIO(archive) if isinstance(archive, bytes) else archive
    if isinstance(archive, bytes):
        assert archive.endswith(bytes(1024))
    found = []
    with tarfile.open(fileobj=stream, mode="r|") as opened:
        for one in opened:
            facts = {name.removeprefix("OBJECTLENS."): value for name, value in one.pax_headers.items()}
            found.append(Member(one.name, opened.extractfile(one).read(), facts, one.mtime))
    return found


def post(server: LiveServer, path: str, body: Any, credentials: Credentials | None = None) -> Answer:
    """Send a signed POST of JSON."""
    return Wire(server).send("POST", path, JSON, json.dumps(body).encode(), credentials=credentials)


def batch(server: LiveServer, credentials: Credentials | None = None, **body: Any) -> list[Member]:
    """Ask for a batch, and read it."""
    answer = post(server, "/-/batch", body, credentials)
    assert answer.status == 200, answer.body
    return members(answer.body)


def prefetch(server: LiveServer, credentials: Credentials | None = None, **body: Any) -> list[dict[str, Any]]:
    """Ask for a prefetch, and return its lines; the last one sums up."""
    answer = post(server, "/-/prefetch", body, credentials)
    assert answer.status == 200, answer.body
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert [number for number, line in enumerate(lines) if "summary" in line] == [len(lines) - 1]
    return lines


@contextmanager
def streaming(server: LiveServer, path: str, body: Any) -> Iterator[http.client.HTTPResponse]:
    """Send a signed POST of JSON and read the answer as it comes; the connection is cut at the end."""
    data, wire = json.dumps(body).encode(), Wire(server)
    connection = http.client.HTTPConnection(wire.netloc, timeout=60)
    try:
        connection.request("POST", path, data, wire.signed("POST", path, JSON, data))
        yield connection.getresponse()
    finally:
        connection.close()


def eventually(true: Any, seconds: float = 20) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def open_files(server: LiveServer) -> int:
    """Return how many files the server's process has open."""
    assert server.process is not None
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
