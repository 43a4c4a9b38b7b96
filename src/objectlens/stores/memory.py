"""A store that forgets: for tests and for throw-away buckets."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from objectlens.clock import Clock, SystemClock
from objectlens.stores import keys
from objectlens.stores.protocols import (
    NULL,
    Attributes,
    Entry,
    KeyNotFound,
    Listing,
    Marked,
    Opened,
    Part,
    PartNotFound,
    Stat,
    Upload,
    UploadNotFound,
    Version,
    VersionListing,
    VersionNotFound,
)
from objectlens.stores.spans import Found, Span, page
from objectlens.stores.uploadids import new_upload_id
from objectlens.stores.versionids import new_version_id
from objectlens.stores.versionlists import Asked, described, page_of_versions
from objectlens.streams import CHUNK


@dataclass(slots=True)
class _Staged:
    upload: Upload
    parts: dict[int, tuple[Part, bytes]] = field(default_factory=dict)


class MemoryStore:
    """Objects in a dictionary."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._objects: dict[bytes, tuple[Stat, bytes]] = {}
        # Newest last; a delete marker has no bytes.
        self._older: dict[bytes, list[tuple[Stat, bytes | None]]] = {}
        self._staged: dict[str, _Staged] = {}

    async def stat(self, key: str) -> Stat:
        """Describe an object; raises `KeyNotFound`."""
        return self._found(key)[0]

    async def open(self, key: str, span: tuple[int, int] | None = None) -> Opened:
        """Open an object or a run of its bytes; raises `KeyNotFound`."""
        stat, content = self._found(key)
        start, end = span or (0, stat.size)
        return Opened(stat, _chunks(content[start:end]))

    async def put(
        self,
        key: str,
        body: AsyncIterable[bytes],
        attributes: Attributes | Callable[[], Attributes],
        *,
        etag: str | Callable[[], str] | None = None,
        condition: Callable[[Stat | None], None] | None = None,
    ) -> Stat:
        """Write an object, all or nothing."""
        raw = keys.encoded(key)
        content = b"".join([chunk async for chunk in body])
        beside = attributes() if callable(attributes) else attributes
        tag = etag() if callable(etag) else etag
        return self._keep(raw, content, tag or _md5(content), beside, condition)

    async def set_attributes(self, key: str, attributes: Attributes | Callable[[Stat], Attributes]) -> Stat:
        """Replace what stands beside an object; raises `KeyNotFound`."""
        stat, content = self._found(key)
        changed = replace(stat, attributes=attributes(stat) if callable(attributes) else attributes)
        self._objects[key.encode()] = (changed, content)
        return changed

    async def delete(self, key: str, *, condition: Callable[[Stat], None] | None = None) -> bool:
        """Remove an object; returns whether there was one."""
        raw = keys.encoded(key)
        if condition is not None and raw in self._objects:
            condition(self._objects[raw][0])
        return self._objects.pop(raw, None) is not None

    async def list(self, prefix: str = "", *, delimiter: str = "", after: str = "", limit: int = 1000) -> Listing:
        """Return one page of the keys, in UTF-8 byte order."""
        span = Span.of(prefix, delimiter, after)
        held = ((raw, span.rolled(raw)) for raw in sorted(self._objects) if span.holds(raw))
        found = (Found(raw, raw) if rolled is None else Found(rolled) for raw, rolled in held)
        return page(found, limit, lambda one: _entry(self._objects[one.name][0]))

    async def begin(self, key: str, attributes: Attributes, *, note: Mapping[str, str] | None = None) -> Upload:
        """Begin a multipart upload."""
        keys.encoded(key)
        upload = Upload(
            id=new_upload_id(self._clock),
            key=key,
            initiated=self._clock.now().replace(microsecond=0),
            attributes=attributes,
            note=dict(note or {}),
        )
        self._staged[upload.id] = _Staged(upload)
        return upload

    async def put_part(
        self,
        upload: str,
        number: int,
        body: AsyncIterable[bytes],
        checksums: Mapping[str, str] | Callable[[], Mapping[str, str]],
    ) -> Part:
        """Keep one part; raises `UploadNotFound`."""
        content = b"".join([chunk async for chunk in body])
        part = Part(
            number=number,
            size=len(content),
            etag=_md5(content),
            modified=self._clock.now().replace(microsecond=0),
            checksums=dict(checksums() if callable(checksums) else checksums),
        )
        self._upload(upload).parts[number] = (part, content)
        return part

    async def uploaded(self, upload: str) -> tuple[Upload, tuple[Part, ...]]:
        """Describe an upload and its parts so far; raises `UploadNotFound`."""
        staged = self._upload(upload)
        return staged.upload, tuple(part for _, (part, _) in sorted(staged.parts.items()))

    async def complete(
        self,
        upload: str,
        parts: Sequence[Part],
        attributes: Attributes,
        *,
        etag: str,
        condition: Callable[[Stat | None], None] | None = None,
    ) -> Stat:
        """Make the object of these parts; raises `UploadNotFound` or `PartNotFound`."""
        staged = self._upload(upload)
        for part in parts:
            if part.number not in staged.parts or staged.parts[part.number][0] != part:
                raise PartNotFound(f"part {part.number}")
        content = b"".join(staged.parts[part.number][1] for part in parts)
        stat = self._keep(staged.upload.key.encode(), content, etag, attributes, condition)
        del self._staged[upload]
        return stat

    async def abort(self, upload: str) -> None:
        """Give an upload up; raises `UploadNotFound`."""
        self._upload(upload)
        del self._staged[upload]

    async def upload(self, upload: str) -> Upload:
        """Describe an upload without its parts; raises `UploadNotFound`."""
        return self._upload(upload).upload

    async def uploads(self, prefix: str = "") -> tuple[Upload, ...]:
        """Return the uploads under way, by key and time."""
        under_way = [staged.upload for staged in self._staged.values() if staged.upload.key.startswith(prefix)]
        return tuple(sorted(under_way, key=lambda one: (one.key.encode(), one.id)))

    def keeping(self, *, ids: bool) -> KeepingMemory:
        """Return this store with writes that keep versions."""
        return KeepingMemory(self, ids=ids)

    def at(self, version: str) -> MemoryAt:
        """Return this store as it is at one version of each key."""
        return MemoryAt(self._objects, self._older, version)

    async def versions(
        self, prefix: str = "", *, delimiter: str = "", after: str = "", after_version: str = "", limit: int = 1000
    ) -> VersionListing:
        """Return one page of the versions, in UTF-8 byte order of key, the newest first."""
        span = Span.of(prefix, delimiter, after)
        held = ((raw, span.rolled(raw)) for raw in sorted({*self._objects, *self._older}) if span.holds(raw))
        names = dict.fromkeys((raw, False) if rolled is None else (rolled, True) for raw, rolled in held)
        found = ((name.decode(), is_prefix) for name, is_prefix in names)
        return page_of_versions(Asked(prefix, delimiter, after, after_version, limit), found, self._versions)

    def _versions(self, key: str) -> Sequence[Version]:
        raw = key.encode()
        current = self._objects.get(raw)
        found = [] if current is None else [described(current[0], latest=True)]
        for stat, content in reversed(self._older.get(raw, [])):
            one = described(stat, latest=not found)
            found.append(replace(one, marker=content is None))
        return found

    async def close(self) -> None:
        """Forget everything."""
        self._objects.clear()
        self._older.clear()
        self._staged.clear()

    def _found(self, key: str) -> tuple[Stat, bytes]:
        try:
            return self._objects[keys.encoded(key)]
        except KeyError:
            raise KeyNotFound(key) from None

    def _upload(self, upload: str) -> _Staged:
        try:
            return self._staged[upload]
        except KeyError:
            raise UploadNotFound(upload) from None

    def _keep(
        self,
        raw: bytes,
        content: bytes,
        etag: str,
        attributes: Attributes,
        condition: Callable[[Stat | None], None] | None,
    ) -> Stat:
        if condition is not None:
            condition(self._objects[raw][0] if raw in self._objects else None)
        now = self._clock.now().replace(microsecond=0)
        stat = Stat(key=raw.decode(), size=len(content), etag=etag, modified=now, attributes=attributes)
        return self._set(raw, stat, content)

    def _set(self, raw: bytes, stat: Stat, content: bytes) -> Stat:
        self._objects[raw] = (stat, content)
        return stat


class KeepingMemory(MemoryStore):
    """A store in memory whose writes keep the versions that they replace."""

    def __init__(self, store: MemoryStore, *, ids: bool) -> None:
        # The same objects in another manner.
        vars(self).update(vars(store))
        self._ids = ids

    async def delete(self, key: str, *, condition: Callable[[Stat], None] | None = None) -> bool:
        """Put a delete marker on top of a key; returns whether there was an object."""
        was_there = keys.encoded(key) in self._objects
        await self.mark(key, condition=condition if was_there else None)
        return was_there

    async def mark(self, key: str, *, condition: Callable[[Stat], None] | None = None) -> str:
        """Put a delete marker on top of a key; returns its version."""
        raw = keys.encoded(key)
        now = self._clock.now().replace(microsecond=0)
        marker = Stat(key=key, size=0, etag="", modified=now, attributes=Attributes(), version=self._new_version())
        before = [*self._older.get(raw, []), *([self._objects[raw]] if raw in self._objects else [])]
        if condition is not None:
            if not before:
                raise KeyNotFound(key)
            condition(before[-1][0])
        self._put_away(raw)
        self._older.setdefault(raw, []).append((marker, None))
        return marker.version

    def _set(self, raw: bytes, stat: Stat, content: bytes) -> Stat:
        self._put_away(raw)
        return super()._set(raw, replace(stat, version=self._new_version()), content)

    def _new_version(self) -> str:
        return new_version_id() if self._ids else NULL

    def _put_away(self, raw: bytes) -> None:
        older = self._older.get(raw, [])
        if raw in self._objects:
            older = [*older, self._objects.pop(raw)]
        if not self._ids:
            # The new version takes the place of the `null` one.
            older = [one for one in older if one[0].version != NULL]
        self._older[raw] = older
        if not older:
            del self._older[raw]

    def _found(self, key: str) -> tuple[Stat, bytes]:
        try:
            return super()._found(key)
        except KeyNotFound:
            older = self._older.get(key.encode())
            if not older:
                raise
            raise Marked(key, older[-1][0].version, older[-1][0].modified) from None


class MemoryAt:
    """A store in memory at one version of each key."""

    def __init__(
        self,
        objects: dict[bytes, tuple[Stat, bytes]],
        older: dict[bytes, list[tuple[Stat, bytes | None]]],
        version: str,
    ) -> None:
        self._objects, self._older, self._version = objects, older, version

    async def stat(self, key: str) -> Stat:
        """Describe the version; raises `VersionNotFound` or `Marked`."""
        return self._found(key)[0]

    async def open(self, key: str, span: tuple[int, int] | None = None) -> Opened:
        """Open the version or a run of its bytes; raises `VersionNotFound` or `Marked`."""
        stat, content = self._found(key)
        start, end = span or (0, stat.size)
        return Opened(stat, _chunks(content[start:end]))

    async def set_attributes(self, key: str, attributes: Attributes | Callable[[Stat], Attributes]) -> Stat:
        """Replace what stands beside the version; raises `VersionNotFound` or `Marked`."""
        stat, content = self._found(key)
        changed = replace(stat, attributes=attributes(stat) if callable(attributes) else attributes)
        versions = self._all(key)
        versions[self._place(key)] = (changed, content)
        self._restore(key, versions)
        return changed

    async def remove(self, key: str, *, condition: Callable[[Stat], None] | None = None) -> bool:
        """Remove the version for good; returns whether it was a delete marker."""
        place, versions = self._place(key), self._all(key)
        stat, content = versions[place]
        if condition is not None and content is not None:
            condition(stat)
        del versions[place]
        self._restore(key, versions)
        return content is None

    def _found(self, key: str) -> tuple[Stat, bytes]:
        stat, content = self._all(key)[self._place(key)]
        if content is None:
            raise Marked(key, stat.version, stat.modified)
        return stat, content

    def _place(self, key: str) -> int:
        for place, (stat, _) in enumerate(self._all(key)):
            if stat.version == self._version:
                return place
        raise VersionNotFound(key)

    def _all(self, key: str) -> list[tuple[Stat, bytes | None]]:
        """Return a key's versions, the newest last."""
        raw = keys.encoded(key)
        current = self._objects.get(raw)
        return [*self._older.get(raw, []), *([] if current is None else [current])]

    def _restore(self, key: str, versions: list[tuple[Stat, bytes | None]]) -> None:
        raw = key.encode()
        self._objects.pop(raw, None)
        self._older.pop(raw, None)
        if versions and (newest := versions[-1])[1] is not None:
            self._objects[raw] = (newest[0], newest[1])
            versions = versions[:-1]
        if versions:
            self._older[raw] = versions


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), CHUNK):
        yield content[start : start + CHUNK]


def _entry(stat: Stat) -> Entry:
    return Entry(key=stat.key, size=stat.size, etag=stat.etag, modified=stat.modified)


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
