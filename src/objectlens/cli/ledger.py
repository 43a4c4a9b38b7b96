"""The ledger and the budgets, as commands reach them.

That is through the server that runs on a data directory, which writes first what it has counted; through one elsewhere;
or, when none runs, in the database itself.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import boto3
import click
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session

from objectlens.cli.clients import reach, refusal
from objectlens.cli.options import read_settings, running_endpoint
from objectlens.cli.signing import reason
from objectlens.database import Database, DatabaseTooNew, sqlite_url
from objectlens.errors import ServiceError
from objectlens.gateway.ledger import BUDGETS, USAGE
from objectlens.metering import Ledger, Row, Selection
from objectlens.settings import Settings

T = TypeVar("T")
_SECONDS = 60


class Service:
    """A server's pages of the ledger, asked with a key that may."""

    def __init__(self, url: str, session: boto3.Session, region: str) -> None:
        self.url, self._session, self._region = url, session, region
        self._http = URLLib3Session(timeout=_SECONDS)

    def ask(self, method: str, path: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return what a page answers; ends the command with the server's reason when it does not."""
        query = urlencode(parameters, quote_via=quote)
        request = AWSRequest(method, f"{self.url}{path}" + (f"?{query}" if query else ""))
        credentials = self._session.get_credentials()
        if credentials is None:
            raise click.ClickException("there is no key to sign with: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        try:
            S3SigV4Auth(credentials.get_frozen_credentials(), "s3", self._region).add_auth(request)
            answer = self._http.send(request.prepare())
        except BotoCoreError as error:
            raise click.ClickException(refusal(error, self.url)) from error
        if answer.status_code >= 300:
            raise click.ClickException(f"the server at {self.url} refuses: {reason(answer)}")
        content: dict[str, Any] = json.loads(answer.text) if answer.text else {}
        return content


def service_of(data: Path, config: Path | None, endpoint: str | None) -> Service | None:
    """Return the server to ask, None when there is none and the database has to be opened."""
    if endpoint is None and running_endpoint(data) is None:
        return None
    return Service(*reach(data, config, endpoint))


def read_rows(data: Path, config: Path | None, endpoint: str | None, selection: Selection) -> list[Row]:
    """Return rows of the ledger; ends the command when they cannot be had."""
    service = service_of(data, config, endpoint)
    if service is None:
        return in_database(read_settings(data, config), lambda database: Ledger(database).rows(selection))
    rows: list[Row] = []
    asked = _asked(selection)
    while True:
        answer = service.ask("GET", USAGE, asked | {"offset": str(len(rows))})
        rows += [Row.of(one) for one in answer["rows"]]
        if "next" not in answer:
            return rows


def _asked(selection: Selection) -> dict[str, str]:
    asked: dict[str, str] = {name: str(value) for name, value in selection.where.items()}
    for name in ("start", "end"):
        if (moment := getattr(selection, name)) is not None:
            asked[name] = moment.isoformat()
    step = "kept" if selection.step is None else str(selection.step)
    return asked | {"by": ",".join(selection.by), "step": step}


def in_database(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    """Do some work in the database of a data directory; ends the command when it cannot be opened."""

    async def run() -> T:
        try:
            database = await Database.open(settings.database.url or sqlite_url(settings.data))
        except (OSError, DatabaseTooNew, ValueError, RuntimeError, ServiceError) as error:
            raise click.ClickException(f"cannot open the database of {settings.data}: {error}") from error
        try:
            return await work(database)
        except ServiceError as error:
            raise click.ClickException(str(error)) from error
        finally:
            await database.close()

    if settings.database.url is None and not (settings.data / "objectlens.db").exists():
        raise click.ClickException(f"nothing is in {settings.data}: no server has run on it")
    return asyncio.run(run())


def budget_path(name: str) -> str:
    """Return the path of a budget's page."""
    return f"{BUDGETS}/{quote(name, safe='')}"
