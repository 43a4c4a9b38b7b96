"""Reaching a file below a folder without ever following a link.

A place is a tuple of names from the bucket's folder down. Every folder on the way is opened relative to the one
before with `O_NOFOLLOW`, so nothing that somebody puts into the folder can lead out of it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from objectlens.stores.faults import ABSENT

Place = tuple[bytes, ...]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a FIFO would wait for its other end.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_RETRIES = 100
# The last three are of file systems that take fewer names than Linux's own: of 143 bytes, without `:`, in UTF-8.
_CANNOT_HOLD = frozenset(
    {
        errno.EISDIR,
        errno.ENOTDIR,
        errno.ENOTEMPTY,
        errno.EEXIST,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.EINVAL,
        errno.EILSEQ,
    }
)


class Occupied(OSError):
    """The place cannot hold a file: one stands where a folder is needed, or a folder there; or the name is refused."""


def open_file(root: bytes, place: Place) -> tuple[int, os.stat_result] | None:
    """Open the plain file at a place for reading; None when there is none."""
    try:
        if len(place) == 1:
            fd = os.open(b"%b/%b" % (root, place[0]), _FILE)
        else:
            with _parent(root, place) as folder:
                fd = os.open(place[-1], _FILE, dir_fd=folder)
    except OSError as error:
        if error.errno in ABSENT or error.errno == errno.ENXIO:
            return None
        raise
    found = os.fstat(fd)
    if stat.S_ISREG(found.st_mode):
        return fd, found
    os.close(fd)
    return None


def look(root: bytes, place: Place) -> os.stat_result | None:
    """Return the state of whatever stands at a place, a link itself included; None when nothing does."""
    try:
        if len(place) == 1:
            # No folder stands between that could be a link.
            return os.lstat(b"%b/%b" % (root, place[0]))
        with _parent(root, place) as folder:
            return os.stat(place[-1], dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno in ABSENT:
            return None
        raise


def move_in(source: bytes, root: bytes, place: Place, *, durable: bool) -> None:
    """Rename a file to a place, making the folders it needs; raises `Occupied` when the place cannot hold it."""
    for _ in range(_RETRIES):
        try:
            with _made_parent(root, place, durable=durable) as folder:
                os.rename(source, place[-1], dst_dir_fd=folder)
                if durable:
                    os.fsync(folder)
            return
        except FileNotFoundError:
            # A delete next door removed the folder, empty at that moment; or the draft itself is gone.
            os.stat(source)
        except OSError as error:
            if error.errno in _CANNOT_HOLD:
                raise Occupied(error.errno, error.strerror) from error
            raise
    raise OSError(errno.EAGAIN, "the folder is removed again and again while an object is put into it")


def move(root: bytes, source: Place, place: Place, *, durable: bool) -> None:
    """Rename the file at one place to another, over what stands there."""
    with _parent(root, source) as old, _made_parent(root, place, durable=durable) as new:
        os.rename(source[-1], place[-1], src_dir_fd=old, dst_dir_fd=new)
        if durable:
            os.fsync(new)
            os.fsync(old)


def names(root: bytes, place: Place) -> list[bytes]:
    """Return what a folder at a place holds, nothing when there is none."""
    try:
        with _parent(root, (*place, b"")) as folder:
            return [os.fsencode(name) for name in os.listdir(folder)]
    except OSError as error:
        if error.errno in ABSENT:
            return []
        raise


def link(root: bytes, place: Place, target: bytes) -> None:
    """Give the file at a place a second name, `target`."""
    with _parent(root, place) as folder:
        os.link(place[-1], target, src_dir_fd=folder, follow_symlinks=False)


def remove(root: bytes, place: Place, *, durable: bool, keep: int) -> None:
    """Remove a file, then the folders above it that are empty now, down to the first `keep` names of the place."""
    with _parent(root, place) as folder:
        os.unlink(place[-1], dir_fd=folder)
        if durable:
            os.fsync(folder)
    prune(root, place, keep)


def prune(root: bytes, place: Place, keep: int) -> None:
    """Remove the folders above a place that are empty, down to its first `keep` names."""
    for length in range(len(place) - 1, keep, -1):
        try:
            os.rmdir(b"/".join((root, *place[:length])))
        except OSError:
            # Not empty, or another delete was first: either way the folders above stay.
            return


def sync_folder(path: bytes) -> None:
    """Make the names in a folder survive a power failure."""
    fd = os.open(path, _FOLDER)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def _parent(root: bytes, place: Place) -> Iterator[int]:
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in place[:-1]:
            below = os.open(name, _FOLDER, dir_fd=fd)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _made_parent(root: bytes, place: Place, *, durable: bool) -> Iterator[int]:
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in place[:-1]:
            below = _made_folder(fd, name, durable=durable)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


def _made_folder(parent: int, name: bytes, *, durable: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=parent)
    except FileNotFoundError:
        try:
            os.mkdir(name, dir_fd=parent)
        except FileExistsError:
            pass
        else:
            if durable:
                os.fsync(parent)
        return os.open(name, _FOLDER, dir_fd=parent)
