"""The kinds of entities, and the shelves that keep rules of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, delete, insert, select, update

from objectlens.catalog import tables
from objectlens.catalog.entities import (
    LATEST,
    AccessKey,
    AccessPoint,
    Account,
    Bucket,
    EventInvokeConfig,
    Function,
    FunctionAlias,
    LayerVersion,
    ManagedPolicy,
    ObjectLambdaAccessPoint,
    ProvisionedConcurrency,
    Role,
    User,
)
from objectlens.catalog.refusals import AlreadyExists, InUse
from objectlens.catalog.shelf import Kind, Shelf

P = TypeVar("P", bound=AccessPoint | ObjectLambdaAccessPoint)


def function_cursor(function: Function) -> str:
    """Return the text that listings of functions continue after: by name, `$LATEST` first, then by number."""
    number = 0 if function.version == LATEST else int(function.version)
    return f"{function.name}/{number:012d}"


def _sort_key(function: Function) -> Mapping[str, Any]:
    return {"sort_key": function_cursor(function)}


def layer_cursor(layer: LayerVersion) -> str:
    """Return the text that listings of layer versions continue after: by name, the newest first."""
    return f"{layer.name}/{10**12 - int(layer.version):013d}"


def _layer_sort_key(layer: LayerVersion) -> Mapping[str, Any]:
    return {"sort_key": layer_cursor(layer)}


ACCOUNTS = Kind(Account, "account", tables.accounts, order="account", prefix="account")
BUCKETS = Kind(Bucket, "bucket", tables.buckets)
ACCESS_POINTS = Kind(AccessPoint, "access point", tables.access_points)
OBJECT_LAMBDA_ACCESS_POINTS = Kind(
    ObjectLambdaAccessPoint, "Object Lambda access point", tables.object_lambda_access_points
)
FUNCTIONS = Kind(Function, "function", tables.functions, order="sort_key", derived=_sort_key)
FUNCTION_ALIASES = Kind(FunctionAlias, "function alias", tables.function_aliases)
LAYER_VERSIONS = Kind(LayerVersion, "layer version", tables.layer_versions, order="sort_key", derived=_layer_sort_key)
PROVISIONED_CONCURRENCY = Kind(
    ProvisionedConcurrency,
    "provisioned concurrency",
    tables.provisioned_concurrency,
    order="qualifier",
    prefix="qualifier",
)
EVENT_INVOKE_CONFIGS = Kind(
    EventInvokeConfig, "event invoke config", tables.event_invoke_configs, order="qualifier", prefix="qualifier"
)
USERS = Kind(User, "user", tables.users, prefix="path")
ROLES = Kind(Role, "role", tables.roles, prefix="path")
MANAGED_POLICIES = Kind(ManagedPolicy, "managed policy", tables.managed_policies, prefix="path")
ACCESS_KEYS = Kind(AccessKey, "access key", tables.access_keys, order="access_key_id", prefix="access_key_id")


class AccessPointShelf(Shelf[P]):
    """Access points, or Object Lambda access points: their names are disjoint within an account."""

    def create(self, value: P) -> P:
        """Add one; raises `AlreadyExists` when either kind has the name, `NotFound` when its bucket is missing."""
        names = tables.access_point_names
        key = {"account": value.account, "name": value.name}
        holder = self._connection.scalar(select(names.c.kind).filter_by(**key))
        if holder is not None:
            raise AlreadyExists(f"The account {value.account} has an {holder} {value.name} already.", holder)
        self._connection.execute(insert(names).values(**key, kind=self.kind.noun))
        return super().create(value)

    def delete(self, *key: str) -> bool:
        """Remove one and set its name free; says whether it was there."""
        if self.get(*key) is None:
            return False
        names = tables.access_point_names
        self._connection.execute(delete(names).filter_by(account=key[0], name=key[1]))
        return True


class FunctionShelf(Shelf[Function]):
    """Functions: `$LATEST` and the published versions."""

    def delete(self, *key: str) -> bool:
        """Remove one version, or with `$LATEST` the whole function with its versions and aliases.

        Says whether it was there; raises `InUse` for a version that an alias names, as its own or with a weight.
        """
        account, name, version = key
        if version != LATEST:
            weights = select(tables.function_aliases.c.weights).filter_by(account=account, function=name)
            if any(version in routed for routed in self._connection.scalars(weights)):
                raise InUse(f"The {self.kind.named(key)} is in use.")
            gone = super().delete(*key)
            _delete_attached(self._connection, account, name, qualifier=version)
            return gone
        _delete_attached(self._connection, account, name)
        self._connection.execute(delete(tables.function_aliases).filter_by(account=account, function=name))
        return bool(self._connection.execute(delete(tables.functions).filter_by(account=account, name=name)).rowcount)

    def next_number(self, account: str, name: str) -> int:
        """Take the next version number of a function name; the first is 1, and none is given twice."""
        return _next_number(self._connection, tables.function_numbers, account, name)


class LayerShelf(Shelf[LayerVersion]):
    """The versions of layers."""

    def next_number(self, account: str, name: str) -> int:
        """Take the next version number of a layer; the first is 1, and none is given twice."""
        return _next_number(self._connection, tables.layer_numbers, account, name)


def _next_number(connection: Connection, numbers: Table, account: str, name: str) -> int:
    key = {"account": account, "name": name}
    last = connection.scalar(select(numbers.c.last).filter_by(**key))
    if last is None:
        connection.execute(insert(numbers).values(**key, last=1))
        return 1
    connection.execute(update(numbers).filter_by(**key).values(last=last + 1))
    return int(last) + 1


class FunctionAliasShelf(Shelf[FunctionAlias]):
    """Aliases of functions."""

    def delete(self, *key: str) -> bool:
        """Remove one with what is set for it; says whether it was there."""
        account, name, alias = key
        _delete_attached(self._connection, account, name, qualifier=alias)
        return super().delete(*key)


def _delete_attached(connection: Connection, account: str, function: str, **qualifier: str) -> None:
    """Remove what is set for a version or an alias, or for all of a function."""
    for table in (tables.provisioned_concurrency, tables.event_invoke_configs):
        connection.execute(delete(table).filter_by(account=account, function=function, **qualifier))


class Shelves:
    """All shelves over the connection of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.accounts = Shelf(ACCOUNTS, connection)
        self.buckets = Shelf(BUCKETS, connection)
        self.access_points = AccessPointShelf(ACCESS_POINTS, connection)
        self.object_lambda_access_points = AccessPointShelf(OBJECT_LAMBDA_ACCESS_POINTS, connection)
        self.functions = FunctionShelf(FUNCTIONS, connection)
        self.function_aliases = FunctionAliasShelf(FUNCTION_ALIASES, connection)
        self.layer_versions = LayerShelf(LAYER_VERSIONS, connection)
        self.provisioned_concurrency = Shelf(PROVISIONED_CONCURRENCY, connection)
        self.event_invoke_configs = Shelf(EVENT_INVOKE_CONFIGS, connection)
        self.users = Shelf(USERS, connection)
        self.roles = Shelf(ROLES, connection)
        self.managed_policies = Shelf(MANAGED_POLICIES, connection)
        self.access_keys = Shelf(ACCESS_KEYS, connection)
