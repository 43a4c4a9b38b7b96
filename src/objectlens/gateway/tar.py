"""A tar archive as it goes out, member by member (POSIX.1-2001, "pax Interchange Format"). Pure.

What an HTTP answer would say of an object stands in the member's extended header, under names that begin with
`OBJECTLENS.`; every tool skips what it does not know there.
"""

from __future__ import annotations

import tarfile
from collections.abc import Mapping

CONTENT_TYPE = "application/x-tar"
VENDOR = "OBJECTLENS."
# Two blocks of zeros: without them an archive was cut.
END = bytes(2 * tarfile.BLOCKSIZE)


def head(name: str, size: int, *, modified: int = 0, facts: Mapping[str, str] | None = None) -> bytes:
    """Return what stands before a member's bytes. `modified` is Unix time; `facts` go by name without the prefix."""
    member = tarfile.TarInfo(name)
    member.size, member.mtime = size, modified
    member.pax_headers = {VENDOR + key: value for key, value in (facts or {}).items()}
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def padding(size: int) -> bytes:
    """Return what stands behind a member of so many bytes."""
    return bytes(-size % tarfile.BLOCKSIZE)
