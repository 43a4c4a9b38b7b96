import asyncio

import pytest

from objectlens.stores import Attributes, StoreOpener, StoreUnavailable, UnknownStore


async def stream(*chunks):
    for chunk in chunks:
        yield chunk


def play(data, scenario):
    async def whole():
        opener = StoreOpener(data, durable=False)
        try:
            await scenario(opener)
        finally:
            await opener.close()

    asyncio.run(whole())


def test_one_store_for_each_bucket(tmp_path):
    async def scenario(opener):
        await opener.create("a", "managed:")
        assert (tmp_path / "buckets" / "a").is_dir()
        assert opener.open("a", "managed:") is opener.open("a", "managed:")
        assert opener.open("a", "managed:") is not opener.open("b", "managed:")

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    "url", ["ftp://bucket", "http://x/y", "", "file:relative", "file://host/share", "file:///", "/plain"]
)
def test_urls_that_name_no_store(tmp_path, url):
    async def scenario(opener):
        with pytest.raises(UnknownStore, match=r"use 'managed:', the URL of a folder|cannot be a bucket"):
            opener.open("a", url)
        with pytest.raises(UnknownStore):
            await opener.create("a", url)

    play(tmp_path, scenario)


def test_attached_folders(tmp_path):
    folder = tmp_path / "my photos é"
    data = tmp_path / "data"

    async def scenario(opener):
        with pytest.raises(StoreUnavailable, match="there is no folder"):
            await opener.create("a", folder.as_uri())
        folder.mkdir()
        await opener.create("a", folder.as_uri())
        await opener.open("a", folder.as_uri()).put("k", stream(b"x"), Attributes())
        await opener.remove("a", folder.as_uri())
        assert (folder / "k").read_bytes() == b"x"
        assert opener.folder("a", f"file://localhost{tmp_path}/x%20y") == tmp_path / "x y"

    play(data, scenario)


def test_the_servers_own_data_cannot_be_attached(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "link").symlink_to(data)

    async def scenario(opener):
        for folder in (data, data / "buckets" / "a", tmp_path, tmp_path / "link", data / ".." / "data"):
            with pytest.raises(UnknownStore, match="is in the data directory, or around it"):
                opener.open("a", folder.as_uri())

    play(data, scenario)


def test_removing_and_making_again(tmp_path):
    async def scenario(opener):
        for _ in range(2):
            await opener.create("a", "managed:")
            store = opener.open("a", "managed:")
            assert (await store.list()).entries == ()
            await store.put("a//b", stream(b"x"), Attributes())
            await store.begin("c", Attributes())
            await opener.remove("a", "managed:")
            assert list((tmp_path / "buckets").iterdir()) == []
        await opener.remove("a", "managed:")

    play(tmp_path, scenario)


def test_leftovers_are_swept_when_a_store_is_opened(tmp_path):
    leftover = tmp_path / "buckets" / "a" / ".objectlens" / "tmp" / "left"

    async def scenario(opener):
        leftover.parent.mkdir(parents=True)
        leftover.write_bytes(b"half")
        opener.open("a", "managed:")

    play(tmp_path, scenario)
    assert not leftover.exists()
