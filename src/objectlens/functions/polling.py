"""The Runtime API from the side of an accelerated Python environment, in place of the client that AWS wrote in C++.

It has the methods of that client which `awslambdaric` calls for every invocation, over one kept connection; a result
leaves together with the question for the next invocation. Errors are reported by AWS's own client. It runs inside the
function's process, beside user code.
"""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable
from typing import Any

_ROOT = "/2018-06-01/runtime/invocation"
# A result that may be too long waits for its own answer.
_SMALL = 1024 * 1024
_OK, _ACCEPTED = 200, 202
_DEADLINE = "Lambda-Runtime-Deadline-Ms"
_NAMES = (
    "Lambda-Runtime-Aws-Request-Id",
    "Lambda-Runtime-Trace-Id",
    "Lambda-Runtime-Invoked-Function-Arn",
    _DEADLINE,
    "Lambda-Runtime-Client-Context",
    "Lambda-Runtime-Cognito-Identity",
    "Lambda-Runtime-Aws-Tenant-Id",
    "Lambda-Runtime-Invocation-Id",
    "Content-Type",
)
_SPELLING = {name.lower().encode(): name for name in _NAMES}


class Runtime:
    """The part of `runtime_client` that serves invocations; `address` is host and port of the Runtime API."""

    def __init__(self, address: str, native: Callable[[], Any]) -> None:
        host, _, port = address.rpartition(":")
        self._host = address
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        self._unsent = b""
        self._native = functools.cache(native)

    def next(self) -> tuple[bytes, dict[str, Any]]:
        """Wait for an invocation; returns its event and its headers. Raises `RuntimeError`."""
        unsent, self._unsent = self._unsent, b""
        question = f"GET {_ROOT}/next HTTP/1.1\r\nHost: {self._host}\r\n\r\n"
        self._send(unsent + question.encode())
        if unsent:
            self._accepted()
        status, headers, body = self._receive()
        if status != _OK:
            raise RuntimeError(f"Failed to get next invocation: HTTP status {status}")
        headers[_DEADLINE] = int(headers[_DEADLINE])
        return body, dict.fromkeys(_NAMES) | headers

    def post_invocation_result(
        self, invoke_id: str, result: bytes, content_type: str, invocation_id: str | None = None
    ) -> None:
        """Answer an invocation. Raises `RuntimeError`, for short results not before the next `next`."""
        del invocation_id  # this service names none
        head = (
            f"POST {_ROOT}/{invoke_id}/response HTTP/1.1\r\nHost: {self._host}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {len(result)}\r\n\r\n"
        )
        if len(result) <= _SMALL:
            self._unsent = head.encode() + result
            return
        self._send(head.encode() + result)
        self._accepted()

    def post_error(self, *arguments: Any) -> None:
        """Report an error in AWS's own way."""
        self._native().post_error(*arguments)

    def _accepted(self) -> None:
        status, _, _ = self._receive()
        if status != _ACCEPTED:
            raise RuntimeError(f"Failed to post invocation response: HTTP status {status}")

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise RuntimeError(f"Failed to reach the Runtime API: {error}") from error

    def _receive(self) -> tuple[int, dict[str, Any], bytes]:
        try:
            first = self._file.readline().split(None, 2)
            headers: dict[str, Any] = {}
            length = 0
            while (line := self._file.readline()) not in {b"\r\n", b""}:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
                elif spelled := _SPELLING.get(name.lower()):
                    headers[spelled] = value.strip().decode("utf-8", "replace")
            body = self._file.read(length)
        except OSError as error:
            raise RuntimeError(f"Failed to reach the Runtime API: {error}") from error
        if len(first) < 2 or len(body) < length:
            raise RuntimeError("The Runtime API has hung up")
        return int(first[1]), headers, body
