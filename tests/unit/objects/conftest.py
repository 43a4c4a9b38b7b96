"""A real catalog, real access control and real stores, without the HTTP server."""

import asyncio
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from objectlens import errors
from objectlens.access import Access, Caller
from objectlens.call import Call
from objectlens.catalog import AccountPrincipals, Catalog
from objectlens.catalog.entities import AccessPoint, User
from objectlens.clock import FixedClock
from objectlens.database import Database, sqlite_url
from objectlens.http import Headers, HttpRequest
from objectlens.objects import OPERATIONS, Objects
from objectlens.s3 import operations
from objectlens.s3.address import parse_address
from objectlens.sigv4 import Credentials
from objectlens.stores import StoreOpener
from objectlens.streams import BytesBody, FileSlice

ACCOUNT = "123456789012"
ROOT = Caller(kind="Root", account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:root", principal_id=ACCOUNT, access_key_id="R")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class Answer:
    status: int
    headers: Headers
    body: bytes
    length: int | None

    def __getitem__(self, name):
        return self.headers.get(name)

    @property
    def text(self):
        return self.body.decode()


class World:
    """One account's service, called operation by operation."""

    def __init__(self, data):
        self.data = data
        self.clock = FixedClock(NOW)

    async def __aenter__(self):
        self.database = await Database.open(sqlite_url(self.data))
        self.catalog = Catalog(self.database, self.clock)
        principals = AccountPrincipals(self.catalog, ACCOUNT)
        root = Credentials("AKIAROOT", "secret")
        self.access = Access(principals, root, self.clock, secret_key=b"k" * 32, account=ACCOUNT)
        self.opener = StoreOpener(self.data, durable=False)
        self.objects = Objects(
            catalog=self.catalog,
            opener=self.opener,
            access=self.access,
            clock=self.clock,
            account=ACCOUNT,
            region="us-east-1",
        )
        return self

    async def __aexit__(self, *_):
        await self.opener.close()
        await self.database.close()

    async def __call__(self, method, target, /, body=b"", *, caller=ROOT, trailers=None, **headers):
        """Do one request: `target` is a path with its query, headers are written with underscores."""
        path, _, query = target.partition("?")
        sent = [(name.replace("_", "-"), value) for name, value in headers.items()]
        if body or method in {"PUT", "POST"}:
            sent.append(("Content-Length", str(len(body))))
        http = HttpRequest(method, path, query, Headers(sent), "localhost:9000", body=BytesBody(body, trailers))
        address = parse_address(http.host, http.path, ("localhost",))
        operation = operations.match(http, address)
        resource = None
        if address.level != "service" and operation.name != "CreateBucket":
            resource = await self.catalog.resolve(address)
        bucket = resource
        if isinstance(resource, AccessPoint):
            bucket = await self.catalog.buckets.get(resource.bucket)
        if resource is not None and operation.name != "DeleteObjects":
            for action in (operation.action, *operations.extra_actions(operation, http)):
                await self.access.authorize(caller, action, resource, key=address.key, http=http)
        call = Call(
            request_id="00000000-0000-4000-8000-000000000000",
            http=http,
            operation=operation,
            caller=caller,
            address=address,
            resource=resource,
            bucket=bucket,
            body=http.body,
        )
        response = await OPERATIONS[operation.name](self.objects, call)
        return Answer(response.status, response.headers, await self._read(response.body), response.length)

    async def _read(self, body):
        if isinstance(body, bytes):
            return body
        if isinstance(body, FileSlice):
            assert body.length >= 0
        return b"".join([chunk async for chunk in body])

    async def refused(self, error, *request, **options):
        """Do one request that must be refused; return the error."""
        with pytest.raises(error) as caught:
            await self(*request, **options)
        assert isinstance(caught.value, errors.ServiceError)
        return caught.value

    def open_files(self):
        """Return what this process has open, by name, but for what a thread holds while it removes leftovers."""
        found = []
        for one in os.listdir("/proc/self/fd"):
            with suppress(OSError):  # this very list
                found.append(os.readlink(f"/proc/self/fd/{one}"))
        return sorted(name for name in found if not name.endswith("/.objectlens/tidied"))

    async def user(self, name, *statements):
        """Make a user who may do what the statements say."""
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        user = User(name=name, account=ACCOUNT, user_id=f"AIDA{name}", created_at=NOW, policies={"p": policy})
        await self.catalog.users.create(user)
        return Caller(
            kind="IAMUser",
            account=ACCOUNT,
            arn=user.arn,
            principal_id=user.user_id,
            access_key_id=f"AKIA{name}",
            user_name=name,
        )

    async def access_point(self, name, bucket):
        """Make an access point and return its alias."""
        point = AccessPoint(
            name=name,
            account=ACCOUNT,
            region="us-east-1",
            bucket=bucket,
            alias=f"{name}-abc-s3alias",
            created_at=NOW,
            bucket_account=ACCOUNT,
        )
        await self.catalog.access_points.create(point)
        return point


@pytest.fixture
def play(tmp_path):
    """Run a scenario in a new world that has a bucket `pics`."""

    def run(scenario, bucket="pics"):
        async def whole():
            async with World(tmp_path) as world:
                if bucket:
                    assert (await world("PUT", f"/{bucket}")).status == 200
                await scenario(world)

        asyncio.run(whole())

    return run
