"""What every store must do.

Subclass `StoreSuite`, give it a `factory` and let pytest collect it:

    class TestMyStore(StoreSuite):
        @pytest.fixture
        def factory(self, tmp_path):
            return lambda: MyStore(tmp_path)

`factory` returns a new, empty store each time it is called; the suite closes it.

A store whose objects are kept by a server elsewhere is a subclass of `FarStoreSuite`: there the server decides about
ETags and times, and what stands beside an object is what it can keep.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC
from itertools import pairwise
from typing import ClassVar

import pytest

from objectlens.stores import (
    Attributes,
    KeyNotFound,
    Listing,
    Opened,
    Part,
    PartNotFound,
    Stat,
    Store,
    StoreUnavailable,
    Upload,
    UploadNotFound,
)

Factory = Callable[[], Store]

PLAIN = Attributes(headers={"Content-Type": "text/plain"})

HARD_KEYS = (
    "a",
    "a/b",
    "a/b/c",
    "a//b",
    "a/",
    "a/./b",
    "a/../b",
    "../x",
    "..",
    ".",
    "/",
    "//",
    "/lead",
    "trail/",
    "a-b",
    "a.b",
    "a b",
    "a+b=c~",
    "%2F",
    "a%",
    "ä/ö/ü",
    "日本/語.png",
    "\U0001f600",
    "control\x01\x7f",
    "tab\there",
    "line\nbreak",
    "back\\slash",
    "quote'\"",
    "<&>",
    "?query=1#x",
    "*",
    ".hidden",
    ".objectlens",
    ".objectlens/meta/x",
    "x/.objectlens/y",
    "s" * 63,
    "s" * 64,
    "s" * 65,
    "s" * 64 + "/",
    "s" * 64 + "/t",
    "s" * 128,
    "s" * 255,
    "s" * 256,
    "é" * 200 + "/x",
    "k" * 1024,
    "d/" * 511 + "e",
    "d/" * 99 + "e",
    "d/" * 100 + "e",
    "d/" * 101 + "e",
    "d/" * 100 + "s" * 200,
    "/" * 1024,
)


def crc32(body: bytes) -> dict[str, str]:
    """Return the checksums of a part, of an upload whose algorithm is CRC32."""
    return {"CRC32": base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()}


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    """Yield chunks as a body."""
    for chunk in chunks:
        yield chunk


async def content(store: Store, key: str, span: tuple[int, int] | None = None) -> bytes:
    """Read an object, or a run of it, to the end."""
    opened = await store.open(key, span)
    return b"".join([chunk async for chunk in opened.body])


async def every(store: Store, prefix: str = "", delimiter: str = "", limit: int = 1000) -> tuple[list[str], list[str]]:
    """Read a listing page by page; return keys and common prefixes."""
    names: list[str] = []
    prefixes: list[str] = []
    after = ""
    while True:
        page = await store.list(prefix, delimiter=delimiter, after=after, limit=limit)
        names += [entry.key for entry in page.entries]
        prefixes += page.prefixes
        if not page.truncated:
            return names, prefixes
        assert page.next_after is not None
        assert len(page.entries) + len(page.prefixes) == limit
        after = page.next_after


def expected(keys: Iterable[str], prefix: str, delimiter: str) -> tuple[list[str], list[str]]:
    """Return what a listing of these keys must say."""
    plain, rolled = set(), set()
    for key in keys:
        if key.startswith(prefix):
            at = key.find(delimiter, len(prefix)) if delimiter else -1
            if at < 0:
                plain.add(key)
            else:
                rolled.add(key[: at + len(delimiter)])
    return sorted(plain, key=str.encode), sorted(rolled, key=str.encode)


class Refused(Exception):
    """What conditions of these tests raise."""


class StoreSuite:
    """The tests; each is given a factory of empty stores."""

    keys: ClassVar[tuple[str, ...]] = HARD_KEYS
    """The keys that the store can keep."""

    refused: ClassVar[tuple[str, ...]] = ()
    """Keys that it cannot keep, and says so."""

    part: ClassVar[int] = 1
    """The size of the smallest part of a multipart upload but the last, in bytes."""

    looks: ClassVar[int] = 1
    """After how many changes the listing is looked at."""

    limits: ClassVar[tuple[int, ...]] = (1, 2, 1000)
    """The sizes of pages."""

    keeps_tags: ClassVar[bool] = True
    etag_is_md5: ClassVar[bool] = True

    def kept(self, attributes: Attributes) -> Attributes:
        """Return what the store keeps of an object's attributes."""
        return attributes

    def same(self, one: Stat, other: Stat) -> bool:
        """Tell whether two descriptions are of one object in one state."""
        return one == other

    def same_part(self, one: Part, other: Part) -> bool:
        """Tell whether two descriptions are of one part."""
        return one == other

    def etag(self, content: bytes, stat: Stat) -> str:
        """Return the ETag that an object of these bytes must have."""
        return hashlib.md5(content).hexdigest() if self.etag_is_md5 else stat.etag  # noqa: S324

    def check_told(self, upload: Upload, attributes: Attributes, note: Mapping[str, str] | None) -> None:
        """See what an upload is told with."""
        assert (upload.attributes, upload.note) == (attributes, note)

    def in_order(self, uploads: list[str]) -> list[str]:
        """Return ids of uploads that began in this order as they are listed."""
        return uploads

    async def rest(self, opened: Opened) -> bytes:
        """Read what was opened to its end."""
        return b"".join([chunk async for chunk in opened.body])

    def given(self, etag: str, stat: Stat) -> str:
        """Return the ETag of an object that was written with this one."""
        return etag

    @pytest.fixture
    def factory(self) -> Factory:
        """Return a function that makes an empty store."""
        raise NotImplementedError("define a `factory` fixture in your subclass")

    def run(self, factory: Factory, scenario: Callable[[Store], Awaitable[None]]) -> None:
        """Run one scenario on a new store."""

        async def whole() -> None:
            store = factory()
            try:
                await scenario(store)
            finally:
                await store.close()

        asyncio.run(whole())

    def test_what_was_put_is_read_back(self, factory: Factory) -> None:
        """Bytes, size, ETag and attributes."""
        attributes = Attributes(
            headers={"Content-Type": "image/png", "Cache-Control": "no-store"},
            metadata={"camera": "Ærø 1"},
            tags={"split": "train"} if self.keeps_tags else {},
            checksums={"CRC32": "hYfYZQ=="},
            checksum_type="FULL_OBJECT",
            parts=(3, 2),
        )

        async def scenario(store: Store) -> None:
            put = await store.put("images/a.png", stream(b"abc", b"", b"de"), attributes)
            assert put.etag == self.etag(b"abcde", put)
            assert (put.key, put.size, put.attributes) == ("images/a.png", 5, self.kept(attributes))
            assert put.modified.tzinfo is UTC
            assert put.modified.microsecond == 0
            assert self.same(await store.stat("images/a.png"), put)
            opened = await store.open("images/a.png")
            assert self.same(opened.stat, put)
            assert b"".join([chunk async for chunk in opened.body]) == b"abcde"

        self.run(factory, scenario)

    def test_nothing_is_nothing(self, factory: Factory) -> None:
        """A missing key is `KeyNotFound` for every way of looking."""

        async def scenario(store: Store) -> None:
            await store.put("there/x", stream(), PLAIN)
            for key in ("a", "there", "there/", "there/x/", "there/x/y", "there//x", "/there/x", "y" * 300):
                with pytest.raises(KeyNotFound):
                    await store.stat(key)
                with pytest.raises(KeyNotFound):
                    await store.open(key)
                with pytest.raises(KeyNotFound):
                    await store.set_attributes(key, PLAIN)
                assert await store.delete(key) is False

        self.run(factory, scenario)

    @pytest.mark.parametrize("key", ["", "x" * 1025, "é" * 513, "lone \ud800"])
    def test_what_is_no_key(self, factory: Factory, key: str) -> None:
        """Keys have 1 to 1,024 bytes of UTF-8."""

        async def scenario(store: Store) -> None:
            with pytest.raises(ValueError, match="a key must"):
                await store.put(key, stream(b"x"), PLAIN)
            assert await store.list() == Listing()

        self.run(factory, scenario)

    def test_a_span_is_cut_at_the_end(self, factory: Factory) -> None:
        """Bytes from `span[0]` up to but without `span[1]`."""

        async def scenario(store: Store) -> None:
            await store.put("k", stream(bytes(range(100))), PLAIN)
            for start, end in ((0, 100), (0, 1), (10, 20), (99, 1000), (100, 200), (500, 600), (0, 0)):
                assert await content(store, "k", (start, end)) == bytes(range(100))[start:end]
            await store.put("empty", stream(), PLAIN)
            assert await content(store, "empty") == b""

        self.run(factory, scenario)

    def test_large_bodies(self, factory: Factory) -> None:
        """More than any buffer, in chunks of uneven sizes."""
        rng = random.Random(7)  # noqa: S311
        chunks = [rng.randbytes(rng.choice([1, 1000, 65_537, 700_000])) for _ in range(40)]
        whole = b"".join(chunks)

        async def scenario(store: Store) -> None:
            put = await store.put("large", stream(*chunks), PLAIN)
            assert (put.size, put.etag) == (len(whole), self.etag(whole, put))
            assert await content(store, "large") == whole
            assert await content(store, "large", (1_000_000, 1_500_000)) == whole[1_000_000:1_500_000]

        self.run(factory, scenario)

    def test_every_key_is_a_key_of_its_own(self, factory: Factory) -> None:
        """Keys are kept to the letter, whatever a file system would make of them; removing one leaves the others."""

        async def scenario(store: Store) -> None:
            for key in self.keys:
                await store.put(key, stream(key.encode()), PLAIN)
            for key in reversed(self.keys):
                assert await content(store, key) == key.encode()
                assert (await store.stat(key)).key == key
            ordered = sorted(self.keys, key=str.encode)
            assert await every(store) == (ordered, [])
            assert await every(store, limit=3) == (ordered, [])
            for place, key in enumerate(ordered):
                assert await store.delete(key) is True
                if place % self.looks == 0:
                    assert (await every(store))[0] == ordered[place + 1 :]

        self.run(factory, scenario)

    def test_what_cannot_be_kept_is_refused(self, factory: Factory) -> None:
        """No key is taken for another."""

        async def scenario(store: Store) -> None:
            for key in self.refused:
                with pytest.raises(StoreUnavailable, match="key"):
                    await store.put(key, stream(b"x"), PLAIN)
            assert await store.list() == Listing()

        self.run(factory, scenario)

    def test_listing_with_prefix_and_delimiter(self, factory: Factory) -> None:
        """Every prefix and delimiter, in pages of every small size, says what a naive model says."""

        async def scenario(store: Store) -> None:
            for key in self.keys:
                await store.put(key, stream(), PLAIN)
            for prefix in (
                "",
                "a",
                "a/",
                "a//",
                "a/b/",
                "/",
                ".",
                "../",
                "s" * 64,
                "s" * 64 + "/",
                "d/d/",
                "é",
                "nope/",
            ):
                for delimiter in ("", "/", "b", "//", "s", "é"):
                    for limit in self.limits:
                        found = await every(store, prefix, delimiter, limit)
                        assert found == expected(self.keys, prefix, delimiter), (prefix, delimiter, limit)

        self.run(factory, scenario)

    def test_listing_after(self, factory: Factory) -> None:
        """`after` need not be a key; a common prefix leaves out all that is under it."""
        keys = ["a", "b/1", "b/2", "b/3/x", "b0", "c"]

        async def scenario(store: Store) -> None:
            for key in keys:
                await store.put(key, stream(), PLAIN)
            for after in ("", "a", "aa", "b", "b/", "b/1", "b/2", "b/2x", "b/3/", "b/3/x", "b/3/y", "b/9", "c", "d"):
                listing = await store.list(after=after)
                assert [entry.key for entry in listing.entries] == [key for key in keys if key > after]
            listing = await store.list(delimiter="/", after="b/")
            assert ([entry.key for entry in listing.entries], listing.prefixes) == (["b0", "c"], ())
            listing = await store.list(delimiter="/", after="b/2")
            assert ([entry.key for entry in listing.entries], listing.prefixes) == (["b0", "c"], ("b/",))
            listing = await store.list(delimiter="/", after="b/3/x")
            assert ([entry.key for entry in listing.entries], listing.prefixes) == (["b0", "c"], ())

        self.run(factory, scenario)

    def test_listing_pages(self, factory: Factory) -> None:
        """A page that is full because nothing more follows is not truncated; a limit of 0 gives an empty one."""

        async def scenario(store: Store) -> None:
            assert await store.list() == Listing()
            one = await store.put("a", stream(b"1"), PLAIN)
            await store.put("b", stream(b"22"), PLAIN)
            page = await store.list(limit=1)
            assert (page.truncated, page.next_after) == (True, "a")
            entry = page.entries[0]
            assert (entry.key, entry.size, entry.etag) == ("a", 1, one.etag)
            assert entry.modified == (await store.stat("a")).modified
            assert (await store.list(limit=2)).truncated is False
            assert await store.list(limit=0) == Listing()

        self.run(factory, scenario)

    def test_a_failing_body_leaves_what_was_there(self, factory: Factory) -> None:
        """Nothing new becomes visible, neither for a new key nor for an old one, nor in a new folder."""

        async def broken(size: int) -> AsyncIterator[bytes]:
            for _ in range(size):
                yield b"x" * 100_000
            raise ConnectionResetError

        async def scenario(store: Store) -> None:
            old = await store.put("k", stream(b"old"), PLAIN)
            for key in ("k", "new", "folder/new"):
                for size in (0, 1, 30):
                    with pytest.raises(ConnectionResetError):
                        await store.put(key, broken(size), PLAIN)
            assert await every(store) == (["k"], [])
            assert await every(store, delimiter="/") == (["k"], [])
            assert self.same(await store.stat("k"), old)
            assert await content(store, "k") == b"old"

        self.run(factory, scenario)

    def test_attributes_and_etag_may_come_late(self, factory: Factory) -> None:
        """They are asked for once, when the body has ended; raising then leaves nothing."""
        asked: list[str] = []

        async def body() -> AsyncIterator[bytes]:
            yield b"abc"
            asked.append("end of body")

        def late() -> Attributes:
            asked.append("attributes")
            return Attributes(checksums={"CRC32": "NSRBwg=="}, checksum_type="FULL_OBJECT")

        def refuse() -> Attributes:
            raise Refused

        async def scenario(store: Store) -> None:
            put = await store.put("k", body(), late, etag=lambda: "given-2")
            assert asked == ["end of body", "attributes"]
            assert put.etag == self.given("given-2", put)
            assert put.attributes.checksums == self.kept(Attributes(checksums={"CRC32": "NSRBwg=="})).checksums
            assert self.same(await store.stat("k"), put)
            with pytest.raises(Refused):
                await store.put("k2", stream(b"x"), refuse)
            assert await every(store) == (["k"], [])

        self.run(factory, scenario)

    def test_conditions(self, factory: Factory) -> None:
        """A condition sees what the key holds; raising keeps that."""
        seen: list[Stat | None] = []

        def refuse(stat: Stat | None) -> None:
            seen.append(stat)
            raise Refused

        async def scenario(store: Store) -> None:
            with pytest.raises(Refused):
                await store.put("k", stream(b"1"), PLAIN, condition=refuse)
            assert await store.list() == Listing()
            first = await store.put("k", stream(b"1"), PLAIN, condition=seen.append)
            with pytest.raises(Refused):
                await store.put("k", stream(b"2"), PLAIN, condition=refuse)
            with pytest.raises(Refused):
                await store.delete("k", condition=refuse)
            assert await content(store, "k") == b"1"
            assert seen[:2] == [None, None]
            assert all(one is not None and self.same(one, first) for one in seen[2:])
            assert await store.delete("k", condition=seen.append) is True
            assert await store.delete("k", condition=refuse) is False

        self.run(factory, scenario)

    def test_only_one_of_many_may_be_first(self, factory: Factory) -> None:
        """Conditions and becoming visible are one step."""

        def must_be_new(stat: Stat | None) -> None:
            if stat is not None:
                raise Refused

        async def scenario(store: Store) -> None:
            puts = [store.put("k", stream(b"%d" % one), PLAIN, condition=must_be_new) for one in range(20)]
            results = await asyncio.gather(*puts, return_exceptions=True)
            won = [place for place, result in enumerate(results) if isinstance(result, Stat)]
            assert len(won) == 1
            assert all(isinstance(result, Stat | Refused) for result in results)
            assert await content(store, "k") == b"%d" % won[0]

        self.run(factory, scenario)

    def test_set_attributes(self, factory: Factory) -> None:
        """Bytes, ETag and time stay."""

        async def scenario(store: Store) -> None:
            first = await store.put("k", stream(b"abc"), PLAIN)
            tags = {"a": "b"} if self.keeps_tags else {}
            changed = Attributes(headers={"Content-Type": "text/html"}, tags=tags)
            after = await store.set_attributes("k", changed)
            assert self.same(after, replace(after, attributes=changed))
            assert after.size == 3
            assert self.same(replace(first, attributes=changed), after)
            assert self.same(await store.stat("k"), after)
            more = await store.set_attributes(
                "k", lambda stat: replace(stat.attributes, metadata={"size": str(stat.size)})
            )
            assert self.same(more, replace(more, attributes=replace(changed, metadata={"size": "3"})))
            assert self.same(await store.stat("k"), more)
            assert await content(store, "k") == b"abc"

        self.run(factory, scenario)

    def test_a_reader_sees_one_state(self, factory: Factory) -> None:
        """What was opened stays readable and unchanged when it is replaced or removed."""

        async def scenario(store: Store) -> None:
            await store.put("k", stream(b"old" * 100_000), PLAIN)
            first, second = await store.open("k"), await store.open("k", (3, 6))
            await store.put("k", stream(b"new"), PLAIN)
            assert await self.rest(first) == b"old" * 100_000
            await store.delete("k")
            assert await self.rest(second) == b"old"
            with pytest.raises(KeyNotFound):
                await store.open("k")

        self.run(factory, scenario)

    def test_readers_and_writers_at_once(self, factory: Factory) -> None:
        """Whatever is read fits together: bytes, size, ETag and attributes of one put."""

        async def write(store: Store, number: int) -> None:
            for turn in range(10):
                text = f"{number}-{turn}" * (number + 1)
                await store.put("d/k", stream(text.encode()), Attributes(metadata={"text": text}))
                if turn % 3 == number % 3:
                    await store.delete("d/k")

        async def read(store: Store) -> None:
            for _ in range(60):
                try:
                    opened = await store.open("d/k")
                except KeyNotFound:
                    continue
                body = b"".join([chunk async for chunk in opened.body])
                assert opened.stat.attributes.metadata == {"text": body.decode()}
                assert opened.stat.etag == self.etag(body, opened.stat)
                assert opened.stat.size == len(body)

        async def scenario(store: Store) -> None:
            await asyncio.gather(*(write(store, number) for number in range(6)), *(read(store) for _ in range(4)))

        self.run(factory, scenario)

    def test_folders_come_and_go(self, factory: Factory) -> None:
        """Puts and deletes in one folder do not disturb each other."""

        async def churn(store: Store, number: int) -> None:
            for _ in range(15):
                await store.put(f"f/g/{number}", stream(b"x"), PLAIN)
                assert await store.delete(f"f/g/{number}") is True

        async def scenario(store: Store) -> None:
            await asyncio.gather(*(churn(store, number) for number in range(6)))
            assert await every(store) == ([], [])
            assert await every(store, delimiter="/") == ([], [])
            await store.put("f", stream(b"file"), PLAIN)
            assert await content(store, "f") == b"file"

        self.run(factory, scenario)

    def test_a_cancelled_put_leaves_nothing(self, factory: Factory) -> None:
        """The client went away in the middle."""

        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 300_000
                await asyncio.sleep(0)

        async def scenario(store: Store) -> None:
            task = asyncio.create_task(store.put("k", endless(), PLAIN))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await store.list() == Listing()

        self.run(factory, scenario)

    def test_multipart(self, factory: Factory) -> None:
        """Parts become one object at once; until then nothing is visible."""

        async def scenario(store: Store) -> None:
            half = b"1" * self.part
            checksums = crc32(half + half)
            upload = await store.begin("big/file", PLAIN, note={"algorithm": "CRC32"})
            await store.put_part(upload.id, 2, stream(b"22"), crc32(b"22"))
            first = await store.put_part(upload.id, 1, stream(b"wrong"), crc32(b"wrong"))
            again = await store.put_part(upload.id, 1, stream(half, half), lambda: checksums)
            third = await store.put_part(upload.id, 10_000, stream(b"3"), crc32(b"3"))
            assert first.etag != again.etag == hashlib.md5(half + half).hexdigest()  # noqa: S324
            assert (again.number, again.size, again.checksums) == (1, 2 * self.part, checksums)
            assert await store.list() == Listing()
            assert await store.list(delimiter="/") == Listing()
            told, parts = await store.uploaded(upload.id)
            assert told.key == "big/file"
            self.check_told(told, PLAIN, {"algorithm": "CRC32"})
            assert [(part.number, part.size) for part in parts] == [(1, 2 * self.part), (2, 2), (10_000, 1)]
            assert self.same_part(parts[0], again)
            stat = await store.complete(upload.id, [parts[0], parts[2]], PLAIN, etag="0123-2")
            assert third.etag == parts[2].etag
            assert (stat.key, stat.size) == ("big/file", 2 * self.part + 1)
            assert stat.etag == self.given("0123-2", stat)
            assert self.same(stat, replace(stat, attributes=PLAIN))
            assert await content(store, "big/file") == half + half + b"3"
            assert await store.uploads() == ()
            with pytest.raises(UploadNotFound):
                await store.uploaded(upload.id)

        self.run(factory, scenario)

    def test_multipart_failures(self, factory: Factory) -> None:
        """Unknown uploads, parts that changed, conditions that do not hold, broken bodies."""

        async def broken() -> AsyncIterator[bytes]:
            yield b"x"
            raise ConnectionResetError

        def refuse(_: Stat | None) -> None:
            raise Refused

        async def scenario(store: Store) -> None:
            for unknown in ("", "x", "../../etc", "0" * 32):
                with pytest.raises(UploadNotFound):
                    await store.put_part(unknown, 1, stream(b"x"), {})
                with pytest.raises(UploadNotFound):
                    await store.upload(unknown)
                with pytest.raises(UploadNotFound):
                    await store.uploaded(unknown)
                with pytest.raises(UploadNotFound):
                    await store.complete(unknown, [], PLAIN, etag="x-1")
                with pytest.raises(UploadNotFound):
                    await store.abort(unknown)
            upload = await store.begin("k", PLAIN)
            old = await store.put_part(upload.id, 1, stream(b"old"), {})
            with pytest.raises(ConnectionResetError):
                await store.put_part(upload.id, 1, broken(), {})
            (kept,) = (await store.uploaded(upload.id))[1]
            assert self.same_part(kept, old)
            with pytest.raises(Refused):
                await store.complete(upload.id, [old], PLAIN, etag="x-1", condition=refuse)
            new = await store.put_part(upload.id, 1, stream(b"new"), {})
            with pytest.raises(PartNotFound):
                await store.complete(upload.id, [old], PLAIN, etag="x-1")
            assert await store.list() == Listing()
            await store.complete(upload.id, [new], PLAIN, etag="x-1")
            assert await content(store, "k") == b"new"

        self.run(factory, scenario)

    def test_uploads_are_listed_and_given_up(self, factory: Factory) -> None:
        """In order of key, then of id, which is that of beginning."""

        async def scenario(store: Store) -> None:
            begun = [await store.begin(key, PLAIN) for key in ("b/2", "a", "b/1", "c")]
            assert [upload.key for upload in await store.uploads()] == ["a", "b/1", "b/2", "c"]
            assert [upload.key for upload in await store.uploads("b/")] == ["b/1", "b/2"]
            assert {upload.id for upload in await store.uploads()} == {upload.id for upload in begun}
            again = await store.begin("b/1", PLAIN)
            assert [upload.id for upload in await store.uploads("b/1")] == self.in_order([begun[2].id, again.id])
            await store.abort(again.id)
            for upload in begun:
                told = await store.upload(upload.id)
                assert (told.id, told.key) == (upload.id, upload.key)
                self.check_told(told, upload.attributes, upload.note)
                await store.put_part(upload.id, 1, stream(b"x"), {})
                await store.abort(upload.id)
            assert await store.uploads() == ()
            assert await store.list() == Listing()

        self.run(factory, scenario)

    def test_order_of_a_listing(self, factory: Factory) -> None:
        """UTF-8 bytes decide, not folders and not UTF-16."""
        keys = ["a", "a!", "a-", "a-b/x", "a/", "a/b", "a0", "aa", "z", "é", "￿", "\U00010000"]

        async def scenario(store: Store) -> None:
            for key in reversed(keys):
                if key not in self.refused:
                    await store.put(key, stream(), PLAIN)
            found, _ = await every(store)
            assert found == [key for key in keys if key not in self.refused]
            assert all(one.encode() < other.encode() for one, other in pairwise(found))

        self.run(factory, scenario)


class FarStoreSuite(StoreSuite):
    """What a store must do whose objects are kept by a server elsewhere."""

    part = 5 * 1024 * 1024
    looks = 16
    limits = (7,)

    def kept(self, attributes: Attributes) -> Attributes:
        """Leave out the sizes of parts, which servers do not tell."""
        return replace(attributes, parts=())

    def same(self, one: Stat, other: Stat) -> bool:
        """Leave out the time, which is known once the server is asked."""
        mine, others = self._beside(one), self._beside(other)
        etags = (one.etag, other.etag) if self.etag_is_md5 else ()
        return (one.key, one.size, *mine, etags[:1]) == (other.key, other.size, *others, etags[1:])

    def _beside(self, stat: Stat) -> tuple[Mapping[str, str], Mapping[str, str], Mapping[str, str]]:
        found = stat.attributes
        # What S3 says of an object of no declared type, some servers write down.
        headers = {"Content-Type": "binary/octet-stream", **found.headers}
        return headers, found.metadata, found.tags

    def same_part(self, one: Part, other: Part) -> bool:
        """Leave out checksums, which not all servers tell of parts."""
        return (one.number, one.size, one.etag) == (other.number, other.size, other.etag)

    def given(self, etag: str, stat: Stat) -> str:
        """Return the server's."""
        return stat.etag

    def check_told(self, upload: Upload, attributes: Attributes, note: Mapping[str, str] | None) -> None:
        """See nothing: the server tells nobody before the end."""

    def in_order(self, uploads: list[str]) -> list[str]:
        """Return them by id, which are the server's."""
        return sorted(uploads)
