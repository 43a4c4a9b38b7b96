"""Keys that a store elsewhere would rewrite or refuse, under other names.

Some stores take a key for a path: they make `a/b` of `a//b`, or drop the slash of `trail/`. There such keys are kept
below `.objectlens/keys/`, in digits of six bits whose order is that of the keys' bytes, in pieces of 200 characters
that every store takes as names:

    a//b    .objectlens/keys/MG-jMV

Each key has one such name, and each name one key. Digits need more room than the bytes they stand for, so odd keys may
have at most 740 bytes.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from objectlens.stores.keys import encoded
from objectlens.stores.protocols import StoreLacks

INNER: Final = ".objectlens/"
FOLDER: Final = f"{INNER}keys/"
LONGEST_ODD: Final = 740

_PIECE: Final = 200
_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_SORTED: Final = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_TO, _FROM = bytes.maketrans(_BASE64, _SORTED), bytes.maketrans(_SORTED, _BASE64)
_BAD_PARTS: Final = frozenset({"", ".", ".."})


def is_odd(key: str) -> bool:
    """Tell whether a key is no plain path: empty, `.`, `..` parts, backslashes, control characters, our own names."""
    return (
        not _BAD_PARTS.isdisjoint(key.split("/"))
        or "\\" in key
        # What XML, in which services list, cannot say, counts among control characters.
        or any(char < " " or char in "\x7f\ufffe\uffff" for char in key)
        or key == INNER[:-1]
        or key.startswith(INNER)
    )


def plain(key: str) -> str:
    """Return a key as it is; raises `ValueError` for what is no key."""
    encoded(key)
    return key


def place_of(key: str) -> str:
    """Return the name under which a store keeps a key; raises `StoreLacks` for an odd one that is too long."""
    raw = encoded(key)
    if not is_odd(key):
        return key
    if len(raw) > LONGEST_ODD:
        raise StoreLacks(
            f"the store cannot keep the key {key[:40]!r}... as it is, and in another spelling its {len(raw)} bytes are "
            f"too many: a key with empty, . or .. parts, backslashes or control characters may have {LONGEST_ODD}"
        )
    return FOLDER + _pieces(_digits(raw))


def key_of(place: str) -> str | None:
    """Return the key that is kept under a name, None when the name is none of ours."""
    digits = place.removeprefix(FOLDER).replace("/", "").encode("ascii", "replace").translate(_FROM)
    try:
        key = base64.b64decode(digits + b"=" * (-len(digits) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return key if is_odd(key) and len(key.encode()) <= LONGEST_ODD and place_of(key) == place else None


def prefix_of(prefix: bytes) -> str:
    """Return what the names of all odd keys begin with that begin with `prefix`."""
    return FOLDER + _pieces(_digits(prefix)[: len(prefix) * 8 // 6], whole=False)


def after_of(after: bytes) -> str:
    """Return a name after which all odd keys stand that come after `after`; some before may, too."""
    # The last digit may hold bits that the following byte decides.
    return FOLDER + _pieces(_digits(after)[: len(after) * 8 // 6], whole=False) if after else ""


def _digits(raw: bytes) -> str:
    return base64.b64encode(raw).rstrip(b"=").translate(_TO).decode()


def _pieces(digits: str, *, whole: bool = True) -> str:
    pieces = "/".join(digits[at : at + _PIECE] for at in range(0, len(digits), _PIECE))
    # What a longer name begins with goes on after the slash.
    return pieces if whole or not digits or len(digits) % _PIECE else f"{pieces}/"
