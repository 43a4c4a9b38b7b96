"""The objects of one folder, seen by one thread: what the folder store does, without the event loop.

On the disk, below the bucket's folder:

    images/a.png                     an object under its key
    .objectlens/keys/…               objects whose keys cannot be paths (see `objectlens.stores.keys`)
    .objectlens/versions/…           older versions, and delete markers (see `objectlens.stores.history`)
    .objectlens/meta/1f/….json       what stands beside the bytes (see `objectlens.stores.sidecars`)
    .objectlens/tmp/…                drafts (see `objectlens.stores.drafts`)
    .objectlens/uploads/ID/…         multipart uploads (see `objectlens.stores.staging`)
    .objectlens/locks/…              (see `objectlens.stores.locks`)
"""

from __future__ import annotations

import errno
import os
import stat as modes
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from objectlens.stores import keys, places, sidecars, walks
from objectlens.stores.drafts import Draft, remove_leftovers
from objectlens.stores.faults import translated
from objectlens.stores.locks import locked
from objectlens.stores.places import Occupied, Place
from objectlens.stores.protocols import NULL, Attributes, Entry, KeyNotFound, Listing, Opened, Stat
from objectlens.stores.scans import Scans
from objectlens.stores.sidecars import Remembered, Sidecar
from objectlens.stores.spans import Found, Span, page
from objectlens.streams import FileSlice

Condition = Callable[[Stat | None], None]
Late = Attributes | Callable[[], Attributes]

RETRIES = 100


class Installer(Protocol):
    """Where a finished file becomes an object: in place of the one before, or on top of it."""

    def new_version(self) -> str:
        """Return the version that the object will be."""
        ...

    def install(self, source: bytes, key: str, condition: Condition | None) -> None:
        """Rename a finished file to where it is the object of its key; the caller has the key's lock."""
        ...


@dataclass(frozen=True, slots=True)
class Files:
    """A folder's objects. `root` is the folder's path, `durable` tells whether to wait for the disk."""

    root: bytes
    scans: Scans
    durable: bool
    inner: bytes = field(init=False)
    drafts: bytes = field(init=False)
    meta: bytes = field(init=False)
    locks: bytes = field(init=False)
    uploads: bytes = field(init=False)
    checked: threading.Event = field(init=False, default_factory=threading.Event)
    remembered: Remembered = field(default_factory=Remembered, compare=False)

    def __post_init__(self) -> None:
        inner = os.path.join(self.root, keys.INNER)
        object.__setattr__(self, "inner", inner)
        for name, folder in (("drafts", b"tmp"), ("meta", b"meta"), ("locks", b"locks"), ("uploads", b"uploads")):
            object.__setattr__(self, name, os.path.join(inner, folder))

    def prepare(self) -> None:
        """Make our own folders, which only a bucket that is written to needs."""
        self.refuse_links()
        # The drafts' folder comes last: where it stands, all stand.
        for folder in (self.inner, self.meta, self.locks, self.uploads, self.drafts):
            try:
                os.mkdir(folder)
            except FileExistsError:
                continue
            if self.durable:
                places.sync_folder(os.path.dirname(folder))

    def refuse_links(self) -> None:
        """Raise `OSError` when one of our own folders is a link, which would have us write and remove things elsewhere.

        Whoever packed or owned the folder before may have put one there, or who may write to it does so now. Of the
        many folders below `meta` it is asked once.
        """
        shards = () if self.checked.is_set() else _shards(self.meta)
        for folder in (self.inner, self.meta, self.locks, self.uploads, self.drafts, *shards):
            if os.path.islink(folder):
                name = os.fsdecode(os.path.relpath(folder, self.root))
                raise OSError(errno.ELOOP, f"{name} in the bucket's folder is a link; it must be a folder of its own")
        self.checked.set()

    def sweep(self) -> int:
        """Remove what uploads of dead processes left; returns how many files."""
        self.refuse_links()
        return remove_leftovers(self.drafts)

    # --- reading ------------------------------------------------------------------------------------------------------

    def stat(self, key: str) -> Stat:
        """Describe an object; raises `KeyNotFound`."""
        with translated("read", key):
            return self._glance(key) or self._described(key)

    def _glance(self, key: str) -> Stat | None:
        """Describe an object by few looks at the disk; None when nothing is there, or it is being replaced.

        A file with a sidecar of its identity is the object that was written with it, whatever comes after.
        """
        for place in _places(key):
            state = places.look(self.root, place)
            if state is None or not modes.S_ISREG(state.st_mode):
                continue
            stat = self.remembered.describe(self.meta, key, state)
            if stat is None and not sidecars.same(state, places.look(self.root, place)):
                return None
            return stat or sidecars.describe(key, state, None)
        return None

    def _described(self, key: str) -> Stat:
        fd, stat = self._open(key)
        os.close(fd)
        return stat

    def open(self, key: str, span: tuple[int, int] | None) -> Opened:
        """Open an object or a run of its bytes; raises `KeyNotFound`."""
        with translated("read", key):
            fd, stat = self._open(key)
            start, end = span or (0, stat.size)
            start = min(start, stat.size)
            return Opened(stat, FileSlice(fd, start, max(min(end, stat.size) - start, 0)))

    def list(self, prefix: str, delimiter: str, after: str, limit: int) -> Listing:
        """Return one page of the keys."""
        with translated("list", prefix):
            os.stat(self.root)
            return page(walks.found(self.root, Span.of(prefix, delimiter, after), self.scans), limit, self._entry)

    def _open(self, key: str) -> tuple[int, Stat]:
        for _ in range(RETRIES):
            place, fd, state = self._find(key)
            try:
                stat = self.remembered.describe(self.meta, key, state)
                if stat is None and not sidecars.same(state, places.look(self.root, place)):
                    # Replaced between the two looks, and its sidecar removed: see what is there now.
                    os.close(fd)
                    continue
                return fd, stat or sidecars.describe(key, state, None)
            except OSError:
                os.close(fd)
                raise
        raise OSError(errno.EAGAIN, "the object is replaced again and again while it is read")

    def _find(self, key: str) -> tuple[Place, int, os.stat_result]:
        for place in _places(key):
            opened = places.open_file(self.root, place)
            if opened is not None:
                return place, *opened
        # A folder that is gone must not look like an empty bucket.
        os.stat(self.root)
        raise KeyNotFound(key)

    def _entry(self, found: Found) -> Entry | None:
        path, key = found.where, found.name.decode()
        assert isinstance(path, bytes)
        try:
            state = os.lstat(path)
        except FileNotFoundError:
            return None
        beside = sidecars.read(self.meta, state) or sidecars.foreign(key, state)
        return Entry(key=key, size=state.st_size, etag=beside.etag, modified=sidecars.modified(state))

    # --- writing ------------------------------------------------------------------------------------------------------

    def draft(self, name: str) -> Draft:
        """Begin a file that nobody sees yet, for the key or upload that errors shall name."""
        with translated("write", name):
            self.refuse_links()
            try:
                return Draft(self.drafts)
            except FileNotFoundError:
                self.prepare()
                return Draft(self.drafts)

    def commit(
        self,
        draft: Draft,
        key: str,
        attributes: Late,
        etag: str | Callable[[], str] | None,
        condition: Condition | None,
        *,
        installer: Installer | None = None,
    ) -> Stat:
        """Make a finished draft the object of that key, in place of the one before unless `installer` says other."""
        installer = installer or self
        with translated("write", key):
            beside = attributes() if callable(attributes) else attributes
            tag = etag() if callable(etag) else etag
            state = draft.settle(durable=self.durable)
            sidecar = Sidecar(key, tag or draft.md5, beside, installer.new_version())
            try:
                sidecars.write(self.meta, state, sidecar, durable=self.durable)
                with locked(self.locks, keys.encoded(key)):
                    installer.install(draft.path, key, condition)
                    draft.release()
            except BaseException:
                if os.path.lexists(draft.path):
                    # Not in place yet, so nobody has use for it.
                    sidecars.remove(self.meta, state)
                raise
            return sidecars.describe(key, state, sidecar)

    def new_version(self) -> str:
        """Return the one version that an object has without versioning."""
        return NULL

    def install(self, source: bytes, key: str, condition: Condition | None) -> None:
        """Put a finished file in place of the object of its key."""
        old = self.where(key)
        if condition is not None:
            condition(self._stat_or_none(key))
        if old is None:
            self.install_new(source, key)
            return
        place, state = old
        places.move_in(source, self.root, place, durable=self.durable)
        sidecars.remove(self.meta, state)

    def install_new(self, source: bytes, key: str) -> None:
        """Rename a file to where its key has none yet."""
        *tries, last = _places(key)
        for place in tries:
            if places.look(self.root, place) is None:
                try:
                    return places.move_in(source, self.root, place, durable=self.durable)
                except Occupied:
                    continue
        return places.move_in(source, self.root, last, durable=self.durable)

    def set_attributes(self, key: str, attributes: Attributes | Callable[[Stat], Attributes]) -> Stat:
        """Replace what stands beside an object; raises `KeyNotFound`."""
        with translated("write", key):
            self.prepare()
            with locked(self.locks, keys.encoded(key)):
                _, fd, state = self._find(key)
                os.close(fd)
                stat = sidecars.describe(key, state, sidecars.read(self.meta, state))
                sidecar = Sidecar(
                    key, stat.etag, attributes(stat) if callable(attributes) else attributes, stat.version
                )
                sidecars.replace(self.meta, self.drafts, state, sidecar, durable=self.durable)
                return sidecars.describe(key, state, sidecar)

    def delete(self, key: str, condition: Callable[[Stat], None] | None) -> bool:
        """Remove an object; returns whether there was one."""
        with translated("delete", key):
            if self.where(key) is None:
                return False
            self.prepare()
            with locked(self.locks, keys.encoded(key)):
                stat = self._stat_or_none(key) if condition is not None else None
                if condition is not None and stat is not None:
                    condition(stat)
                return self.remove_all(key)

    def remove_all(self, key: str, *, spare: os.stat_result | None = None) -> bool:
        """Remove a key's files, and what stands beside them; the caller has the key's lock.

        The sidecar of a file in the state `spare` stays.
        """
        # Somebody may have put a plain file where an odd one was before: both are the key's. The one that is seen goes
        # last, so that a crash in between does not bring back the other.
        removed = False
        for place in reversed(tuple(_places(key))):
            state = places.look(self.root, place)
            if state is not None and modes.S_ISREG(state.st_mode):
                places.remove(self.root, place, durable=self.durable, keep=_kept(place))
                if not sidecars.same(state, spare):
                    sidecars.remove(self.meta, state)
                removed = True
        return removed

    def present(self, key: str) -> os.stat_result | None:
        """Return the state of a key's file, None when there is none."""
        found = self.where(key)
        return None if found is None else found[1]

    def where(self, key: str) -> tuple[Place, os.stat_result] | None:
        """Return where a key's file is, and its state; None when there is none."""
        for place in _places(key):
            state = places.look(self.root, place)
            if state is not None and modes.S_ISREG(state.st_mode):
                return place, state
        return None

    def _stat_or_none(self, key: str) -> Stat | None:
        try:
            return self.stat(key)
        except KeyNotFound:
            return None


def _places(key: str) -> Iterator[Place]:
    """Yield where a key's file may be, the first one it is found at being the object."""
    plain = _plain(key)
    if plain is not None:
        yield plain
    yield keys.odd(keys.encoded(key))


@lru_cache(maxsize=4096)
def _plain(key: str) -> Place | None:
    return keys.natural(keys.encoded(key))


def _shards(meta: bytes) -> list[bytes]:
    try:
        return [os.path.join(meta, name) for name in os.listdir(meta)]
    except FileNotFoundError:
        return []


def _kept(place: Place) -> int:
    return 2 if place[:2] == (keys.INNER, keys.ODD) else 0
