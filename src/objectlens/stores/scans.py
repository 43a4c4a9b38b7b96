"""Reading folders: their names as pieces of keys, in order; large folders that stand still are remembered.

A listing comes page by page, and each page of a folder with 100,000 files would read and sort all of them again.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter

from objectlens.clock import Clock
from objectlens.stores import keys
from objectlens.stores.faults import ABSENT

_log = logging.getLogger(__name__)

# Remembering a folder pays from this many names on; all that is remembered together takes some 100 bytes a name.
_LARGE = 1_000
_MOST = 500_000
# A folder that changed this recently may change again without its time of change showing it (seconds).
_RESTLESS = 2.0


@dataclass(frozen=True, slots=True)
class Child:
    """One name in a folder, and what it adds to the key."""

    piece: bytes
    name: bytes
    is_folder: bool


@dataclass(frozen=True, slots=True)
class Tree:
    """How names in one of the two trees become keys, and a folder segment of a key becomes a name."""

    top: bytes
    piece: Callable[[bytes, bool], bytes | None]
    folder: Callable[[bytes], bytes | None]
    plain: bool
    histories: bool = False

    def hides(self, name: bytes) -> bool:
        """Tell whether a name is our own folder's, or that of a bucket attached further down."""
        return self.plain and name == keys.INNER


def trees(root: bytes) -> tuple[Tree, Tree]:
    """Return the natural and the odd tree of a bucket's folder."""
    plain = Tree(root, _natural_piece, _natural_folder, plain=True)
    return plain, Tree(os.path.join(root, keys.INNER, keys.ODD), _odd_piece, keys.odd_folder, plain=False)


def histories(root: bytes) -> Tree:
    """Return the tree in which a key is a folder, with its older versions in it."""
    top = os.path.join(root, keys.INNER, keys.VERSIONS)
    return Tree(top, _odd_piece, keys.odd_folder, plain=False, histories=True)


def scan(tree: Tree, folder: bytes, at: bytes) -> Iterator[Child]:
    """Yield what a folder holds, in no order; `at` is how the keys in it begin."""
    try:
        entries = os.scandir(folder)
    except OSError as error:
        if error.errno not in ABSENT:
            # Such as lost+found: what the server may not read is no part of the bucket.
            _log.warning("a folder is left out of a listing: %s", error)
        return
    deepest = tree.plain and at.count(b"/") >= keys.LEVELS
    with entries:
        for entry in entries:
            is_folder = entry.is_dir(follow_symlinks=False)
            if tree.histories:
                if not is_folder or (keys.is_history(entry.name) and not os.listdir(entry.path)):
                    # A change that was cut off just before the end leaves an empty one.
                    continue
                is_folder = not keys.is_history(entry.name)
            elif (is_folder and deepest) or not (is_folder or entry.is_file(follow_symlinks=False)):
                continue
            piece = tree.piece(entry.name, is_folder)
            if piece is not None and not tree.hides(entry.name):
                yield Child(piece, entry.name, is_folder)


class Scans:
    """Sorted folders, the large ones remembered as long as they do not change. Serves several threads."""

    def __init__(self, clock: Clock, most: int = _MOST) -> None:
        self._clock = clock
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, tuple[tuple[int, ...], list[Child]]] = OrderedDict()
        self._size = 0

    def ordered(self, tree: Tree, folder: bytes, at: bytes) -> list[Child]:
        """Return what a folder holds, sorted as the keys below it; the list is not to be changed."""
        state = _state(folder)
        with self._lock:
            kept = self._kept.get(folder)
            if kept is not None and kept[0] == state:
                self._kept.move_to_end(folder)
                return kept[1]
        children = sorted(scan(tree, folder, at), key=attrgetter("piece"))
        if len(children) >= _LARGE and self._stands_still(state) and _state(folder) == state:
            self._keep(folder, state, children)
        return children

    def _stands_still(self, state: tuple[int, ...]) -> bool:
        return bool(state) and self._clock.now().timestamp() - max(state[2:]) / 1e9 > _RESTLESS

    def _keep(self, folder: bytes, state: tuple[int, ...], children: list[Child]) -> None:
        with self._lock:
            self._forget(folder)
            self._kept[folder] = (state, children)
            self._size += len(children)
            while self._size > self._most:
                self._forget(next(iter(self._kept)))

    def _forget(self, folder: bytes) -> None:
        _, children = self._kept.pop(folder, ((), []))
        self._size -= len(children)


def _state(folder: bytes) -> tuple[int, ...]:
    try:
        found = os.lstat(folder)
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def _natural_piece(name: bytes, is_folder: bool) -> bytes | None:
    return keys.natural_piece(name, is_folder=is_folder)


def _odd_piece(name: bytes, is_folder: bool) -> bytes | None:
    return keys.odd_piece(name, is_folder=is_folder)


def _natural_folder(segment: bytes) -> bytes | None:
    return segment if keys.natural(segment) else None
