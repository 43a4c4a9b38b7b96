"""What goes into the runtime and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from objectlens.catalog.entities import Function
from objectlens.functions.patience import Patience
from objectlens.http import HttpRequest, HttpResponse
from objectlens.metering.tally import Tally


@dataclass(frozen=True, slots=True)
class Foretold:
    """What a function will hear when it answers with this route and token."""

    route: str
    token: str
    response: HttpResponse


class Door(Protocol):
    """How a function reaches this service without a connection while it serves one invocation.

    `source` is the path and query of what it will probably read first.
    """

    @property
    def source(self) -> str:
        """Return path and query, percent-encoded."""
        ...

    async def __call__(self, http: HttpRequest) -> HttpResponse | None:
        """Answer a request, with all the headers that it has on the wire; None when it has to take a connection."""
        ...

    async def foretell(self, like: HttpRequest, recall: Callable[[], object]) -> Foretold | None:
        """Say how an answer of the function like an earlier one will be taken, if it will be.

        `recall` is called when it would not be any more, or is not needed.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One call of a function.

    `payload` is the event, JSON in UTF-8. `request_id` is a UUID. `invoked_arn` is the ARN as the caller named it,
    qualifier included. `client_context` is the decoded JSON text of `X-Amz-Client-Context`. `door` is open as long as
    the invocation runs. `remote` is the name of the remote at which a function runs that does not run here. While
    it has `patience`, all others go before it. `tally` is told what it used.
    """

    function: Function
    payload: bytes
    request_id: str
    invoked_arn: str
    client_context: str | None = None
    trace_id: str | None = None
    door: Door | None = field(default=None, compare=False, repr=False)
    remote: str | None = None
    patience: Patience | None = field(default=None, compare=False, repr=False)
    tally: Tally | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a function failed.

    `kind` is what `X-Amz-Function-Error` says: `Unhandled` for anything that the runtime or the platform reports.
    `type` is AWS's error type (`Runtime.ExitError`, `Sandbox.Timedout`, `Runtime.ImportModuleError`, `ValueError`,
    ...).
    """

    kind: str
    type: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an invocation came to.

    `payload` is the function's return value as JSON, or AWS's error document when `failure` is set. Durations are in
    milliseconds, `duration_ms` from the moment the environment took the event to its answer; `init_ms` is set on the
    first invocation of an environment. `memory_mb` is the peak resident size. `log_tail` is the last 4 KB of log.
    """

    payload: bytes
    failure: Failure | None = None
    duration_ms: float = 0.0
    init_ms: float | None = None
    memory_mb: int = 0
    log_tail: bytes = b""
    executed_version: str = "$LATEST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """What is set aside for functions.

    `reserved` is the sum of reserved concurrency by account: what is left of the account's limit is for the functions
    that have none. `provisioned` are the versions of which so many environments are to be kept ready.
    """

    reserved: Mapping[str, int] = field(default_factory=dict)
    provisioned: Sequence[tuple[Function, int]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provision:
    """How many environments of a version are kept ready, and why they do not become more if they do not."""

    ready: int = 0
    failure: str | None = None


class Executor(Protocol):
    """Where functions run."""

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Run the function once.

        A function that fails is an `Outcome` with a `failure`, never an exception. Raises `TooManyRequestsException`
        when a concurrency limit leaves no room, `InvalidRuntimeException` when this machine lacks the runtime,
        `ResourceConflictException` when the function is being changed. Cancelling the call leaves the function running
        to its own timeout, as on AWS.
        """
        ...

    async def retire(self, function: Function) -> None:
        """Let the environments of this version end when they are idle: its code or configuration changed."""
        ...

    async def close(self) -> None:
        """Stop every environment; returns when no process is left."""
        ...
