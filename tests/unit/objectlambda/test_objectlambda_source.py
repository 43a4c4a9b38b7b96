"""`inputS3Url` through its time (reference section 6)."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from objectlens.access import Access, Caller, Credentials
from objectlens.call import Call
from objectlens.catalog import AccountPrincipals, Catalog
from objectlens.catalog.entities import AccessPoint
from objectlens.clock import FixedClock, SystemClock
from objectlens.database import Database, sqlite_url
from objectlens.errors import AccessDenied
from objectlens.functions import Remote
from objectlens.http import Headers, HttpRequest
from objectlens.objectlambda.source import input_url
from objectlens.operation import Operation
from objectlens.s3.address import Address

ACCOUNT = "123456789012"
KEY = "AKIAROOT"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SOURCE = AccessPoint(
    name="my-ap",
    account=ACCOUNT,
    region="us-west-2",
    bucket="pics",
    alias="my-ap-x-s3alias",
    created_at=NOW,
    bucket_account=ACCOUNT,
)


@dataclass
class Room:
    """What `input_url` asks of its room."""

    access: Access
    clock: FixedClock
    endpoint: str = "http://127.0.0.1:9000"
    url_seconds: int = 61


def call() -> Call:
    http = HttpRequest("GET", "/k", "width=1", Headers([("Host", "localhost")]), host="localhost", peer="127.0.0.1")
    root = Caller(
        kind="Root", account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:root", principal_id=ACCOUNT, access_key_id=KEY
    )
    return Call(
        request_id="r",
        http=http,
        operation=Operation("s3", "GetObject", "s3:GetObject"),
        caller=root,
        address=Address("object", name="resize-ol", account=ACCOUNT, key="k"),
        resource=None,
        bucket=None,
        body=http.body,
    )


@pytest.mark.parametrize("seconds", [0, 61, 62, 300])
def test_for_61_seconds_it_is_the_callers_and_then_it_has_expired(tmp_path: Path, seconds: int) -> None:
    async def ask() -> Caller:
        database = await Database.open(sqlite_url(tmp_path))
        try:
            clock = FixedClock(NOW)
            principals = AccountPrincipals(Catalog(database, SystemClock()), ACCOUNT)
            access = Access(principals, Credentials(KEY, "secret"), clock, secret_key=b"k" * 32, account=ACCOUNT)
            url = urlsplit(input_url(Room(access, clock), call(), SOURCE, "GET"))
            clock.advance(seconds)
            headers = Headers([("Host", url.netloc)])
            return await access.authenticate(
                HttpRequest("GET", url.path, url.query, headers, host=url.netloc, peer="127.0.0.1")
            )
        finally:
            await database.close()

    if seconds <= 61:
        caller = asyncio.run(ask())
        assert (caller.kind, caller.called_via) == ("Root", ("s3-object-lambda.amazonaws.com",))
    else:
        with pytest.raises(AccessDenied, match="Request has expired"):
            asyncio.run(ask())


def test_a_function_elsewhere_reads_at_the_public_url(tmp_path: Path) -> None:
    async def ask() -> str:
        database = await Database.open(sqlite_url(tmp_path))
        try:
            principals = AccountPrincipals(Catalog(database, SystemClock()), ACCOUNT)
            clock = FixedClock(NOW)
            access = Access(principals, Credentials(KEY, "secret"), clock, secret_key=b"k" * 32, account=ACCOUNT)
            remote = Remote(name="far", functions=(), public_url="https://lens.example.org")
            url = input_url(Room(access, clock), call(), SOURCE, "GET", remote)
            parts = urlsplit(url)
            headers = Headers([("Host", parts.netloc)])
            # Whatever stands before the server keeps `Host`: the signature holds.
            await access.authenticate(
                HttpRequest("GET", parts.path, parts.query, headers, host=parts.netloc, peer="127.0.0.1")
            )
            return url
        finally:
            await database.close()

    assert asyncio.run(ask()).startswith(f"https://lens.example.org/{SOURCE.alias}/k?")
