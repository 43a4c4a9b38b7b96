"""Multipart uploads that are S3's own, at the store elsewhere: nothing of them is kept here.

S3 asks for the key beside the id of an upload, so the ids that we give out hold both.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections import OrderedDict
from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from botocore.exceptions import ClientError

from objectlens.clock import Clock
from objectlens.stores.protocols import ALGORITHM, Attributes, Part, PartNotFound, Upload, UploadNotFound
from objectlens.stores.remote import oddkeys
from objectlens.stores.remote.faults import code_of, refused, told
from objectlens.stores.remote.s3_calls import Calls
from objectlens.stores.remote.s3_facts import (
    FULL,
    bare,
    checksum_argument,
    checksums_of,
    kept,
    moment,
    note_of,
    noted,
)
from objectlens.stores.remote.spool import Chunks, Spool

_MARK: Final = "r"
_REMEMBERED: Final = 20_000

K = TypeVar("K")
V = TypeVar("V")


class S3Uploads:
    """The uploads of one bucket."""

    def __init__(self, calls: Calls, executor: Executor, folder: Path, clock: Clock) -> None:
        self._calls = calls
        self._executor = executor
        self._folder = folder
        self._clock = clock
        # Some servers list what was put and what replaced it, with times in whole seconds.
        self._newest: OrderedDict[tuple[str, int], tuple[str, Mapping[str, str]]] = OrderedDict()
        self._notes: OrderedDict[str, Mapping[str, str] | None] = OrderedDict()

    async def begin(self, key: str, attributes: Attributes, note: Mapping[str, str]) -> Upload:
        """Begin an upload; of what it is noted with, the store keeps what says of checksums."""
        return Upload(
            id=upload_id(key, await self.start(key, attributes, note)),
            key=key,
            initiated=moment(self._clock.now()),
            attributes=attributes,
            note=dict(note),
        )

    async def start(self, key: str, attributes: Attributes, note: Mapping[str, str]) -> str:
        """Begin an upload; returns the store's own id."""
        place = await self._calls.named(key)
        answer = await self._calls.call(
            "create_multipart_upload", f"write {key!r}", **place, **kept(attributes), **noted(note)
        )
        there: str = answer["UploadId"]
        _remember(self._notes, there, dict(note))
        return there

    async def put_part(
        self,
        upload: str,
        number: int,
        body: AsyncIterable[bytes],
        checksums: Mapping[str, str] | Callable[[], Mapping[str, str]],
    ) -> Part:
        """Keep one part."""
        key, there = known(upload)
        spool = Spool(self._folder, self._executor)
        try:
            await spool.take(Chunks(aiter(body)))
            given = dict(checksums() if callable(checksums) else checksums)
            etag = await self.send(key, there, number, spool, given)
        finally:
            spool.close()
        return Part(number=number, size=spool.size, etag=etag, modified=moment(self._clock.now()), checksums=given)

    async def send(self, key: str, there: str, number: int, spool: Spool, checksums: Mapping[str, str]) -> str:
        """Send one part; returns its ETag."""
        algorithm = (await self._note(key, there) or {}).get(ALGORITHM)
        answer = await self._on(
            "upload_part",
            key,
            there,
            PartNumber=number,
            Body=spool.rewound(),
            ContentLength=spool.size,
            **checksum_argument({name: value for name, value in checksums.items() if name == algorithm}),
        )
        etag = bare(answer["ETag"])
        _remember(self._newest, (there, number), (etag, checksums))
        return etag

    async def upload(self, upload: str) -> Upload:
        """Describe an upload without its parts; raises `UploadNotFound` for what cannot be one."""
        key, there = known(upload)
        note = await self._note(key, there)
        return Upload(id=upload, key=key, initiated=moment(self._clock.now()), attributes=Attributes(), note=note)

    async def _note(self, key: str, there: str) -> Mapping[str, str] | None:
        if there not in self._notes:
            _remember(self._notes, there, note_of(await self._on("list_parts", key, there, MaxParts=1)))
        return self._notes[there]

    async def uploaded(self, upload: str) -> tuple[Upload, tuple[Part, ...]]:
        """Describe an upload and its parts so far."""
        key, there = known(upload)
        parts: list[Part] = []
        marker: dict[str, Any] = {}
        while True:
            answer = await self._on("list_parts", key, there, **marker)
            parts += map(_part, answer.get("Parts", ()))
            if not answer.get("IsTruncated"):
                return await self.upload(upload), self._one_each(there, parts)
            marker = {"PartNumberMarker": answer["NextPartNumberMarker"]}

    def _one_each(self, there: str, parts: Sequence[Part]) -> tuple[Part, ...]:
        held: dict[int, Part] = {}
        for part in sorted(parts, key=lambda one: (one.number, one.modified)):
            etag, checksums = self._newest.get((there, part.number), (None, {}))
            if part.number not in held or etag is None or part.etag == etag:
                # Some servers tell no checksums of parts, or not all that we were told.
                held[part.number] = replace(part, checksums={**checksums, **part.checksums}) if etag else part
        return tuple(held.values())

    async def complete(
        self, upload: str, parts: Sequence[Part], attributes: Attributes, guard: Mapping[str, str]
    ) -> dict[str, Any]:
        """Make the object; raises botocore's errors where the guard may have failed."""
        key, there = known(upload)
        _, held = await self.uploaded(upload)
        now = {part.number: (part.etag, part.size) for part in held}
        for part in parts:
            if now.get(part.number) != (part.etag, part.size):
                raise PartNotFound(f"part {part.number}")
        return await self.finish(key, there, parts, attributes, guard)

    async def finish(
        self, key: str, there: str, parts: Sequence[Part], attributes: Attributes, guard: Mapping[str, str]
    ) -> dict[str, Any]:
        """Make the object of these parts; raises botocore's errors."""
        note = await self._note(key, there) or {}
        algorithm, kind = note.get(ALGORITHM), noted(note).get("ChecksumType")
        answer = await self._calls.attempt(
            "complete_multipart_upload",
            **await self._calls.named(key),
            UploadId=there,
            MultipartUpload={"Parts": [_listed(part, algorithm) for part in parts]},
            **(checksum_argument(attributes.checksums) if kind == FULL else {}),
            **({"ChecksumType": kind} if kind else {}),
            **guard,
        )
        self._notes.pop(there, None)
        return answer

    async def abort(self, upload: str) -> None:
        """Give an upload up."""
        key, there = known(upload)
        # Some servers answer to every id that it is gone now.
        await self.uploaded(upload)
        await self.give_up(key, there)

    async def give_up(self, key: str, there: str) -> None:
        """Give up an upload by its key and the store's own id."""
        self._notes.pop(there, None)
        await self._on("abort_multipart_upload", key, there)

    async def uploads(self, prefix: str) -> tuple[Upload, ...]:
        """Return the uploads under way whose key begins with `prefix`."""
        base = self._calls.location.prefix
        places = [base + prefix]
        encoded = (await self._calls.manners()).encoded
        if encoded:
            places.append(base + oddkeys.prefix_of(prefix.encode()))
        found = [upload for place in dict.fromkeys(places) async for upload in self._under(place, len(base), encoded)]
        held = {upload.id: upload for upload in found if upload.key.startswith(prefix)}
        return tuple(sorted(held.values(), key=lambda one: (one.key.encode(), one.id)))

    async def _under(self, place: str, cut: int, encoded: bool) -> Any:
        marker: dict[str, str] = {}
        while True:
            answer = await self._calls.call("list_multipart_uploads", "list uploads", Prefix=place, **marker)
            for one in answer.get("Uploads", ()):
                name = one["Key"][cut:]
                key = oddkeys.key_of(name) if encoded and name.startswith(oddkeys.FOLDER) else name
                if key:
                    yield Upload(
                        id=upload_id(key, one["UploadId"]),
                        key=key,
                        initiated=moment(one["Initiated"]),
                        attributes=Attributes(),
                    )
            if not answer.get("IsTruncated"):
                return
            marker = {"KeyMarker": answer["NextKeyMarker"], "UploadIdMarker": answer["NextUploadIdMarker"]}

    async def _on(self, operation: str, key: str, there: str, **arguments: Any) -> dict[str, Any]:
        doing = f"write {key!r}"
        with told(doing, self._calls.location.shown):
            try:
                return await self._calls.attempt(operation, **await self._calls.named(key), UploadId=there, **arguments)
            except ClientError as error:
                if code_of(error) in {"NoSuchUpload", "404"}:
                    raise UploadNotFound(there) from error
                raise refused(doing, self._calls.location.shown, error) from error


def upload_id(key: str, there: str) -> str:
    """Return the id that stands for an upload of the store's."""
    text = json.dumps([key, there], separators=(",", ":"), ensure_ascii=False)
    return _MARK + base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def known(upload: str) -> tuple[str, str]:
    """Return the key and the store's own id; raises `UploadNotFound` for what is none of our ids."""
    if not upload.startswith(_MARK) or not upload.isascii():
        raise UploadNotFound(upload)
    text = upload.removeprefix(_MARK)
    try:
        key, there = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        oddkeys.plain(key)
    except (binascii.Error, ValueError, TypeError, AttributeError):
        raise UploadNotFound(upload) from None
    if not isinstance(there, str) or upload_id(key, there) != upload:
        raise UploadNotFound(upload)
    return key, there


def _remember(memory: OrderedDict[K, V], name: K, value: V) -> None:
    memory[name] = value
    memory.move_to_end(name)
    while len(memory) > _REMEMBERED:
        memory.popitem(last=False)


def _listed(part: Part, algorithm: str | None) -> dict[str, Any]:
    checksums = {name: value for name, value in part.checksums.items() if name == algorithm}
    return {"PartNumber": part.number, "ETag": f'"{part.etag}"', **checksum_argument(checksums)}


def _part(found: Mapping[str, Any]) -> Part:
    return Part(
        number=found["PartNumber"],
        size=found["Size"],
        etag=bare(found["ETag"]),
        modified=moment(found["LastModified"]),
        checksums=checksums_of(found),
    )
