"""Multipart uploads where obstore has none that outlive a process: their parts wait beside the objects.

    .objectlens/uploads/ID/upload               the key, and what will stand beside the object, as JSON
    .objectlens/uploads/ID/00007-TIME-ABOUT     one part; ABOUT is its ETag and its checksums

Completing reads the parts and writes the object, which takes as long as that takes.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Final, Protocol

from objectlens.clock import Clock
from objectlens.stores.protocols import Attributes, Entry, Part, PartNotFound, Upload, UploadNotFound
from objectlens.stores.remote import oddkeys
from objectlens.stores.remote.blob_client import Client
from objectlens.stores.remote.blob_listing import names_under
from objectlens.stores.remote.faults import told
from objectlens.stores.remote.location import Location
from objectlens.stores.remote.spool import Chunks, Spool
from objectlens.stores.sidecars import attributes_from_json, attributes_to_json
from objectlens.stores.uploadids import is_upload_id, new_upload_id
from objectlens.streams import CHUNK

_FOLDER: Final = f"{oddkeys.INNER}uploads/"
_ABOUT: Final = "upload"
_PART: Final = 8 * 1024 * 1024


class Blobs(Protocol):
    """The store beside whose objects the parts wait."""

    @property
    def client(self) -> Client:
        """Return obstore's store."""
        ...

    async def remove(self, path: str) -> bool:
        """Remove what lies at a path."""
        ...


class BlobUploads:
    """The uploads of one bucket."""

    def __init__(self, blobs: Blobs, location: Location, executor: Executor, folder: Path, clock: Clock) -> None:
        self._blobs = blobs
        self._base = location.prefix
        self._name = location.shown
        self._executor = executor
        self._folder = folder
        self._clock = clock

    async def begin(self, key: str, attributes: Attributes, note: Mapping[str, str]) -> Upload:
        """Begin an upload."""
        upload = new_upload_id(self._clock)
        about = {"v": 1, "key": key, "attributes": attributes_to_json(attributes), "note": dict(note)}
        with told(f"write {key!r}", self._name):
            await self._blobs.client.put_async(self._path(upload, _ABOUT), json.dumps(about).encode())
        return await self.upload(upload)

    async def put_part(
        self,
        upload: str,
        number: int,
        body: AsyncIterable[bytes],
        checksums: Mapping[str, str] | Callable[[], Mapping[str, str]],
    ) -> Part:
        """Keep one part, instead of an earlier one of its number."""
        await self.upload(upload)
        spool = Spool(self._folder, self._executor)
        try:
            await spool.take(Chunks(aiter(body)))
            given = dict(checksums() if callable(checksums) else checksums)
            name = f"{number:05}-{int(self._clock.now().timestamp() * 1_000_000):014x}-{_packed(spool.md5, given)}"
            with told(f"write part {number}", self._name):
                await self._blobs.client.put_async(
                    self._path(upload, name), spool.read(), use_multipart=True, chunk_size=_PART, max_concurrency=2
                )
        finally:
            spool.close()
        found = await self._parts(upload)
        for older in found:
            if older.key < name and older.key.startswith(f"{number:05}-"):
                await self._blobs.remove(self._path(upload, older.key))
        return next(_part(one) for one in found if one.key == name)

    async def upload(self, upload: str) -> Upload:
        """Describe an upload without its parts."""
        if not is_upload_id(upload):
            raise UploadNotFound(upload)
        with told("read an upload", self._name):
            try:
                found = await self._blobs.client.get_async(self._path(upload, _ABOUT))
                about: dict[str, Any] = json.loads(bytes(await found.bytes_async()))
            except FileNotFoundError:
                raise UploadNotFound(upload) from None
        return Upload(
            id=upload,
            key=about["key"],
            initiated=found.meta["last_modified"].replace(microsecond=0),
            attributes=attributes_from_json(about["attributes"]),
            note=about["note"],
        )

    async def uploaded(self, upload: str) -> tuple[Upload, tuple[Part, ...]]:
        """Describe an upload and its parts so far."""
        about = await self.upload(upload)
        return about, tuple(_part(one) for one in _newest(await self._parts(upload)))

    async def uploads(self, prefix: str) -> tuple[Upload, ...]:
        """Return the uploads whose key begins with `prefix`."""
        found: list[Upload] = []
        with told("list uploads", self._name):
            names = [one.key async for one in names_under(self._blobs.client, self._base, _FOLDER)]
        for name in names:
            upload, _, rest = name.removeprefix(_FOLDER).partition("/")
            if rest == _ABOUT:
                found.append(await self.upload(upload))
        held = [one for one in found if one.key.startswith(prefix)]
        return tuple(sorted(held, key=lambda one: (one.key.encode(), one.id)))

    async def joined(self, upload: str, parts: Sequence[Part]) -> tuple[Upload, AsyncIterator[bytes]]:
        """Return an upload and the bytes of these parts, one after the other; raises `PartNotFound`."""
        about = await self.upload(upload)
        held = {_part(one).number: one for one in _newest(await self._parts(upload))}
        chosen: list[str] = []
        for part in parts:
            one = held.get(part.number)
            if one is None or (_part(one).etag, one.size) != (part.etag, part.size):
                raise PartNotFound(f"part {part.number}")
            chosen.append(one.key)
        return about, self._bytes(upload, chosen)

    async def remove(self, upload: str) -> None:
        """Remove an upload and its parts."""
        # Without its description it is gone at once.
        await self._blobs.remove(self._path(upload, _ABOUT))
        for one in await self._parts(upload):
            await self._blobs.remove(self._path(upload, one.key))

    async def _bytes(self, upload: str, names: Sequence[str]) -> AsyncIterator[bytes]:
        for name in names:
            with told("read a part", self._name):
                found = await self._blobs.client.get_async(self._path(upload, name))
                if found.meta["size"]:
                    async for chunk in found.stream(min_chunk_size=CHUNK):
                        yield bytes(chunk)

    async def _parts(self, upload: str) -> list[Entry]:
        folder = f"{_FOLDER}{upload}/"
        with told("list parts", self._name):
            return [
                Entry(key=name, size=one.size, etag=one.etag, modified=one.modified)
                async for one in names_under(self._blobs.client, self._base, folder)
                if (name := one.key.removeprefix(folder)) != _ABOUT
            ]

    def _path(self, upload: str, name: str) -> str:
        return f"{self._base}{_FOLDER}{upload}/{name}"


def _newest(parts: Sequence[Entry]) -> list[Entry]:
    return list({one.key[:5]: one for one in parts}.values())


def _packed(md5: str, checksums: Mapping[str, str]) -> str:
    text = json.dumps([md5, dict(checksums)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _part(found: Entry) -> Part:
    number, _, packed = found.key.split("-", 2)
    try:
        md5, checksums = json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    except (binascii.Error, ValueError):
        raise PartNotFound(found.key) from None
    return Part(number=int(number), size=found.size, etag=md5, modified=found.modified, checksums=checksums)
