"""Reading folders: their names as pieces of keys, in order, a bounded number at a time.

A folder is read from its beginning to its end, for file systems tell names in no order, but only a window of its names
is kept: those that come next. So a folder of ten million files takes no more memory than one of ten thousand. A listing
comes page by page, and each page would read the folder again: windows of large folders that stand still are remembered.
"""

from __future__ import annotations

import heapq
import logging
import os
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter

from objectlens.clock import Clock
from objectlens.stores import keys
from objectlens.stores.faults import ABSENT

_log = logging.getLogger(__name__)

# Names kept of one reading of a folder, some 150 bytes each: enough for many pages, little enough for many listings.
_WINDOW = 16_384
# Remembering a window pays from this many names on; all that is remembered together is no more than four full ones.
_LARGE = 1_000
_MOST = 4 * _WINDOW
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
    """How names in one of the two trees become keys, and a folder segment of a key becomes a name.

    `begin` tells where in a folder the walk goes on after a key.
    """

    top: bytes
    piece: Callable[[bytes, bool], bytes | None]
    folder: Callable[[bytes], bytes | None]
    begin: Callable[[bytes], bytes]
    plain: bool
    histories: bool = False

    def hides(self, name: bytes) -> bool:
        """Tell whether a name is our own folder's, or that of a bucket attached further down."""
        return self.plain and name == keys.INNER


def trees(root: bytes) -> tuple[Tree, Tree]:
    """Return the natural and the odd tree of a bucket's folder."""
    plain = Tree(root, _natural_piece, _natural_folder, keys.natural_begin, plain=True)
    odd = os.path.join(root, keys.INNER, keys.ODD)
    return plain, Tree(odd, _odd_piece, keys.odd_folder, keys.odd_begin, plain=False)


def histories(root: bytes) -> Tree:
    """Return the tree in which a key is a folder, with its older versions in it."""
    top = os.path.join(root, keys.INNER, keys.VERSIONS)
    return Tree(top, _odd_piece, keys.odd_folder, keys.odd_begin, plain=False, histories=True)


def scan(tree: Tree, folder: bytes, at: bytes) -> Iterator[Child]:
    """Yield what a folder holds, in no order; `at` is how the keys in it begin."""
    if not tree.plain and folder == tree.top and (os.path.islink(folder) or os.path.islink(os.path.dirname(folder))):
        # Whatever such a link leads to is not ours. Links below are no folders to what follows.
        return
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


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """The names of a folder from `begin` on, in order; `ends` tells that there are no more."""

    folder: bytes
    state: tuple[int, ...]
    begin: bytes
    children: list[Child]
    ends: bool

    def covers(self, folder: bytes, begin: bytes) -> bool:
        """Tell whether what comes first from `begin` on is in here."""
        return self.folder == folder and self.begin <= begin and (self.ends or begin <= self.children[-1].piece)


class Scans:
    """Sorted folders, window by window; some are remembered while their folder stands still. Serves several threads."""

    def __init__(self, clock: Clock, most: int = _MOST, window: int = _WINDOW) -> None:
        self._clock = clock
        self._most = most
        self._window = window
        self._lock = threading.Lock()
        # Those used last stand last; there are a few dozen at most, for small ones are not remembered.
        self._kept: list[_Window] = []

    def ordered(self, tree: Tree, folder: bytes, at: bytes, begin: bytes = b"") -> Iterator[Child]:
        """Yield what a folder holds from the piece `begin` on, sorted as the keys below it."""
        while True:
            window = self._remembered(folder, begin) or self._read(tree, folder, at, begin)
            first = bisect_left(window.children, begin, key=attrgetter("piece"))
            yield from islice(window.children, first, None)
            if window.ends:
                return
            begin = window.children[-1].piece + b"\0"

    def _remembered(self, folder: bytes, begin: bytes) -> _Window | None:
        state = _state(folder)
        with self._lock:
            self._kept = [one for one in self._kept if one.folder != folder or one.state == state]
            found = next((one for one in self._kept if one.covers(folder, begin)), None)
            if found is not None:
                self._kept.remove(found)
                self._kept.append(found)
            return found

    def _read(self, tree: Tree, folder: bytes, at: bytes, begin: bytes) -> _Window:
        state = _state(folder)
        later = (child for child in scan(tree, folder, at) if child.piece >= begin)
        children = heapq.nsmallest(self._window, later, key=attrgetter("piece"))
        window = _Window(folder, state, begin, children, ends=len(children) < self._window)
        if len(children) >= min(_LARGE, self._window) and self._stands_still(state) and _state(folder) == state:
            self._keep(window)
        return window

    def _stands_still(self, state: tuple[int, ...]) -> bool:
        return bool(state) and self._clock.now().timestamp() - max(state[2:]) / 1e9 > _RESTLESS

    def _keep(self, window: _Window) -> None:
        with self._lock:
            # Two threads may have read the same.
            self._kept = [one for one in self._kept if not one.covers(window.folder, window.begin)]
            self._kept.append(window)
            while sum(len(one.children) for one in self._kept) > self._most:
                del self._kept[0]


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
