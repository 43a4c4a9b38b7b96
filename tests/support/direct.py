"""Real AWS clients that speak to a `ControlApi` in the same process: no socket, no signatures, the same bytes."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.config
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict

from objectlens.access.values import Caller
from objectlens.control.protocol import ControlApi
from objectlens.errors import ServiceError
from objectlens.http import Headers, HttpRequest, HttpResponse

ACCOUNT = "123456789012"
REGION = "us-west-2"
# Making a session costs more than all requests of a test.
SESSION = boto3.session.Session()
ROOT = Caller(
    kind="Root", account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:root", principal_id=ACCOUNT, access_key_id="AKIAROOT"
)


class Raw:
    """What botocore reads a body from."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> list[bytes]:
        return [self._body]

    def read(self, _size: int | None = None) -> bytes:
        body, self._body = self._body, b""
        return body


def client(api: ControlApi[Any], runner: asyncio.Runner, caller: Caller = ROOT, **config: Any) -> Any:
    """Return a boto3 client for the service of `api`, which answers on `runner` as if `caller` had signed."""
    made = SESSION.client(
        api.service,
        endpoint_url="http://localhost:9000",
        region_name=REGION,
        aws_access_key_id="AKIAROOT",
        aws_secret_access_key="secret",
        config=botocore.config.Config(retries={"max_attempts": 0}, **config),
    )

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        response = runner.run(call(api, caller, request))
        headers = HeadersDict(list(response.headers))
        assert isinstance(response.body, bytes)
        return AWSResponse(request.url, response.status, headers, Raw(response.body))

    made.meta.events.register("before-send", answer)
    return made


async def call(api: ControlApi[Any], caller: Caller, request: AWSPreparedRequest) -> HttpResponse:
    """Serve one prepared request as the gateway would, errors rendered."""
    url = urlsplit(request.url)
    body = request.body or b""
    http = HttpRequest(
        request.method, url.path, url.query, Headers([(k, _text(v)) for k, v in request.headers.items()]), url.netloc
    )
    try:
        return await api.serve(http, caller, body if isinstance(body, bytes) else body.encode(), "request-1")
    except ServiceError as error:
        return api.render_error(error, "request-1")


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
