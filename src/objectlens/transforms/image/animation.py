"""The first frame of an animated PNG as a PNG of its own.

Of an animation whose data is corrupt OpenCV hands out memory as it finds it, in which other pictures may have been, or
ends the process; a picture that stands alone it refuses then.

Source: PNG specification, third edition, section 11.3.6 (`acTL`, `fcTL`, `fdAT`).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from objectlens.transforms.errors import BadInput

_SIGNATURE = 8
_ANIMATION = frozenset({b"acTL", b"fcTL", b"fdAT"})
Chunk = tuple[bytes, bytes]


def first_frame(data: bytes) -> bytes:
    """Return the file with the frame alone that `cv2.imdecode` shows; raises `BadInput` where that is a part of it."""
    chunks = list(_chunks(data))
    kinds = [kind for kind, _ in chunks]
    if not _is_apart(chunks, kinds):
        return data[:_SIGNATURE] + b"".join(whole for kind, whole in chunks if kind not in _ANIMATION)
    begin = kinds.index(b"fcTL")
    end = kinds.index(b"fcTL", begin + 1) if b"fcTL" in kinds[begin + 1 :] else len(chunks)
    if chunks[begin][1][12:28] != data[16:24] + bytes(8):
        raise BadInput("PNG animations that begin with a part of the picture are not read")
    found = [data[:_SIGNATURE]]
    for index, (kind, whole) in enumerate(chunks):
        if kind == b"fdAT" and begin < index < end:
            found.append(_chunk(b"IDAT", whole[12:-4]))
        elif kind != b"IDAT" and kind not in _ANIMATION:
            found.append(whole)
    return b"".join(found)


def _is_apart(chunks: list[Chunk], kinds: list[bytes]) -> bool:
    """Tell whether the picture for those who know no animations is no frame of this one."""
    before = kinds[: kinds.index(b"IDAT")] if b"IDAT" in kinds else kinds
    if b"acTL" not in before or b"fcTL" in before or b"fcTL" not in kinds:
        return False
    frames = int.from_bytes(chunks[kinds.index(b"acTL")][1][8:12], "big")
    return frames > 1


def _chunks(data: bytes) -> Iterator[Chunk]:
    position, kind = _SIGNATURE, b""
    while position + 8 <= len(data) and kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, position)
        yield kind, data[position : position + 12 + length]
        position += 12 + length


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
