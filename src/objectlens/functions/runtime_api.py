"""The Lambda Runtime API of one environment (reference section 14.1).

It keeps the environment's state, answers the runtime's requests, and tells its `Listener` what they mean. It starts no
process and waits for nothing.
"""

from __future__ import annotations

import base64
import json
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from objectlens.clock import Clock
from objectlens.functions.runtime_http import RuntimeConnection, RuntimeRequest
from objectlens.functions.runtime_socket import Accepting
from objectlens.functions.states import Event, Forbidden, State, after

VERSION = "/2018-06-01"
# 6 MiB and 100 bytes of slack.
MAX_RESPONSE = 6 * 1024 * 1024 + 100

_INVOCATION = re.compile(VERSION + r"/runtime/invocation/([^/]+)/(response|error)")
_EXTENSION = re.compile(r"/(2020-01-01/extension|2020-08-15/logs|2022-07-01/telemetry)(/.*)?")
Admits = Callable[[tuple[str, int], tuple[str, int]], bool]
"""Tells whether a connection is the environment's own, by the addresses of its other end and of ours."""
_Handler = Callable[[RuntimeRequest, RuntimeConnection], None]
_ACCEPTED = b'{"status":"OK"}'
_TOO_LARGE = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """An invocation as the runtime receives it; `deadline_ms` is Unix time in milliseconds."""

    request_id: str
    payload: bytes
    deadline_ms: int
    invoked_arn: str
    client_context: str | None = None
    trace_id: str | None = None

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return the headers of `next`, empty ones left out; what would end a header is made a space (as JSON may)."""
        named = {
            "Lambda-Runtime-Aws-Request-Id": self.request_id,
            "Lambda-Runtime-Deadline-Ms": str(self.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self.invoked_arn,
            "Lambda-Runtime-Trace-Id": self.trace_id,
            "Lambda-Runtime-Client-Context": self.client_context,
        }
        return tuple((name, re.sub(r"[\r\n\0]", " ", value)) for name, value in named.items() if value)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an invocation or an initialisation came to: the return value, or an error document with its type.

    `platform` tells that not the runtime but we say so; `late` for how many seconds it was there before we looked, as
    far as the kernel tells.
    """

    body: bytes
    error_type: str | None = None
    platform: bool = False
    late: float = 0.0


class Poller(Protocol):
    """Where a runtime waits for its next invocation."""

    def reply(self, status: int, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Answer it."""
        ...


class Listener(Protocol):
    """Whoever owns the environment."""

    def ready(self) -> None:
        """Take note that the runtime waits for an invocation."""
        ...

    def answered(self, answer: Answer) -> None:
        """Take the answer to the invocation under way."""
        ...

    def init_failed(self, answer: Answer) -> None:
        """Take the error that ended initialisation."""
        ...


class RuntimeApi:
    """The state of one environment and the API that its runtime speaks."""

    def __init__(self, listener: Listener, clock: Clock) -> None:
        self.state = State.STARTING
        self._listener = listener
        self._clock = clock
        self._accepting: Accepting | None = None
        self._connections: set[RuntimeConnection] = set()
        self._admits: Admits | None = None
        self._poll: Poller | None = None
        self._current: Dispatch | None = None
        self._undelivered = False
        self._retired = False

    def listen(self) -> str:
        """Open the listener; returns the value of `AWS_LAMBDA_RUNTIME_API`. Raises `OSError`."""
        sock = socket.create_server(("127.0.0.1", 0), backlog=8)
        host, port = sock.getsockname()
        self._accepting = Accepting(sock, self._accept)
        return f"{host}:{port}"

    def listen_on(self, sock: socket.socket) -> None:
        """Accept on a socket that listens already; the caller keeps it. Raises `OSError`."""
        self._accepting = Accepting(sock.dup(), self._accept)

    def admit(self, admits: Admits) -> None:
        """Take connections from now on, of whom `admits` tells; those that came before this was known, too."""
        self._admits = admits
        for connection in tuple(self._connections):
            self._look_at(connection)

    def _accept(self, sock: socket.socket) -> None:
        connection = RuntimeConnection(sock, self, MAX_RESPONSE, self._clock)
        self._connections.add(connection)
        self._look_at(connection)

    def _look_at(self, connection: RuntimeConnection) -> None:
        """Take a connection of the environment's own processes, and of nobody else."""
        if self._admits is None:
            return
        ends = connection.ends
        if ends is not None and self._admits(*ends):
            connection.begin()
        else:
            connection.close()

    def dispatch(self, invocation: Dispatch) -> None:
        """Give an invocation to the runtime; raises `Forbidden` unless it is ready."""
        self._move(Event.DISPATCH)
        self._current = invocation
        self._undelivered = True
        self._deliver()

    def retire(self) -> None:
        """Take no more work; a runtime that asks for it waits, until it is ended."""
        self._move(Event.END)
        self._retired = True

    def end(self) -> None:
        """Close the listener and every connection; the environment takes no more work."""
        self._move(Event.END)
        if self._accepting is not None:
            self._accepting.close()
            self._accepting = None
        for connection in tuple(self._connections):
            connection.close()

    def look(self) -> None:
        """Take what the runtime has said and nobody has read."""
        for connection in tuple(self._connections):
            connection.look()

    def _move(self, event: Event) -> None:
        self.state = after(self.state, event)

    def _deliver(self) -> None:
        if self._poll is None or self._current is None:
            return  # the runtime lost its connection: it will ask again
        poll, self._poll, self._undelivered = self._poll, None, False
        poll.reply(200, self._current.payload, self._current.headers())

    # --- Responder ---

    def lost(self, connection: Poller) -> None:
        """Forget a connection."""
        if isinstance(connection, RuntimeConnection):
            self._connections.discard(connection)
        if connection is self._poll:
            self._poll = None

    def handle(self, request: RuntimeRequest, connection: RuntimeConnection) -> None:
        """Answer one request of the runtime."""
        method, answer = self._route(request.path.partition("?")[0])
        try:
            if method in {request.method, None}:
                answer(request, connection)
            else:
                _refuse(connection, 405, "MethodNotAllowed", f"this is a {method}")
        except Forbidden as error:
            _refuse(connection, 403, "InvalidStateTransition", str(error))

    def _route(self, path: str) -> tuple[str | None, _Handler]:
        """Return the method that a path takes, None for any, and who answers it."""
        if path == f"{VERSION}/runtime/invocation/next":
            return "GET", self._next
        if match := _INVOCATION.fullmatch(path):
            return "POST", self._response(match[1]) if match[2] == "response" else self._error(match[1])
        if path == f"{VERSION}/runtime/init/error":
            return "POST", self._init_error
        if path in {f"{VERSION}/ping", "/ping"}:
            return "GET", lambda _, connection: connection.reply(200, b"pong")
        return None, _declined if _EXTENSION.fullmatch(path) else _unknown

    def _next(self, _: RuntimeRequest, connection: RuntimeConnection) -> None:
        self.poll(connection)

    def poll(self, connection: Poller) -> None:
        """Take note that the runtime waits there for an invocation; raises `Forbidden` when it may not."""
        if self._retired:
            return
        # A poll whose connection broke may be repeated, also before its invocation could be delivered.
        again = self._poll is None and (self.state is State.READY or self._undelivered)
        if not again:
            self._move(Event.POLL)
        self._poll = connection
        if not again:
            self._listener.ready()
        elif self._undelivered:
            self._deliver()

    def _response(self, request_id: str) -> _Handler:
        def answer(request: RuntimeRequest, connection: RuntimeConnection) -> None:
            if not self._is_current(request_id, connection):
                return
            mode = request.headers.get("lambda-runtime-function-response-mode", "")
            if mode.lower() not in {"", "streaming"}:
                _refuse(connection, 400, "InvalidFunctionResponseMode", f"there is no response mode {mode!r}")
            elif request.oversized:
                self._settle(_too_large(), connection.late)
                _refuse(connection, 413, "RequestEntityTooLarge", _TOO_LARGE)
            else:
                self._settle(_streamed_error(request) or Answer(request.body), connection.late)
                connection.reply(202, _ACCEPTED)

        return answer

    def take_result(self, request_id: str, body: bytes, late: float = 0.0) -> None:
        """Take what an invocation came to; raises `Forbidden` when it is not the one under way."""
        if self._current is None or self._undelivered or request_id != self._current.request_id:
            raise Forbidden(self.state, Event.ANSWER)
        self._settle(Answer(body), late)

    def _error(self, request_id: str) -> _Handler:
        def answer(request: RuntimeRequest, connection: RuntimeConnection) -> None:
            if self._is_current(request_id, connection):
                self._settle(_reported(request, "Unhandled"), connection.late)
                connection.reply(202, _ACCEPTED)

        return answer

    def _is_current(self, request_id: str, connection: RuntimeConnection) -> bool:
        if self.state is not State.BUSY:
            raise Forbidden(self.state, Event.ANSWER)
        if self._current is None or self._undelivered or request_id != self._current.request_id:
            _refuse(connection, 400, "InvalidRequestID", f"no invocation {request_id} is under way here")
            return False
        return True

    def _settle(self, answer: Answer, late: float) -> None:
        self._move(Event.ANSWER)
        self._current = None
        self._listener.answered(replace(answer, late=late))

    def _init_error(self, request: RuntimeRequest, connection: RuntimeConnection) -> None:
        self._move(Event.INIT_ERROR)
        connection.reply(202, _ACCEPTED)
        self._listener.init_failed(_reported(request, "Runtime.Unknown"))


def fault(kind: str, message: str) -> Answer:
    """Make an error answer of the platform's own."""
    document = json.dumps({"errorType": kind, "errorMessage": message}, separators=(",", ":"))
    return Answer(document.encode(), kind, platform=True)


def _too_large() -> Answer:
    return fault("Function.ResponseSizeTooLarge", _TOO_LARGE)


def _reported(request: RuntimeRequest, fallback: str) -> Answer:
    """Read an error post; the header names the type, else the document does."""
    if request.oversized:
        return _too_large()
    kind = request.headers.get("lambda-runtime-function-error-type", "")
    try:
        content = json.loads(request.body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        return fault(kind or fallback, request.body[:1000].decode("utf-8", "replace"))
    named = content.get("errorType")
    return Answer(request.body, (named if isinstance(named, str) and named else kind) or fallback)


def _streamed_error(request: RuntimeRequest) -> Answer | None:
    """Return the error that a streamed response ended with, told in its trailers."""
    kind = request.headers.get("lambda-runtime-function-error-type")
    if kind is None:
        return None
    try:
        body = base64.b64decode(request.headers.get("lambda-runtime-function-error-body", ""), validate=True)
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    return Answer(body, kind) if isinstance(content, dict) else fault(kind, "")


def _refuse(connection: RuntimeConnection, status: int, kind: str, message: str) -> None:
    connection.reply(status, json.dumps({"errorMessage": message, "errorType": kind}).encode())


def _declined(request: RuntimeRequest, connection: RuntimeConnection) -> None:
    _refuse(connection, 501, "Extension.NotSupported", f"extensions are not served here: {request.path[:200]}")


def _unknown(request: RuntimeRequest, connection: RuntimeConnection) -> None:
    _refuse(connection, 404, "NotFound", f"the Runtime API has no {request.method} {request.path[:200]}")
