"""Errors as answers: the one place where an S3 error gets its form."""

from __future__ import annotations

import base64
import os

from objectlens.errors import (
    LambdaInvalidResponse,
    LambdaInvocationFailed,
    LambdaNotFound,
    LambdaPermissionError,
    LambdaResponseNotReceived,
    LambdaRuntimeError,
    LambdaTimeout,
    NotModified,
    ServiceError,
)
from objectlens.http import Headers, HttpResponse
from objectlens.s3 import xml

_OBJECT_LAMBDA = (
    LambdaInvalidResponse,
    LambdaInvocationFailed,
    LambdaNotFound,
    LambdaPermissionError,
    LambdaResponseNotReceived,
    LambdaRuntimeError,
    LambdaTimeout,
)


def new_request_id() -> str:
    """Return a random UUID (RFC 9562, version 4), as AWS names requests of Object Lambda and Lambda."""
    # `uuid.uuid4` takes three times as long over the same text.
    text = os.urandom(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[int(text[16], 16) & 3]}{text[17:20]}-{text[20:]}"


def host_id(request_id: str) -> str:
    """Return the `x-amz-id-2` of a request: a second name for it, of the length that clients expect."""
    return base64.b64encode((request_id + request_id)[:64].encode()).decode()


def s3_error(error: ServiceError, request_id: str) -> HttpResponse:
    """Return an error as S3 sends it; those of Object Lambda in the form that is theirs (reference section 8.2)."""
    headers = list(error.headers.items())
    if isinstance(error, NotModified):
        return HttpResponse(error.status, Headers(headers))
    if isinstance(error, _OBJECT_LAMBDA):
        body = xml.render_object_lambda_error(error.code, error.message, request_id)
    else:
        body = xml.render_error(error, request_id, host_id(request_id))
    return HttpResponse(error.status, Headers([*headers, ("Content-Type", "application/xml")]), body)


def with_ids(response: HttpResponse, request_id: str) -> HttpResponse:
    """Return the answer with the ids that every S3 answer carries."""
    headers = [("x-amz-request-id", request_id), ("x-amz-id-2", host_id(request_id)), *response.headers]
    return HttpResponse(response.status, Headers(headers), response.body, response.length, response.reason)
