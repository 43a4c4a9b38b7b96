"""What browsers are told of other origins: preflight requests, and headers on answers.

Nobody is authenticated for a preflight: browsers send it without credentials, and it tells no more than whether the
request that is to come may be sent from such a page ("Testing CORS" in the S3 user guide).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from objectlens.catalog import Catalog
from objectlens.catalog.entities import AccessPoint, ObjectLambdaAccessPoint
from objectlens.errors import AccessForbidden, BadRequest, ServiceError
from objectlens.http import Headers, HttpRequest, HttpResponse
from objectlens.objectlambda.context import ObjectLambda
from objectlens.objectlambda.source import supporting_access_point
from objectlens.s3.address import Address
from objectlens.s3.cors import METHODS, CorsRule, asked_headers, rule_for

Rules = Sequence[CorsRule] | None

_NOT_ALLOWED = (
    "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
    "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
)


def origin_of(http: HttpRequest) -> str | None:
    """Return the origin of the page that sends a request, None when it does not come from one."""
    return http.headers.get("origin") or None


async def rules_behind(address: Address, catalog: Catalog, lens: ObjectLambda) -> Rules:
    """Return the rules of the bucket behind an address, also behind an Object Lambda access point.

    What is not there has none; that is told of where it is asked for.
    """
    try:
        resource = await catalog.resolve(address)
        if isinstance(resource, ObjectLambdaAccessPoint):
            resource = await supporting_access_point(lens, resource)
    except ServiceError:
        return None
    bucket = await catalog.buckets.get(resource.bucket) if isinstance(resource, AccessPoint) else resource
    return None if bucket is None else bucket.cors


def preflight(http: HttpRequest, rules: Rules) -> HttpResponse:
    """Answer an OPTIONS request; raises `BadRequest` for one that is no preflight, `AccessForbidden` for a no."""
    origin, method = origin_of(http), http.headers.get("access-control-request-method")
    if origin is None:
        raise BadRequest("Insufficient information. Origin request header needed.")
    if method not in METHODS:
        raise BadRequest(f"Invalid Access-Control-Request-Method: {method}")
    if not rules:
        raise AccessForbidden(Method="OPTIONS")
    asked = asked_headers(http.headers)
    rule = rule_for(rules, origin, method, asked)
    if rule is None:
        raise AccessForbidden(_NOT_ALLOWED, Method=method)
    return HttpResponse(200, Headers(rule.answer(origin, asked)))


def with_cors(response: HttpResponse, http: HttpRequest, rules: Rules) -> HttpResponse:
    """Return an answer with what a page of another origin may see of it; errors too, or it could not read them."""
    origin = origin_of(http)
    if origin is None or not rules or http.method == "OPTIONS":
        return response
    rule = rule_for(rules, origin, http.headers.get("access-control-request-method") or http.method)
    if rule is None:
        return response
    return replace(response, headers=Headers([*response.headers, *rule.answer(origin)]))
