"""The way of a function that needs no connection to reach this service (see `functions.channel`).

Two requests come this way, and each is known by what only this GET's function was given: the source, by its very URL,
and the answer, by the function that the environment belongs to. Who makes them need not be proved by a signature; all
else, from policies to the access log, is as it is for a request over the network.

How a short answer will be taken is known before it is there: a function that answers as it did the last time is told
beforehand, and need not wait for what it will hear.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, partial
from typing import Literal

from objectlens.access import Caller, Signature
from objectlens.call import Call
from objectlens.catalog.entities import AccessPoint, Function
from objectlens.errors import NoSuchBucket, ServiceError
from objectlens.functions.values import Foretold
from objectlens.http import HttpRequest, HttpResponse
from objectlens.objectlambda.context import SERVICE, ObjectLambda
from objectlens.objectlambda.rendezvous import Route, State
from objectlens.objectlambda.source import signed_headers, source_query
from objectlens.objectlambda.write_response import write_get_object_response
from objectlens.objects import OPERATIONS
from objectlens.objects.permitting import permit
from objectlens.s3.operations import WRITE_GET_OBJECT_RESPONSE

_WRITE = WRITE_GET_OBJECT_RESPONSE
_ANSWER = ("POST", "/WriteGetObjectResponse", "UNSIGNED-PAYLOAD")


class Inside:
    """What the function of one GET may reach; `url` is the `inputS3Url` that it was given."""

    def __init__(
        self,
        lens: ObjectLambda,
        call: Call,
        source: AccessPoint,
        function: Function,
        url: str,
        *,
        route: Route,
        state: str | None = None,
    ) -> None:
        self.source = url.removeprefix(lens.endpoint)
        self._lens, self._call, self._function = lens, call, function
        self._access_point = source
        self._route = route
        self._foretold: str | None = None
        # What proves the signature in the URL's query is not needed here.
        self._query = source_query(call, state)
        # A URL that needs further headers is left to the proof of its signature.
        self._readable = not signed_headers(call)
        self._made = asyncio.get_running_loop().time()

    async def __call__(self, http: HttpRequest) -> HttpResponse | None:
        """Answer one of the two requests; None for any other."""
        if "authorization" in http.headers:
            return None
        if self._readable and http.method == "GET" and f"{http.path}?{http.query}" == self.source:
            caller = self._as_caller()
            # What must have been signed is refused over the network.
            if caller is not None and not any(name.lower().startswith("x-amz-") for name, _ in http.headers):
                return await self._lens.inner(http, caller, "GetObject", partial(self._read, http, caller), None)
        elif (http.method, http.path, http.headers.get("x-amz-content-sha256")) == _ANSWER:
            caller, (request_id, self._foretold) = self._as_function, (self._foretold, None)
            return await self._lens.inner(http, caller, _WRITE.name, partial(self._write, http, caller), request_id)
        return None

    async def foretell(self, like: HttpRequest, recall: Callable[[], object]) -> Foretold | None:
        """Say how an answer like an earlier one will be taken, None when that is not sure; `Door` has the contract."""
        try:
            await self._lens.access.authorize(self._as_function, _WRITE.action, "*", http=like)
        except ServiceError:
            return None  # which error, it hears when it answers
        if self._route.state is not State.OPEN:
            return None
        self._foretold, response = self._lens.foretell(like)
        self._route.when_closed(recall)
        return Foretold(self._route.name, self._route.token, response)

    async def _read(self, http: HttpRequest, caller: Caller, request_id: str) -> HttpResponse:
        bucket = await self._lens.catalog.buckets.get(self._access_point.bucket)
        if bucket is None:
            raise NoSuchBucket(BucketName=self._access_point.bucket)
        asked = self._call
        call = Call(
            request_id=request_id,
            http=http if http.query == self._query else replace(http, query=self._query),
            operation=asked.operation,
            caller=caller,
            address=asked.address,
            resource=self._access_point,
            bucket=bucket,
            body=http.body,
            patience=asked.patience,
        )
        await permit(self._lens.objects, call)
        return await OPERATIONS["GetObject"](self._lens.objects, call)

    async def _write(self, http: HttpRequest, caller: Caller, request_id: str) -> HttpResponse:
        del request_id
        await self._lens.access.authorize(caller, _WRITE.action, "*", http=http)
        return await write_get_object_response(self._lens, http, http.body)

    @cached_property
    def _as_function(self) -> Caller:
        function = self._function
        caller = self._lens.access.sessions.function_caller(function.role, function.arn)
        return caller.signed(_signature("REST-HEADER", 0.0, function.region))

    def _as_caller(self) -> Caller | None:
        """Return the caller of the GET, None when the URL has expired."""
        age = asyncio.get_running_loop().time() - self._made
        if age >= self._lens.url_seconds:
            return None
        signature = _signature("REST-QUERY-STRING", age, self._access_point.region)
        return self._call.caller.via(SERVICE, signature)


def _signature(kind: Literal["REST-HEADER", "REST-QUERY-STRING"], age: float, region: str) -> Signature:
    """Return what policies may ask of the signature that such a request has over the network."""
    return Signature(
        kind=kind,
        version="AWS4-HMAC-SHA256",
        age_ms=int(age * 1000),
        service="s3",
        region=region,
        payload_hash="UNSIGNED-PAYLOAD",
    )
