"""Walking folders in the order of keys.

A folder sorts as its name with a slash, so that a depth-first walk yields keys in UTF-8 byte order. Folders that
cannot hold a key of the span are not opened, and a folder that rolls up into one common prefix is only asked whether
it holds any key at all.
"""

from __future__ import annotations

import heapq
import logging
import os
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter

from objectlens.stores import keys
from objectlens.stores.faults import ABSENT
from objectlens.stores.spans import Found, Span

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Child:
    """One name in a folder: what it adds to the key, its path, whether it is a folder."""

    piece: bytes
    path: bytes
    is_folder: bool


@dataclass(frozen=True, slots=True)
class Tree:
    """How names in one of the two trees become keys, and a folder segment of a key becomes a name."""

    top: bytes
    piece: Callable[[bytes, bool], bytes | None]
    folder: Callable[[bytes], bytes | None]
    plain: bool


def trees(root: bytes) -> tuple[Tree, Tree]:
    """Return the natural and the odd tree of a bucket's folder."""
    plain = Tree(
        root, lambda name, is_folder: keys.natural_piece(name, is_folder=is_folder), _natural_folder, plain=True
    )
    odd = Tree(
        os.path.join(root, keys.INNER, keys.ODD),
        lambda name, is_folder: keys.odd_piece(name, is_folder=is_folder),
        keys.odd_folder,
        plain=False,
    )
    return plain, odd


def found(root: bytes, span: Span) -> Iterator[Found]:
    """Yield a bucket's keys in a span, in UTF-8 byte order; of a key that both trees have, the natural one first."""
    plain, odd = trees(root)
    return heapq.merge(walk(plain, span), walk(odd, span), key=attrgetter("name"))


def walk(tree: Tree, span: Span) -> Iterator[Found]:
    """Yield what one tree holds of a span, in UTF-8 byte order."""
    stack = [(b"", iter(_children(tree, tree.top, b"", span)))]
    last = None
    while stack:
        at, children = stack[-1]
        child = next(children, None)
        if child is None:
            stack.pop()
            continue
        name = at + child.piece
        rolled = span.rolled(name)
        if rolled is not None and rolled == last:
            continue
        if child.is_folder and rolled is None:
            if span.may_hold(name):
                stack.append((name, iter(_children(tree, child.path, name, span))))
        elif _any(tree, child, name, span) if child.is_folder else span.holds(name):
            last = rolled
            yield Found(name, child.path) if rolled is None else Found(rolled)


def occupied(tree: Tree, path: bytes, at: bytes) -> bool:
    """Tell whether there is any key below a folder, looking no further than the first."""
    waiting = [(path, at)]
    while waiting:
        folder, start = waiting.pop()
        for child in _scan(tree, folder, start):
            if not child.is_folder:
                return True
            waiting.append((child.path, start + child.piece))
    return False


def _any(tree: Tree, child: Child, name: bytes, span: Span) -> bool:
    if not span.may_hold(name):
        return False
    if not span.after.startswith(name):
        return occupied(tree, child.path, name)
    # The page before ended inside this folder: only a key after that place counts.
    rest = Span(name, b"", span.after, after_is_rolled=False)
    return next(walk(tree, rest), None) is not None


def _children(tree: Tree, folder: bytes, at: bytes, span: Span) -> list[Child]:
    segment, slash, _ = span.prefix[len(at) :].partition(b"/")
    if slash and at.count(b"/") < keys.LEVELS:
        return _only(tree, folder, at, segment)
    ordered = sorted(_scan(tree, folder, at), key=attrgetter("piece"))
    if not (span.after and span.after.startswith(at)):
        return ordered
    # Only the name just before may still reach beyond `after`: a folder that `after` is in.
    first = bisect_left(ordered, span.after[len(at) :], key=attrgetter("piece"))
    return ordered[max(first - 1, 0) :]


def _only(tree: Tree, folder: bytes, at: bytes, segment: bytes) -> list[Child]:
    """Return the one folder that the prefix leads into, without reading the folder it is in."""
    name = tree.folder(segment)
    if name is None or _hidden(tree, at, name):
        return []
    path = os.path.join(folder, name)
    piece = tree.piece(name, True)
    return [Child(piece, path, is_folder=True)] if piece is not None and _is_folder(path) else []


def _hidden(tree: Tree, at: bytes, name: bytes) -> bool:
    return tree.plain and not at and name == keys.INNER


def _is_folder(path: bytes) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _scan(tree: Tree, folder: bytes, at: bytes) -> Iterator[Child]:
    try:
        entries = os.scandir(folder)
    except OSError as error:
        if error.errno not in ABSENT:
            # Such as lost+found: what the server may not read is no part of the bucket.
            _log.warning("a folder is left out of a listing: %s", error)
        return
    with entries:
        for entry in entries:
            is_folder = entry.is_dir(follow_symlinks=False)
            if _hidden(tree, at, entry.name) or not (is_folder or entry.is_file(follow_symlinks=False)):
                continue
            if not (is_folder and tree.plain and at.count(b"/") >= keys.LEVELS):
                piece = tree.piece(entry.name, is_folder)
                if piece is not None:
                    yield Child(piece, entry.path, is_folder)


def _natural_folder(segment: bytes) -> bytes | None:
    return segment if keys.natural(b"x/" + segment) else None
