"""Versions in a folder that others use too: where they lie, and what happens when somebody changes something."""

import asyncio
import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from objectlens.clock import FixedClock
from objectlens.stores import (
    NULL,
    Attributes,
    FolderStore,
    KeyNotFound,
    StoreUnavailable,
    VersionNotFound,
)
from objectlens.stores.protocols import Marked
from objectlens.testing.stores import PLAIN, stream
from objectlens.testing.versions import read, told


def play(root, scenario, **options):
    async def whole():
        store = FolderStore(root, durable=False, **options)
        try:
            return await scenario(store, store.keeping(ids=True))
        finally:
            await store.close()

    return asyncio.run(whole())


def older(root):
    """Return the files of older versions by name, without their folders."""
    return sorted(path.name for path in (root / ".objectlens" / "versions").rglob("*") if path.is_file())


def sidecars(root):
    return len(list((root / ".objectlens" / "meta").rglob("*.json")))


def test_where_versions_lie(tmp_path):
    async def scenario(store, kept):
        first = (await kept.put("a/k", stream(b"1"), PLAIN)).version
        inode = (tmp_path / "a" / "k").stat().st_ino
        assert not (tmp_path / ".objectlens" / "versions").exists()
        second = (await kept.put("a/k", stream(b"2"), PLAIN)).version
        assert (tmp_path / "a" / "k").read_bytes() == b"2"
        assert older(tmp_path) == [f"000000000001.{first}.v"]
        (put_away,) = (tmp_path / ".objectlens" / "versions").rglob("*.v")
        # Nothing was copied: it is the file that it was.
        assert (put_away.read_bytes(), put_away.stat().st_ino) == (b"1", inode)
        marker = await kept.mark("a/k")
        assert not (tmp_path / "a").exists()
        assert older(tmp_path) == [
            f"00000000000{n}.{v}" for n, v in ((1, f"{first}.v"), (2, f"{second}.v"), (3, f"{marker}.m"))
        ]
        for version in (marker, second, first):
            await store.at(version).remove("a/k")
        assert older(tmp_path) == []
        assert sidecars(tmp_path) == 0
        assert list((tmp_path / ".objectlens" / "versions").iterdir()) == []

    play(tmp_path, scenario)


@pytest.mark.parametrize("how", ["in place", "replaced"])
def test_a_file_that_others_change_is_a_null_version(tmp_path, how):
    async def scenario(store, kept):
        await store.put("k", stream(b"null"), PLAIN)
        first = (await kept.put("k", stream(b"first"), PLAIN)).version
        second = (await kept.put("k", stream(b"second"), PLAIN)).version
        if how == "replaced":
            (tmp_path / "new").write_bytes(b"from outside")
            (tmp_path / "new").rename(tmp_path / "k")
        else:
            (tmp_path / "k").write_bytes(b"from outside")
        stat = await kept.stat("k")
        assert (stat.version, stat.attributes.headers) == (NULL, {"Content-Type": "binary/octet-stream"})
        # The version whose bytes were changed is gone with them, and so is the `null` version before.
        assert await told(store, "k") == [(NULL, True, False), (first, False, False)]
        assert await read(store.at(NULL), "k") == b"from outside"
        assert await read(store.at(first), "k") == b"first"
        with pytest.raises(VersionNotFound):
            await store.at(second).stat("k")
        third = (await kept.put("k", stream(b"third"), PLAIN)).version
        assert await told(store, "k") == [(third, True, False), (NULL, False, False), (first, False, False)]
        assert await read(store.at(NULL), "k") == b"from outside"
        assert await store.at(NULL).stat("k") == stat

    play(tmp_path, scenario)


def test_a_file_that_others_remove_takes_its_version_along(tmp_path):
    async def scenario(store, kept):
        first = (await kept.put("k", stream(b"1"), PLAIN)).version
        await kept.put("k", stream(b"2"), PLAIN)
        (tmp_path / "k").unlink()
        with pytest.raises(KeyNotFound) as caught:
            await kept.stat("k")
        assert not isinstance(caught.value, Marked)
        assert await told(store, "k") == [(first, False, False)]
        assert await read(store.at(first), "k") == b"1"
        third = (await kept.put("k", stream(b"3"), PLAIN)).version
        assert await told(store, "k") == [(third, True, False), (first, False, False)]
        await store.at(third).remove("k")
        assert await read(kept, "k") == b"1"

    play(tmp_path, scenario)


@pytest.mark.parametrize("link", [True, False])
def test_bringing_an_older_file_back_by_hand_loses_none_that_are_newer(tmp_path, link):
    async def scenario(store, kept):
        await store.put("k", stream(b"0"), PLAIN)
        versions = [(await kept.put("k", stream(b"%d" % n), PLAIN)).version for n in range(1, 4)]
        path = next((tmp_path / ".objectlens" / "versions").rglob("*.null.v"))
        (tmp_path / "k").unlink()
        (os.link if link else shutil.copy2)(path, tmp_path / "k")
        assert await read(kept, "k") == b"0"
        assert await told(store, "k") == [(NULL, True, False), (versions[1], False, False), (versions[0], False, False)]
        last = (await kept.put("k", stream(b"4"), PLAIN)).version
        assert [one for one, _, _ in await told(store, "k")] == [last, NULL, versions[1], versions[0]]
        for version, body in ((NULL, b"0"), (versions[0], b"1"), (versions[1], b"2")):
            assert await read(store.at(version), "k") == body

    play(tmp_path, scenario)


def test_tidying_knows_older_versions(tmp_path):
    later = FixedClock(datetime.now(UTC) + timedelta(days=1))

    async def before(store, kept):
        for number in range(3):
            await kept.put("k", stream(b"%d" % number), Attributes(metadata={"n": str(number)}))
        await kept.mark("k")
        return [await store.at(one).stat("k") for one, _, marker in await told(store, "k") if not marker]

    async def after(store, _):
        changed = await store.tidy()
        return changed, [await store.at(one).stat("k") for one, _, marker in await told(store, "k") if not marker]

    root = tmp_path / "a"
    root.mkdir()
    stats = play(root, before)
    assert play(root, after, clock=later) == (0, stats)
    # As a backup brings it back: with the times, in new inodes.
    shutil.copytree(root, tmp_path / "b")
    shutil.rmtree(root)
    assert play(tmp_path / "b", after, clock=later) == (3, stats)
    assert sidecars(tmp_path / "b") == 3


def test_a_link_in_place_of_the_older_versions_leads_nowhere(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    root = tmp_path / "root"
    (root / ".objectlens").mkdir(parents=True)
    (root / ".objectlens" / "versions").symlink_to(elsewhere)
    (elsewhere / "k=").mkdir()
    (elsewhere / "k=" / f"000000000001.{'x' * 32}.v").write_bytes(b"secret")

    async def scenario(store, kept):
        with pytest.raises(VersionNotFound):
            await store.at("x" * 32).open("k")
        assert await told(store, "k") == []
        await kept.put("k", stream(b"1"), PLAIN)
        with pytest.raises(StoreUnavailable):
            await kept.put("k", stream(b"2"), PLAIN)
        assert await read(kept, "k") == b"1"

    play(root, scenario)
    assert [path.name for path in elsewhere.rglob("*")] == ["k=", f"000000000001.{'x' * 32}.v"]
