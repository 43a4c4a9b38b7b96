# ruff: noqa: D102  (the names of the cases say what they check)
"""What the catalog must do over every database.

Subclass `CatalogSuite`, give it a `url` of an empty database and let pytest collect it:

    class TestMyDatabase(CatalogSuite):
        @pytest.fixture
        def url(self):
            return "postgresql://..."
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from objectlens.catalog import (
    AlreadyExists,
    Catalog,
    InUse,
    NotFound,
    Repository,
    Shelves,
    function_cursor,
    layer_cursor,
)
from objectlens.catalog.entities import (
    LATEST,
    AccessKey,
    AccessPoint,
    Account,
    Bucket,
    EventInvokeConfig,
    Function,
    FunctionAlias,
    LayerReference,
    LayerVersion,
    ManagedPolicy,
    ObjectLambdaAccessPoint,
    ObjectLambdaConfiguration,
    ProvisionedConcurrency,
    PublicAccessBlock,
    Role,
    Transformation,
    User,
)
from objectlens.clock import FixedClock
from objectlens.database import Database
from objectlens.errors import InvalidAccessPoint, InvalidAccessPointAliasError, NoSuchBucket, ServiceError
from objectlens.s3.address import Address

ACCOUNT = "123456789012"
OTHER = "999999999999"
NOW = datetime(2026, 11, 23, 1, 2, 3, 456789, tzinfo=UTC)
TEXT = '{"Sid": "\\u0000 \u00e9 \u65e5\u672c \U0001f600 \' \\" % ? :x"}' * 1000


def bucket(name: str = "pics", **changes: Any) -> Bucket:
    """Make a bucket."""
    return replace(Bucket(name=name, account=ACCOUNT, region="us-west-2", created_at=NOW), **changes)


def access_point(name: str = "ap", **changes: Any) -> AccessPoint:
    """Make an access point on the bucket `pics`."""
    point = AccessPoint(
        name=name,
        account=ACCOUNT,
        region="us-west-2",
        bucket="pics",
        alias=f"{name}-s3alias",
        created_at=NOW,
        bucket_account=ACCOUNT,
    )
    return replace(point, **changes)


def object_lambda(name: str = "ol", **changes: Any) -> ObjectLambdaAccessPoint:
    """Make an Object Lambda access point over the access point `ap`."""
    point = ObjectLambdaAccessPoint(
        name=name,
        account=ACCOUNT,
        region="us-west-2",
        alias=f"{name}--ol-s3",
        created_at=NOW,
        configuration=ObjectLambdaConfiguration(
            supporting_access_point=f"arn:aws:s3:us-west-2:{ACCOUNT}:accesspoint/ap"
        ),
    )
    return replace(point, **changes)


def function(name: str = "f", version: str = LATEST, **changes: Any) -> Function:
    """Make a version of a function."""
    made = Function(
        name=name,
        account=ACCOUNT,
        region="us-west-2",
        version=version,
        runtime="python3.11",
        handler="app.handler",
        role=f"arn:aws:iam::{ACCOUNT}:role/f",
        package="ab" * 32,
        code_sha256="q83v",
        code_size=2**31 + 1,
        last_modified=NOW,
        revision_id="r1",
    )
    return replace(made, **changes)


def provisioned(qualifier: str) -> ProvisionedConcurrency:
    """Return provisioned concurrency of the function `f`."""
    return ProvisionedConcurrency(account=ACCOUNT, function="f", qualifier=qualifier, requested=3, last_modified=NOW)


def alias(name: str, version: str) -> FunctionAlias:
    """Make an alias of the function `f`."""
    return FunctionAlias(name=name, account=ACCOUNT, function="f", version=version, revision_id="r1")


def layer(name: str = "l", version: str = "1", **changes: Any) -> LayerVersion:
    """Make a version of a layer."""
    made = LayerVersion(
        name=name,
        account=ACCOUNT,
        region="us-west-2",
        version=version,
        package="ab" * 32,
        code_sha256="q83v",
        code_size=2**31 + 1,
        created_at=NOW,
        revision_id="r1",
    )
    return replace(made, **changes)


def user(name: str = "ann", **changes: Any) -> User:
    """Make a user."""
    return replace(User(name=name, account=ACCOUNT, user_id=f"AIDA{name}", created_at=NOW), **changes)


def access_key(identifier: str = "AKIA1", user_name: str = "ann") -> AccessKey:
    """Make an access key."""
    return AccessKey(
        access_key_id=identifier,
        secret_access_key=identifier.lower(),
        account=ACCOUNT,
        user_name=user_name,
        created_at=NOW,
    )


# An entity of every kind with every field set, and a change to it; in an order that relations allow.
FULL: tuple[tuple[str, tuple[str, ...], Any, dict[str, Any]], ...] = (
    ("accounts", (ACCOUNT,), Account(account=ACCOUNT), {"public_access_block": PublicAccessBlock()}),
    (
        "buckets",
        ("pics",),
        bucket(store="file:///photographs", policy=TEXT, public_access_block=None, tags={"a": "\u00e9", "": ""}),
        {
            "public_access_block": PublicAccessBlock(block_public_acls=False),
            "policy": None,
            "tags": {},
            "ownership": "BucketOwnerPreferred",
            "acl": "public-read",
        },
    ),
    (
        "access_points",
        (ACCOUNT, "ap"),
        access_point(vpc_id="vpc-1", policy=TEXT, tags={"k": "v"}),
        {"vpc_id": None, "public_access_block": PublicAccessBlock(restrict_public_buckets=False)},
    ),
    (
        "object_lambda_access_points",
        (ACCOUNT, "ol"),
        object_lambda(
            policy=TEXT,
            configuration=ObjectLambdaConfiguration(
                supporting_access_point="arn:...",
                cloudwatch_metrics_enabled=True,
                allowed_features=frozenset({"GetObject-Range", "HeadObject-Range"}),
                transformations=(
                    Transformation(actions=frozenset({"GetObject", "HeadObject"}), function_arn="arn:1"),
                    Transformation(actions=frozenset({"ListObjects"}), function_arn="arn:2", function_payload=TEXT),
                ),
            ),
        ),
        {"configuration": ObjectLambdaConfiguration(supporting_access_point="arn:other")},
    ),
    (
        "functions",
        (ACCOUNT, "f", LATEST),
        function(
            environment={"A": "1"},
            architectures=("arm64",),
            layers=(
                LayerReference(arn="arn:l1", package="cd" * 32, code_size=2**31 + 1),
                LayerReference(arn="arn:l2", package="ef" * 32, code_size=1),
            ),
            reserved_concurrency=0,
            policy=TEXT,
            tags={"k": "v"},
        ),
        {"reserved_concurrency": None, "timeout": 900, "environment": {}, "last_modified": NOW + timedelta(days=1)},
    ),
    (
        "function_aliases",
        (ACCOUNT, "f", "prod"),
        replace(alias("prod", LATEST), weights={"2": 0.25}, policy=TEXT),
        {"weights": {}},
    ),
    (
        "layer_versions",
        (ACCOUNT, "l", "7"),
        layer(
            version="7",
            description=TEXT,
            license="MIT",
            runtimes=("python3.11",),
            architectures=("arm64",),
            policy=TEXT,
        ),
        {"policy": None, "revision_id": "r2"},
    ),
    (
        "provisioned_concurrency",
        (ACCOUNT, "f", "prod"),
        provisioned("prod"),
        {"requested": 1},
    ),
    (
        "event_invoke_configs",
        (ACCOUNT, "f", LATEST),
        EventInvokeConfig(account=ACCOUNT, function="f", qualifier=LATEST, last_modified=NOW, retries=0),
        {"retries": None, "age": 60},
    ),
    (
        "users",
        (ACCOUNT, "ann"),
        user(path="/a/b/", policies={"p": TEXT}, attached=("arn:p1",), boundary="arn:b", tags={"k": "v"}),
        {"policies": {}, "attached": (), "boundary": None},
    ),
    (
        "roles",
        (ACCOUNT, "r"),
        Role(name="r", account=ACCOUNT, role_id="AROA", created_at=NOW, assume_role_policy=TEXT, max_session=7200),
        {"description": "\u00e9", "policies": {"p": "{}"}},
    ),
    (
        "managed_policies",
        (ACCOUNT, "m"),
        ManagedPolicy(name="m", account=ACCOUNT, policy_id="ANPA", created_at=NOW, document=TEXT),
        {"document": "{}", "tags": {"a": "b"}},
    ),
    ("access_keys", ("AKIA1",), access_key(), {"active": False}),
)


@dataclass
class Bench:
    """Catalogs over one database, each with connections and a cache of its own, as in processes of their own."""

    url: str
    stack: AsyncExitStack

    async def catalog(self, clock: FixedClock | None = None) -> Catalog:
        """Open a further one."""
        database = await Database.open(self.url)
        self.stack.push_async_callback(database.close)
        return Catalog(database, clock or FixedClock(NOW))


Story = Callable[[Bench], Awaitable[None]]


async def _refused(kind: type[Exception], work: Awaitable[Any], words: str = "") -> Exception:
    with pytest.raises(kind, match=words or None) as caught:
        await work
    return caught.value


def _changing(changes: dict[str, Any]) -> Callable[[Any], Any]:
    return lambda now: replace(now, **changes)


class CatalogSuite:
    """The cases."""

    def play(self, url: str, story: Story) -> None:
        """Run one case."""

        async def run() -> None:
            async with AsyncExitStack() as stack:
                await story(Bench(url, stack))

        asyncio.run(run())

    def test_entities_of_every_kind_are_kept_whole(self, url: str) -> None:
        async def story(bench: Bench) -> None:
            catalog, other = await bench.catalog(), await bench.catalog()
            for kind, key, value, changes in FULL:
                repository: Repository[Any] = getattr(catalog, kind)
                assert await repository.get(*key) is None
                assert await repository.create(value) == value
                assert await repository.get(*key) == value
                assert await getattr(other, kind).get(*key) == value
                assert await repository.list() == [value]
                await _refused(AlreadyExists, repository.create(value))
                changed = replace(value, **changes)
                assert await repository.update(*key, change=_changing(changes)) == changed
                assert await repository.get(*key) == changed
            for kind, key, _, _ in reversed(FULL):
                repository = getattr(catalog, kind)
                assert await repository.delete(*key)
                assert await repository.get(*key) is None
                assert await repository.list() == []
                assert not await repository.delete(*key)
                await _refused(NotFound, repository.update(*key, change=lambda now: now))

        self.play(url, story)

    def test_listings_go_by_the_bytes_of_names(self, url: str) -> None:
        async def story(bench: Bench) -> None:
            catalog = await bench.catalog()
            names = sorted(["a", "B", "b", "b-1", "b.1", "b1", "b_1", "ba", "b%1", "\u00e9", "z"], key=str.encode)
            for name in names:
                await catalog.buckets.create(bucket(name))
            await catalog.buckets.create(bucket("c-other", account=OTHER))
            mine = catalog.buckets

            async def listed(**arguments: Any) -> list[str]:
                return [one.name for one in await mine.list(account=ACCOUNT, **arguments)]

            assert await listed() == names
            assert await listed(after="b", limit=3) == names[names.index("b") + 1 :][:3]
            assert await listed(prefix="b_") == ["b_1"]
            assert await listed(prefix="b%") == ["b%1"]
            assert await listed(prefix="b", after="b_1") == ["ba"]
            assert await listed(limit=0) == []
            assert await listed(after="zz") == ["\u00e9"]
            assert [one.name for one in await mine.list(account=OTHER)] == ["c-other"]
            assert await mine.get("b\0") is None
            await _refused(TypeError, mine.list(colour="red"), "has no colour")
            await _refused(TypeError, mine.get("a", "b"), "found by name")

        self.play(url, story)

    def test_prefixes_of_users_are_of_their_paths(self, url: str) -> None:
        async def story(bench: Bench) -> None:
            catalog = await bench.catalog()
            for name, path in (("ann", "/a/"), ("bob", "/a/b/"), ("cy", "/c/")):
                await catalog.users.create(user(name, path=path))
            assert [one.name for one in await catalog.users.list(account=ACCOUNT, prefix="/a/")] == ["ann", "bob"]

        self.play(url, story)

    def test_names_of_users_differ_by_more_than_case(self, url: str) -> None:
        async def story(bench: Bench) -> None:
            catalog = await bench.catalog()
            await catalog.users.create(user("Ann"))
            await _refused(AlreadyExists, catalog.users.create(user("aNN")))
            assert await catalog.users.get(ACCOUNT, "ann") is None
            await catalog.users.create(user("ann", account=OTHER))

        self.play(url, story)

    def test_access_points_of_both_kinds_share_one_name_space(self, url: str) -> None:
        async def story(bench: Bench) -> None:
            catalog = await bench.catalog()
            await catalog.buckets.create(bucket())
            await catalog.access_points.create(access_point("one"))
            error = await _refused(AlreadyExists, catalog.object_lambda_access_points.create(object_lambda("one")))
            assert isinstance(error, AlreadyExists)
            assert error.holder == "access point"
            await catalog.object_lambda_access_points.create(object_lambda("two"))
            error = await _refused(AlreadyExists, catalog.access_points.create(access_point("two")))
            assert isinstance(error, AlreadyExists)
            assert error.holder == "Object Lambda access point"
            # Another account has names of its own, and a name is free again when its holder goes.
            await catalog.access_points.create(access_point("two", account=OTHER, alias="x-s3alias"))
            assert await catalog.access_points.delete(ACCOUNT, "one")
            await catalog.object_lambda_access_points.create(object_lambda("one"))
            assert not await catalog.access_points.delete(ACCOUNT, "one")
            assert await catalog.object_lambda_access_points.get(ACCOUNT, "one") is not None

        self.play(url, story)

    def test_relations_hold(self, url: str) -> None:
        async def story(bench: Bench) -> None:
            catalog = await bench.catalog()
            await _refused(NotFound, catalog.access_points.create(access_point()))
            assert await catalog.access_points.get(ACCOUNT, "ap") is None
            await catalog.buckets.create(bucket())
            await catalog.access_points.create(access_point())
            await _refused(InUse, catalog.buckets.delete("pics"))
            await _refused(NotFound, catalog.access_keys.create(access_key()))
            await catalog.users.create(user())
            await catalog.access_keys.create(access_key())
            await _refused(InUse, catalog.users.delete(ACCOUNT, "ann"))
            # A renamed user keeps its keys.
            await catalog.users.update(ACCOUNT, "ann", change=lambda now: replace(now, name="bea"))
            keys = await catalog.access_keys.list(account=ACCOUNT, user_name="bea")
            assert [one.access_key_id for one in keys] == ["AKIA1"]
            # An access point goes before the Object Lambda access point over it, or after it.
            await catalog.object_lambda_access_points.create(object_lambda())
            assert await catalog.access_points.delete(ACCOUNT, "ap")
            assert await catalog.buckets.delete("pics")

        self.play(url, story)

    def test_functions_versions_and_aliases(self, url: str) -> None:
        async def story(bench: Bench) -> None:
            catalog = await bench.catalog()
            await catalog.functions.create(function("f-2"))
            await catalog.functions.create(function())

            def publish(shelves: Shelves) -> Function:
                number = shelves.functions.next_number(ACCOUNT, "f")
                return shelves.functions.create(function(version=str(number)))

            for _ in range(11):
                await catalog.change(publish)
            versions = [one.version for one in await catalog.functions.list(account=ACCOUNT, name="f")]
            assert versions == [LATEST, *map(str, range(1, 12))]
            latest = await catalog.functions.list(account=ACCOUNT, version=LATEST, limit=1)
            rest = await catalog.functions.list(account=ACCOUNT, version=LATEST, after=function_cursor(latest[0]))
            assert {one.name for one in (*latest, *rest)} == {"f", "f-2"}
            await _refused(NotFound, catalog.function_aliases.create(alias("prod", "99")))
            await catalog.function_aliases.create(alias("prod", "11"))
            found = await catalog.function(ACCOUNT, "f", "prod")
            assert found is not None
            assert found.version == "11"
            assert await catalog.function(ACCOUNT, "f", "none") is None
            served = await catalog.invoked(ACCOUNT, "f", "prod", 0.5)
            assert served is not None
            assert (served[0].version, served[1].version) == ("11", "prod")
            assert await catalog.invoked(ACCOUNT, "f", "none", 0.5) is None
            for qualifier in ("10", "prod"):
                await catalog.provisioned_concurrency.create(provisioned(qualifier))
            await _refused(InUse, catalog.functions.delete(ACCOUNT, "f", "11"))
            await catalog.function_aliases.create(replace(alias("canary", "11"), weights={"9": 0.5}))
            await _refused(InUse, catalog.functions.delete(ACCOUNT, "f", "9"))
            assert await catalog.functions.delete(ACCOUNT, "f", "10")
            assert [one.qualifier for one in await catalog.provisioned_concurrency.list(account=ACCOUNT)] == ["prod"]
            assert await catalog.functions.delete(ACCOUNT, "f", LATEST)
            assert await catalog.functions.list(account=ACCOUNT, name="f") == []
            assert await catalog.function_aliases.list(account=ACCOUNT) == []
            assert await catalog.provisioned_concurrency.list(account=ACCOUNT) == []
            assert (await catalog.change(publish)).version == "12"
            assert await catalog.functions.get(ACCOUNT, "f-2", LATEST) is not None

        self.play(url, story)

    def test_versions_of_layers_go_newest_first_and_numbers_are_not_used_again(self, url: str) -> None:
        async def story(bench: Bench) -> None:
            catalog = await bench.catalog()

            def publish(shelves: Shelves) -> LayerVersion:
                return shelves.layer_versions.create(
                    layer(version=str(shelves.layer_versions.next_number(ACCOUNT, "l")))
                )

            for _ in range(11):
                await catalog.change(publish)
            versions = await catalog.layer_versions.list(account=ACCOUNT, name="l")
            assert [one.version for one in versions] == [str(number) for number in range(11, 0, -1)]
            rest = await catalog.layer_versions.list(account=ACCOUNT, after=layer_cursor(versions[8]))
            assert [one.version for one in rest] == ["2", "1"]
            for one in versions:
                assert await catalog.layer_versions.delete(ACCOUNT, "l", one.version)
            assert (await catalog.change(publish)).version == "12"

        self.play(url, story)

    def test_no_update_is_lost(self, url: str) -> None:
        async def story(bench: Bench) -> None:
            catalogs = [await bench.catalog() for _ in range(3)]
            await catalogs[0].buckets.create(bucket())

            def note(number: int) -> Callable[[Bucket], Bucket]:
                return lambda now: replace(now, tags={**now.tags, str(number): "x"})

            await asyncio.gather(
                *(catalogs[number % 3].buckets.update("pics", change=note(number)) for number in range(60))
            )
            kept = await (await bench.catalog()).buckets.get("pics")
            assert kept is not None
            assert len(kept.tags) == 60

        self.play(url, story)

    def test_one_of_many_creators_wins(self, url: str) -> None:
        async def story(bench: Bench) -> None:
            catalogs = [await bench.catalog() for _ in range(3)]
            results = await asyncio.gather(
                *(catalogs[number % 3].buckets.create(bucket(store=str(number))) for number in range(12)),
                return_exceptions=True,
            )
            made = [one for one in results if isinstance(one, Bucket)]
            assert len(made) == 1
            assert sum(isinstance(one, AlreadyExists) for one in results) == 11
            assert await catalogs[0].buckets.get("pics") == made[0]

        self.play(url, story)

    def test_a_change_that_raises_changes_nothing(self, url: str) -> None:
        async def story(bench: Bench) -> None:
            catalog = await bench.catalog()
            await catalog.buckets.create(bucket())

            def spoil(_: Bucket) -> Bucket:
                raise LookupError("no")

            def half(shelves: Shelves) -> None:
                shelves.buckets.create(bucket("half"))
                shelves.buckets.delete("pics")
                raise LookupError("no")

            await _refused(LookupError, catalog.buckets.update("pics", change=spoil))
            await _refused(LookupError, catalog.change(half))
            assert [one.name for one in await catalog.buckets.list()] == ["pics"]
            assert await catalog.buckets.get("pics") == bucket()

        self.play(url, story)

    def test_addresses_resolve(self, url: str) -> None:
        async def story(bench: Bench) -> None:
            catalog = await bench.catalog()
            pics, ap, ol = bucket(), access_point(), object_lambda()
            labelled = bucket(f"logs-{ACCOUNT}")
            await catalog.buckets.create(pics)
            await catalog.buckets.create(labelled)
            await catalog.buckets.create(bucket(f"ap-{ACCOUNT}"))
            await catalog.access_points.create(ap)
            await catalog.object_lambda_access_points.create(ol)

            def label(name: str, **more: Any) -> Address:
                return Address("object", name, "key", ACCOUNT, bucket_label=f"{name}-{ACCOUNT}", **more)

            assert await catalog.resolve(Address("service")) is None
            assert await catalog.resolve(Address("bucket", "pics")) == pics
            assert await catalog.resolve(Address("object", "ap-s3alias", "k")) == ap
            assert await catalog.resolve(Address("object", "ol--ol-s3", "k")) == ol
            assert await catalog.resolve(label("ap")) == ap
            assert await catalog.resolve(label("ol")) == ol
            assert await catalog.resolve(label("logs")) == labelled
            assert await catalog.resolve(Address("object", "ap", "k", ACCOUNT, "s3-accesspoint")) == ap
            assert await catalog.resolve(Address("object", "ol", "k", ACCOUNT, "s3-object-lambda")) == ol
            misses: tuple[tuple[type[ServiceError], Address], ...] = (
                (NoSuchBucket, Address("bucket", "nothing")),
                (InvalidAccessPoint, label("nothing")),
                (InvalidAccessPoint, Address("object", "ap", "k", OTHER)),
                (InvalidAccessPoint, Address("object", "ol", "k", ACCOUNT, "s3-accesspoint")),
                (InvalidAccessPoint, Address("object", "ap", "k", ACCOUNT, "s3-object-lambda")),
                (InvalidAccessPointAliasError, Address("object", "nothing-s3alias", "k")),
                (InvalidAccessPointAliasError, Address("object", "nothing--ol-s3", "k")),
                (InvalidAccessPointAliasError, Address("object", "ap--ol-s3", "k")),
            )
            for error, address in misses:
                await _refused(error, catalog.resolve(address))

        self.play(url, story)

    def test_what_is_looked_up_again_needs_no_database(self, url: str) -> None:
        async def story(bench: Bench) -> None:
            database = await Database.open(url)
            catalog = Catalog(database, FixedClock(NOW))
            await catalog.buckets.create(bucket())
            await catalog.access_points.create(access_point())
            address = Address("object", "ap", "k", ACCOUNT, bucket_label=f"ap-{ACCOUNT}")
            found = await catalog.resolve(address)
            by_alias = await catalog.resolve(Address("bucket", "ap-s3alias"))
            await _refused(NoSuchBucket, catalog.resolve(Address("bucket", "nothing")))
            await database.close()
            assert await catalog.resolve(address) == found
            assert await catalog.resolve(Address("bucket", "ap-s3alias")) == by_alias
            await _refused(NoSuchBucket, catalog.resolve(Address("bucket", "nothing")))

        self.play(url, story)

    def test_changes_of_others_are_seen_in_time_and_ones_own_at_once(self, url: str) -> None:
        async def story(bench: Bench) -> None:
            clock = FixedClock(NOW)
            reader, writer = await bench.catalog(clock), await bench.catalog()
            assert await reader.buckets.get("pics") is None
            await writer.buckets.create(bucket())
            assert await writer.buckets.get("pics") == bucket()
            clock.advance(0.049)
            assert await reader.buckets.get("pics") is None
            clock.advance(0.001)
            assert await reader.buckets.get("pics") == bucket()
            changed = await writer.buckets.update("pics", change=lambda now: replace(now, policy="{}"))
            assert await writer.buckets.get("pics") == changed
            clock.advance(0.05)
            assert await reader.buckets.get("pics") == changed
            # What the reader writes shows it the others' changes as well.
            await writer.buckets.delete("pics")
            await reader.buckets.create(bucket("logs"))
            assert await reader.buckets.get("pics") is None

        self.play(url, story)
