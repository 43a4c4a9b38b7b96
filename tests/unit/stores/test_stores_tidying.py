import asyncio
import os
import shutil
from datetime import UTC, datetime, timedelta

from objectlens.clock import FixedClock
from objectlens.stores import Attributes, FolderStore

PNG = Attributes(headers={"Content-Type": "image/png"}, metadata={"k": "v"})


async def stream(*chunks):
    for chunk in chunks:
        yield chunk


def later():
    return FixedClock(datetime.now(UTC) + timedelta(hours=2))


def play(root, scenario, clock=None):
    async def whole():
        store = FolderStore(root, durable=False, clock=clock or later())
        try:
            await scenario(store)
        finally:
            await store.close()

    asyncio.run(whole())


def sidecars(root):
    return sorted(path.name for path in (root / ".objectlens" / "meta").rglob("*.json"))


def test_sidecars_of_files_that_others_removed_or_changed(tmp_path):
    async def scenario(store):
        for key in ("kept", "removed", "changed", "odd//kept"):
            await store.put(key, stream(b"bytes"), PNG)
        (tmp_path / "removed").unlink()
        (tmp_path / "changed").write_bytes(b"other bytes")
        assert await store.tidy() == 2
        assert await store.tidy() == 0
        assert len(sidecars(tmp_path)) == 2
        assert (await store.stat("kept")).attributes == PNG
        assert (await store.stat("odd//kept")).attributes == PNG

    play(tmp_path, scenario)


def test_sidecars_of_files_that_others_moved(tmp_path):
    async def scenario(store):
        await store.put("a", stream(b"bytes"), PNG)
        (tmp_path / "sub").mkdir()
        (tmp_path / "a").rename(tmp_path / "sub" / "b")
        assert await store.tidy() == 0
        assert (await store.stat("sub/b")).attributes == PNG

    play(tmp_path, scenario)


def test_a_folder_from_a_backup_finds_its_metadata_again(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    etags = {}

    async def before(store):
        for key in ("a", "b/c", "d//e"):
            etags[key] = (await store.put(key, stream(key.encode()), PNG)).etag

    async def after(store):
        assert (await store.stat("a")).attributes != PNG
        assert await store.tidy() == 3
        for key, etag in etags.items():
            found = await store.stat(key)
            assert (found.etag, found.attributes) == (etag, PNG)
        assert await store.tidy() == 0

    first.mkdir()
    play(first, before)
    shutil.copytree(first, second, copy_function=shutil.copy2)
    shutil.rmtree(first)
    play(second, after)


def test_what_is_being_written_is_left_alone(tmp_path):
    async def scenario(store):
        await store.put("k", stream(b"bytes"), PNG)
        (tmp_path / "k").unlink()
        assert await store.tidy() == 0
        assert len(sidecars(tmp_path)) == 1

    play(tmp_path, scenario, FixedClock(datetime.now(UTC)))


def test_damaged_sidecars_go(tmp_path, caplog):
    async def scenario(store):
        await store.put("k", stream(b"bytes"), PNG)
        [path] = (tmp_path / ".objectlens" / "meta").rglob("*.json")
        path.write_bytes(b"{")
        assert await store.tidy() == 1
        assert sidecars(tmp_path) == []
        assert "damaged" in caplog.text

    play(tmp_path, scenario)


def test_once_a_week_and_never_where_nothing_was_written(tmp_path):
    clock = later()

    async def scenario(store):
        assert store.tidy_when_due() == 0
        assert os.listdir(tmp_path) == []
        for key in ("a", "b"):
            await store.put(key, stream(b"x"), PNG)
        (tmp_path / "a").unlink()
        assert store.tidy_when_due() == 1
        (tmp_path / "b").unlink()
        assert store.tidy_when_due() == 0
        clock.advance(8 * 86_400)
        assert store.tidy_when_due() == 1

    play(tmp_path, scenario, clock)


def test_closing_ends_it(tmp_path):
    async def scenario(store):
        await store.put("a", stream(b"x"), PNG)
        (tmp_path / "a").unlink()
        await store.close()
        assert store._tidying.tidy() == 0

    play(tmp_path, scenario)
