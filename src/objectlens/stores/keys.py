"""Keys as paths below a bucket's folder.

Most keys are paths already: `images/a.png` lives at that path, and a folder of files is a bucket. S3 allows others
too (`a//b`, `../x`, `trail/`, names of 300 bytes), and allows `a` beside `a/b`. Those live in a tree of their own,
the odd tree, in which every key has exactly one path and folders never meet files:

- a segment that names a folder ends in `+`, one that names a file in `=`;
- a segment of 64 bytes or more is cut: each full piece of 64 bytes is a folder ending in `~`, with the rest inside;
- what lies deeper than 100 folders is one last segment, slashes and all, so that the tree cannot get deeper than tools
  that walk it recursively can bear;
- what a file name may not or should not contain is percent-encoded.

Since a piece of exactly 64 bytes is always continued, names in one folder of the odd tree sort as the keys below them.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote_from_bytes, unquote_to_bytes

INNER = b".objectlens"
ODD = b"keys"
VERSIONS = b"versions"
LONGEST_KEY = 1024
LONGEST_NAME = 255
LEVELS = 100
PIECE = 64

_FOLDER, _FILE, _CONTINUED = b"+", b"=", b"~"
_PLAIN = " !#$&'()+,;=@[]^{}"


def encoded(key: str) -> bytes:
    """Return the key in UTF-8; raises `ValueError` when it has no bytes, too many, or is not Unicode text."""
    try:
        raw = key.encode()
    except UnicodeEncodeError:
        raise ValueError("a key must be Unicode text; this one holds a lone surrogate") from None
    if not 1 <= len(raw) <= LONGEST_KEY:
        raise ValueError(f"a key must have 1 to {LONGEST_KEY} bytes in UTF-8; this one has {len(raw)}")
    return raw


def natural(key: bytes) -> tuple[bytes, ...] | None:
    """Return the names from the bucket's folder down to the key's plain file; None when it can have none."""
    names = tuple(key.split(b"/"))
    # Our own folder hides at every level: another bucket may be attached further down.
    if INNER in names or b"\0" in key or len(names) > LEVELS + 1:
        return None
    if any(not 0 < len(name) <= LONGEST_NAME or name in {b".", b".."} for name in names):
        return None
    return names


def odd(key: bytes) -> tuple[bytes, ...]:
    """Return the names from the bucket's folder down to the key's file in the odd tree."""
    *folders, last = key.split(b"/", LEVELS)
    names = [INNER, ODD]
    for folder in folders:
        names.extend(_pieces(folder, _FOLDER))
    names.extend(_pieces(last, _FILE))
    return tuple(names)


def history(key: bytes) -> tuple[bytes, ...]:
    """Return the names from the bucket's folder down to the folder that holds the key's older versions.

    They are those of the odd tree, in a tree of its own where the last one is a folder.
    """
    return (INNER, VERSIONS, *odd(key)[2:])


def is_history(name: bytes) -> bool:
    """Tell whether a name in that tree is such a folder, and not one on the way."""
    return name.endswith(_FILE)


def odd_folder(segment: bytes) -> bytes:
    """Return the name of the one folder of the odd tree below which all keys with this folder segment are."""
    return next(_pieces(segment, _FOLDER))


def natural_piece(name: bytes, *, is_folder: bool) -> bytes | None:
    """Return what a name in a plain folder adds to the key; None when it is no part of a key."""
    try:
        name.decode()
    except UnicodeDecodeError:
        return None
    return name + b"/" if is_folder else name


def odd_piece(name: bytes, *, is_folder: bool) -> bytes | None:
    """Return what a name in the odd tree adds to the key; None when the name is not one of ours."""
    body, mark = unquote_to_bytes(name[:-1]), name[-1:]
    if name != _escaped(body) + mark or (len(body) == PIECE) != (mark == _CONTINUED):
        return None
    if not is_folder:
        return body if mark == _FILE else None
    return {_FOLDER: body + b"/", _CONTINUED: body}.get(mark)


def _pieces(segment: bytes, mark: bytes) -> Iterator[bytes]:
    while len(segment) >= PIECE:
        yield _escaped(segment[:PIECE]) + _CONTINUED
        segment = segment[PIECE:]
    yield _escaped(segment) + mark


def _escaped(raw: bytes) -> bytes:
    return quote_from_bytes(raw, safe=_PLAIN).encode()
