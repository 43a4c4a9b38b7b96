"""The document that comes with a request, bounded by what its operation can need."""

from __future__ import annotations

from objectlens.call import Call
from objectlens.errors import MalformedXML
from objectlens.streams import TooLarge, read_all

# Tags, flags, grants and places; only lists of keys and of parts are longer.
SMALL = 256 * 1024


async def read_document(call: Call, limit: int = SMALL) -> bytes:
    """Return the whole body; raises `MalformedXML` for one of more than `limit` bytes."""
    try:
        return await read_all(call.body, limit)
    except TooLarge:
        raise MalformedXML(f"The document is longer than {limit} bytes.") from None
