"""Telling states of an object apart."""

from __future__ import annotations

import hashlib
import json

from objectlens.stores.protocols import Stat
from objectlens.stores.sidecars import attributes_to_json


def state_of(stat: Stat) -> str:
    """Return a digest (32 hexadecimal digits) of all that can be read of an object but for its dates.

    S3's ETag tells the bytes; a function may also look at the metadata and the tags, which change without it.
    """
    beside = json.dumps(attributes_to_json(stat.attributes), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{stat.etag}\n{stat.size}\n{beside}".encode()).hexdigest()[:32]
