"""One file for each entry, seen by one thread.

    entries/3f/3f…64 digits     the bytes, then the entry as JSON, then a footer that tells where that begins
    drafts/…                    files that are being written

Bytes and entry are one file and come into place by one rename: what is found is whole, whatever died when. It need not
be what was written, for a disk may lose or change bytes, and nothing here waits for one: so a file is proved, by the
checksum in its entry, before its first use, and again when it is not the very file that was proved (`Identity`).
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import suppress

from awscrt import checksums

from objectlens.cache.entry import Entry
from objectlens.stores.drafts import claim, remove_leftovers, write_all

_FOOTER = struct.Struct(">8sII")
_MAGIC = b"objlens1"
_ID = re.compile(rb"[0-9a-f]{64}")
_LARGEST_ENTRY = 4 * 1024 * 1024
_PIECE = 1024 * 1024
_BLOCK = 4096

Identity = tuple[int, int, int, int, int]
"""Device, inode, size, and times of the last change of bytes and of anything: in ns."""


class Damaged(Exception):
    """A file that is not what was written; the message says how that shows."""


def identity(state: os.stat_result) -> Identity:
    """Return what no change of a file leaves as it was."""
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def stored(size: int) -> int:
    """Return the bytes that a file of `size` bytes takes on a disk, which gives room by blocks."""
    return -(-size // _BLOCK) * _BLOCK


class Draft:
    """A file that nobody can find yet; `size` counts the bytes that can be read of it already."""

    def __init__(self, folder: bytes) -> None:
        self.path, self.fd = claim(folder)
        self.size = 0
        self._crc = 0

    @property
    def crc32(self) -> str:
        """The CRC-32 of what was written, as S3 writes it."""
        return encoded(self._crc)

    def append(self, chunks: Iterable[bytes]) -> None:
        """Write more."""
        for chunk in chunks:
            write_all(self.fd, chunk)
            self._crc = checksums.crc32(chunk, self._crc)
            self.size += len(chunk)

    def describe(self, entry: Entry) -> None:
        """Write what stands behind the bytes: the file is complete then."""
        text = entry.to_json()
        write_all(self.fd, text + _FOOTER.pack(_MAGIC, len(text), zlib.crc32(text)))

    def discard(self) -> None:
        """Remove the file, unless it is in its place; whoever has it open reads on."""
        with suppress(FileNotFoundError):
            os.unlink(self.path)


def encoded(crc: int) -> str:
    """Return a CRC-32 in base64."""
    return b64encode(crc.to_bytes(4, "big")).decode()


class Files:
    """The files below one folder."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._entries = os.path.join(root, b"entries")
        self._drafts = os.path.join(root, b"drafts")

    def prepare(self) -> None:
        """Make the folders; they are the server's alone, as what is in them is not everybody's."""
        for folder in (self._root, self._entries, self._drafts):
            os.makedirs(folder, mode=0o700, exist_ok=True)

    def stand(self) -> bool:
        """Tell whether the folders are there."""
        return all(os.path.isdir(folder) for folder in (self._root, self._entries, self._drafts))

    def sweep(self) -> int:
        """Remove what writers that died left; returns how many files."""
        return remove_leftovers(self._drafts)

    def path(self, id_: str) -> bytes:
        """Return where an entry's file is."""
        name = id_.encode()
        return b"%b/%b/%b" % (self._entries, name[:2], name)

    def draft(self) -> Draft:
        """Begin a file."""
        return Draft(self._drafts)

    def commit(self, draft: Draft, entry: Entry, *, described: bool = False) -> Identity:
        """Put a draft in its place, after the description, unless it has that already."""
        if not described:
            draft.describe(entry)
        target = self.path(entry.id)
        try:
            os.replace(draft.path, target)
        except FileNotFoundError:
            # The first one of its folder.
            os.mkdir(os.path.dirname(target), 0o700)
            os.replace(draft.path, target)
        return identity(os.fstat(draft.fd))

    def open(self, id_: str) -> tuple[int, Identity] | None:
        """Open an entry's file; None when there is none."""
        try:
            fd = os.open(self.path(id_), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        return fd, identity(os.fstat(fd))

    def remove(self, id_: str) -> None:
        """Remove an entry's file; it is no error when there is none."""
        with suppress(FileNotFoundError):
            os.unlink(self.path(id_))

    def scan(self) -> Iterator[tuple[str, int]]:
        """Yield the id and the size of every file."""
        with suppress(FileNotFoundError):
            for folder in sorted(os.listdir(self._entries)):
                with suppress(FileNotFoundError, NotADirectoryError), os.scandir(_join(self._entries, folder)) as found:
                    for one in found:
                        if _ID.fullmatch(one.name):
                            yield one.name.decode(), one.stat().st_size


def _join(folder: bytes, name: bytes) -> bytes:
    return os.path.join(folder, name)


def read_entry(fd: int) -> Entry:
    """Read the entry behind a file's bytes; raises `Damaged`."""
    size = os.fstat(fd).st_size
    start = size - _FOOTER.size
    if start < 0:
        raise Damaged("it is too short")
    magic, length, crc = _FOOTER.unpack(_read(fd, start, _FOOTER.size))
    if magic != _MAGIC or length > min(start, _LARGEST_ENTRY):
        raise Damaged("its end is something else")
    text = _read(fd, start - length, length)
    if zlib.crc32(text) != crc:
        raise Damaged("its description has another checksum than it had")
    try:
        entry = Entry.from_json(text)
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"its description cannot be read ({error})") from error
    if entry.size != start - length:
        raise Damaged("it is not as long as its description says")
    return entry


def prove(fd: int, entry: Entry) -> None:
    """Read an entry's bytes and compare their checksum; raises `Damaged`."""
    crc, position = 0, 0
    while position < entry.size:
        piece = os.pread(fd, min(_PIECE, entry.size - position), position)
        if not piece:
            raise Damaged("it became shorter while it was read")
        crc = checksums.crc32(piece, crc)
        position += len(piece)
    if encoded(crc) != entry.crc32:
        raise Damaged("its bytes have another checksum than they had")


def _read(fd: int, offset: int, length: int) -> bytes:
    found = os.pread(fd, length, offset)
    if len(found) != length:
        raise Damaged("it is too short")
    return found
