"""What a key has been: its older versions and delete markers, beside the file that it is now.

The current version is the plain file at the key's path, as in a bucket without versioning; its sidecar tells its id.
What it replaced lies in a folder of the key's own below `.objectlens/versions`:

    000000000001.null.v                              bytes, described by the sidecar of their inode
    000000000002.9fXo2mQeW0aTzB7LrVd3KcHs5yGpNuJi.v
    000000000003.Kq81ZtYbE6vRj0oWmXc4hAs2LdPfGnTu.m  a delete marker, an empty file

The numbers count up, the highest is the newest. When no file stands at the path, a marker that is the newest is what
the key stands for.

Every change has one step that decides it, and what it does before that step does not count: see `Seen.of`. So whatever
moment a process dies at, each key is as it was before the change or after it.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from objectlens.stores import keys, places, sidecars
from objectlens.stores.faults import translated
from objectlens.stores.files import RETRIES, Files
from objectlens.stores.places import Place
from objectlens.stores.protocols import NULL, Attributes, KeyNotFound, Marked, Opened, Stat, VersionNotFound
from objectlens.streams import FileSlice

_NAME = re.compile(rb"([0-9a-f]{12})\.([A-Za-z0-9]{1,64})\.([mv])")


@dataclass(frozen=True, slots=True)
class Held:
    """One file of a key's folder of older versions."""

    order: int
    version: str
    marker: bool

    @property
    def name(self) -> bytes:
        """Return the file's name."""
        return b"%012x.%b.%b" % (self.order, self.version.encode(), b"m" if self.marker else b"v")

    @classmethod
    def of(cls, name: bytes) -> Held | None:
        """Read a file's name, None when it is none of ours."""
        match = _NAME.fullmatch(name)
        return match and cls(int(match[1], 16), match[2].decode(), match[3] == b"m")


@dataclass(frozen=True, slots=True)
class Current:
    """The file at a key's path."""

    place: Place
    state: os.stat_result
    stat: Stat


@dataclass(frozen=True, slots=True)
class Seen:
    """What a key is and was at one moment. `older` is newest first; `left` is what does not count."""

    current: Current | None
    older: tuple[Held, ...]
    left: tuple[Held, ...] = ()

    @classmethod
    def of(cls, current: Current | None, held: Sequence[Held], twin: Held | None) -> Seen:
        """Sort out what counts; `held` is newest first, and `twin` that of them which is the current file itself.

        A twin means that a change was cut off: a version is put away under a second name before the first is taken
        from it, and brought back the other way round. A marker above it belongs to the same change. Of several `null`
        versions the newest counts, which is the current one if that is one.
        """
        left = set()
        if twin is not None:
            above = held[: held.index(twin)]
            left = {twin, *(above if all(one.marker for one in above) else ())}
        nulls = [one for one in held if one.version == NULL and one not in left]
        left.update(nulls if current is not None and current.stat.version == NULL else nulls[1:])
        return cls(current, tuple(one for one in held if one not in left), tuple(one for one in held if one in left))

    @property
    def marker(self) -> Held | None:
        """Return the delete marker that the key stands for, None when it stands for an object or for nothing."""
        newest = self.older[0] if self.current is None and self.older else None
        return newest if newest is not None and newest.marker else None

    @property
    def next_order(self) -> int:
        """Return the number of the next one to be put away."""
        return self.older[0].order + 1 if self.older else 1


@dataclass(frozen=True, slots=True)
class History:
    """The versions of one folder's keys, seen by one thread."""

    files: Files

    def place(self, key: str, held: Held) -> Place:
        """Return where one of a key's older versions is."""
        return (*keys.history(keys.encoded(key)), held.name)

    def seen(self, key: str) -> Seen:
        """Look at a key: at its folder between two looks at its file, so that both are of one moment."""
        folder = keys.history(keys.encoded(key))
        for _ in range(RETRIES):
            current = self._current(key)
            names = places.names(self.files.root, folder)
            again = self.files.where(key)
            if again is None if current is None else again is not None and _unchanged(current, again):
                found = filter(None, map(Held.of, names))
                held = sorted(found, key=lambda one: one.order, reverse=True)
                return Seen.of(current, held, self._twin(key, current, held))
        raise OSError(errno.EAGAIN, "the object is replaced again and again while its versions are read")

    def located(self, key: str, seen: Seen, version: str) -> Place:
        """Return where a version's bytes are; raises `VersionNotFound` or `Marked`."""
        if seen.current is not None and seen.current.stat.version == version:
            return seen.current.place
        held = self.held(key, seen, version)
        if held.marker:
            raise self.marked(key, held)
        return self.place(key, held)

    def held(self, key: str, seen: Seen, version: str) -> Held:
        """Return one of the older versions; raises `VersionNotFound`."""
        for one in seen.older:
            if one.version == version:
                return one
        raise VersionNotFound(key)

    def marked(self, key: str, held: Held) -> KeyNotFound:
        """Return the error for a delete marker that stands where an object was asked for."""
        state = places.look(self.files.root, self.place(key, held))
        return KeyNotFound(key) if state is None else Marked(key, held.version, sidecars.modified(state))

    def top(self, key: str, seen: Seen) -> Stat:
        """Return what a key stands for, a delete marker as an object without bytes; raises `KeyNotFound`."""
        if seen.current is not None:
            return seen.current.stat
        state = None if seen.marker is None else places.look(self.files.root, self.place(key, seen.marker))
        if seen.marker is None or state is None:
            raise KeyNotFound(key)
        version, modified = seen.marker.version, sidecars.modified(state)
        return Stat(key=key, size=0, etag="", modified=modified, attributes=Attributes(), version=version)

    def missing(self, key: str) -> KeyNotFound:
        """Return the error for a key that has no current version."""
        with translated("read", key):
            marker = self.seen(key).marker
            return KeyNotFound(key) if marker is None else self.marked(key, marker)

    def stat(self, key: str, version: str) -> Stat:
        """Describe a version; raises `VersionNotFound` or `Marked`."""
        with translated("read", key):
            fd, stat = self._open(key, version)
            os.close(fd)
            return stat

    def open(self, key: str, version: str, span: tuple[int, int] | None) -> Opened:
        """Open a version, or a run of its bytes; raises `VersionNotFound` or `Marked`."""
        with translated("read", key):
            fd, stat = self._open(key, version)
            start, end = span or (0, stat.size)
            start = min(start, stat.size)
            return Opened(stat, FileSlice(fd, start, max(min(end, stat.size) - start, 0)))

    def _open(self, key: str, version: str) -> tuple[int, Stat]:
        for _ in range(RETRIES):
            place = self.located(key, self.seen(key), version)
            opened = places.open_file(self.files.root, place)
            if opened is None:
                # Put away, brought back or removed between the two looks.
                continue
            fd, state = opened
            try:
                sidecar = sidecars.read(self.files.meta, state)
                there = sidecars.same(state, places.look(self.files.root, place))
            except OSError:
                os.close(fd)
                raise
            stat = sidecars.describe(key, state, sidecar)
            if there and (stat.version == version or place[:2] == (keys.INNER, keys.VERSIONS)):
                # What was put away is told by its name, should a backup have brought it back without its sidecar.
                return fd, replace(stat, version=version)
            os.close(fd)
        raise OSError(errno.EAGAIN, "the version is moved again and again while it is read")

    def _current(self, key: str) -> Current | None:
        found = self.files.where(key)
        if found is None:
            return None
        place, state = found
        return Current(place, state, sidecars.describe(key, state, sidecars.read(self.files.meta, state)))

    def _twin(self, key: str, current: Current | None, held: Sequence[Held]) -> Held | None:
        if current is None:
            return None
        same = [one for one in held if one.version == current.stat.version and not one.marker]
        if current.stat.version != NULL:
            return same[0] if same else None
        # The `null` version may be another one, which a file from outside has replaced.
        return next((one for one in same if self._is_copy(self.place(key, one), current.state)), None)

    def _is_copy(self, place: Place, state: os.stat_result) -> bool:
        found = places.look(self.files.root, place)
        return found is not None and (found.st_mtime_ns, found.st_size) == (state.st_mtime_ns, state.st_size)


def _unchanged(current: Current, again: tuple[Place, os.stat_result]) -> bool:
    return current.place == again[0] and sidecars.same(current.state, again[1])
