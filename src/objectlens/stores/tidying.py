"""Sidecars that nothing belongs to any more, and files that lost theirs.

Others may change the folder behind our back. A file that they remove or replace leaves its sidecar behind; one that
they move keeps it, for inode, time and size stay; one that comes back from a backup has a new inode, so its sidecar is
handed over to it when key, time and size agree.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain

from objectlens.clock import Clock
from objectlens.stores import keys, sidecars
from objectlens.stores.files import Files
from objectlens.stores.locks import locked
from objectlens.stores.scans import Tree, scan, trees

_log = logging.getLogger(__name__)

_NAME = re.compile(rb"([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)\.json")
# Nothing was ever written here, or we may not write: then there is nothing to tidy.
_NOT_OURS = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.EROFS})
_MARK = b"tidied"
EVERY = 7 * 86_400.0
# An upload writes its sidecar shortly before its object becomes visible.
_SETTLED = 3_600.0
# After each folder of sidecars, so that tidying never takes more than a part of one core.
_PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class _Stray:
    """A sidecar with the key in it, empty when it is damaged, and the identity in its name."""

    path: bytes
    key: str
    inode: int
    time: int
    size: int


@dataclass(frozen=True, slots=True)
class Tidying:
    """Tidying one folder, in a thread of its own, until it is done or `stop` is set."""

    files: Files
    clock: Clock
    stop: threading.Event = field(default_factory=threading.Event)

    def tidy_when_due(self) -> int:
        """Tidy a folder that was not tidied for a week, unless another process is at it; returns as `tidy`."""
        self.files.refuse_links()
        try:
            fd = os.open(
                os.path.join(self.files.inner, _MARK), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666
            )
        except OSError as error:
            if error.errno in _NOT_OURS:
                return 0
            raise
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            state = os.fstat(fd)
            if state.st_size and self._age(state) < EVERY:
                return 0
            changed = self.tidy()
            os.pwrite(fd, b"The metadata of this folder was last tidied when this file was last written.\n", 0)
            return changed
        except BlockingIOError:
            return 0
        finally:
            os.close(fd)

    def tidy(self) -> int:
        """Remove sidecars without a file and hand over those of restored files; returns how many."""
        strays = list(self._strays())
        # Only of those it matters whether their file is somewhere else; a bucket may have millions of files.
        wanted = {stray.inode for stray in strays}
        alive = (
            wanted.intersection(chain.from_iterable(map(self._inodes, trees(self.files.root)))) if wanted else wanted
        )
        return sum(self._settled(stray, alive) for stray in strays if not self.stop.is_set())

    def _strays(self) -> Iterator[_Stray]:
        """Yield the sidecars that are not those of the file at their key, pausing after each folder of them."""
        with suppress(FileNotFoundError):
            for shard in sorted(os.listdir(self.files.meta)):
                for name in os.listdir(os.path.join(self.files.meta, shard)):
                    if self.stop.is_set():
                        return
                    stray = self._stray(os.path.join(self.files.meta, shard, name), name)
                    if stray is not None:
                        yield stray
                self.stop.wait(_PAUSE)

    def _stray(self, path: bytes, name: bytes) -> _Stray | None:
        match = _NAME.fullmatch(name)
        try:
            if match is None or self._age(os.lstat(path)) < _SETTLED:
                return None
            inode, time, size = (int(part, 16) for part in match.groups())
            stray = _Stray(path, _key(path), inode, time, size)
        except FileNotFoundError:
            return None
        state = self.files.present(stray.key) if stray.key else None
        return None if state is not None and sidecars.path(self.files.meta, state) == path else stray

    def _inodes(self, tree: Tree) -> Iterator[int]:
        waiting = [(tree.top, b"")]
        while waiting and not self.stop.is_set():
            folder, at = waiting.pop()
            for child in scan(tree, folder, at):
                path = os.path.join(folder, child.name)
                if child.is_folder:
                    waiting.append((path, at + child.piece))
                else:
                    with suppress(FileNotFoundError):
                        yield os.lstat(path).st_ino

    def _settled(self, stray: _Stray, alive: set[int]) -> bool:
        if not stray.key:
            _log.warning("a damaged metadata file is removed: %s", os.fsdecode(os.path.basename(stray.path)))
            with suppress(FileNotFoundError):
                os.unlink(stray.path)
            return True
        with locked(self.files.locks, keys.encoded(stray.key)), suppress(FileNotFoundError):
            return self._settle(stray, alive)
        return False

    def _settle(self, stray: _Stray, alive: set[int]) -> bool:
        state = self.files.present(stray.key)
        if state is not None:
            own = sidecars.path(self.files.meta, state)
            if own == stray.path:
                return False
            if (state.st_mtime_ns, state.st_size) == (stray.time, stray.size) and not os.path.exists(own):
                os.makedirs(os.path.dirname(own), exist_ok=True)
                os.rename(stray.path, own)
                return True
        if stray.inode in alive and (state is None or state.st_ino != stray.inode):
            # Moved to another key by somebody.
            return False
        os.unlink(stray.path)
        return True

    def _age(self, state: os.stat_result) -> float:
        return self.clock.now().timestamp() - state.st_mtime


def _key(path: bytes) -> str:
    """Return the key that a sidecar names, nothing when it is damaged."""
    try:
        key = sidecars.parse(sidecars.read_small(path)).key
        keys.encoded(key)
    except ValueError:
        return ""
    return key
