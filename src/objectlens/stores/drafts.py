"""Files that nobody sees yet.

A draft is written under a name of its own and renamed into place when its last byte is safe. It is locked (`flock`)
while somebody writes it: what is found unlocked was left by a process that died, and is removed.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import threading
from collections.abc import Iterable
from contextlib import suppress

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_COPY = 64 * 1024 * 1024
_CHUNK = 1024 * 1024
_NO_COPY = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


class Draft:
    """One file being written. Its methods are called in threads, one at a time."""

    def __init__(self, folder: bytes) -> None:
        self._busy = threading.Lock()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._open = True
        self.path, self._fd = _claim(folder)

    @property
    def md5(self) -> str:
        """Return the hexadecimal MD5 of what was written."""
        return self._md5.hexdigest()

    def write(self, chunks: Iterable[bytes]) -> None:
        """Append chunks, digesting them on the way."""
        with self._busy:
            for chunk in chunks:
                self._md5.update(chunk)
                write_all(self._fd, chunk)

    def copy(self, source: int, offset: int, length: int) -> None:
        """Append a run of another file inside the kernel, sharing its blocks where the file system can."""
        with self._busy:
            while length:
                done = _copy(source, self._fd, min(_COPY, length), offset)
                if not done:
                    raise EOFError("the file to copy from became shorter while it was read")
                offset, length = offset + done, length - done

    def settle(self, *, durable: bool, modified: int | None = None) -> os.stat_result:
        """Return the finished file's state, safe against power failure when `durable`.

        `modified` is the time that it gets, in nanoseconds since 1970, when it is to have another one than its own.
        """
        with self._busy:
            if modified is not None:
                os.utime(self._fd, ns=(modified, modified))
            if durable:
                os.fsync(self._fd)
            return os.fstat(self._fd)

    def release(self) -> None:
        """Forget the file after it was renamed into place."""
        with self._busy:
            self._close()

    def discard(self) -> None:
        """Remove the file, unless it was released."""
        with self._busy:
            if self._open:
                with suppress(FileNotFoundError):
                    os.unlink(self.path)
                self._close()

    def _close(self) -> None:
        if self._open:
            self._open = False
            os.close(self._fd)


def write_file(folder: bytes, content: bytes, target: bytes, *, durable: bool) -> None:
    """Write a small file all or nothing, replacing what stands at `target`."""
    draft = Draft(folder)
    try:
        draft.write([content])
        draft.settle(durable=durable)
        os.replace(draft.path, target)
        draft.release()
    finally:
        draft.discard()


def remove_leftovers(folder: bytes) -> int:
    """Remove the drafts of processes that died; returns how many."""
    removed = 0
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            removed += _remove_leftover(entry.path)
    return removed


def _remove_leftover(path: bytes) -> bool:
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    except (BlockingIOError, FileNotFoundError):
        return False
    finally:
        os.close(fd)
    return True


def _claim(folder: bytes) -> tuple[bytes, int]:
    while True:
        path = os.path.join(folder, secrets.token_hex(16).encode())
        fd = os.open(path, _NEW, 0o666)
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return path, fd
        # A sweep saw the file before it was locked, and removed it.
        os.close(fd)


def _copy(source: int, target: int, length: int, offset: int) -> int:
    try:
        return os.copy_file_range(source, target, length, offset)
    except OSError as error:
        if error.errno not in _NO_COPY:
            raise
    chunk = os.pread(source, min(length, _CHUNK), offset)
    write_all(target, chunk)
    return len(chunk)


def write_all(fd: int, chunk: bytes) -> None:
    """Write all of a chunk, however often the system takes only a part of it."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(fd, rest) :]
