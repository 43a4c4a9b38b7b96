"""Listings over obstore, whose prefixes are folders and whose delimiter is a slash: S3's are any text.

Both services sort by bytes, and obstore starts after a given name, so a listing is one stream that is begun near the
first key and left after the last.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from objectlens.stores.protocols import Entry
from objectlens.stores.remote import oddkeys
from objectlens.stores.remote.blob_client import Client
from objectlens.stores.remote.blob_facts import entry_of
from objectlens.stores.remote.listing import Found, held, just_before, merged, rolled
from objectlens.stores.spans import Span


def listed(client: Client, base: str, prefix: str, delimiter: str, after: str) -> Found:
    """Yield keys and common prefixes after `after`; `base` is what all names of the bucket begin with."""
    span = Span.of(prefix, delimiter, after)

    async def plain(start: str) -> AsyncIterator[Entry]:
        async for entry in _names(client, base, prefix, start):
            if not entry.key.startswith(oddkeys.INNER):
                yield entry

    async def odd(start: str) -> AsyncIterator[Entry]:
        first = oddkeys.after_of(start.encode())
        async for entry in _names(client, base, oddkeys.prefix_of(prefix.encode()), first):
            key = oddkeys.key_of(entry.key)
            if key is not None:
                yield Entry(key=key, size=entry.size, etag=entry.etag, modified=entry.modified)

    return held(merged(rolled(plain, span), rolled(odd, span)), span)


async def names_under(client: Client, base: str, folder: str) -> AsyncIterator[Entry]:
    """Yield everything in a folder."""
    async for entry in _names(client, base, folder, ""):
        yield entry


async def _names(client: Client, base: str, prefix: str, after: str) -> AsyncIterator[Entry]:
    folder = base + prefix[: prefix.rfind("/") + 1]
    start = max(after.encode(), just_before(prefix).encode() if prefix else b"").decode()
    if start.encode() > prefix.encode() and not start.startswith(prefix):
        return
    offset = _path_before(base + start) if start else None
    async for page in client.list(_path_before(folder) or None, offset=offset, chunk_size=1000):
        for meta in page:
            name = meta["path"][len(base) :]
            if name.startswith(prefix):
                yield entry_of(name, meta)
            elif name.encode() > prefix.encode():
                return


def _path_before(text: str) -> str:
    """Return the longest beginning of a text that obstore takes for a path as it is."""
    kept: list[str] = []
    for part in text.split("/"):
        clean = _until(part, lambda char: char < " " or char in "\x7f\\\ufffe\uffff")
        if clean in {"", ".", ".."}:
            break
        kept.append(clean)
        if clean != part:
            break
    return "/".join(kept)


def _until(text: str, bad: Callable[[str], bool]) -> str:
    return next((text[:place] for place, char in enumerate(text) if bad(char)), text)
