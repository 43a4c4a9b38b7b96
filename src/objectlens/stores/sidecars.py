"""What stands beside an object's bytes: one small JSON file each, named after the identity of the file it describes.

The identity is inode, modification time and size. So data and sidecar belong together without being written in one
step: the sidecar is written for the new file before that is renamed into place, and the replaced file's sidecar is
removed afterwards. At any moment in between, and after a crash, whatever file stands at the key finds its own sidecar.
A file that somebody else put there, or changed, has none: it is described by what can be seen of it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from objectlens.stores.drafts import write_all, write_file
from objectlens.stores.mediatypes import guess
from objectlens.stores.places import sync_folder
from objectlens.stores.protocols import NULL, Attributes, Stat

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_log = logging.getLogger(__name__)
_FIELDS = tuple(field.name for field in fields(Attributes))
_SMALL = 64 * 1024
_YEAR_9999 = 253_402_300_799


@dataclass(frozen=True, slots=True)
class Sidecar:
    """The content of one sidecar."""

    key: str
    etag: str
    attributes: Attributes
    version: str = NULL


def path(folder: bytes, state: os.stat_result) -> bytes:
    """Return where the sidecar of a file in this state is, in one of 256 folders."""
    inode = state.st_ino
    return b"%b/%02x/%x-%x-%x.json" % (folder, inode & 0xFF, inode, state.st_mtime_ns, state.st_size)


def read(folder: bytes, state: os.stat_result) -> Sidecar | None:
    """Return the sidecar of a file in this state, None when it has none or a damaged one, which is logged.

    Only a power failure without `durable` damages sidecars; the object's bytes must stay readable then.
    """
    try:
        return parse(read_small(path(folder, state)))
    except FileNotFoundError:
        return None
    except ValueError as error:
        _log.warning("%s; the object is served as a file without metadata: put it again", error)
        return None


class Remembered:
    """The objects whose sidecars were read last: a look at what did not change is enough to know what is in it."""

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._known: OrderedDict[bytes, tuple[tuple[int, int, int, int], Stat]] = OrderedDict()

    def describe(self, folder: bytes, key: str, state: os.stat_result) -> Stat | None:
        """Describe the object of a key whose file is in this state, None when it has no sidecar (see `read`).

        It may be called from several threads.
        """
        where = path(folder, state)
        try:
            found = os.stat(where)
        except FileNotFoundError:
            return None
        # Sidecars are replaced and never written again: another content is another inode, or another time of change.
        identity = (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)
        known = self._known.get(where)
        # One file may have several names.
        if known is not None and known[0] == identity and known[1].key == key:
            return known[1]
        sidecar = read(folder, state)
        if sidecar is None:
            return None
        stat = describe(key, state, sidecar)
        if _same_file(where, identity):
            self._known[where] = identity, stat
            if len(self._known) > self._most:
                with suppress(KeyError):
                    self._known.popitem(last=False)
        return stat


def _same_file(where: bytes, identity: tuple[int, int, int, int]) -> bool:
    try:
        found = os.stat(where)
    except FileNotFoundError:
        return False
    return (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size) == identity


def read_small(path: bytes) -> bytes:
    """Return a small file's content, with as few steps as there can be: every read of an object passes here."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = chunk = os.read(fd, _SMALL)
        while len(chunk) == _SMALL:
            chunk = os.read(fd, _SMALL)
            content += chunk
        return content
    finally:
        os.close(fd)


def write(folder: bytes, state: os.stat_result, sidecar: Sidecar, *, durable: bool) -> None:
    """Write the sidecar of a file that is not in place yet, so that nobody can read it half written."""
    target = path(folder, state)
    try:
        fd = os.open(target, _NEW, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if durable:
            sync_folder(folder)
        fd = os.open(target, _NEW, 0o666)
    try:
        write_all(fd, render(sidecar))
        if durable:
            os.fsync(fd)
    finally:
        os.close(fd)
    if durable:
        sync_folder(os.path.dirname(target))


def replace(folder: bytes, drafts: bytes, state: os.stat_result, sidecar: Sidecar, *, durable: bool) -> None:
    """Write the sidecar of a file that is in place: readers see the old one or the new one."""
    target = path(folder, state)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    write_file(drafts, render(sidecar), target, durable=durable)
    if durable:
        sync_folder(os.path.dirname(target))


def remove(folder: bytes, state: os.stat_result) -> None:
    """Remove the sidecar of a file that is gone."""
    with suppress(FileNotFoundError):
        os.unlink(path(folder, state))


def same(one: os.stat_result | None, other: os.stat_result | None) -> bool:
    """Tell whether two states have one identity; of what is not there, they do not."""
    return (one is not None and other is not None) and (
        one.st_ino == other.st_ino and one.st_mtime_ns == other.st_mtime_ns and one.st_size == other.st_size
    )


def describe(key: str, state: os.stat_result, sidecar: Sidecar | None) -> Stat:
    """Return the object that a file and its sidecar are together."""
    found = sidecar or foreign(key, state)
    return Stat(
        key=key,
        size=state.st_size,
        etag=found.etag,
        modified=modified(state),
        attributes=found.attributes,
        version=found.version,
    )


def foreign(key: str, state: os.stat_result) -> Sidecar:
    """Describe a file that did not come through us.

    Its ETag changes with its identity and is shaped like that of a multipart upload, so that no client takes it for
    the MD5 of the bytes. Its type is guessed from the extension.
    """
    identity = f"{state.st_ino:x}-{state.st_mtime_ns:x}-{state.st_size:x}"
    etag = hashlib.md5(identity.encode(), usedforsecurity=False).hexdigest() + "-1"
    return Sidecar(key, etag, Attributes(headers={"Content-Type": guess(key)}))


def modified(state: os.stat_result) -> datetime:
    """Return a file's modification time in whole seconds, kept within what a date can say."""
    seconds = state.st_mtime_ns // 1_000_000_000
    return datetime.fromtimestamp(min(max(seconds, 0), _YEAR_9999), UTC)


def render(sidecar: Sidecar) -> bytes:
    """Return a sidecar as JSON."""
    kept = attributes_to_json(sidecar.attributes)
    if sidecar.version != NULL:
        kept["version"] = sidecar.version
    return json.dumps({"v": 1, "key": sidecar.key, "etag": sidecar.etag, **kept}, separators=(",", ":")).encode()


def parse(content: bytes) -> Sidecar:
    """Read a sidecar's JSON; raises `ValueError` when it is damaged."""
    try:
        kept = json.loads(content)
        return Sidecar(kept["key"], kept["etag"], attributes_from_json(kept), kept.get("version", NULL))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"a metadata file is damaged ({error})") from error


def attributes_to_json(attributes: Attributes) -> dict[str, object]:
    """Return attributes as JSON values, leaving out what is empty."""
    values: dict[str, object] = {
        "headers": dict(attributes.headers),
        "metadata": dict(attributes.metadata),
        "tags": dict(attributes.tags),
        "checksums": dict(attributes.checksums),
        "checksum_type": attributes.checksum_type,
        "parts": list(attributes.parts),
        "part_checksums": list(attributes.part_checksums),
        "acl": attributes.acl,
    }
    return {name: value for name, value in values.items() if value}


def attributes_from_json(values: Mapping[str, Any]) -> Attributes:
    """Return the attributes that `attributes_to_json` rendered."""
    given = {name: values[name] for name in _FIELDS if name in values}
    for name in ("parts", "part_checksums"):
        if name in given:
            given[name] = tuple(given[name])
    return Attributes(**given)
