"""A bucket of Google Cloud Storage, or a container of Azure, as a store, over obstore.

obstore takes keys for paths: it drops slashes at their ends and refuses empty parts, `.`, `..` and control characters.
Such keys are kept under other names, see `oddkeys`. ETag and time of an object are the service's.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from obstore.exceptions import AlreadyExistsError, PreconditionError

from objectlens.clock import Clock, SystemClock
from objectlens.stores.protocols import (
    NULL,
    Attributes,
    KeyNotFound,
    Late,
    Listing,
    Opened,
    Part,
    Stat,
    StoreLacks,
    StoreUnreachable,
    Upload,
)
from objectlens.stores.remote import oddkeys
from objectlens.stores.remote.blob_client import Client, made, source_of_credentials
from objectlens.stores.remote.blob_facts import attributes_to, stat_of
from objectlens.stores.remote.blob_listing import listed
from objectlens.stores.remote.blob_uploads import BlobUploads
from objectlens.stores.remote.faults import told
from objectlens.stores.remote.listing import page_of
from objectlens.stores.remote.location import Location
from objectlens.stores.remote.s3_facts import bare, moment
from objectlens.stores.remote.spool import Chunks, Spool
from objectlens.streams import CHUNK

if TYPE_CHECKING:
    from obstore import GetResult, PutMode, PutResult, UpdateVersion

Condition = Callable[[Stat | None], None]
Given = Attributes | Callable[[], Attributes]

# A body of up to so much goes in one request; longer ones in parts of so much, two at a time.
PART: Final = 8 * 1024 * 1024
_RETRIES: Final = 32


class BlobStore:
    """Objects in a bucket elsewhere. `folder` is where bodies wait on their way there."""

    def __init__(self, location: Location, executor: Executor, folder: Path, *, clock: Clock | None = None) -> None:
        self.elsewhere = location.shown
        self._location = location
        self._executor = executor
        self._folder = folder
        self._client: Client | None = None
        self._clock = clock or SystemClock()
        self._uploads = BlobUploads(self, location, executor, folder, self._clock)

    @property
    def client(self) -> Client:
        """Return obstore's store; raises `StoreDenied` or `StoreUnreachable` when it cannot be made."""
        if self._client is None:
            with told("be reached", self.elsewhere):
                self._client = made(self._location)
        return self._client

    async def check(self) -> None:
        """List the bucket, once; raises `StoreUnavailable` that says what was tried."""
        tried = f"list at {self._location.at} with {source_of_credentials(self._location)}; tried"
        with told(tried, self.elsewhere):
            async for _ in self.client.list(self._location.prefix or None, chunk_size=1):
                return

    # --- reading ------------------------------------------------------------------------------------------------------

    async def stat(self, key: str) -> Stat:
        """Describe an object; raises `KeyNotFound`."""
        with told(f"read {key!r}", self.elsewhere):
            try:
                found = await self.client.get_async(self.path(key), options={"head": True})
            except FileNotFoundError:
                raise KeyNotFound(key) from None
            return stat_of(key, found.meta, found.attributes)

    async def open(self, key: str, span: tuple[int, int] | None = None) -> Opened:
        """Open an object or a run of its bytes; raises `KeyNotFound`."""
        if span is not None:
            stat = await self.stat(key)
            span = (min(span[0], stat.size), min(span[1], stat.size))
            if span[0] >= span[1]:
                return Opened(stat, _nothing())
        with told(f"read {key!r}", self.elsewhere):
            try:
                found = await self.client.get_async(self.path(key), options={"range": span} if span else {})
            except FileNotFoundError:
                raise KeyNotFound(key) from None
            stat = stat_of(key, found.meta, found.attributes)
        return Opened(stat, self._chunks(key, found) if stat.size else _nothing())

    async def list(self, prefix: str = "", *, delimiter: str = "", after: str = "", limit: int = 1000) -> Listing:
        """Return one page of the keys, in UTF-8 byte order."""
        with told(f"list {prefix!r}", self.elsewhere):
            return await page_of(listed(self.client, self._location.prefix, prefix, delimiter, after), limit)

    # --- writing ------------------------------------------------------------------------------------------------------

    async def put(
        self,
        key: str,
        body: AsyncIterable[bytes],
        attributes: Given,
        *,
        etag: str | Callable[[], str] | None = None,
        condition: Condition | None = None,
    ) -> Stat:
        """Write an object, all or nothing."""
        self.path(key)
        spool, chunks = Spool(self._folder, self._executor), Chunks(aiter(body))
        try:
            more = await spool.take(chunks, PART)
            if more and isinstance(attributes, Attributes | Late):
                return await self._put_streamed(key, spool, chunks, attributes, condition)
            # What stands beside an object is sent before its bytes: they wait for it.
            await spool.take(chunks)
            return await self._put_here(key, spool, _settled(attributes), condition)
        finally:
            spool.close()

    async def set_attributes(self, key: str, attributes: Attributes | Callable[[Stat], Attributes]) -> Stat:
        """Write the object anew, with other attributes; raises `KeyNotFound`."""
        opened = await self.open(key)
        changed = attributes(opened.stat) if callable(attributes) else attributes

        def unchanged(stat: Stat | None) -> None:
            if stat is None or stat.etag != opened.stat.etag:
                raise StoreUnreachable(f"{key!r} at {self.elsewhere} was changed meanwhile; try again")

        self._check(changed)
        assert not isinstance(opened.body, bytes)
        return await self.put(key, opened.body, changed, condition=unchanged)

    async def copy(
        self,
        source: Stat,
        key: str,
        attributes: Attributes,
        *,
        condition: Condition | None = None,
        algorithm: str | None = None,
    ) -> Stat | None:
        """Copy within the bucket, where the bytes are; not with other attributes, for which there is no word."""
        there = source.attributes
        if (attributes.headers, attributes.metadata) != (there.headers, there.metadata) or attributes.tags:
            return None
        if condition is not None:
            condition(await self._stat_or_none(key))
        with told(f"copy {source.key!r}", self.elsewhere):
            try:
                await self.client.copy_async(self.path(source.key), self.path(key))
            except FileNotFoundError:
                raise KeyNotFound(source.key) from None
        return await self.stat(key)

    async def delete(self, key: str, *, condition: Callable[[Stat], None] | None = None) -> bool:
        """Remove an object; returns whether there was one."""
        stat = await self._stat_or_none(key)
        if stat is None:
            return False
        if condition is not None:
            condition(stat)
        return await self.remove(self.path(key))

    # --- uploads ------------------------------------------------------------------------------------------------------

    async def begin(self, key: str, attributes: Attributes, *, note: Mapping[str, str] | None = None) -> Upload:
        """Begin a multipart upload."""
        self._check(attributes)
        self.path(key)
        return await self._uploads.begin(key, attributes, note or {})

    async def put_part(
        self,
        upload: str,
        number: int,
        body: AsyncIterable[bytes],
        checksums: Mapping[str, str] | Callable[[], Mapping[str, str]],
    ) -> Part:
        """Keep one part; raises `UploadNotFound`."""
        return await self._uploads.put_part(upload, number, body, checksums)

    async def uploaded(self, upload: str) -> tuple[Upload, tuple[Part, ...]]:
        """Describe an upload and its parts so far; raises `UploadNotFound`."""
        return await self._uploads.uploaded(upload)

    async def complete(
        self,
        upload: str,
        parts: Sequence[Part],
        attributes: Attributes,
        *,
        etag: str,
        condition: Condition | None = None,
    ) -> Stat:
        """Make the object of these parts; raises `UploadNotFound` or `PartNotFound`."""
        about, chunks = await self._uploads.joined(upload, parts)
        stat = await self.put(about.key, chunks, attributes, condition=condition)
        await self._uploads.remove(upload)
        return stat

    async def abort(self, upload: str) -> None:
        """Give an upload up; raises `UploadNotFound`."""
        await self._uploads.upload(upload)
        await self._uploads.remove(upload)

    async def upload(self, upload: str) -> Upload:
        """Describe an upload without its parts; raises `UploadNotFound`."""
        return await self._uploads.upload(upload)

    async def uploads(self, prefix: str = "") -> tuple[Upload, ...]:
        """Return the uploads under way, by key and time."""
        return await self._uploads.uploads(prefix)

    async def close(self) -> None:
        """Let go of the connections."""
        self._client = None

    # --- for uploads, which lie beside the objects --------------------------------------------------------------------

    def path(self, key: str) -> str:
        """Return where an object lies; raises `StoreLacks` for a key that cannot be kept."""
        return self._location.prefix + oddkeys.place_of(key)

    async def remove(self, path: str) -> bool:
        """Remove what lies at a path; returns whether there was something."""
        with told("remove an object", self.elsewhere):
            try:
                await self.client.delete_async(path)
            except FileNotFoundError:
                return False
            return True

    async def _put_here(self, key: str, spool: Spool, attributes: Attributes, condition: Condition | None) -> Stat:
        beside, path = self._check(attributes), self.path(key)
        for _ in range(_RETRIES):
            stat = await self._stat_or_none(key) if condition is not None else None
            mode: PutMode = "overwrite"
            if condition is not None:
                condition(stat)
                mode = "create" if stat is None else _over(stat)
            with told(f"write {key!r}", self.elsewhere):
                try:
                    if spool.size <= PART:
                        content = spool.rewound().read()
                        result = await self.client.put_async(
                            path, content, attributes=beside, mode=mode, use_multipart=False
                        )
                    else:
                        result = await self._send(path, spool.read(), beside)
                except (AlreadyExistsError, PreconditionError, FileNotFoundError):
                    continue
                return self._written(key, spool.size, result, attributes)
        raise StoreUnreachable(f"{key!r} at {self.elsewhere} is changed again and again while it is written; try again")

    async def _put_streamed(
        self, key: str, first: Spool, chunks: Chunks, given: Attributes | Late, condition: Condition | None
    ) -> Stat:
        """Send a long body as it comes. What is raised before its end leaves nothing."""
        size = 0
        beside = self._check(given.known if isinstance(given, Late) else given)

        async def body() -> AsyncIterator[bytes]:
            nonlocal size
            async for chunk in first.read():
                yield chunk
            size = first.size
            while (following := await chunks.next(None)) is not None:
                size += len(following)
                yield following
            _settled(given)
            if condition is not None:
                condition(await self._stat_or_none(key))

        if condition is not None:
            condition(await self._stat_or_none(key))
        with told(f"write {key!r}", self.elsewhere):
            result = await self._send(self.path(key), body(), beside)
        return self._written(key, size, result, given.known if isinstance(given, Late) else given)

    async def _send(self, path: str, body: AsyncIterator[bytes], beside: dict[str, str]) -> PutResult:
        return await self.client.put_async(
            path, body, attributes=beside, use_multipart=True, chunk_size=PART, max_concurrency=2
        )

    async def _chunks(self, key: str, found: GetResult) -> AsyncIterator[bytes]:
        with told(f"read {key!r}", self.elsewhere):
            async for chunk in found.stream(min_chunk_size=CHUNK):
                yield bytes(chunk)

    async def _stat_or_none(self, key: str) -> Stat | None:
        try:
            return await self.stat(key)
        except KeyNotFound:
            return None

    def _written(self, key: str, size: int, result: PutResult, attributes: Attributes) -> Stat:
        beside = replace(attributes, checksums={}, checksum_type=None, parts=())
        return Stat(
            key=key,
            size=size,
            etag=bare(result["e_tag"] or ""),
            modified=moment(self._clock.now()),
            attributes=beside,
            version=result["version"] or NULL,
        )

    def _check(self, attributes: Attributes) -> dict[str, str]:
        if attributes.tags:
            raise StoreLacks(
                f"{self.elsewhere} cannot keep tags: they could not be read again. Use metadata, or a bucket of S3"
            )
        return attributes_to(attributes, self._location.service)


def _settled(attributes: Given) -> Attributes:
    return attributes() if callable(attributes) else attributes


def _over(stat: Stat) -> UpdateVersion:
    """Return the mode of a write that replaces one state of an object: Azure goes by ETags, Google by generations."""
    found: UpdateVersion = {"e_tag": f'"{stat.etag}"'}
    if stat.version != NULL:
        found["version"] = stat.version
    return found


async def _nothing() -> AsyncIterator[bytes]:
    empty: tuple[bytes, ...] = ()
    for chunk in empty:
        yield chunk
