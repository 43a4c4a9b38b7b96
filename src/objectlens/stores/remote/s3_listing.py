"""What a bucket of S3 holds, in order, whatever its server does with keys."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from objectlens.stores.protocols import Entry
from objectlens.stores.remote import oddkeys
from objectlens.stores.remote.listing import LAST, Found, Pages, flat, held, merged, name_of, rolled, walk
from objectlens.stores.remote.s3_calls import Manners
from objectlens.stores.spans import Span

_log = logging.getLogger(__name__)


def as_told(pages: Pages, prefix: str, delimiter: str, after: str) -> Found:
    """List a server that keeps every key and sorts by bytes: it can do all of it."""
    span = Span.of(prefix, delimiter, after)
    start = after + LAST if span.after_is_rolled else after
    return held(flat(pages, prefix, delimiter, start), span)


class Translated:
    """Lists a server that rewrites odd keys, which are kept under other names."""

    def __init__(self, pages: Pages, name: str, manners: Manners) -> None:
        self._pages = pages
        self._name = name
        self._by_folder = manners.by_folder
        self._encoded = manners.encoded
        self._warned = False

    def list(self, prefix: str, delimiter: str, after: str) -> Found:
        """Yield keys and common prefixes after `after`."""
        span = Span.of(prefix, delimiter, after)
        if not self._encoded:
            return held(self._plain(prefix, delimiter, after, span), span)
        return held(merged(self._plain(prefix, delimiter, after, span), rolled(self._odd(prefix), span)), span)

    def _plain(self, prefix: str, delimiter: str, after: str, span: Span) -> Found:
        if delimiter not in {"", "/"}:
            return rolled(lambda start: self._keys(prefix, start), span)
        if delimiter == "":
            return self._keys(prefix, after)
        start = after + LAST if span.after_is_rolled and not self._by_folder else after
        return self._seen(self._names(prefix, delimiter, start))

    async def _keys(self, prefix: str, after: str) -> AsyncIterator[Entry]:
        async for one in self._seen(self._names(prefix, "", after)):
            assert isinstance(one, Entry)
            yield one

    def _names(self, prefix: str, delimiter: str, after: str) -> Found:
        if self._by_folder:
            hidden = oddkeys.INNER if self._encoded else ""
            return walk(self._pages, prefix, after, deep=not delimiter, hidden=hidden)
        return flat(self._pages, prefix, delimiter, after)

    async def _seen(self, names: Found) -> Found:
        async for one in names:
            name = name_of(one)
            if not self._encoded:
                yield one
            elif name.startswith(oddkeys.INNER):
                continue
            elif oddkeys.is_odd(name.removesuffix("/")):
                self._warn(name)
            else:
                yield one

    def _odd(self, prefix: str) -> _Odd:
        return _Odd(self._pages, prefix, by_folder=self._by_folder)

    def _warn(self, name: str) -> None:
        if not self._warned:
            self._warned = True
            _log.warning(
                "%s holds %r, and maybe more keys that its server may take for others; they are left out. When the "
                "server keeps every key to the letter, add keys=exact to the store's URL",
                self._name,
                name,
            )


class _Odd:
    """The keys that are kept under other names."""

    def __init__(self, pages: Pages, prefix: str, *, by_folder: bool) -> None:
        self._pages = pages
        self._prefix = prefix
        self._by_folder = by_folder

    async def __call__(self, after: str) -> AsyncIterator[Entry]:
        prefix, start = oddkeys.prefix_of(self._prefix.encode()), oddkeys.after_of(after.encode())
        names = walk(self._pages, prefix, start, deep=True) if self._by_folder else flat(self._pages, prefix, "", start)
        async for one in names:
            key = oddkeys.key_of(name_of(one))
            if key is not None and isinstance(one, Entry):
                yield Entry(key=key, size=one.size, etag=one.etag, modified=one.modified)
