"""The way of a function that needs no connection to reach this service (see `functions.channel`).

Two requests come this way, and each is known by what only this GET's function was given: the source, by its very URL,
and the answer, by the function that the environment belongs to. Who makes them need not be proved by a signature; all
else, from policies to the access log, is as it is for a request over the network.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Literal

from objectlens.access import Caller, Signature
from objectlens.call import Call
from objectlens.catalog.entities import AccessPoint, Function
from objectlens.http import HttpRequest, HttpResponse
from objectlens.objectlambda.context import SERVICE, ObjectLambda
from objectlens.objectlambda.event import forwarded_query
from objectlens.objectlambda.source import signed_headers

_ANSWER = "/WriteGetObjectResponse"


class Inside:
    """What the function of one GET may reach; `url` is the `inputS3Url` that it was given."""

    def __init__(self, lens: ObjectLambda, call: Call, source: AccessPoint, function: Function, url: str) -> None:
        self.source = url.removeprefix(lens.endpoint)
        self._lens, self._call, self._function = lens, call, function
        self._region = source.region
        self._query = forwarded_query(call.http.query)
        # A URL that needs further headers is left to the proof of its signature.
        self._readable = not signed_headers(call)
        self._made = asyncio.get_running_loop().time()

    async def __call__(self, http: HttpRequest) -> HttpResponse | None:
        """Answer one of the two requests; None for any other."""
        if "authorization" in http.headers:
            return None
        caller = None
        if http.method == "POST" and http.path == _ANSWER:
            caller = self._as_function()
        elif self._readable and http.method == "GET" and f"{http.path}?{http.query}" == self.source:
            caller = self._as_caller()
            # What proves the signature in the query has done its work.
            http = replace(http, query=self._query)
        return None if caller is None else await self._lens.inner(http, caller)

    def _as_function(self) -> Caller:
        function = self._function
        caller = self._lens.access.sessions.function_caller(function.role, function.arn)
        return replace(caller, signature=_signature("REST-HEADER", 0.0, function.region))

    def _as_caller(self) -> Caller | None:
        """Return the caller of the GET, None when the URL has expired."""
        age = asyncio.get_running_loop().time() - self._made
        if age >= self._lens.url_seconds:
            return None
        via = (*self._call.caller.called_via, SERVICE)
        return replace(self._call.caller, called_via=via, signature=_signature("REST-QUERY-STRING", age, self._region))


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
