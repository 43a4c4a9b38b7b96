"""A bucket of S3, or of what speaks like it, as a store.

It is asked in S3's own words, with AWS's own client, because keys, uploads, tags and conditions then mean the same on
both sides. ETag and time of an object are the server's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from objectlens.clock import Clock, SystemClock
from objectlens.stores.protocols import (
    ALGORITHM,
    NULL,
    Attributes,
    KeyNotFound,
    Listing,
    Opened,
    Part,
    Stat,
    StoreLacks,
    StoreUnreachable,
    Upload,
    UploadNotFound,
    VersionNotFound,
)
from objectlens.stores.remote.faults import code_of, refused, told
from objectlens.stores.remote.listing import page_of
from objectlens.stores.remote.location import Location
from objectlens.stores.remote.s3_body import Body
from objectlens.stores.remote.s3_calls import Calls, is_missing, is_unmet
from objectlens.stores.remote.s3_client import source_of_credentials
from objectlens.stores.remote.s3_facts import bare, checksums_kept, kept, moment, noted, stat_of
from objectlens.stores.remote.s3_listing import Translated, as_told
from objectlens.stores.remote.s3_sending import Sending
from objectlens.stores.remote.s3_uploads import S3Uploads, known
from objectlens.stores.threads import run_owned

Condition = Callable[[Stat | None], None]

# How often a write is tried whose condition held when we looked, and not any more when the server did.
_RETRIES: Final = 32


class S3Store:
    """Objects in a bucket elsewhere. `folder` is where bodies wait on their way there; it has so many `connections`."""

    def __init__(
        self, location: Location, executor: Executor, folder: Path, *, connections: int = 64, clock: Clock | None = None
    ) -> None:
        self.elsewhere = location.shown
        self._calls = Calls(location, executor, connections)
        self._executor = executor
        self._clock = clock or SystemClock()
        self._uploads = S3Uploads(self._calls, executor, folder, self._clock)
        self._sending = Sending(self._calls, self._uploads, executor, folder)
        self._translated: Translated | None = None

    async def check(self) -> None:
        """List the bucket, once; raises `StoreUnavailable` that says what was tried."""
        location = self._calls.location
        region = location.options.get("region", "the region of the profile, of the environment, or us-east-1")
        tried = f"list at {location.at} as {source_of_credentials(location)}, region {region}; tried"
        await self._calls.call("list_objects_v2", tried, MaxKeys=1, Prefix=location.prefix)

    # --- reading ------------------------------------------------------------------------------------------------------

    async def stat(self, key: str, *, version: str | None = None) -> Stat:
        """Describe an object, or a version of it; raises `KeyNotFound`."""
        answer, place = await self._at("head_object", key, version, ChecksumMode="ENABLED")
        return stat_of(key, answer, await self._tags(key, place, answer))

    async def open(self, key: str, span: tuple[int, int] | None = None, *, version: str | None = None) -> Opened:
        """Open an object, or a version of it, or a run of its bytes; raises `KeyNotFound`."""
        if span is not None and span[0] >= span[1]:
            return Opened(await self.stat(key, version=version), _nothing())
        asked = {} if span is None else {"Range": f"bytes={span[0]}-{span[1] - 1}"}
        try:
            answer, place = await self._at("get_object", key, version, ChecksumMode="ENABLED", **asked)
        except _OutOfRange:
            return Opened(await self.stat(key, version=version), _nothing())
        body = answer["Body"]
        try:
            stat = stat_of(key, answer, await self._tags(key, place, answer))
        except BaseException:
            body.close()
            raise
        return Opened(stat, self._body(stat, place, body, span[0] if span else 0, answer))

    def at(self, version: str) -> S3Version:
        """Return this store as it is at one version of each key."""
        return S3Version(self, version)

    async def list(self, prefix: str = "", *, delimiter: str = "", after: str = "", limit: int = 1000) -> Listing:
        """Return one page of the keys, in UTF-8 byte order."""
        manners = await self._calls.manners()
        if not manners.encoded and not manners.by_folder:
            return await page_of(as_told(self._calls, prefix, delimiter, after), limit)
        if self._translated is None:
            self._translated = Translated(self._calls, self.elsewhere, manners)
        return await page_of(self._translated.list(prefix, delimiter, after), limit)

    # --- writing ------------------------------------------------------------------------------------------------------

    async def put(
        self,
        key: str,
        body: AsyncIterable[bytes],
        attributes: Attributes | Callable[[], Attributes],
        *,
        etag: str | Callable[[], str] | None = None,
        condition: Condition | None = None,
    ) -> Stat:
        """Write an object, all or nothing."""
        await self._calls.named(key)
        finish = await self._sending.receive(key, body, attributes)
        try:
            answer, size, beside = await self._guarded(key, condition, finish)
        finally:
            await finish.end()
        return self._written(key, size, answer, beside)

    async def set_attributes(self, key: str, attributes: Attributes | Callable[[Stat], Attributes]) -> Stat:
        """Replace what stands beside an object; raises `KeyNotFound`."""
        stat = await self.stat(key)
        changed = attributes(stat) if callable(attributes) else attributes
        if replace(changed, tags=stat.attributes.tags) != stat.attributes:
            # S3 has no other word for it; the object's time is then that of the change.
            copied = await self.copy(stat, key, changed)
            return copied or stat
        tags = [{"Key": name, "Value": value} for name, value in changed.tags.items()]
        await self._at("put_object_tagging", key, Tagging={"TagSet": tags})
        return replace(stat, attributes=changed)

    async def copy(
        self,
        source: Stat,
        key: str,
        attributes: Attributes,
        *,
        condition: Condition | None = None,
        algorithm: str | None = None,
    ) -> Stat | None:
        """Copy within the bucket, where the bytes are."""
        here, there = await self._calls.named(source.key), await self._calls.named(key)
        asked = {
            **there,
            **kept(attributes),
            "CopySource": {"Bucket": self._calls.location.bucket, **here},
            "CopySourceIfMatch": f'"{source.etag}"',
            "MetadataDirective": "REPLACE",
            "TaggingDirective": "REPLACE",
            **noted({ALGORITHM: algorithm} if algorithm else {}),
        }

        async def send(guard: Mapping[str, str]) -> dict[str, Any]:
            return await self._calls.attempt("copy_object", **asked, **guard)

        try:
            result = (await self._conditional(key, condition, send))["CopyObjectResult"]
        except ClientError as error:
            if is_missing(error) or is_unmet(error):
                raise KeyNotFound(source.key) from error
            raise refused(f"copy {source.key!r}", self.elsewhere, error) from error
        beside = replace(attributes, **checksums_kept(result))
        return replace(
            source, key=key, etag=bare(result["ETag"]), modified=moment(result["LastModified"]), attributes=beside
        )

    async def delete(self, key: str, *, condition: Callable[[Stat], None] | None = None) -> bool:
        """Remove an object; returns whether there was one."""
        for _ in range(_RETRIES):
            guard = {}
            try:
                if condition is None:
                    await self._at("head_object", key)
                else:
                    stat = await self.stat(key)
                    condition(stat)
                    guard = {"IfMatch": f'"{stat.etag}"'}
                await self._at("delete_object", key, **guard)
            except _Unmet:
                continue
            except KeyNotFound:
                return False
            return True
        raise self._restless(key)

    # --- uploads ------------------------------------------------------------------------------------------------------

    async def begin(self, key: str, attributes: Attributes, *, note: Mapping[str, str] | None = None) -> Upload:
        """Begin a multipart upload."""
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
        key, there = known(upload)

        async def send(guard: Mapping[str, str]) -> dict[str, Any]:
            return await self._uploads.complete(upload, parts, attributes, guard)

        try:
            answer = await self._conditional(key, condition, send)
        except ClientError as error:
            if code_of(error) == "NoSuchUpload":
                raise UploadNotFound(there) from error
            raise refused(f"write {key!r}", self.elsewhere, error) from error
        return self._written(key, sum(part.size for part in parts), answer, attributes)

    async def abort(self, upload: str) -> None:
        """Give an upload up; raises `UploadNotFound`."""
        await self._uploads.abort(upload)

    async def upload(self, upload: str) -> Upload:
        """Describe an upload without its parts; raises `UploadNotFound` for what cannot be one."""
        return await self._uploads.upload(upload)

    async def uploads(self, prefix: str = "") -> tuple[Upload, ...]:
        """Return the uploads under way, by key."""
        return await self._uploads.uploads(prefix)

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.to_thread(self._calls.close)

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _at(
        self, operation: str, key: str, version: str | None = None, **arguments: Any
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Ask about one object; returns the answer and the arguments that addressed it. Raises `KeyNotFound`."""
        of_version = {"VersionId": version} if version else {}
        places = [{**await self._calls.named(key), **of_version}]
        doing = f"{operation.replace('_', ' ')} {key!r}"
        with told(doing, self.elsewhere):
            for place in places:
                try:
                    return await self._asked(operation, {**place, **arguments}), place
                except ClientError as error:
                    if code_of(error) in {"InvalidRange", "416"}:
                        raise _OutOfRange from error
                    if is_unmet(error):
                        raise _Unmet from error
                    if not is_missing(error):
                        raise refused(doing, self.elsewhere, error) from error
                if len(places) == 1 and await self._is_marker(key):
                    places.append({"Key": self._calls.location.prefix + key, **of_version})
        raise KeyNotFound(key)

    async def _asked(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        # What nobody waits for any more must give its connection back.
        return await run_owned(self._executor, _release, self._calls.send, operation, arguments)

    async def _is_marker(self, key: str) -> bool:
        """Tell whether a server that rewrites keys has this one, of a folder, as it is."""
        if not key.endswith("/") or not (await self._calls.manners()).marks_folder(key):
            return False
        return any(entry.key == key for entry in (await self._calls.page(key, "", "", limit=1)).entries)

    async def _tags(self, key: str, place: Mapping[str, str], answer: Mapping[str, Any]) -> dict[str, str]:
        if not answer.get("TagCount"):
            return {}
        found = await self._calls.call("get_object_tagging", f"read the tags of {key!r}", **place)
        return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}

    def _body(self, stat: Stat, place: Mapping[str, str], stream: Any, start: int, answer: Mapping[str, Any]) -> Body:
        end = start + int(answer["ContentLength"])

        def reopen(at: int) -> Any:
            asked = {"Range": f"bytes={start + at}-{end - 1}", "IfMatch": f'"{stat.etag}"'}
            return self._calls.send("get_object", {**place, **asked})["Body"]

        return Body(stream, end - start, self._executor, reopen, f"reading {stat.key!r} at {self.elsewhere}")

    async def _guarded(
        self, key: str, condition: Condition | None, finish: Any
    ) -> tuple[dict[str, Any], int, Attributes]:
        try:
            with told(f"write {key!r}", self.elsewhere):
                answer = await self._conditional(key, condition, finish.send)
        except ClientError as error:
            raise refused(f"write {key!r}", self.elsewhere, error) from error
        return answer, finish.size, finish.attributes

    async def _conditional(
        self, key: str, condition: Condition | None, send: Callable[[Mapping[str, str]], Any]
    ) -> dict[str, Any]:
        """Write under a condition: it is checked here, and the server is told to write over that very state only."""
        for _ in range(_RETRIES):
            guard: dict[str, str] = {}
            if condition is not None:
                stat = await self._stat_or_none(key)
                condition(stat)
                guard = {"IfNoneMatch": "*"} if stat is None else {"IfMatch": f'"{stat.etag}"'}
            try:
                answer: dict[str, Any] = await send(guard)
            except ClientError as error:
                if guard and (is_unmet(error) or (is_missing(error) and "IfMatch" in guard)):
                    continue
                raise
            return answer
        raise self._restless(key)

    async def _stat_or_none(self, key: str) -> Stat | None:
        try:
            return await self.stat(key)
        except KeyNotFound:
            return None

    def _written(self, key: str, size: int, answer: Mapping[str, Any], attributes: Attributes) -> Stat:
        beside = replace(attributes, **checksums_kept(answer), parts=())
        now = moment(self._clock.now())
        version = answer.get("VersionId") or NULL
        return Stat(key=key, size=size, etag=bare(answer["ETag"]), modified=now, attributes=beside, version=version)

    def _restless(self, key: str) -> StoreUnreachable:
        return StoreUnreachable(
            f"{key!r} at {self.elsewhere} is changed again and again while it is written; try again"
        )


class S3Version:
    """One version of each key of a bucket, to be read."""

    def __init__(self, store: S3Store, version: str) -> None:
        self.elsewhere = store.elsewhere
        self._store = store
        self._version = version

    async def stat(self, key: str) -> Stat:
        """Describe the version; raises `VersionNotFound`, also for a delete marker."""
        try:
            return await self._store.stat(key, version=self._version)
        except KeyNotFound:
            raise VersionNotFound(key) from None

    async def open(self, key: str, span: tuple[int, int] | None = None) -> Opened:
        """Open the version or a run of its bytes; raises `VersionNotFound`, also for a delete marker."""
        try:
            return await self._store.open(key, span, version=self._version)
        except KeyNotFound:
            raise VersionNotFound(key) from None

    async def set_attributes(self, key: str, attributes: Attributes | Callable[[Stat], Attributes]) -> Stat:
        """Refuse, as versions are changed where they are."""
        raise self._refused(key)

    async def remove(self, key: str, *, condition: Callable[[Stat], None] | None = None) -> bool:
        """Refuse, as versions are removed where they are."""
        raise self._refused(key)

    def _refused(self, key: str) -> StoreLacks:
        return StoreLacks(f"versions of {key!r} are only read through here; change and remove them at {self.elsewhere}")


class _OutOfRange(Exception):
    """No byte of the object is in the range that was asked for."""


class _Unmet(Exception):
    """The object is not what it was when we looked."""


def _release(answer: dict[str, Any]) -> None:
    body = answer.get("Body")
    if body is not None:
        body.close()


async def _nothing() -> AsyncIterator[bytes]:
    empty: tuple[bytes, ...] = ()
    for chunk in empty:
        yield chunk
