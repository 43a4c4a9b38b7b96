"""Listings of a folder against a model that knows nothing of folders."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from objectlens.clock import SystemClock
from objectlens.stores import Attributes, FolderStore, MemoryStore
from objectlens.stores.scans import Scans
from objectlens.testing.stores import expected

keys = st.text(alphabet="ab/-.é", min_size=1, max_size=7) | st.sampled_from(
    ["a" * 64, "a" * 64 + "/b", "a" * 65, "a/" + "b" * 70, "../a", "a//", ".objectlens/a"]
)
parts = st.text(alphabet="ab/-.é", max_size=3)


async def nothing():
    return
    yield


def naive(held, prefix, delimiter, after, limit):
    """Return (names and common prefixes in order, truncated) of one page, the slow way."""
    seen = []
    for key in sorted(held, key=str.encode):
        if not key.startswith(prefix) or key.encode() <= after.encode():
            continue
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        name = key if at < 0 else key[: at + len(delimiter)]
        told_at = after.find(delimiter, len(prefix)) if delimiter and after.startswith(prefix) else -1
        told = after if told_at >= 0 and told_at + len(delimiter) == len(after) else None
        if name not in seen and not (told is not None and key.startswith(told)):
            seen.append(name)
    return seen[:limit], len(seen) > limit > 0


@settings(max_examples=150, deadline=None)
@given(
    st.lists(keys, max_size=14, unique=True),
    st.lists(
        st.tuples(parts, st.sampled_from(["", "/", "a", "-", "//", "é"]), parts | keys, st.integers(0, 4)), max_size=6
    ),
)
def test_pages(held, questions):
    async def scenario(root):
        narrow = FolderStore(root, durable=False, scans=Scans(SystemClock(), window=2))
        stores = (FolderStore(root, durable=False), MemoryStore(), narrow)
        for key in held:
            for store in stores[:2]:
                await store.put(key, nothing(), Attributes())
        for prefix, delimiter, after, limit in questions:
            names, truncated = naive(held, prefix, delimiter, after, limit)
            for store in stores:
                page = await store.list(prefix, delimiter=delimiter, after=after, limit=limit)
                merged = sorted([*(entry.key for entry in page.entries), *page.prefixes], key=str.encode)
                assert (merged, page.truncated) == (names, truncated)
                assert page.next_after == (names[-1] if truncated else None)
        for store in stores:
            await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scenario(Path(folder)))


@settings(max_examples=60, deadline=None)
@given(st.lists(keys, max_size=14, unique=True), st.data())
def test_changes(held, data):
    """Puts and deletes in any order leave exactly what is left."""

    async def scenario(root):
        store = FolderStore(root, durable=False)
        left = set()
        for key in held:
            await store.put(key, nothing(), Attributes())
            left.add(key)
            gone = data.draw(st.sampled_from(sorted(left)) | st.none())
            if gone is not None:
                assert await store.delete(gone) is True
                left.remove(gone)
        page = await store.list()
        assert ([entry.key for entry in page.entries], []) == expected(left, "", "")
        await store.close()
        sidecars = list((root / ".objectlens" / "meta").rglob("*.json")) if held else []
        assert len(sidecars) == len(left)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scenario(Path(folder)))
