"""Pages of Ogg files (RFC 3533): the number of their stream, which libsndfile draws by the clock."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

# Of a page's header (section 6): where the number and the checksum stand, and the lengths of what follows.
_NUMBER, _CHECKSUM, _SEGMENTS, _HEADER = 14, 22, 26, 27
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def numbered(data: bytes) -> bytes:
    """Return a file of one stream under a number that follows from what is in it."""
    spans = list(_pages(data))
    number = 0
    for _, body, end in spans:
        number = zlib.crc32(data[body:end], number)
    whole = bytearray(data)
    for begin, _, end in spans:
        struct.pack_into("<I", whole, begin + _NUMBER, number)
        struct.pack_into("<I", whole, begin + _CHECKSUM, 0)
        struct.pack_into("<I", whole, begin + _CHECKSUM, _checksum(whole[begin:end]))
    return bytes(whole)


def _pages(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield where each page begins, where its body does, and where it ends."""
    begin = 0
    while begin < len(data):
        lengths = data[begin + _HEADER : begin + _HEADER + data[begin + _SEGMENTS]]
        body = begin + _HEADER + len(lengths)
        yield begin, body, body + sum(lengths)
        begin = body + sum(lengths)


def _checksum(page: bytes | bytearray) -> int:
    """Return the CRC-32 that begins with 0 and takes the highest bit first: zlib's of the mirrored bits."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
