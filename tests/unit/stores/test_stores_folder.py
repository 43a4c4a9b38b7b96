"""What a user sees in the folder, and what others may do to it."""

import asyncio
import errno
import json
import os
import socket
import stat

import pytest

from objectlens.stores import Attributes, FolderStore, KeyNotFound, StoreFull, StoreUnavailable, places

PNG = Attributes(headers={"Content-Type": "image/png"}, metadata={"k": "v"})


async def stream(*chunks):
    for chunk in chunks:
        yield chunk


def play(root, scenario, **options):
    async def whole():
        store = FolderStore(root, **{"durable": False, **options})
        try:
            await scenario(store)
        finally:
            await store.close()

    asyncio.run(whole())


async def content(store, key):
    return b"".join([chunk async for chunk in (await store.open(key)).body])


def sidecars(root):
    return list((root / ".objectlens" / "meta").rglob("*.json"))


def names(listing):
    return [entry.key for entry in listing.entries], list(listing.prefixes)


def test_objects_are_plain_files(tmp_path):
    async def scenario(store):
        await store.put("images/a.png", stream(b"pixels"), PNG)
        assert (tmp_path / "images" / "a.png").read_bytes() == b"pixels"
        assert stat.S_IMODE((tmp_path / "images" / "a.png").stat().st_mode) == 0o666 & ~current_umask()
        assert sorted(path.name for path in tmp_path.iterdir()) == [".objectlens", "images"]
        await store.delete("images/a.png")
        assert [path.name for path in tmp_path.iterdir()] == [".objectlens"]
        assert sidecars(tmp_path) == []

    play(tmp_path, scenario)


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_reading_a_folder_leaves_no_trace(tmp_path):
    (tmp_path / "cat.jpg").write_bytes(b"cat")

    async def scenario(store):
        assert await content(store, "cat.jpg") == b"cat"
        assert names(await store.list()) == (["cat.jpg"], [])
        assert await store.delete("missing") is False
        assert await store.uploads() == ()
        assert await store.sweep() == 0
        assert [path.name for path in tmp_path.iterdir()] == ["cat.jpg"]

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jpg", "image/jpeg"),
        ("a.PNG", "image/png"),
        ("a.webp", "image/webp"),
        ("a.parquet", "application/vnd.apache.parquet"),
        ("a.tar.gz", "application/gzip"),
        ("a.txt", "text/plain"),
        ("README", "binary/octet-stream"),
        ("a.unknownext", "binary/octet-stream"),
        (".png", "image/png"),
    ],
)
def test_files_of_others(tmp_path, name, kind):
    (tmp_path / name).write_bytes(b"data")
    os.utime(tmp_path / name, ns=(0, 1_700_000_000_999_999_999))

    async def scenario(store):
        found = await store.stat(name)
        assert found.attributes == Attributes(headers={"Content-Type": kind})
        assert len(found.etag) == 34
        assert found.etag.endswith("-1")
        assert found.modified.timestamp() == 1_700_000_000
        assert (await store.list()).entries[0].etag == found.etag

    play(tmp_path, scenario)


def test_a_file_that_others_change_is_another_object(tmp_path):
    async def scenario(store):
        put = await store.put("k", stream(b"one"), PNG)
        (tmp_path / "k").write_bytes(b"changed")
        found = await store.stat("k")
        assert (found.size, found.attributes.metadata) == (7, {})
        assert found.etag != put.etag
        (tmp_path / "k").write_bytes(b"again!!")
        assert (await store.stat("k")).etag != found.etag
        await store.put("k", stream(b"ours"), PNG)
        assert (await store.stat("k")).attributes == PNG

    play(tmp_path, scenario)


def test_metadata_follows_a_file_that_is_renamed(tmp_path):
    async def scenario(store):
        put = await store.put("a", stream(b"one"), PNG)
        (tmp_path / "a").rename(tmp_path / "b")
        found = await store.stat("b")
        assert (found.etag, found.attributes) == (put.etag, PNG)

    play(tmp_path, scenario)


def test_a_file_of_others_can_get_attributes(tmp_path):
    (tmp_path / "f").write_bytes(b"theirs")

    async def scenario(store):
        before = await store.stat("f")
        after = await store.set_attributes("f", PNG)
        assert (after.etag, after.attributes) == (before.etag, PNG)
        assert await store.stat("f") == after

    play(tmp_path, scenario)


def test_links_are_not_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "real").mkdir(parents=True)
    (root / "file").symlink_to(outside / "secret")
    (root / "folder").symlink_to(outside)
    (root / "real" / "deep").symlink_to(outside, target_is_directory=True)

    async def scenario(store):
        for key in ("file", "folder/secret", "real/deep/secret", "folder"):
            with pytest.raises(KeyNotFound):
                await store.stat(key)
        for prefix in ("", "folder/", "real/deep/", "real/"):
            assert names(await store.list(prefix)) == ([], [])
            assert names(await store.list(prefix, delimiter="/")) == ([], [])
        for key in ("file", "folder/new", "folder/secret", "real/deep/secret"):
            await store.put(key, stream(b"ours"), PNG)
            assert await content(store, key) == b"ours"
        assert names(await store.list()) == (["file", "folder/new", "folder/secret", "real/deep/secret"], [])
        for key in ("file", "folder/new", "folder/secret", "real/deep/secret"):
            assert await store.delete(key) is True
        assert [(path.name, path.read_bytes()) for path in outside.iterdir()] == [("secret", b"secret")]
        assert (root / "file").is_symlink()

    play(root, scenario)


def test_a_bucket_attached_further_down_keeps_its_secrets(tmp_path):
    (tmp_path / "sub").mkdir()

    async def scenario(store):
        inner = FolderStore(tmp_path / "sub", durable=False)
        await inner.put("a", stream(b"x"), PNG)
        await inner.close()
        assert names(await store.list()) == (["sub/a"], [])
        [sidecar] = sidecars(tmp_path / "sub")
        with pytest.raises(KeyNotFound):
            await store.open(str(sidecar.relative_to(tmp_path)))

    play(tmp_path, scenario)


def test_special_files_are_not_objects(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "sock"))

        async def scenario(store):
            for key in ("fifo", "sock"):
                with pytest.raises(KeyNotFound):
                    await store.open(key)
                assert await store.delete(key) is False
            assert names(await store.list()) == ([], [])
            await store.put("fifo", stream(b"x"), PNG)
            assert await content(store, "fifo") == b"x"

        play(tmp_path, scenario)


def test_names_that_are_not_utf8_are_left_alone(tmp_path):
    (tmp_path / "good").write_bytes(b"")
    with open(os.fsencode(tmp_path) + b"/bad\xff", "wb"):
        pass
    os.mkdir(os.fsencode(tmp_path) + b"/dir\xff")

    async def scenario(store):
        assert names(await store.list(delimiter="/")) == (["good"], [])

    play(tmp_path, scenario)


def test_empty_folders_are_no_prefixes(tmp_path):
    (tmp_path / "empty" / "more").mkdir(parents=True)
    (tmp_path / "full" / "a").mkdir(parents=True)
    (tmp_path / "full" / "a" / "x").write_bytes(b"")

    async def scenario(store):
        assert names(await store.list(delimiter="/")) == ([], ["full/"])
        assert names(await store.list("full/", delimiter="/")) == ([], ["full/a/"])

    play(tmp_path, scenario)


def test_a_file_shadows_an_odd_object_and_both_go_together(tmp_path):
    async def scenario(store):
        await store.put("a", stream(b"file"), PNG)
        await store.put("a/b", stream(b"odd"), PNG)
        await store.delete("a")
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "b").write_bytes(b"put there by hand")
        assert await content(store, "a/b") == b"put there by hand"
        assert names(await store.list()) == (["a/b"], [])
        assert await store.delete("a/b") is True
        assert names(await store.list()) == ([], [])
        with pytest.raises(KeyNotFound):
            await store.stat("a/b")

    play(tmp_path, scenario)


def test_keys_with_nul(tmp_path):
    async def scenario(store):
        await store.put("a\0b", stream(b"x"), PNG)
        assert await content(store, "a\0b") == b"x"
        assert names(await store.list("a\0")) == (["a\0b"], [])

    play(tmp_path, scenario)


def test_a_damaged_sidecar_does_not_hide_the_bytes(tmp_path, caplog):
    async def scenario(store):
        await store.put("k", stream(b"bytes"), PNG)
        [sidecar] = sidecars(tmp_path)
        sidecar.write_bytes(b'{"v":1,')
        assert await content(store, "k") == b"bytes"
        assert (await store.stat("k")).attributes.metadata == {}
        assert "damaged" in caplog.text

    play(tmp_path, scenario)


def test_two_stores_on_one_folder(tmp_path):
    """As two gateway processes have; conditions hold between them."""

    class Taken(Exception):
        pass

    def must_be_new(found):
        if found is not None:
            raise Taken

    async def scenario(store):
        other = FolderStore(tmp_path, durable=False)
        try:
            puts = [
                one.put(f"k{turn}", stream(b"x"), PNG, condition=must_be_new)
                for turn in range(20)
                for one in (store, other, store, other)
            ]
            results = await asyncio.gather(*puts, return_exceptions=True)
            assert sum(not isinstance(result, Taken) for result in results) == 20
            assert await other.sweep() == 0
        finally:
            await other.close()

    play(tmp_path, scenario)


def test_durable_writes(tmp_path):
    async def scenario(store):
        await store.put("a/b/c", stream(b"x"), PNG)
        await store.set_attributes("a/b/c", Attributes())
        upload = await store.begin("big", PNG)
        part = await store.put_part(upload.id, 1, stream(b"y"), {})
        await store.complete(upload.id, [part], PNG, etag="e-1")
        assert await content(store, "a/b/c") + await content(store, "big") == b"xy"
        await store.delete("a/b/c")
        assert sorted(path.name for path in tmp_path.iterdir()) == [".objectlens", "big"]

    play(tmp_path, scenario, durable=True)


def failing(number):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


async def no_drafts(root):
    """Wait until drafts that were given up are removed, which a thread does."""
    for _ in range(1000):
        if not os.listdir(root / ".objectlens" / "tmp"):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("drafts are left")


@pytest.mark.parametrize("call", ["write", "rename", "fsync"])
@pytest.mark.parametrize(
    ("number", "error"), [(errno.ENOSPC, StoreFull), (errno.EDQUOT, StoreFull), (errno.EIO, StoreUnavailable)]
)
def test_a_disk_that_refuses(tmp_path, monkeypatch, call, number, error):
    async def scenario(store):
        await store.put("k", stream(b"old"), PNG)
        with monkeypatch.context() as patch:
            patch.setattr(os, call, failing(number))
            with pytest.raises(error, match="cannot write 'k'") as caught:
                await store.put("k", stream(b"x" * 3_000_000), PNG)
        assert str(tmp_path) not in str(caught.value)
        assert await content(store, "k") == b"old"
        await no_drafts(tmp_path)
        assert len(sidecars(tmp_path)) == 1

    play(tmp_path, scenario, durable=True)


def test_a_disk_that_is_full_when_the_metadata_is_written(tmp_path, monkeypatch):
    write = os.write

    def full(fd, content):
        if bytes(content[:1]) == b"{":
            write(fd, content[:3])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, content[:100_000])

    async def scenario(store):
        await store.put("k", stream(b"old"), PNG)
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            with pytest.raises(StoreFull):
                await store.put("k", stream(b"x" * 3_000_000), PNG)
        assert await content(store, "k") == b"old"
        assert len(sidecars(tmp_path)) == 1

    play(tmp_path, scenario)


def test_permissions_are_told_with_the_remedy(tmp_path, monkeypatch):
    (tmp_path / "k").write_bytes(b"x")

    async def scenario(store):
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", failing(errno.EACCES))
            patch.setattr(os, "lstat", failing(errno.EACCES))
            for key in ("k", "in/k"):
                told = f"cannot read '{key}': Permission denied; give the server's user"
                with pytest.raises(StoreUnavailable, match=told):
                    await store.stat(key)

    play(tmp_path, scenario)


@pytest.mark.parametrize("name", ["", "/tmp", "/meta", "/locks", "/uploads", "/meta/00"])
def test_our_own_folders_must_not_be_links(tmp_path, name):
    """Else we would write and remove things wherever somebody had them lead."""
    outside, root = tmp_path / "outside", tmp_path / "root"
    for folder in ("tmp", "meta/00", "0" * 32):
        (outside / folder).mkdir(parents=True)
        (outside / folder / "theirs").write_bytes(b"theirs")
    (outside / "theirs").write_bytes(b"theirs")
    link = root / f".objectlens{name}"
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    before = sorted(path.relative_to(outside) for path in outside.rglob("*"))

    async def scenario(store):
        with pytest.raises(StoreUnavailable, match="is a link; it must be a folder of its own"):
            await store.put("k", stream(b"x"), PNG)
        with pytest.raises(StoreUnavailable, match=f".objectlens{name} in the bucket's folder is a link"):
            await store.begin("k", PNG)
        with pytest.raises(OSError, match="is a link"):
            store.sweep_now()
        with pytest.raises(OSError, match="is a link"):
            store.tidy_when_due()
        assert sorted(path.relative_to(outside) for path in outside.rglob("*")) == before

    play(root, scenario)


@pytest.mark.parametrize("name", ["", "/meta", "/tmp", "/uploads"])
def test_our_own_folders_must_not_become_links_either(tmp_path, name):
    outside, root = tmp_path / "outside", tmp_path / "root"
    root.mkdir()
    for folder in ("tmp", "meta", "locks", "uploads"):
        (outside / folder).mkdir(parents=True)

    async def scenario(store):
        await store.put("k", stream(b"x"), PNG)
        ours = root / f".objectlens{name}"
        ours.rename(tmp_path / "ours")
        ours.symlink_to(outside)
        for attempt in (store.put("k", stream(b"y"), PNG), store.begin("k", PNG), store.delete("k")):
            with pytest.raises(StoreUnavailable, match=f".objectlens{name} in the bucket's folder is a link"):
                await attempt
        assert {path.name for path in outside.rglob("*")} == {"tmp", "meta", "locks", "uploads"}
        ours.unlink()
        (tmp_path / "ours").rename(ours)
        await store.put("k", stream(b"z"), PNG)

    play(root, scenario)


def test_odd_keys_are_not_looked_for_behind_a_link(tmp_path):
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    (outside / "secret=").write_bytes(b"secret")
    (root / ".objectlens").mkdir(parents=True)
    (root / ".objectlens" / "keys").symlink_to(outside)

    async def scenario(store):
        assert names(await store.list()) == ([], [])
        with pytest.raises(KeyNotFound):
            await store.stat("secret")
        with pytest.raises(StoreUnavailable, match="cannot write 'a//b'"):
            await store.put("a//b", stream(b"x"), PNG)
        assert [path.name for path in outside.iterdir()] == ["secret="]

    play(root, scenario)


def test_the_mark_of_tidying_is_not_written_through_a_link(tmp_path):
    (tmp_path / "theirs").write_bytes(b"")
    root = tmp_path / "root"
    (root / ".objectlens").mkdir(parents=True)
    (root / ".objectlens" / "tidied").symlink_to(tmp_path / "theirs")

    async def scenario(store):
        with pytest.raises(OSError, match="symbolic links"):
            store.tidy_when_due()
        assert (tmp_path / "theirs").read_bytes() == b""

    play(root, scenario)


def test_a_part_is_a_file_of_its_upload(tmp_path):
    """Whoever packed an attached folder may have put uploads there that name other files."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")

    async def scenario(store):
        upload = await store.begin("k", PNG)
        part = await store.put_part(upload.id, 1, stream(b"parted"), {})
        folder = root / ".objectlens" / "uploads" / upload.id
        kept = json.loads((folder / "00001.json").read_text())
        for name in ("../../../../secret", str(secret), "link"):
            (folder / "00001.json").write_text(json.dumps(kept | {"file": name}))
            if name == "link":
                (folder / "link").symlink_to(secret)
            with pytest.raises(StoreUnavailable):
                await store.complete(upload.id, [part], PNG, etag="e-1")
        with pytest.raises(KeyNotFound):
            await store.stat("k")

    root = tmp_path / "root"
    root.mkdir()
    play(root, scenario)


def test_names_that_the_file_system_refuses(tmp_path, monkeypatch):
    """As vfat refuses colons and eCryptfs long names: such keys go where all others are that are no paths."""
    rename = os.rename

    def refusing(source, target, **options):
        for sign, number in ((b":", errno.EINVAL), (b"long", errno.ENAMETOOLONG), (b"\xc3", errno.EILSEQ)):
            if sign in target and not target.endswith(b"="):
                raise OSError(number, os.strerror(number))
        return rename(source, target, **options)

    async def scenario(store):
        monkeypatch.setattr(os, "rename", refusing)
        keys = ["a:b", "d/long", "plain", "é"]
        for key in keys:
            await store.put(key, stream(key.encode()), PNG)
        assert [await content(store, key) for key in keys] == [key.encode() for key in keys]
        assert names(await store.list()) == (keys, [])

    play(tmp_path, scenario)


def test_no_two_files_of_ours_have_the_same_time(tmp_path):
    """The kernel alone would give one time to all that is written within some milliseconds."""

    async def scenario(store):
        for number in range(30):
            await store.put(f"k{number}", stream(b"x"), PNG)
        assert len({(tmp_path / f"k{number}").stat().st_mtime_ns for number in range(30)}) == 30

    play(tmp_path, scenario)


def test_a_change_in_the_same_moment_and_of_the_same_size_is_seen(tmp_path):
    async def scenario(store):
        for _ in range(30):
            put = await store.put("k", stream(b"ours"), PNG)
            with (tmp_path / "k").open("r+b") as file:
                file.write(b"them")
            assert (await store.stat("k")).etag != put.etag

    play(tmp_path, scenario)


def test_a_crash_while_a_shadowed_object_is_deleted(tmp_path, monkeypatch):
    async def scenario(store):
        await store.put("a", stream(b"file"), PNG)
        await store.put("a/b", stream(b"old"), PNG)
        await store.delete("a")
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "b").write_bytes(b"new, by hand")
        removed = []
        with monkeypatch.context() as patch:
            patch.setattr(places, "remove", lambda root, place, **_: removed.append(place))
            await store.delete("a/b")
        # What is seen goes last: whatever happens in between, the older object does not come back.
        assert removed[-1] == (b"a", b"b")
        assert len(removed) == 2

    play(tmp_path, scenario)


def test_a_folder_that_is_gone_is_not_an_empty_bucket(tmp_path):
    async def scenario(store):
        for failing_call in (store.stat("k"), store.list(), store.put("k", stream(b"x"), PNG), store.begin("k", PNG)):
            with pytest.raises(StoreUnavailable, match="the bucket's folder is gone"):
                await failing_call

    play(tmp_path / "gone", scenario)


def test_folders_that_may_not_be_read_are_left_out(tmp_path, monkeypatch, caplog):
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "k").write_bytes(b"")
    scandir = os.scandir

    def refusing(path):
        if path.endswith(b"lost+found"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    async def scenario(store):
        monkeypatch.setattr(os, "scandir", refusing)
        assert names(await store.list()) == (["k"], [])
        assert "left out" in caplog.text

    play(tmp_path, scenario)


def test_what_dead_processes_left_is_swept(tmp_path):
    async def scenario(store):
        upload = await store.begin("k", PNG)
        await store.put_part(upload.id, 1, stream(b"x"), {})
        inner = tmp_path / ".objectlens"
        (inner / "tmp" / "leftover").write_bytes(b"half an object")
        left = inner / "uploads" / ("0" * 32)
        left.mkdir()
        (left / "00001-x.part").write_bytes(b"half a part")
        assert await store.sweep() == 2
        assert list((inner / "tmp").iterdir()) == []
        assert [path.name for path in (inner / "uploads").iterdir()] == [upload.id]

    play(tmp_path, scenario)


def test_a_sweep_spares_what_is_being_written(tmp_path):
    async def scenario(store):
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slow():
            yield b"x" * 2_000_000
            begun.set()
            await go_on.wait()
            yield b"y"

        putting = asyncio.create_task(store.put("k", slow(), PNG))
        await begun.wait()
        other = FolderStore(tmp_path, durable=False)
        assert await other.sweep() == 0
        await other.close()
        go_on.set()
        assert (await putting).size == 2_000_001

    play(tmp_path, scenario)


def test_nothing_stays_open(tmp_path):
    def count():
        return len(os.listdir("/proc/self/fd"))

    async def broken():
        yield b"x" * 2_000_000
        raise ConnectionResetError

    async def scenario(store):
        await store.put("k", stream(b"x"), PNG)
        before = count()
        for _ in range(10):
            await store.stat("k")
            await content(store, "k")
            (await store.open("k")).body.close()
            with pytest.raises(KeyNotFound):
                await store.open("missing/k")
            with pytest.raises(ConnectionResetError):
                await store.put("k", broken(), PNG)
            opening = asyncio.create_task(store.open("k"))
            await asyncio.sleep(0)
            if not opening.cancel():
                opening.result().body.close()  # it was opened without a thread
            putting = asyncio.create_task(store.put("k", stream(b"x" * 2_000_000, b"y"), PNG))
            await asyncio.sleep(0.002)
            putting.cancel()
            await asyncio.gather(opening, putting, return_exceptions=True)
        for _ in range(100):
            if count() == before:
                break
            await asyncio.sleep(0.02)
        assert count() == before
        assert list((tmp_path / ".objectlens" / "tmp").iterdir()) == []

    play(tmp_path, scenario)


def test_a_copy_within_the_store(tmp_path):
    async def scenario(store):
        await store.put("a", stream(b"0123456789" * 300_000), PNG)
        source = await store.open("a")
        copied = await store.put("b", source.body, PNG, etag=source.stat.etag)
        assert (copied.size, copied.etag) == (3_000_000, source.stat.etag)
        assert await content(store, "b") == b"0123456789" * 300_000
        part = await store.open("a", (5, 15))
        await store.put("c", part.body, PNG, etag="given")
        assert await content(store, "c") == b"5678901234"

    play(tmp_path, scenario)


def test_copying_where_the_kernel_cannot(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "copy_file_range", failing(errno.EXDEV))
    test_a_copy_within_the_store(tmp_path)
