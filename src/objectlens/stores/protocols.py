"""One protocol for each capability of a store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from objectlens.streams import FileSlice


class KeyNotFound(LookupError):
    """No object of that key."""


class StoreUnavailable(OSError):
    """The store cannot be reached or refuses us; the message names the store and the cause."""


class StoreFull(OSError):
    """The store has no room left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What S3 keeps beside an object's bytes.

    `headers` are the system-defined ones as sent (`Content-Type`, `Cache-Control`, `Content-Disposition`,
    `Content-Encoding`, `Content-Language`, `Expires`), by canonical name. `metadata` is the user's `x-amz-meta-*`
    without the prefix, names in lower case. `checksums` are base64 values by S3's algorithm name (`CRC32`, `SHA256`,
    ...); `parts` are the sizes of the parts of a multipart upload, in bytes.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)
    checksum_type: str | None = None
    parts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """An object without its bytes. `etag` is without quotes; `size` in bytes; `modified` aware, UTC, whole seconds."""

    key: str
    size: int
    etag: str
    modified: datetime
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Opened:
    """An object that can be read: exactly the state that `stat` describes, whatever is written meanwhile.

    `read` may be called once; closing is the reader's duty (`close`, or exhaust what `read` returned).
    """

    stat: Stat
    body: FileSlice | AsyncIterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One key of a listing. `etag` without quotes."""

    key: str
    size: int
    etag: str
    modified: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page: entries and common prefixes, each in UTF-8 byte order.

    `truncated` tells that more follows; `next_after` is then the key or common prefix to continue after.
    """

    entries: tuple[Entry, ...] = ()
    prefixes: tuple[str, ...] = ()
    truncated: bool = False
    next_after: str | None = None


class Get(Protocol):
    """Reading."""

    async def stat(self, key: str) -> Stat:
        """Describe an object; raises `KeyNotFound`."""
        ...

    async def open(self, key: str, span: tuple[int, int] | None = None) -> Opened:
        """Open an object, or bytes `span[0]` up to but without `span[1]` of it; raises `KeyNotFound`.

        A span is resolved against the state that is opened; one that reaches past the end is cut there.
        """
        ...


class Put(Protocol):
    """Writing: all or nothing."""

    async def put(
        self,
        key: str,
        body: AsyncIterator[bytes],
        attributes: Attributes | Callable[[], Attributes],
        *,
        etag: str | Callable[[], str] | None = None,
        condition: Callable[[Stat | None], None] | None = None,
    ) -> Stat:
        """Write an object; it becomes visible at once when the last byte is safe, or not at all.

        `body` raising leaves nothing behind. The ETag is the body's MD5 unless `etag` is given. `attributes` and
        `etag` may be callables: they are called once, when the body has ended, for values that only then are known.
        `condition` is called with what the key holds just before the new object becomes visible; raising leaves the old
        one.
        """
        ...

    async def set_attributes(self, key: str, attributes: Attributes) -> Stat:
        """Replace what stands beside an object, leaving its bytes and ETag; raises `KeyNotFound`."""
        ...


class Delete(Protocol):
    """Removing."""

    async def delete(self, key: str) -> bool:
        """Remove an object; returns whether there was one."""
        ...


class List(Protocol):
    """Listing."""

    async def list(self, prefix: str = "", *, delimiter: str = "", after: str = "", limit: int = 1000) -> Listing:
        """Return at most `limit` entries and common prefixes together, those after `after`, in UTF-8 byte order.

        `after` may be a key or a common prefix that an earlier page ended with: then all keys under it are skipped.
        """
        ...


class Store(Get, Put, Delete, List, Protocol):
    """All of them, which is what a bucket needs."""

    async def close(self) -> None:
        """Give back what the store holds."""
        ...
