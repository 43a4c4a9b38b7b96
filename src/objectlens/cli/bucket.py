"""`objectlens bucket`: folders and buckets elsewhere become buckets here, and stop being ones.

AWS's API has no word for it, so these commands write the catalog themselves; a running server sees it at once or, when
it had looked the name up just before, within a moment. Buckets of our own are made and removed with AWS's tools.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from objectlens.catalog import AlreadyExists, Catalog, InUse
from objectlens.catalog.entities import MANAGED_STORE, Bucket
from objectlens.cli.options import config_option, data_option, json_option, print_json, read_settings
from objectlens.clock import SystemClock
from objectlens.database import Database, DatabaseTooNew, sqlite_url
from objectlens.errors import ServiceError
from objectlens.s3.address import valid_bucket_name
from objectlens.settings import Settings
from objectlens.stores import StoreUnavailable
from objectlens.stores.opener import StoreOpener
from objectlens.stores.remote import UnknownStore, is_remote

T = TypeVar("T")

_GROUP_EPILOG = """\b
Examples:
  objectlens bucket add photographs --store file:///srv/photographs
  objectlens bucket list
"""
_ADD_EPILOG = """\b
Examples:
  objectlens bucket add photographs --store file:///srv/photographs
  objectlens bucket add photographs --store file://$PWD/photographs --data /srv/objectlens
  objectlens bucket add scans --store 's3://scans/2026?profile=lab&region=eu-central-1'
  objectlens bucket add scans --store 's3://scans?endpoint=http://127.0.0.1:8333'
  objectlens bucket add public --store 's3://open-data?anonymous=true&region=us-west-2'
  objectlens bucket add scans --store gs://scans
  objectlens bucket add scans --store 'az://scans?account=lab'

The files or objects stay where they are and are there at once; what is written to the bucket is written there. A
bucket elsewhere is listed once, to see that it can be reached. Credentials are never part of the URL: the server takes
them from the profile that is named, from its environment, or from the machine's role. docs/stores.md says more.
"""
_LIST_EPILOG = """\b
Example:
  objectlens bucket list --json
"""
_REMOVE_EPILOG = """\b
Example:
  objectlens bucket remove photographs

The files stay. A bucket that objectlens made is removed with: objectlens exec -- aws s3api delete-bucket --bucket NAME
"""


@click.group("bucket", epilog=_GROUP_EPILOG)
def command() -> None:
    """Attach folders and buckets elsewhere without copying, list buckets, detach them."""


@command.command("add", epilog=_ADD_EPILOG)
@click.argument("name")
@click.option(
    "--store", metavar="URL", required=True, help="A folder, as file:///path, or a bucket of s3://, gs:// or az://."
)
@data_option
@config_option
def add(name: str, store: str, data: Path, config: Path | None) -> None:
    """Attach a folder or a bucket elsewhere as the bucket NAME, to read and to write."""
    settings = read_settings(data, config)
    if not valid_bucket_name(name):
        raise click.ClickException(
            f"{name!r} cannot be a bucket's name: 3 to 63 lower-case letters, digits, dots and hyphens, "
            "a letter or digit at both ends"
        )
    asyncio.run(attach(settings, name, store))
    click.echo(f"{name} is {store}")


@command.command("list", epilog=_LIST_EPILOG)
@data_option
@config_option
@json_option
def list_(data: Path, config: Path | None, as_json: bool) -> None:
    """List all buckets with their stores."""
    found = asyncio.run(_with_catalog(read_settings(data, config), _all_buckets))
    if as_json:
        print_json([{"name": one.name, "store": one.store, "region": one.region} for one in found])
        return
    table = Table("bucket", Column("store", overflow="fold"), box=None, pad_edge=False)
    for one in found:
        table.add_row(one.name, escape(one.store))
    Console().print(table)


@command.command("remove", epilog=_REMOVE_EPILOG)
@click.argument("name")
@data_option
@config_option
def remove(name: str, data: Path, config: Path | None) -> None:
    """Detach what is behind the bucket NAME; its files or objects stay."""
    asyncio.run(_with_catalog(read_settings(data, config), lambda catalog: _detach(catalog, name)))
    click.echo(f"{name} is no bucket any more; its objects stay where they are")


async def attach(settings: Settings, name: str, store: str) -> None:
    """Make a store the bucket `name`; ends the command with the reason when that cannot be."""
    opener = StoreOpener(settings.data)
    try:
        if not is_remote(store):
            _refuse_our_own(opener.folder(name, store), store, settings.data)
        await opener.create(name, store)
        bucket = Bucket(
            name=name,
            account=settings.account.account,
            region=settings.account.region,
            created_at=SystemClock().now(),
            store=store,
        )
        await _with_catalog(settings, lambda catalog: catalog.buckets.create(bucket))
    except (UnknownStore, StoreUnavailable) as error:
        raise click.ClickException(str(error)) from error
    except AlreadyExists as error:
        raise click.ClickException(f"there is a bucket {name} already; see: objectlens bucket list") from error
    finally:
        await opener.close()


def _refuse_our_own(folder: Path, store: str, data: Path) -> None:
    """Keep the data directory, which holds the root's secret, from being read as objects."""
    folder, data = folder.resolve(), data.resolve()
    if store == MANAGED_STORE or folder.is_relative_to(data) or data.is_relative_to(folder):
        raise click.ClickException(
            f"{store} cannot be attached: it is, holds, or lies in the data directory {data}; attach another folder"
        )


async def _detach(catalog: Catalog, name: str) -> None:
    bucket = await catalog.buckets.get(name)
    if bucket is None:
        raise click.ClickException(f"there is no bucket {name}; see: objectlens bucket list")
    if bucket.store == MANAGED_STORE:
        raise click.ClickException(
            f"the objects of {name} are in the data directory, not in a folder of yours; remove them and it with: "
            f"objectlens exec -- aws s3 rb --force s3://{name}"
        )
    try:
        await catalog.buckets.delete(name)
    except InUse as error:
        raise click.ClickException(
            f"{name} cannot be detached: it has access points; delete them first, with: "
            "objectlens exec -- aws s3control delete-access-point"
        ) from error


async def _all_buckets(catalog: Catalog) -> list[Bucket]:
    found: list[Bucket] = []
    while page := await catalog.buckets.list(after=found[-1].name if found else ""):
        found += page
    return found


async def _with_catalog(settings: Settings, work: Callable[[Catalog], Awaitable[T]]) -> T:
    async with _opened(settings) as catalog:
        return await work(catalog)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Catalog]:
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = await Database.open(settings.database.url or sqlite_url(settings.data))
    except (OSError, DatabaseTooNew, ValueError, RuntimeError, ServiceError) as error:
        raise click.ClickException(f"cannot open the catalog of {settings.data}: {error}") from error
    try:
        yield Catalog(database, SystemClock())
    finally:
        await database.close()
