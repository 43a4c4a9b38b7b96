"""What every store that keeps versions must do.

Subclass `VersionsSuite` beside `StoreSuite` (see `objectlens.testing.stores`), with the same `factory`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

import pytest

from objectlens.stores import (
    NULL,
    Attributes,
    Keeping,
    KeyNotFound,
    Marked,
    OneVersion,
    Stat,
    Store,
    Version,
    VersionListing,
    VersionNotFound,
    Versions,
)
from objectlens.testing.stores import HARD_KEYS, PLAIN, Refused, every, expected, stream


class VersionedStore(Store, Versions, Protocol):
    """A store that keeps versions where it is asked to."""


Factory = Callable[[], VersionedStore]


async def read(store: Store | OneVersion, key: str, span: tuple[int, int] | None = None) -> bytes:
    """Read an object, or a run of it, to the end."""
    opened = await store.open(key, span)
    return b"".join([chunk async for chunk in opened.body])


async def all_versions(
    store: Versions, prefix: str = "", delimiter: str = "", limit: int = 1000
) -> tuple[list[Version], list[str]]:
    """Read a listing of versions page by page; return versions and common prefixes."""
    versions: list[Version] = []
    prefixes: list[str] = []
    page = VersionListing()
    while True:
        page = await store.versions(
            prefix,
            delimiter=delimiter,
            after=page.next_after or "",
            after_version=page.next_version or "",
            limit=limit,
        )
        versions += page.versions
        prefixes += page.prefixes
        if not page.truncated:
            return versions, prefixes
        assert len(page.versions) + len(page.prefixes) == limit


async def told(store: Versions, key: str) -> list[tuple[str, bool, bool]]:
    """Return a key's versions, the newest first: id, whether it is the latest, whether it is a marker."""
    found, _ = await all_versions(store, key)
    return [(one.version, one.latest, one.marker) for one in found if one.key == key]


class VersionsSuite:
    """The tests; each is given a factory of empty stores."""

    @pytest.fixture
    def factory(self) -> Factory:
        """Return a function that makes an empty store."""
        raise NotImplementedError("define a `factory` fixture in your subclass")

    def run_versions(
        self, factory: Factory, scenario: Callable[[VersionedStore, Keeping, Keeping], Awaitable[None]]
    ) -> None:
        """Run one scenario on a new store: as it is, with versions that get ids, with one `null` version."""

        async def whole() -> None:
            store = factory()
            try:
                await scenario(store, store.keeping(ids=True), store.keeping(ids=False))
            finally:
                await store.close()

        asyncio.run(whole())

    def test_every_version_stays(self, factory: Factory) -> None:
        """Bytes, attributes and id of each; what the key stands for is the newest."""

        async def scenario(store: VersionedStore, kept: Keeping, _null: Keeping) -> None:
            stats = []
            for number in range(4):
                attributes = Attributes(metadata={"number": str(number)})
                stats.append(await kept.put("a/k", stream(b"%d" % number), attributes))
            ids = [stat.version for stat in stats]
            assert len({*ids, NULL}) == 5
            assert all(one.isalnum() and len(one) >= 24 for one in ids)
            for number, stat in enumerate(stats):
                at = store.at(stat.version)
                assert await at.stat("a/k") == stat
                assert (await at.open("a/k")).stat == stat
                assert await read(at, "a/k") == b"%d" % number
            assert await kept.stat("a/k") == await store.stat("a/k") == stats[-1]
            assert await told(store, "a/k") == [(one, one == ids[-1], False) for one in reversed(ids)]
            assert await every(store) == (["a/k"], [])
            await store.at(ids[0]).open("a/k", (0, 1))
            for key, version in (("a/k", "x" * 32), ("a/k", NULL), ("a", ids[0]), ("b", ids[0]), ("b", "../x")):
                with pytest.raises(VersionNotFound):
                    await store.at(version).stat(key)
                with pytest.raises(VersionNotFound):
                    await store.at(version).open(key)
                with pytest.raises(VersionNotFound):
                    await store.at(version).set_attributes(key, PLAIN)
                with pytest.raises(VersionNotFound):
                    await store.at(version).remove(key)

        self.run_versions(factory, scenario)

    def test_what_was_there_before_is_the_null_version(self, factory: Factory) -> None:
        """It is kept when it is replaced, and comes back."""

        async def scenario(store: VersionedStore, kept: Keeping, _null: Keeping) -> None:
            old = await store.put("k", stream(b"old"), Attributes(metadata={"a": "b"}))
            assert old.version == NULL
            assert await told(store, "k") == [(NULL, True, False)]
            new = await kept.put("k", stream(b"new"), PLAIN)
            assert await told(store, "k") == [(new.version, True, False), (NULL, False, False)]
            assert await store.at(NULL).stat("k") == old
            assert await store.at(new.version).remove("k") is False
            assert await store.stat("k") == old
            assert await read(store, "k") == b"old"
            assert await told(store, "k") == [(NULL, True, False)]
            assert await store.at(NULL).remove("k") is False
            assert await told(store, "k") == []
            with pytest.raises(KeyNotFound):
                await kept.stat("k")

        self.run_versions(factory, scenario)

    def test_markers(self, factory: Factory) -> None:
        """A key under a marker is gone; the marker's removal brings it back."""

        async def scenario(store: VersionedStore, kept: Keeping, _null: Keeping) -> None:
            first = await kept.put("k", stream(b"1"), PLAIN)
            marker = await kept.mark("k")
            for reader in (kept, store.at(marker)):
                with pytest.raises(Marked) as caught:
                    await reader.stat("k")
                assert caught.value.version == marker
                with pytest.raises(Marked):
                    await reader.open("k")
            with pytest.raises(Marked):
                await store.at(marker).set_attributes("k", PLAIN)
            assert await every(store) == ([], [])
            assert await told(store, "k") == [(marker, True, True), (first.version, False, False)]
            assert await read(store.at(first.version), "k") == b"1"
            again = await kept.mark("k")
            assert await kept.delete("k") is False
            assert len(await told(store, "k")) == 4
            (third, _, _), *_ = await told(store, "k")
            assert await store.at(again).remove("k") is True
            assert await store.at(third).remove("k") is True
            assert await every(store) == ([], [])
            assert await store.at(marker).remove("k") is True
            assert await kept.stat("k") == first
            assert await told(store, "k") == [(first.version, True, False)]
            await kept.mark("never/there")
            assert [entry[1:] for entry in await told(store, "never/there")] == [(True, True)]

        self.run_versions(factory, scenario)

    def test_there_is_one_null_version(self, factory: Factory) -> None:
        """Writes without ids replace it, wherever in the order it is, and keep all others."""

        async def scenario(store: VersionedStore, kept: Keeping, suspended: Keeping) -> None:
            await store.put("k", stream(b"0"), PLAIN)
            first = await kept.put("k", stream(b"1"), PLAIN)
            null = await suspended.put("k", stream(b"2"), PLAIN)
            assert null.version == NULL
            assert await told(store, "k") == [(NULL, True, False), (first.version, False, False)]
            assert await read(store.at(NULL), "k") == b"2"
            await suspended.put("k", stream(b"3"), PLAIN)
            assert await read(store.at(NULL), "k") == b"3"
            assert len(await told(store, "k")) == 2
            assert await suspended.mark("k") == NULL
            assert await told(store, "k") == [(NULL, True, True), (first.version, False, False)]
            assert await suspended.mark("k") == NULL
            assert await told(store, "k") == [(NULL, True, True), (first.version, False, False)]
            second = await kept.put("k", stream(b"4"), PLAIN)
            assert await told(store, "k") == [
                (second.version, True, False),
                (NULL, False, True),
                (first.version, False, False),
            ]
            assert await suspended.mark("k") == NULL
            assert await told(store, "k") == [
                (NULL, True, True),
                (second.version, False, False),
                (first.version, False, False),
            ]
            assert await store.at(NULL).remove("k") is True
            assert await read(kept, "k") == b"4"
            assert await read(store.at(first.version), "k") == b"1"

        self.run_versions(factory, scenario)

    def test_removing_versions_in_any_order(self, factory: Factory) -> None:
        """The newest that is left is what the key stands for."""

        async def scenario(store: VersionedStore, kept: Keeping, _null: Keeping) -> None:
            for first in range(4):
                versions: list[tuple[str, bytes | None]] = []
                for number in range(3):
                    text = b"%d" % number
                    versions.append(((await kept.put("d/k", stream(text), PLAIN)).version, text))
                versions.append((await kept.mark("d/k"), None))
                while versions:
                    version, body = versions.pop((first * 7) % len(versions))
                    assert await store.at(version).remove("d/k") is (body is None)
                    left = [one for one, _ in reversed(versions)]
                    assert [one for one, _, _ in await told(store, "d/k")] == left
                    assert [latest for _, latest, _ in await told(store, "d/k")] == [True, False, False][: len(left)]
                    if versions and versions[-1][1] is not None:
                        assert await read(kept, "d/k") == versions[-1][1]
                    else:
                        with pytest.raises(KeyNotFound):
                            await kept.stat("d/k")
            assert await all_versions(store) == ([], [])

        self.run_versions(factory, scenario)

    def test_attributes_of_one_version(self, factory: Factory) -> None:
        """Changed alone, and kept when the version is put away or comes back."""

        async def scenario(store: VersionedStore, kept: Keeping, _null: Keeping) -> None:
            first = await kept.put("k", stream(b"1"), PLAIN)
            tagged = await kept.set_attributes("k", lambda stat: replace(stat.attributes, tags={"n": "1"}))
            assert tagged.version == first.version
            second = await kept.put("k", stream(b"2"), PLAIN)
            assert await store.at(first.version).stat("k") == tagged
            again = await store.at(first.version).set_attributes(
                "k", lambda stat: replace(stat.attributes, tags=dict(stat.attributes.tags) | {"m": "2"})
            )
            assert again.attributes.tags == {"n": "1", "m": "2"}
            assert (again.etag, again.modified, again.size) == (first.etag, first.modified, 1)
            assert await kept.stat("k") == second
            changed = await store.at(second.version).set_attributes("k", Attributes(tags={"x": "y"}))
            assert await kept.stat("k") == changed
            assert changed.version == second.version
            await store.at(second.version).remove("k")
            assert await kept.stat("k") == again

        self.run_versions(factory, scenario)

    def test_conditions_see_the_current_version(self, factory: Factory) -> None:
        """A marker is nothing; raising changes nothing."""
        seen: list[Stat | None] = []

        def refuse(stat: Stat | None) -> None:
            seen.append(stat)
            raise Refused

        async def scenario(store: VersionedStore, kept: Keeping, _null: Keeping) -> None:
            first = await kept.put("k", stream(b"1"), PLAIN, condition=seen.append)
            with pytest.raises(Refused):
                await kept.put("k", stream(b"2"), PLAIN, condition=refuse)
            with pytest.raises(Refused):
                await kept.mark("k", condition=refuse)
            with pytest.raises(Refused):
                await kept.delete("k", condition=refuse)
            with pytest.raises(Refused):
                await store.at(first.version).remove("k", condition=refuse)
            assert seen == [None, first, first, first, first]
            assert await told(store, "k") == [(first.version, True, False)]
            marker = await kept.mark("k", condition=seen.append)
            with pytest.raises(Refused):
                await kept.mark("k", condition=refuse)
            on_top = seen[-1]
            assert on_top is not None
            assert (on_top.version, on_top.size, on_top.etag) == (marker, 0, "")
            await store.at(marker).remove("k", condition=refuse)
            with pytest.raises(Refused):
                await kept.put("k", stream(b"2"), PLAIN, condition=refuse)
            await kept.mark("k")
            with pytest.raises(Refused):
                await kept.put("k", stream(b"2"), PLAIN, condition=refuse)
            assert seen[-2:] == [first, None]
            with pytest.raises(KeyNotFound):
                await kept.mark("never/there", condition=refuse)
            assert await told(store, "never/there") == []
            with pytest.raises(Refused):
                await store.at(first.version).remove("k", condition=refuse)
            assert len(await told(store, "k")) == 2

        self.run_versions(factory, scenario)

    def test_multipart_makes_a_version(self, factory: Factory) -> None:
        """One version for each upload that is completed, none before."""

        async def scenario(store: VersionedStore, kept: Keeping, suspended: Keeping) -> None:
            old = await kept.put("k", stream(b"old"), PLAIN)
            upload = await kept.begin("k", PLAIN)
            part = await kept.put_part(upload.id, 1, stream(b"part"), {})
            assert await told(store, "k") == [(old.version, True, False)]
            done = await kept.complete(upload.id, [part], PLAIN, etag="x-1")
            assert await told(store, "k") == [(done.version, True, False), (old.version, False, False)]
            assert await read(store.at(old.version), "k") == b"old"
            assert await read(store.at(done.version), "k", (1, 3)) == b"ar"
            upload = await suspended.begin("k", PLAIN)
            part = await suspended.put_part(upload.id, 1, stream(b"null"), {})
            done = await suspended.complete(upload.id, [part], PLAIN, etag="y-1")
            assert done.version == NULL
            assert (await told(store, "k"))[0] == (NULL, True, False)
            assert await read(store, "k") == b"null"

        self.run_versions(factory, scenario)

    def test_every_key_has_versions_of_its_own(self, factory: Factory) -> None:
        """Keys that no file system would hold included; removing all leaves nothing."""

        async def scenario(store: VersionedStore, kept: Keeping, _null: Keeping) -> None:
            for turn in (b"1", b"2"):
                for key in HARD_KEYS:
                    await kept.put(key, stream(turn + key.encode()), PLAIN)
            for key in HARD_KEYS[::3]:
                await kept.mark(key)
            found, _ = await all_versions(store)
            assert [one.key for one in found if not one.marker] == [
                key for key in sorted(HARD_KEYS, key=str.encode) for _ in range(2)
            ]
            for one in found:
                if not one.marker:
                    assert (await read(store.at(one.version), one.key))[1:] == one.key.encode()
            assert sum(one.latest for one in found) == len(HARD_KEYS)
            for one in found:
                await store.at(one.version).remove(one.key)
            assert await all_versions(store) == ([], [])
            assert await all_versions(store, delimiter="/") == ([], [])
            assert await every(store) == ([], [])

        self.run_versions(factory, scenario)

    def test_versions_with_prefix_and_delimiter(self, factory: Factory) -> None:
        """In pages of every small size; a key that has nothing but a marker counts."""
        keys = ["a", "a/b", "a/b/c", "a-b", "b/1", "b/2", "b//3", "é/x", "z"]

        async def scenario(store: VersionedStore, kept: Keeping, _null: Keeping) -> None:
            for turn in range(3):
                for place, key in enumerate(keys):
                    if place % 3 <= turn:
                        await kept.put(key, stream(b"%d" % turn), PLAIN)
            await kept.mark("b/1")
            await kept.mark("only/marked")
            everything, _ = await all_versions(store)
            assert len(everything) == 3 * 3 + 3 * 2 + 3 * 1 + 2
            names = [*keys, "only/marked"]
            for prefix in ("", "a", "a/", "b/", "only/", "nope"):
                for delimiter in ("", "/", "b"):
                    keep, rolled = expected(names, prefix, delimiter)
                    wanted = [one for one in everything if one.key in keep]
                    for limit in (1, 2, 5, 1000):
                        assert await all_versions(store, prefix, delimiter, limit) == (wanted, rolled)

        self.run_versions(factory, scenario)

    def test_going_on_after_a_version_that_has_gone(self, factory: Factory) -> None:
        """Who removes each page before the next one misses nothing."""

        async def scenario(store: VersionedStore, kept: Keeping, _null: Keeping) -> None:
            for _ in range(7):
                await kept.put("k", stream(b"x"), PLAIN)
            await kept.put("l", stream(b"x"), PLAIN)
            page = await store.versions(limit=3)
            while True:
                for one in page.versions:
                    await store.at(one.version).remove(one.key)
                if not page.truncated:
                    break
                page = await store.versions(after=page.next_after or "", after_version=page.next_version or "", limit=3)
            assert await all_versions(store) == ([], [])
            assert await store.versions(limit=0) == VersionListing()

        self.run_versions(factory, scenario)

    def test_many_at_once(self, factory: Factory) -> None:
        """Each put is a version, each marker is one, and readers always find the key."""

        async def scenario(store: VersionedStore, kept: Keeping, _null: Keeping) -> None:
            async def reader() -> None:
                for _ in range(30):
                    opened = await kept.open("d/k")
                    body = b"".join([chunk async for chunk in opened.body])
                    assert opened.stat.attributes.metadata == {"body": body.decode()}
                    assert await read(store.at(opened.stat.version), "d/k") == body
                    listed = await told(store, "d/k")
                    assert [latest for _, latest, _ in listed].count(True) == 1
                    assert len({version for version, _, _ in listed}) == len(listed)

            async def put(number: int) -> Stat:
                return await kept.put("d/k", stream(b"%d" % number), Attributes(metadata={"body": str(number)}))

            first = await put(0)
            *puts, _, _ = await asyncio.gather(*(put(number) for number in range(1, 25)), reader(), reader())
            versions = {stat.version for stat in puts if isinstance(stat, Stat)} | {first.version}
            assert {version for version, _, _ in await told(store, "d/k")} == versions
            removed = await asyncio.gather(*(store.at(version).remove("d/k") for version in versions))
            assert removed == [False] * 25
            assert await all_versions(store) == ([], [])

        self.run_versions(factory, scenario)
