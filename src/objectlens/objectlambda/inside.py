"""The way of a function that needs no connection to reach this service (see `functions.channel`).

Two requests come this way, and each is known by what only this GET's function was given: the source, by its very URL,
and the answer, by the function that the environment belongs to. Who makes them need not be proved by a signature; all
else, from policies to the access log, is as it is for a request over the network.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Literal

from objectlens.access import Signature
from objectlens.call import Call
from objectlens.catalog.entities import AccessPoint, Function
from objectlens.functions import Door
from objectlens.http import HttpRequest, HttpResponse
from objectlens.objectlambda.context import SERVICE, ObjectLambda
from objectlens.objectlambda.source import signed_headers

_ANSWER = "/WriteGetObjectResponse"


def make_door(lens: ObjectLambda, call: Call, source: AccessPoint, function: Function, url: str) -> Door:
    """Return what the function of one GET may reach; `url` is the `inputS3Url` that it was given."""
    target = url.removeprefix(lens.endpoint)
    # A URL that needs further headers is left to the proof of its signature.
    readable = not signed_headers(call)
    made = asyncio.get_running_loop().time()

    async def door(http: HttpRequest) -> HttpResponse | None:
        if "authorization" in http.headers:
            return None
        age = asyncio.get_running_loop().time() - made
        if http.method == "POST" and http.path == _ANSWER:
            caller = lens.access.sessions.function_caller(function.role, function.arn)
            signature = _signature("REST-HEADER", 0.0, function.region)
        elif readable and http.method == "GET" and f"{http.path}?{http.query}" == target and age < lens.url_seconds:
            caller = replace(call.caller, called_via=(*call.caller.called_via, SERVICE))
            signature = _signature("REST-QUERY-STRING", age, source.region)
        else:
            return None
        return await lens.inner(http, replace(caller, signature=signature))

    return door


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
