"""Telling states of an object apart."""

from __future__ import annotations

import hashlib

from objectlens.stores.protocols import Stat


def state_of(stat: Stat) -> str:
    """Return a digest (32 hexadecimal digits) of all that can be read of an object but for its dates.

    S3's ETag tells the bytes; a function may also look at the metadata and the tags, which change without it.
    """
    read = f"{stat.etag!r} {stat.size} {stat.attributes.text()}"
    return hashlib.sha256(read.encode("utf-8", "surrogatepass")).hexdigest()[:32]
