"""IAM and STS in this process, with real boto3 clients on one side and a real catalog on the other."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from objectlens.access import Access, Credentials, in_dialect
from objectlens.catalog import AccountPrincipals, Catalog
from objectlens.clock import SystemClock
from objectlens.control.identity import Identity, iam_api, sts_api
from objectlens.database import Database, sqlite_url
from objectlens.errors import ServiceError
from objectlens.http import Headers, HttpRequest, HttpResponse

ACCOUNT = "123456789012"
ROOT = {"aws_access_key_id": "AKIAROOT", "aws_secret_access_key": "root-secret"}


@functools.cache
def _session() -> boto3.session.Session:
    """Loading the models is what costs; the session keeps them."""
    return boto3.session.Session()


class _Raw(io.BytesIO):
    """What botocore expects below a response."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


class Office:
    """The two APIs over one catalog."""

    def __init__(self, runner: asyncio.Runner, catalog: Catalog) -> None:
        self.runner = runner
        self.catalog = catalog
        self.clock = SystemClock()
        principals = AccountPrincipals(catalog, ACCOUNT)
        root = Credentials(ROOT["aws_access_key_id"], ROOT["aws_secret_access_key"])
        self.access = Access(principals, root, self.clock, secret_key=b"k" * 32, account=ACCOUNT)
        identity = Identity(catalog=catalog, access=self.access, clock=self.clock, account=ACCOUNT)
        self.apis = {"iam": iam_api(identity), "sts": sts_api(identity)}

    def client(self, service: str, credentials: dict[str, Any] | None = None) -> Any:
        """Return a boto3 client whose requests are answered here; takes what STS or CreateAccessKey gave, too."""
        given = credentials or ROOT
        if "AccessKeyId" in given:
            given = {
                "aws_access_key_id": given["AccessKeyId"],
                "aws_secret_access_key": given["SecretAccessKey"],
                "aws_session_token": given.get("SessionToken"),
            }
        client = _session().client(
            service,
            region_name="us-east-1",
            endpoint_url="http://localhost:9000",
            config=Config(retries={"max_attempts": 0}),
            **given,
        )
        client.meta.events.register("before-send", lambda request, **_: self._answer(service, request))
        return client

    def _answer(self, service: str, request: Any) -> AWSResponse:
        parts = urlsplit(request.url)
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        headers = Headers(
            [
                ("Host", parts.netloc),
                *((k, v.decode() if isinstance(v, bytes) else v) for k, v in request.headers.items()),
            ]
        )
        http = HttpRequest(request.method, parts.path, parts.query, headers, host=parts.netloc, peer="127.0.0.1")
        response = self.runner.run(self._serve(service, http, body))
        assert isinstance(response.body, bytes)
        return AWSResponse(request.url, response.status, dict(response.headers), _Raw(response.body))

    async def _serve(self, service: Any, http: HttpRequest, body: bytes) -> HttpResponse:
        api = self.apis[service]

        async def digest() -> str:
            return hashlib.sha256(body).hexdigest()

        try:
            caller = await self.access.authenticate(http, api=service, digest=digest)
            return await api.serve(http, caller, body, "request-1")
        except ServiceError as error:
            return api.render_error(in_dialect(service, error), "request-1")


@contextmanager
def open_office(directory: Path) -> Iterator[Office]:
    """Open the APIs over a fresh catalog."""
    with asyncio.Runner() as runner:
        database = runner.run(Database.open(sqlite_url(directory)))
        try:
            yield Office(runner, Catalog(database, SystemClock()))
        finally:
            runner.run(database.close())
