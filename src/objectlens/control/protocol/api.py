"""One management API: from a request to its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

from objectlens.access.layers import Target
from objectlens.access.values import Caller
from objectlens.control.protocol import checking, failing, reading, refusing, writing
from objectlens.control.protocol.faults import Malformed
from objectlens.control.protocol.model import Model
from objectlens.control.protocol.routes import Match, Routes
from objectlens.errors import NotImplemented as NotServed
from objectlens.errors import ServiceError
from objectlens.http import HttpRequest, HttpResponse
from objectlens.operation import Api, Operation

C = TypeVar("C")

# Reading more than this takes longer than the event loop should wait (base64 of a package, for one).
_LARGE = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as its handler sees it.

    `params` are shaped as boto3 takes them: `datetime` for times, `bytes` for blobs, absent for what was not given.
    `body` is the raw payload.
    """

    operation: str
    params: Mapping[str, Any]
    caller: Caller
    http: HttpRequest
    request_id: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """What a caller must be allowed: an action on a resource, with further values for conditions.

    `resource` is an entity, whose own policy and tags then count too, or the ARN of what has none or may not exist.
    """

    action: str
    resource: Target
    context: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


class Authorize(Protocol):
    """Decides whether a caller may. `objectlens.access.Access.authorize` does."""

    async def __call__(
        self,
        caller: Caller,
        action: str,
        resource: Target,
        *,
        context: Mapping[str, str | tuple[str, ...]] | None,
        http: HttpRequest | None,
    ) -> None:
        """Return when the caller may; raises `AccessDenied` otherwise."""
        ...


@dataclass(frozen=True, slots=True)
class Handler(Generic[C]):
    """What serves one operation, and what its caller needs.

    `run` returns the result, shaped as boto3 gives it. `needs` derives the permissions from the request, before
    anything is done; none means that every authenticated caller may. `action` is the IAM action when it is not named
    as the operation is.
    """

    run: Callable[[C, Request], Awaitable[Mapping[str, Any]]]
    needs: Callable[[C, Request], Awaitable[Sequence[Permission]]]
    action: str | None = None


class ControlApi(Generic[C]):
    """Serves one API.

    `handlers` are by operation name. `declined` says why groups of other operations are not served, by patterns of
    their names (`*Job*`); the first that fits counts. `admit` may refuse a request after its parameters are known.
    Values of the parameters named in `unchecked` are for `admit` and the handlers to check, not for the model, whose
    patterns are not always the service's own.
    """

    def __init__(
        self,
        service: Api,
        handlers: Mapping[str, Handler[C]],
        context: C,
        authorize: Authorize,
        *,
        declined: Iterable[tuple[str, str]] = (),
        admit: Callable[[Request], None] | None = None,
        unchecked: Iterable[str] = (),
    ) -> None:
        self.service: Api = service
        self.handlers = dict(handlers)
        self._context = context
        self._authorize = authorize
        self._declined = tuple(declined)
        self._admit = admit
        self._unchecked = frozenset(unchecked)
        self._model = Model(service)

    @cached_property
    def _routes(self) -> Routes:
        return Routes(self._model.operations.values())

    def match(self, http: HttpRequest, body: bytes) -> Operation:
        """Return the operation that a request is for, with its IAM action and, if it is not served, the reason.

        Raises the API's error for what is no operation of it.
        """
        name = self._match(http, body).operation.name
        handler = self.handlers.get(name)
        action = f"{self._prefix}:{name}" if handler is None or handler.action is None else handler.action
        return Operation(self.service, name, action, None if handler else self.reason(name))

    def reason(self, name: str) -> str | None:
        """Return why an operation is declined, None when no pattern covers it."""
        return next((reason for pattern, reason in self._declined if fnmatchcase(name, pattern)), None)

    async def serve(self, http: HttpRequest, caller: Caller, body: bytes, request_id: str) -> HttpResponse:
        """Answer a request of an authenticated caller; raises `ServiceError`, which `render_error` renders."""
        match = self._match(http, body)
        name = match.operation.name
        handler = self.handlers.get(name)
        if handler is None:
            reason = self.reason(name) or "this operation has no meaning on this service"
            raise NotServed(f"objectlens does not serve {name}: {reason}.")
        params = await self._read(match, http, body)
        request = Request(operation=name, params=params, caller=caller, http=http, request_id=request_id, body=body)
        if self._admit is not None:
            self._admit(request)
        for need in await handler.needs(self._context, request):
            await self._authorize(caller, need.action, need.resource, context=need.context, http=http)
        result = await handler.run(self._context, request)
        return writing.write(self._model, match.operation, result, request_id)

    def operation_of(self, http: HttpRequest, body: bytes) -> str | None:
        """Return the name of the operation that a request asks for, None when it is none of this API's."""
        try:
            return str(self._match(http, body).operation.name)
        except ServiceError:
            return None

    def render_error(self, error: ServiceError, request_id: str) -> HttpResponse:
        """Render an error in the form of this API."""
        return failing.write(self._model, error, request_id)

    @property
    def _prefix(self) -> str:
        return "s3" if self.service == "s3control" else self.service

    def _match(self, http: HttpRequest, body: bytes) -> Match:
        try:
            if self._model.protocol == "query":
                name = dict(reading.form(http, body)).get("Action")
                operation = self._model.operations.get(name or "")
                found = None if operation is None else Match(operation, {})
            else:
                name, found = None, self._routes.match(http)
        except Malformed as error:
            raise refusing.malformed(self.service, error) from error
        if found is None:
            raise refusing.unknown(self._model, http, name)
        return found

    async def _read(self, match: Match, http: HttpRequest, body: bytes) -> dict[str, Any]:
        if len(body) > _LARGE:
            return await asyncio.to_thread(self._understood, match, http, body)
        return self._understood(match, http, body)

    def _understood(self, match: Match, http: HttpRequest, body: bytes) -> dict[str, Any]:
        try:
            params = reading.read(self._model.protocol, match, http, body)
        except Malformed as error:
            raise refusing.malformed(self.service, error) from error
        failed = checking.check(match.operation.input_shape, params)
        failed = [one for one in failed if one.missing or one.top not in self._unchecked]
        if failed:
            raise refusing.invalid(self.service, match.operation.input_shape, failed)
        return params
