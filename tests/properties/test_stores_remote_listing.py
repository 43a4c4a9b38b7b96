"""Listings of a server that sorts folder by folder say what a naive model says, in the order of bytes."""

import asyncio
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from objectlens.stores.protocols import Entry
from objectlens.stores.remote.listing import RawPage, page_of
from objectlens.stores.remote.s3_calls import Manners
from objectlens.stores.remote.s3_listing import Translated
from objectlens.testing.stores import expected

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PART = st.text(st.sampled_from("ab-.0é"), min_size=1, max_size=3).filter(lambda part: part not in {".", ".."})
KEYS = st.sets(st.lists(PART, min_size=1, max_size=4).map("/".join), max_size=25)


class ByFolder:
    """What SeaweedFS does: names of a folder in their order, folders without their slash, pages of three."""

    def __init__(self, keys):
        self.keys = keys

    async def page(self, prefix, delimiter, after, limit=1000, token=None):
        names = {}
        for key in self.keys:
            if key.startswith(prefix):
                at = key.find("/", len(prefix)) if delimiter else -1
                names[key if at < 0 else key[: at + 1]] = at >= 0
        order = sorted(names, key=lambda name: (name[:-1] if names[name] else name).encode())
        start = after if token is None else token
        following = [
            name for name in order if not start or name.removesuffix("/").encode() > start.removesuffix("/").encode()
        ]
        page = following[: min(limit, 3)]
        return RawPage(
            tuple(Entry(key=name, size=0, etag="x", modified=NOW) for name in page if not names[name]),
            tuple(name for name in page if names[name]),
            page[-1] if len(following) > len(page) else None,
        )


async def whole(make, limit):
    names, prefixes, after = [], [], ""
    while True:
        page = await page_of(make(after), limit)
        names += [entry.key for entry in page.entries]
        prefixes += page.prefixes
        if not page.truncated:
            return names, prefixes
        after = page.next_after


@given(
    KEYS, st.sampled_from(["", "a", "a/", "a-", "b/a"]), st.sampled_from(["", "/", "b"]), st.sampled_from([1, 3, 100])
)
def test_every_listing(keys, prefix, delimiter, limit):
    # A server that takes keys for paths holds no folder and file of one name in one page of this model.
    keys = {key for key in keys if not any(other.startswith(f"{key}/") for other in keys)}
    translated = Translated(ByFolder(keys), "s3://b", Manners(encoded=True, by_folder=True))
    found = asyncio.run(whole(lambda after: translated.list(prefix, delimiter, after), limit))
    assert found == expected(keys, prefix, delimiter)
