"""The catalog: repositories, changes that span several of them, and what an address names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from sqlalchemy import Connection, select, update

from objectlens.arn import ACCESS_POINT_ALIAS, OBJECT_LAMBDA_ALIAS
from objectlens.catalog.cache import STALENESS, ReadCache
from objectlens.catalog.entities import Function, Resource
from objectlens.catalog.kinds import Shelves
from objectlens.catalog.repository import Repository
from objectlens.catalog.tables import catalog_version
from objectlens.clock import Clock
from objectlens.database import Database
from objectlens.errors import InvalidAccessPoint, InvalidAccessPointAliasError, NoSuchBucket
from objectlens.s3.address import Address

T = TypeVar("T")


class Catalog:
    """What exists. Reads by key come from a cache in the process; see `cache` for how stale they may be."""

    def __init__(self, database: Database, clock: Clock, *, staleness: float = STALENESS) -> None:
        self._database = database
        self._cache = cache = ReadCache(clock, self._version, staleness)
        self.accounts = Repository(lambda all_: all_.accounts, self, cache)
        self.buckets = Repository(lambda all_: all_.buckets, self, cache)
        self.access_points = Repository(lambda all_: all_.access_points, self, cache)
        self.object_lambda_access_points = Repository(lambda all_: all_.object_lambda_access_points, self, cache)
        self.functions = Repository(lambda all_: all_.functions, self, cache)
        self.function_aliases = Repository(lambda all_: all_.function_aliases, self, cache)
        self.layer_versions = Repository(lambda all_: all_.layer_versions, self, cache)
        self.provisioned_concurrency = Repository(lambda all_: all_.provisioned_concurrency, self, cache)
        self.event_invoke_configs = Repository(lambda all_: all_.event_invoke_configs, self, cache)
        self.users = Repository(lambda all_: all_.users, self, cache)
        self.roles = Repository(lambda all_: all_.roles, self, cache)
        self.managed_policies = Repository(lambda all_: all_.managed_policies, self, cache)
        self.access_keys = Repository(lambda all_: all_.access_keys, self, cache)

    async def resolve(self, address: Address) -> Resource | None:
        """Return what an address names; None at service level. The region in an address plays no part.

        Raises `NoSuchBucket`, `InvalidAccessPoint` or `InvalidAccessPointAliasError` for what names nothing.
        """
        if address.name is None:
            return None
        if address.account is not None:
            return await self._labelled(address, address.account, address.name)
        if address.name.endswith(ACCESS_POINT_ALIAS) or address.name.endswith(OBJECT_LAMBDA_ALIAS):
            return await self._aliased(address.name)
        bucket = await self.buckets.get(address.name)
        if bucket is None:
            raise NoSuchBucket(BucketName=address.name)
        return bucket

    async def function(self, account: str, name: str, qualifier: str) -> Function | None:
        """Return the version of a function that a qualifier names: `$LATEST`, a number, or an alias."""
        found = await self.functions.get(account, name, qualifier)
        if found is None and (alias := await self.function_aliases.get(account, name, qualifier)) is not None:
            return await self.functions.get(account, name, alias.version)
        return found

    async def invoked(self, account: str, name: str, qualifier: str, point: float) -> tuple[Function, Function] | None:
        """Return the version that serves a call of a function, and what the caller must be allowed to invoke.

        An alias that has weights sends some calls to its other version; `point` is drawn from [0, 1) for each call.
        Reached by an alias, a version has the alias's policy and ARN.
        """
        if (found := await self.functions.get(account, name, qualifier)) is not None:
            return found, found
        alias = await self.function_aliases.get(account, name, qualifier)
        if alias is None or (found := await self.functions.get(account, name, alias.chosen(point))) is None:
            return None
        return found, replace(found, policy=alias.policy, version=alias.name)

    async def read(self, work: Callable[[Shelves], T]) -> tuple[int, T]:
        """Run `work` over one consistent view; returns the catalog's version with its result."""
        return await self._database.read(lambda connection: (_version(connection), work(Shelves(connection))))

    async def change(self, work: Callable[[Shelves], T]) -> T:
        """Run `work` as one change: all of it happens or, when it raises, none.

        Changes happen one after the other, over all processes. `work` runs on another thread and must not keep the
        shelves.
        """

        def counted(connection: Connection) -> tuple[int, T]:
            # First of all: on PostgreSQL the row's lock is what puts changes one after the other.
            version = connection.scalar(
                update(catalog_version)
                .values(version=catalog_version.c.version + 1)
                .returning(catalog_version.c.version)
            )
            return int(version or 0), work(Shelves(connection))

        version, result = await self._database.write(counted)
        self._cache.advance(version)
        return result

    async def version(self) -> int:
        """Return a number that changes with each change of what exists, as look-ups by key see it."""
        return await self._cache.version()

    async def _version(self) -> int:
        return await self._database.read(_version)

    async def _labelled(self, address: Address, account: str, name: str) -> Resource:
        found: Resource | None = None
        if address.service != "s3-object-lambda":
            found = await self.access_points.get(account, name)
        if found is None and address.service != "s3-accesspoint":
            found = await self.object_lambda_access_points.get(account, name)
        if found is None and address.bucket_label is not None:
            found = await self.buckets.get(address.bucket_label)
        if found is None:
            raise InvalidAccessPoint
        return found

    async def _aliased(self, alias: str) -> Resource:
        points = self.access_points if alias.endswith(ACCESS_POINT_ALIAS) else self.object_lambda_access_points
        found: Resource | None = await points.find(alias=alias)
        if found is None:
            raise InvalidAccessPointAliasError
        return found


def _version(connection: Connection) -> int:
    return int(connection.scalar(select(catalog_version.c.version)) or 0)
