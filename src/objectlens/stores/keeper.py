"""Changes of a folder whose buckets keep versions, each decided by one step; see `objectlens.stores.history`.

- A put gives the current version a second name among the older ones; then the new file takes the first one.
- A delete marker does the same and is written on top; then the first name is removed.
- The current version is removed by renaming the one before over it.
- The marker on top is removed by giving the one before its first name back; then both older names are removed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from objectlens.stores import keys, places, sidecars
from objectlens.stores.faults import translated
from objectlens.stores.files import Condition, Files
from objectlens.stores.history import Current, Held, History, Seen
from objectlens.stores.locks import locked
from objectlens.stores.places import Occupied, Place
from objectlens.stores.protocols import NULL, Attributes, Stat, VersionNotFound
from objectlens.stores.sidecars import Sidecar
from objectlens.stores.versionids import new_version_id

# File systems without second names, those that have used them up, and files that the kernel gives none to strangers.
_NO_LINKS = frozenset({errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EXDEV})
_TOP = 2


@dataclass(frozen=True, slots=True)
class Keeper:
    """One folder's changes. New versions get ids, or without `ids` are the `null` version."""

    history: History
    ids: bool = True

    @property
    def files(self) -> Files:
        """Return the folder's files."""
        return self.history.files

    def new_version(self) -> str:
        """Return the version that a new object or marker will be."""
        return new_version_id() if self.ids else NULL

    def install(self, source: bytes, key: str, condition: Condition | None) -> None:
        """Put a finished file on top of its key's versions; the caller has the key's lock."""
        seen = self._settled(key)
        current = seen.current
        if condition is not None:
            condition(None if current is None else current.stat)
        if current is None:
            self.files.install_new(source, key)
        elif self._replaces(current):
            self.files.install(source, key, None)
        else:
            kept = self._put_away(key, current, seen.next_order)
            places.move_in(source, self.files.root, current.place, durable=self.files.durable)
            self._forget(current.state, kept)
        self._drop_nulls(key, seen)

    def mark(self, key: str, condition: Callable[[Stat], None] | None) -> tuple[str, bool]:
        """Put a delete marker on top of a key; return its version, and whether there was an object."""
        with self._changing("delete", key):
            seen = self._settled(key)
            current, order = seen.current, seen.next_order
            if condition is not None:
                condition(self.history.top(key, seen))
            kept = None
            if current is not None and not self._replaces(current):
                kept = self._put_away(key, current, order)
                order += 1
            marker = Held(order, self.new_version(), marker=True)
            self._write_marker(key, marker)
            self.files.remove_all(key, spare=kept)
            self._drop_nulls(key, seen)
            return marker.version, current is not None

    def remove(self, key: str, version: str, condition: Callable[[Stat], None] | None) -> bool:
        """Remove a version for good; returns whether it was a delete marker. Raises `VersionNotFound`."""
        if self.files.where(key) is None and not places.names(self.files.root, self._folder(key)):
            raise VersionNotFound(key)
        with self._changing("delete", key):
            seen = self._settled(key)
            current = seen.current
            if condition is not None and (stat := self._stat(key, seen, version)) is not None:
                condition(stat)
            if current is not None and current.stat.version == version:
                self._take_off(key, current, seen)
                return False
            held = self.history.held(key, seen, version)
            if held == seen.marker:
                self._uncover(key, seen)
            else:
                self._drop(key, held)
            return held.marker

    def set_attributes(self, key: str, version: str, attributes: Attributes | Callable[[Stat], Attributes]) -> Stat:
        """Replace what stands beside a version; raises `VersionNotFound` or `Marked`."""
        files = self.files
        with self._changing("write", key):
            place = self.history.located(key, self.history.seen(key), version)
            state = places.look(files.root, place)
            if state is None:
                raise VersionNotFound(key)
            stat = replace(sidecars.describe(key, state, sidecars.read(files.meta, state)), version=version)
            beside = attributes(stat) if callable(attributes) else attributes
            sidecar = Sidecar(key, stat.etag, beside, version)
            sidecars.replace(files.meta, files.drafts, state, sidecar, durable=files.durable)
            return sidecars.describe(key, state, sidecar)

    @contextmanager
    def _changing(self, doing: str, key: str) -> Iterator[None]:
        with translated(doing, key):
            self.files.prepare()
            with locked(self.files.locks, keys.encoded(key)):
                yield

    def _replaces(self, current: Current) -> bool:
        return not self.ids and current.stat.version == NULL

    def _settled(self, key: str) -> Seen:
        """Look at a key, and remove what changes that were cut off have left of it."""
        seen = self.history.seen(key)
        for one in seen.left:
            self._drop(key, one, spare=None if seen.current is None else seen.current.state)
        return replace(seen, left=())

    def _stat(self, key: str, seen: Seen, version: str) -> Stat | None:
        if seen.current is not None and seen.current.stat.version == version:
            return seen.current.stat
        return None if self.history.held(key, seen, version).marker else self.history.stat(key, version)

    def _put_away(self, key: str, current: Current, order: int) -> os.stat_result:
        """Give the current version its place among the older ones; return its state there."""
        held = Held(order, current.stat.version, marker=False)
        place = self.history.place(key, held)
        with self._second(current.place, current.stat) as (source, state):
            self._move_in(source, place)
        return state

    def _move_in(self, source: bytes, place: Place) -> None:
        try:
            places.move_in(source, self.files.root, place, durable=self.files.durable)
        except Occupied as error:
            cause = "something in .objectlens/versions is a link or a file where a folder must be; remove it"
            raise OSError(errno.ENOTDIR, cause) from error

    def _write_marker(self, key: str, marker: Held) -> None:
        draft = self.files.draft(key)
        try:
            draft.settle(durable=self.files.durable)
            self._move_in(draft.path, self.history.place(key, marker))
            draft.release()
        finally:
            draft.discard()

    def _take_off(self, key: str, current: Current, seen: Seen) -> None:
        """Remove the current version; the one before takes its place."""
        before = seen.older[0] if seen.older else None
        if before is None or before.marker:
            self.files.remove_all(key)
            return
        source = self.history.place(key, before)
        places.move(self.files.root, source, current.place, durable=self.files.durable)
        sidecars.remove(self.files.meta, current.state)
        places.prune(self.files.root, source, _TOP)

    def _uncover(self, key: str, seen: Seen) -> None:
        """Remove the marker on top; the version before it becomes the current one."""
        marker, *rest = seen.older
        before = rest[0] if rest and not rest[0].marker else None
        if before is None:
            self._drop(key, marker)
            return
        stat = self.history.stat(key, before.version)
        with self._second(self.history.place(key, before), stat) as (source, state):
            self.files.install_new(source, key)
        self._drop(key, marker)
        self._drop(key, before, spare=state)

    def _drop(self, key: str, held: Held, *, spare: os.stat_result | None = None) -> None:
        """Remove one of the older ones; its sidecar stays when that is the sidecar of a file in the state `spare`."""
        place = self.history.place(key, held)
        state = places.look(self.files.root, place)
        if state is None:
            return
        places.remove(self.files.root, place, durable=self.files.durable, keep=_TOP)
        if not held.marker:
            self._forget(state, spare)

    def _drop_nulls(self, key: str, seen: Seen) -> None:
        """Remove the `null` version that a new one replaces."""
        for one in seen.older:
            if not self.ids and one.version == NULL:
                self._drop(key, one)

    def _forget(self, state: os.stat_result, kept: os.stat_result | None) -> None:
        if not sidecars.same(state, kept):
            sidecars.remove(self.files.meta, state)

    def _folder(self, key: str) -> Place:
        return keys.history(keys.encoded(key))

    @contextmanager
    def _second(self, place: Place, stat: Stat) -> Iterator[tuple[bytes, os.stat_result]]:
        """Lend a file a second name, which nobody sees, to be renamed into place; or a copy, if it can have none."""
        opened = places.open_file(self.files.root, place)
        if opened is None:
            raise OSError(errno.EAGAIN, "the object was taken away by somebody else meanwhile")
        fd, state = opened
        name = os.path.join(self.files.drafts, secrets.token_hex(16).encode())
        try:
            # A sweep removes what nobody has locked. Where it cannot be locked, somebody else has, or nobody sweeps.
            with suppress(OSError):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._linked(place, name):
                yield name, state
            else:
                yield from self._copied(fd, state, stat)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name)
            os.close(fd)

    def _linked(self, place: Place, name: bytes) -> bool:
        try:
            places.link(self.files.root, place, name)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return False
        return True

    def _copied(self, fd: int, state: os.stat_result, stat: Stat) -> Iterator[tuple[bytes, os.stat_result]]:
        draft = self.files.draft(stat.key)
        try:
            draft.copy(fd, 0, state.st_size)
            copied = draft.settle(durable=self.files.durable, modified=state.st_mtime_ns)
            sidecar = Sidecar(stat.key, stat.etag, stat.attributes, stat.version)
            sidecars.write(self.files.meta, copied, sidecar, durable=self.files.durable)
            try:
                yield draft.path, copied
            except BaseException:
                sidecars.remove(self.files.meta, copied)
                raise
            draft.release()
        finally:
            draft.discard()
