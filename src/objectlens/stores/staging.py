"""Multipart uploads below a bucket's folder, seen by one thread.

    .objectlens/uploads/ID/upload.json       what the upload is
    .objectlens/uploads/ID/00001.json        one part: its ETag, its checksums, and the file with its bytes
    .objectlens/uploads/ID/00001-….part      those bytes
    .objectlens/uploads/ID/lock              held while parts are exchanged, put together or given up

The JSON of a part is replaced in one step, so a part that is uploaded twice is always one of the two.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from objectlens.clock import Clock
from objectlens.stores import keys, sidecars
from objectlens.stores.drafts import Draft, write_file
from objectlens.stores.faults import translated
from objectlens.stores.files import Condition, Files, Installer
from objectlens.stores.locks import locked_file
from objectlens.stores.places import sync_folder
from objectlens.stores.protocols import Attributes, Part, PartNotFound, Stat, Upload, UploadNotFound
from objectlens.stores.sidecars import attributes_from_json, attributes_to_json
from objectlens.stores.uploadids import is_upload_id, new_upload_id

_PART = re.compile(rb"[0-9]{5}\.json")
_ABOUT = b"upload.json"
_NEW = b"new-"
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Staging:
    """The multipart uploads of one folder."""

    files: Files
    clock: Clock

    def begin(self, key: str, attributes: Attributes, note: Mapping[str, str]) -> Upload:
        """Begin an upload."""
        keys.encoded(key)
        with translated("write", key):
            self.files.prepare()
            upload = new_upload_id(self.clock)
            folder = os.path.join(self.files.uploads, _NEW + upload.encode())
            os.mkdir(folder)
            about = {"v": 1, "key": key, "attributes": attributes_to_json(attributes), "note": dict(note)}
            self._write(json.dumps(about).encode(), os.path.join(folder, _ABOUT))
            # So that a folder with an upload's name and no description can only be what is left of an ended one.
            os.rename(folder, self._folder(upload))
            if self.files.durable:
                sync_folder(self.files.uploads)
            return self._about(upload)

    def keep(
        self, draft: Draft, upload: str, number: int, checksums: Mapping[str, str] | Callable[[], Mapping[str, str]]
    ) -> Part:
        """Make a finished draft a part of an upload."""
        with translated("write", f"part {number}"):
            given = checksums() if callable(checksums) else checksums
            state = draft.settle(durable=self.files.durable)
            name = f"{number:05}-{secrets.token_hex(8)}.part"
            kept = {"size": state.st_size, "etag": draft.md5, "checksums": dict(given), "file": name}
            with self._locked(upload) as folder:
                target = os.path.join(folder, b"%05d.json" % number)
                old = _loaded(target)
                os.rename(draft.path, os.path.join(folder, name.encode()))
                draft.release()
                self._write(json.dumps(kept).encode(), target)
                if old is not None:
                    os.unlink(os.path.join(folder, str(old["file"]).encode()))
                return _part(target)

    def upload(self, upload: str) -> Upload:
        """Describe an upload without its parts."""
        with translated("read", f"upload {upload}"):
            return self._about(upload)

    def uploaded(self, upload: str) -> tuple[Upload, tuple[Part, ...]]:
        """Describe an upload and its parts."""
        with translated("read", f"upload {upload}"), self._locked(upload) as folder:
            names = sorted(name for name in os.listdir(folder) if _PART.fullmatch(name))
            return self._about(upload), tuple(_part(os.path.join(folder, name)) for name in names)

    def complete(
        self,
        upload: str,
        parts: Sequence[Part],
        attributes: Attributes,
        etag: str,
        condition: Condition | None,
        *,
        installer: Installer | None = None,
    ) -> Stat:
        """Put the object together and end the upload."""
        with translated("write", f"upload {upload}"), self._locked(upload) as folder:
            key = self._about(upload).key
            draft = self.files.draft(key)
            try:
                for part in parts:
                    _append(draft, folder, part)
                stat = self.files.commit(draft, key, attributes, etag, condition, installer=installer)
            finally:
                draft.discard()
            self._remove(folder)
            return stat

    def abort(self, upload: str) -> None:
        """Remove an upload and its parts."""
        with translated("delete", f"upload {upload}"), self._locked(upload) as folder:
            self._remove(folder)

    def uploads(self, prefix: str) -> tuple[Upload, ...]:
        """Return the uploads under way."""
        with translated("list", "uploads"):
            found = [self._about_or_none(name) for name in self._ids()]
        under_way = (one for one in found if one is not None and one.key.startswith(prefix))
        return tuple(sorted(under_way, key=lambda one: (one.key.encode(), one.id)))

    def sweep(self) -> int:
        """Remove what is left of uploads whose beginning or end a dying process interrupted; returns how many."""
        left = [os.path.join(self.files.uploads, name) for name in self._names() if self._is_left(name)]
        for folder in left:
            shutil.rmtree(folder, ignore_errors=True)
        return len(left)

    def _is_left(self, name: bytes) -> bool:
        folder = os.path.join(self.files.uploads, name)
        if not name.startswith(_NEW):
            return not os.path.exists(os.path.join(folder, _ABOUT))
        try:
            return self.clock.now().timestamp() - os.stat(folder).st_mtime > _DAY
        except FileNotFoundError:
            return False

    def _ids(self) -> list[str]:
        return [text for text in map(os.fsdecode, self._names()) if is_upload_id(text)]

    def _names(self) -> list[bytes]:
        try:
            return os.listdir(self.files.uploads)
        except FileNotFoundError:
            return []

    def _about_or_none(self, upload: str) -> Upload | None:
        try:
            return self._about(upload)
        except UploadNotFound:
            return None

    def _about(self, upload: str) -> Upload:
        path = os.path.join(self._folder(upload), _ABOUT)
        about = _loaded(path)
        if about is None:
            raise UploadNotFound(upload)
        return Upload(
            id=upload,
            key=about["key"],
            initiated=_modified(path),
            attributes=attributes_from_json(about["attributes"]),
            note=about["note"],
        )

    @contextmanager
    def _locked(self, upload: str) -> Iterator[bytes]:
        folder = self._folder(upload)
        with ExitStack() as stack:
            try:
                stack.enter_context(locked_file(os.path.join(folder, b"lock")))
            except FileNotFoundError:
                raise UploadNotFound(upload) from None
            # Whoever had the lock before us may have ended the upload.
            self._about(upload)
            yield folder

    def _remove(self, folder: bytes) -> None:
        # Without its description the upload is gone at once; what cannot be removed now, the next sweep removes.
        os.unlink(os.path.join(folder, _ABOUT))
        shutil.rmtree(folder, ignore_errors=True)

    def _write(self, content: bytes, target: bytes) -> None:
        write_file(self.files.drafts, content, target, durable=self.files.durable)
        if self.files.durable:
            sync_folder(os.path.dirname(target))

    def _folder(self, upload: str) -> bytes:
        if not is_upload_id(upload):
            raise UploadNotFound(upload)
        return os.path.join(self.files.uploads, upload.encode())


def _append(draft: Draft, folder: bytes, part: Part) -> None:
    kept = _loaded(os.path.join(folder, b"%05d.json" % part.number))
    if kept is None or (kept["etag"], kept["size"]) != (part.etag, part.size):
        raise PartNotFound(f"part {part.number}")
    fd = os.open(os.path.join(folder, kept["file"].encode()), os.O_RDONLY | os.O_CLOEXEC)
    try:
        draft.copy(fd, 0, part.size)
    finally:
        os.close(fd)


def _part(path: bytes) -> Part:
    kept = _loaded(path)
    if kept is None:
        raise PartNotFound(os.fsdecode(os.path.basename(path)))
    number = int(os.path.basename(path)[:5])
    return Part(
        number=number, size=kept["size"], etag=kept["etag"], modified=_modified(path), checksums=kept["checksums"]
    )


def _loaded(path: bytes) -> dict[str, Any] | None:
    try:
        with open(path, "rb", buffering=0) as file:
            loaded: dict[str, Any] = json.loads(file.read())
            return loaded
    except FileNotFoundError:
        return None


def _modified(path: bytes) -> datetime:
    return sidecars.modified(os.stat(path))
