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
from contextlib import suppress
from dataclasses import dataclass, field

from objectlens.clock import Clock
from objectlens.stores import keys, places, sidecars
from objectlens.stores.files import Files
from objectlens.stores.history import History
from objectlens.stores.locks import locked
from objectlens.stores.scans import Tree, scan, trees
from objectlens.stores.sidecars import Sidecar

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
class Tidying:
    """Tidying one folder, in a thread of its own, until it is done or `stop` is set."""

    files: Files
    clock: Clock
    stop: threading.Event = field(default_factory=threading.Event)

    def tidy_when_due(self) -> int:
        """Tidy a folder that was not tidied for a week, unless another process is at it; returns as `tidy`."""
        try:
            fd = os.open(os.path.join(self.files.inner, _MARK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
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
        alive = {inode for tree in trees(self.files.root) for inode in self._inodes(tree)} | self._put_away()
        changed = 0
        with suppress(FileNotFoundError):
            for shard in sorted(os.listdir(self.files.meta)):
                for name in os.listdir(os.path.join(self.files.meta, shard)):
                    if self.stop.is_set():
                        return changed
                    changed += self._tidy(os.path.join(self.files.meta, shard, name), name, alive)
                self.stop.wait(_PAUSE)
        return changed

    def _inodes(self, tree: Tree) -> set[int]:
        found: set[int] = set()
        waiting = [(tree.top, b"")]
        while waiting and not self.stop.is_set():
            folder, at = waiting.pop()
            for child in scan(tree, folder, at):
                path = os.path.join(folder, child.name)
                if child.is_folder:
                    waiting.append((path, at + child.piece))
                else:
                    with suppress(FileNotFoundError):
                        found.add(os.lstat(path).st_ino)
        return found

    def _put_away(self) -> set[int]:
        """Return the inodes of older versions."""
        found: set[int] = set()
        for folder, _, names in os.walk(os.path.join(self.files.inner, keys.VERSIONS)):
            if self.stop.is_set():
                break
            for name in names:
                with suppress(FileNotFoundError):
                    found.add(os.lstat(os.path.join(folder, name)).st_ino)
        return found

    def _tidy(self, path: bytes, name: bytes, alive: set[int]) -> bool:
        match = _NAME.fullmatch(name)
        try:
            if match is None or self._age(os.lstat(path)) < _SETTLED:
                return False
            sidecar = sidecars.parse(sidecars.read_small(path))
            raw = keys.encoded(sidecar.key)
        except FileNotFoundError:
            return False
        except ValueError:
            _log.warning("a damaged metadata file is removed: %s", name.decode())
            os.unlink(path)
            return True
        inode, time, size = (int(part, 16) for part in match.groups())
        with locked(self.files.locks, raw), suppress(FileNotFoundError):
            return self._settle(path, sidecar, (inode, time, size), alive)
        return False

    def _settle(self, path: bytes, sidecar: Sidecar, identity: tuple[int, int, int], alive: set[int]) -> bool:
        inode, time, size = identity
        states = self._states(sidecar)
        for state in states:
            own = sidecars.path(self.files.meta, state)
            if own == path:
                return False
            if (state.st_mtime_ns, state.st_size) == (time, size) and not os.path.exists(own):
                os.makedirs(os.path.dirname(own), exist_ok=True)
                os.rename(path, own)
                return True
        if inode in alive and all(state.st_ino != inode for state in states):
            # Moved to another key by somebody.
            return False
        os.unlink(path)
        return True

    def _states(self, sidecar: Sidecar) -> list[os.stat_result]:
        """Return the states of the files that a sidecar may belong to: the key's, and that of its version."""
        key, history = sidecar.key, History(self.files)
        older = [one for one in history.seen(key).older if one.version == sidecar.version and not one.marker]
        found = (places.look(self.files.root, history.place(key, one)) for one in older)
        return [state for state in (self.files.present(key), *found) if state is not None]

    def _age(self, state: os.stat_result) -> float:
        return self.clock.now().timestamp() - state.st_mtime
