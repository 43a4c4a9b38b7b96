"""One protocol for each capability of a store."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from objectlens.streams import FileSlice

NULL = "null"
"""The version that was written without an id: what it is called in S3, and here."""

ALGORITHM, TYPE = "algorithm", "type"
"""Under which names an upload's note says which checksum its parts have, and of what kind the object's will be."""


class KeyNotFound(LookupError):
    """No object of that key."""


class VersionNotFound(KeyNotFound):
    """No such version of that key."""


class Marked(KeyNotFound):
    """A delete marker stands where an object was asked for: the newest version of the key, or the one that was named.

    `version` is the marker's id; `modified` as in `Stat`.
    """

    def __init__(self, key: str, version: str, modified: datetime) -> None:
        super().__init__(key)
        self.version = version
        self.modified = modified


class UploadNotFound(LookupError):
    """No multipart upload of that id, or not any more."""


class PartNotFound(LookupError):
    """A part that was not uploaded, or was replaced meanwhile."""


class StoreUnavailable(OSError):
    """The store cannot be reached or refuses us; the message names the store and the cause."""


class StoreUnreachable(StoreUnavailable):
    """A store elsewhere does not answer, or is too busy: it may be there again in a moment."""


class StoreDenied(StoreUnavailable):
    """A store elsewhere refuses the credentials that we have for it."""


class StoreLacks(StoreUnavailable):
    """What was asked for is nothing that this store can do or keep."""


class StoreFull(OSError):
    """The store has no room left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What S3 keeps beside an object's bytes.

    `headers` are the system-defined ones as sent (`Content-Type`, `Cache-Control`, `Content-Disposition`,
    `Content-Encoding`, `Content-Language`, `Expires`), by canonical name. `metadata` is the user's `x-amz-meta-*`
    without the prefix, names in lower case. `checksums` are base64 values by S3's algorithm name (`CRC32`, `SHA256`,
    ...); `parts` are the sizes of the parts of a multipart upload, in bytes, and `part_checksums` their checksums, of
    the object's algorithm, none when nobody asked for them. `acl` is a canned ACL, None for the owner's full control.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)
    checksum_type: str | None = None
    parts: tuple[int, ...] = ()
    part_checksums: tuple[str, ...] = ()
    acl: str | None = None
    _text: str | None = field(default=None, init=False, repr=False, compare=False)

    def text(self) -> str:
        """Return all that a read of the object shows of these, the same text for the same values."""
        if self._text is None:
            read = (
                sorted(self.headers.items()),
                sorted(self.metadata.items()),
                sorted(self.tags.items()),
                sorted(self.checksums.items()),
                self.checksum_type,
                self.parts,
            )
            # What Python writes of texts and numbers cannot be read in two ways, and takes a fifth of the time of JSON.
            object.__setattr__(self, "_text", repr(read))
        return self._text or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """An object without its bytes. `etag` is without quotes; `size` in bytes; `modified` aware, UTC, whole seconds.

    `version` is the id of the version that this is, `null` when it has none.
    """

    key: str
    size: int
    etag: str
    modified: datetime
    attributes: Attributes
    version: str = NULL
    _state: str | None = field(default=None, init=False, repr=False, compare=False)

    def state(self) -> str:
        """Return a digest (32 hexadecimal digits) of all that can be read of the object but for its dates.

        S3's ETag tells the bytes; a function may also look at the metadata and the tags, which change without it.
        """
        if self._state is None:
            read = f"{self.etag!r} {self.size} {self.attributes.text()}"
            digest = hashlib.sha256(read.encode("utf-8", "surrogatepass")).hexdigest()
            object.__setattr__(self, "_state", digest[:32])
        return self._state or ""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version in a listing of versions, or a delete marker, which has no bytes.

    `version` and `etag` as in `Stat`; `latest` tells that it is what the key stands for.
    """

    key: str
    version: str
    latest: bool
    modified: datetime
    marker: bool = False
    size: int = 0
    etag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionListing:
    """One page: versions in UTF-8 byte order of key, the newest of each key first; and common prefixes.

    `truncated` tells that more follows: after `next_after`, a common prefix or a key; of a key, after its version
    `next_version`.
    """

    versions: tuple[Version, ...] = ()
    prefixes: tuple[str, ...] = ()
    truncated: bool = False
    next_after: str | None = None
    next_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A multipart upload under way.

    `attributes` will be the object's; `note` is whatever the caller wants to find again with the upload; None
    where the store keeps none. What it says of `ALGORITHM` and `TYPE` counts for a store that makes checksums itself.
    """

    id: str
    key: str
    initiated: datetime
    attributes: Attributes
    note: Mapping[str, str] | None = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a multipart upload. `etag` is the MD5 of its bytes, without quotes; `size` in bytes."""

    number: int
    size: int
    etag: str
    modified: datetime
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Late:
    """Attributes of a body whose checksums show at its end: all but those are `known` before, and stay so.

    `algorithm` is that of the checksum to come.
    """

    known: Attributes
    settle: Callable[[], Attributes]
    algorithm: str | None = None

    def __call__(self) -> Attributes:
        """Return them all."""
        return self.settle()


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


@runtime_checkable
class Far(Protocol):
    """A store elsewhere: opening an object is a request there, so one asks before for the run of bytes one wants."""

    @property
    def elsewhere(self) -> str:
        """Return what messages call the store."""
        ...


@runtime_checkable
class Copies(Protocol):
    """What some stores can do besides: copy within themselves, without the bytes passing through here."""

    async def copy(
        self,
        source: Stat,
        key: str,
        attributes: Attributes,
        *,
        condition: Callable[[Stat | None], None] | None = None,
        algorithm: str | None = None,
    ) -> Stat | None:
        """Write `key` as a copy of `source`, with these attributes; None when this one must be copied through here.

        `condition` as in `Put.put`. `algorithm` is that of the checksum which the copy shall have, where the store
        keeps any; None for the source's. Raises `KeyNotFound` when the source is no longer what `source` describes.
        """
        ...


@runtime_checkable
class StatsAtOnce(Protocol):
    """What some stores can do besides: describe an object without leaving the event loop's thread."""

    def stat_at_once(self, key: str) -> Stat | None:
        """Describe an object, None when that would take long; raises `KeyNotFound`."""
        ...


class Put(Protocol):
    """Writing: all or nothing."""

    async def put(
        self,
        key: str,
        body: AsyncIterable[bytes],
        attributes: Attributes | Callable[[], Attributes],
        *,
        etag: str | Callable[[], str] | None = None,
        condition: Callable[[Stat | None], None] | None = None,
    ) -> Stat:
        """Write an object; it becomes visible at once when the last byte is safe, or not at all.

        `body` raising leaves nothing behind. The ETag is the body's MD5 unless `etag` is given. `attributes` and
        `etag` may be callables: they are called once, when the body has ended, for values that only then are known.
        `condition` is called with what the key holds just before the new object becomes visible; raising leaves the old
        one. All three may be called in another thread. A body that is a `FileSlice` may be copied without passing
        through the process when the `etag` is given too; it is closed in any case.
        """
        ...

    async def set_attributes(self, key: str, attributes: Attributes | Callable[[Stat], Attributes]) -> Stat:
        """Replace what stands beside an object, leaving its bytes and ETag; raises `KeyNotFound`.

        A callable is given the object as it is, in one step with the change; it may be called in another thread.
        """
        ...


class Delete(Protocol):
    """Removing."""

    async def delete(self, key: str, *, condition: Callable[[Stat], None] | None = None) -> bool:
        """Remove an object; returns whether there was one.

        `condition` is called with what is about to be removed; raising leaves it.
        """
        ...


class List(Protocol):
    """Listing."""

    async def list(self, prefix: str = "", *, delimiter: str = "", after: str = "", limit: int = 1000) -> Listing:
        """Return at most `limit` entries and common prefixes together, those after `after`, in UTF-8 byte order.

        `after` may be a key or a common prefix that an earlier page ended with: then all keys under it are skipped.
        """
        ...


class Multipart(Protocol):
    """Objects put together from parts. Every method but `begin` raises `UploadNotFound`."""

    async def begin(self, key: str, attributes: Attributes, *, note: Mapping[str, str] | None = None) -> Upload:
        """Begin an upload; nothing of it is visible under `key` until it is complete."""
        ...

    async def put_part(
        self,
        upload: str,
        number: int,
        body: AsyncIterable[bytes],
        checksums: Mapping[str, str] | Callable[[], Mapping[str, str]],
    ) -> Part:
        """Keep one part, replacing an earlier one of that number; `checksums` as `attributes` of `Put.put`."""
        ...

    async def uploaded(self, upload: str) -> tuple[Upload, tuple[Part, ...]]:
        """Describe an upload and its parts so far, by number."""
        ...

    async def complete(
        self,
        upload: str,
        parts: Sequence[Part],
        attributes: Attributes,
        *,
        etag: str,
        condition: Callable[[Stat | None], None] | None = None,
    ) -> Stat:
        """Make the object of these parts, in this order, all or nothing; the upload is then gone.

        `parts` are values that `uploaded` returned; raises `PartNotFound` when one of them is no longer what it was.
        `condition` as in `Put.put`; when it raises, the upload stays.
        """
        ...

    async def abort(self, upload: str) -> None:
        """Give an upload up with all its parts."""
        ...


class Uploads(Protocol):
    """Looking at what is under way. The ids of uploads sort by the time of their beginning."""

    async def upload(self, upload: str) -> Upload:
        """Describe an upload without its parts; raises `UploadNotFound`."""
        ...

    async def uploads(self, prefix: str = "") -> tuple[Upload, ...]:
        """Return the uploads whose key begins with `prefix`, in UTF-8 byte order of key, then by id."""
        ...


class Store(Get, Put, Delete, List, Multipart, Uploads, Protocol):
    """All of them, which is what a bucket needs."""

    async def close(self) -> None:
        """Give back what the store holds."""
        ...


class Keeping(Store, Protocol):
    """A store whose writes keep the versions that they replace; reading raises `Marked` where a marker is the newest.

    `delete` puts a delete marker on top, whether there is an object or not.
    """

    async def mark(self, key: str, *, condition: Callable[[Stat], None] | None = None) -> str:
        """Put a delete marker on top of a key; return its version.

        `condition` is called with what is on top so far, as in `Delete`; a marker has no bytes and an empty ETag. Of a
        key that has nothing, it cannot be asked: that raises `KeyNotFound`.
        """
        ...


class OneVersion(Get, Protocol):
    """One version of each key. Every method raises `VersionNotFound`, and `Marked` where that is a delete marker."""

    async def set_attributes(self, key: str, attributes: Attributes | Callable[[Stat], Attributes]) -> Stat:
        """Replace what stands beside the version, as in `Put`."""
        ...

    async def remove(self, key: str, *, condition: Callable[[Stat], None] | None = None) -> bool:
        """Remove the version for good; returns whether it was a delete marker.

        When it was the newest, the one before becomes what the key stands for. A marker is removed without raising
        `Marked`, and without asking `condition`, which is as in `Delete`.
        """
        ...


@runtime_checkable
class ReadsVersions(Protocol):
    """What some stores can do besides: read the versions of objects that are there."""

    def at(self, version: str) -> OneVersion:
        """Return this store as it is at one version of each key."""
        ...


@runtime_checkable
class Versions(Protocol):
    """Objects with more than one version, for buckets that want them.

    Versions have ids, texts that cannot be guessed and that sort by nothing; what was written without one is the
    `null` version, of which a key has at most one.
    """

    def keeping(self, *, ids: bool) -> Keeping:
        """Return this store with writes that keep versions: new ones get ids, or without `ids` are the `null` one."""
        ...

    def at(self, version: str) -> OneVersion:
        """Return this store as it is at one version of each key."""
        ...

    async def versions(
        self,
        prefix: str = "",
        *,
        delimiter: str = "",
        after: str = "",
        after_version: str = "",
        limit: int = 1000,
    ) -> VersionListing:
        """Return at most `limit` versions and common prefixes together, those after `after`, as in `List`.

        With `after_version` those of the key `after` that are older than this version come first; all of them when it
        has gone meanwhile, for who removes what was listed must not miss the rest.
        """
        ...
