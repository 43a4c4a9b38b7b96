"""Walking folders in the order of keys.

A folder sorts as its name with a slash, so that a depth-first walk yields keys in UTF-8 byte order. Folders that
cannot hold a key of the span are not opened, and a folder that rolls up into one common prefix is only asked whether
it holds any key at all.
"""

from __future__ import annotations

import heapq
import os
from bisect import bisect_left
from collections.abc import Iterator
from itertools import groupby, islice
from operator import attrgetter

from objectlens.stores import keys
from objectlens.stores.scans import Child, Scans, Tree, histories, scan, trees
from objectlens.stores.spans import Found, Span


def found(root: bytes, span: Span, scans: Scans) -> Iterator[Found]:
    """Yield a bucket's keys in a span, in UTF-8 byte order; of a key that both trees have, the natural one first."""
    plain, odd = (Walk(tree, span, scans) for tree in trees(root))
    return heapq.merge(plain.found(), odd.found(), key=attrgetter("name"))


def found_versions(root: bytes, span: Span, scans: Scans) -> Iterator[Found]:
    """Yield, each once, the keys in a span that have any version, in UTF-8 byte order."""
    trees_of_all = (*trees(root), histories(root))
    merged = heapq.merge(*(Walk(tree, span, scans).found() for tree in trees_of_all), key=attrgetter("name"))
    return (next(same) for _, same in groupby(merged, key=attrgetter("name")))


class Walk:
    """One walk through one tree."""

    def __init__(self, tree: Tree, span: Span, scans: Scans) -> None:
        self._tree = tree
        self._span = span
        self._scans = scans

    def found(self) -> Iterator[Found]:
        """Yield what the tree holds of the span, in UTF-8 byte order."""
        stack = [(self._tree.top, b"", self._children(self._tree.top, b""))]
        last = None
        while stack:
            folder, at, children = stack[-1]
            child = next(children, None)
            if child is None:
                stack.pop()
                continue
            name, path = at + child.piece, os.path.join(folder, child.name)
            rolled = self._span.rolled(name)
            if rolled is not None and rolled == last:
                continue
            if child.is_folder and rolled is None:
                if self._span.may_hold(name):
                    stack.append((path, name, self._children(path, name)))
            elif self._any(path, name) if child.is_folder else self._span.holds(name):
                last = rolled
                yield Found(name, path) if rolled is None else Found(rolled)

    def _any(self, path: bytes, name: bytes) -> bool:
        if not self._span.may_hold(name):
            return False
        if not self._span.after.startswith(name):
            return self._occupied(path, name)
        # The page before ended inside this folder: only a key after that place counts.
        rest = Span(name, b"", self._span.after, after_is_rolled=False)
        return next(Walk(self._tree, rest, self._scans).found(), None) is not None

    def _occupied(self, path: bytes, at: bytes) -> bool:
        """Tell whether there is any key below a folder, looking no further than the first."""
        waiting = [(path, at)]
        while waiting:
            folder, start = waiting.pop()
            for child in scan(self._tree, folder, start):
                if not child.is_folder:
                    return True
                waiting.append((os.path.join(folder, child.name), start + child.piece))
        return False

    def _children(self, folder: bytes, at: bytes) -> Iterator[Child]:
        segment, slash, _ = self._span.prefix[len(at) :].partition(b"/")
        if slash and at.count(b"/") < keys.LEVELS:
            return self._only(folder, segment)
        ordered = self._scans.ordered(self._tree, folder, at)
        if not (self._span.after and self._span.after.startswith(at)):
            return iter(ordered)
        # Only the name just before may still reach beyond `after`: a folder that `after` is in.
        first = bisect_left(ordered, self._span.after[len(at) :], key=attrgetter("piece"))
        return islice(ordered, max(first - 1, 0), None)

    def _only(self, folder: bytes, segment: bytes) -> Iterator[Child]:
        """Yield the one folder that the prefix leads into, without reading the folder it is in."""
        name = self._tree.folder(segment)
        if name is None or self._tree.hides(name):
            return
        path = os.path.join(folder, name)
        piece = self._tree.piece(name, True)
        if piece is not None and os.path.isdir(path) and not os.path.islink(path):
            yield Child(piece, name, is_folder=True)
