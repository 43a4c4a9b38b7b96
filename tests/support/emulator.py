"""A runtime emulator as AWS's container images have it: one function behind an unsigned Invoke URL.

The handler runs in AWS's own runtime client, in a process of its own, which gets its work over the Runtime API. What
it does when something goes wrong is what AWS's emulator does: no header for failures, 400 while it is at work, 502 when
the runtime ended, plain text after the timeout.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

INVOKE = "/2015-03-31/functions/function/invocations"
ARN = "arn:aws:lambda:us-east-1:012345678912:function:test_function"


@dataclass
class Emulator:
    """`seen` are the headers of the invocations that came in."""

    url: str
    seen: list[dict[str, str]] = field(default_factory=list)


class _Work:
    """The one invocation that may be under way."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.busy = threading.Lock()
        self.events: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.answers: queue.Queue[tuple[str, bytes]] = queue.Queue()


@contextmanager
def emulator(source: str, folder: Path, env: Mapping[str, str], *, timeout: float = 10) -> Iterator[Emulator]:
    """Run an emulator of the module `source`, whose function is `handler`."""
    (folder / "app.py").write_text(source)
    work, seen = _Work(timeout), Emulator("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            event = work.events.get()
            if event[0] == "":
                self.close_connection = True
                return
            deadline = str(int((time.time() + work.timeout) * 1000))
            self._answer(
                200,
                event[1],
                {
                    # AWS's client dies of a segmentation fault without it.
                    "Content-Type": "application/json",
                    "Lambda-Runtime-Aws-Request-Id": event[0],
                    "Lambda-Runtime-Deadline-Ms": deadline,
                    "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
                    "Lambda-Runtime-Invoked-Function-Arn": ARN,
                },
            )

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.startswith("/2018-06-01/"):
                work.answers.put((self.path.split("/")[4], body))
                self._answer(202, b"")
            elif self.path != INVOKE:
                self._answer(404, b"404 page not found\n")
            elif not work.busy.acquire(blocking=False):
                self._answer(400, b"")
            else:
                try:
                    seen.seen.append(dict(self.headers))
                    self._invoke(body)
                finally:
                    work.busy.release()

        def _invoke(self, body: bytes) -> None:
            request_id = str(uuid.uuid4())
            work.events.put((request_id, body))
            deadline = time.monotonic() + work.timeout
            while time.monotonic() < deadline:
                try:
                    of, answer = work.answers.get(timeout=0.05)
                except queue.Empty:
                    if process.poll() is None:
                        continue
                    self._answer(502, b'{"errorType": "Runtime.ExitError", "errorMessage": "the runtime ended"}')
                    return
                if of == request_id:
                    self._answer(200, answer)
                    return
            self._answer(200, f"Task timed out after {work.timeout:g}.00 seconds".encode())

        def _answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    address = f"127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    seen.url = f"http://{address}"
    process = subprocess.Popen(
        [sys.executable, "-m", "awslambdaric", "app.handler"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": address, "AWS_REGION": "us-east-1", **env},
    )
    try:
        yield seen
    finally:
        process.kill()
        process.wait(timeout=10)
        work.events.put(("", b""))
        server.shutdown()
        server.server_close()
