"""How a picture lies, as its EXIF says, and turning it upright where the decoder does not do it.

Sources: CIPA DC-008 (EXIF 2.32) section 4.6.4, tag 274; PNG specification section 11.3.2.5 (`eXIf`); RIFF/WebP
container specification, "Metadata".
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from objectlens.transforms.image.headers import tags, tiff_layout

ORIENTATION = 274
_LEAD = b"Exif\0\0"
# Of a block of EXIF that a segment of a JPEG holds.
_LONGEST = 0xFFFF - 2 - len(_LEAD)
# For each value but 1: whether rows and columns change places first, and the flip (of `cv2.flip`) that follows.
_TURNS: dict[int, tuple[bool, int | None]] = {
    2: (False, 1),
    3: (False, -1),
    4: (False, 0),
    5: (True, None),
    6: (True, 1),
    7: (True, -1),
    8: (True, 0),
}


def upright(pixels: np.ndarray[Any, Any], data: bytes, name: str) -> np.ndarray[Any, Any]:
    """Return the pixels of a JPEG, PNG or WebP file turned as its EXIF says; as they are where it says nothing."""
    return _turned(pixels, _orientation(data, name))


def is_transposed(data: bytes, name: str) -> bool:
    """Tell whether rows and columns change places when a picture is turned upright."""
    return _TURNS.get(_orientation(data, name), (False, None))[0]


def standing(pixels: np.ndarray[Any, Any], data: bytes) -> np.ndarray[Any, Any]:
    """Return the pixels of a TIFF file, which lie as they do in it, turned as it says."""
    return _turned(pixels, _tiff(data))


def _turned(pixels: np.ndarray[Any, Any], orientation: int) -> np.ndarray[Any, Any]:
    transposed, flip = _TURNS.get(orientation, (False, None))
    turned = cv2.transpose(pixels) if transposed else pixels
    return turned if flip is None else cv2.flip(turned, flip)


def lying(pixels: np.ndarray[Any, Any], data: bytes) -> np.ndarray[Any, Any]:
    """Return the pixels of a TIFF file as they lie in it: decoders turn them, whatever they are told."""
    transposed, flip = _TURNS.get(_tiff(data), (False, None))
    turned = pixels if flip is None else cv2.flip(pixels, flip)
    return cv2.transpose(turned) if transposed else turned


def _tiff(data: bytes) -> int:
    order, count_code, _, entry_size, offset = tiff_layout(data)
    (count,) = struct.unpack_from(order + count_code, data, offset)
    entries = (offset + struct.calcsize(count_code), count, entry_size)
    return tags(data, order, entries, (ORIENTATION,)).get(ORIENTATION, 1)


def _orientation(data: bytes, name: str) -> int:
    """Return how OpenCV turns a picture, asked with a small one: what it makes of EXIF that is broken is its own."""
    walkers = {"jpeg": _jpeg, "png": _png, "webp": _webp}
    blocks = []
    # What is broken behind them changes nothing.
    with suppress(struct.error):
        for block in walkers[name](data) if name in walkers else ():
            blocks.append(block[:_LONGEST])
            # Of a JPEG it reads all blocks, of others the first.
            if name != "jpeg":
                break
    if not blocks:
        return 1
    probe, pixels = _probe()
    segments = b"".join(_exif_segment(one) for one in blocks)
    turned: Any = cv2.imdecode(np.frombuffer(probe[:2] + segments + probe[2:], np.uint8), cv2.IMREAD_GRAYSCALE)
    return next((value for value in range(1, 9) if np.array_equal(_turned(pixels, value), turned)), 1)


@lru_cache(1)
def _probe() -> tuple[bytes, np.ndarray[Any, Any]]:
    """Return a JPEG that is another one each way it is turned, and its pixels."""
    corner = np.zeros((16, 24), np.uint8)
    corner[:8, :8] = 255
    data = cv2.imencode(".jpg", corner)[1]
    return data.tobytes(), np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))


def _exif_segment(block: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", 2 + len(_LEAD) + len(block)) + _LEAD + block


def _jpeg(data: bytes) -> Iterator[bytes]:
    position = 2
    while True:
        while data[position : position + 2] == b"\xff\xff":
            position += 1
        lead, marker, length = struct.unpack_from(">BBH", data, position)
        if lead != 0xFF or marker == 0xDA or length < 2:
            return
        block = data[position + 4 : position + 2 + length]
        if marker == 0xE1 and block.startswith(_LEAD):
            yield block[len(_LEAD) :]
        position += 2 + length


def _png(data: bytes) -> Iterator[bytes]:
    position = 8
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        # As libpng takes them: of a known order of bytes, and as they were written.
        if kind == b"eXIf" and data[position + 8 : position + 10] in (b"II", b"MM"):
            said = int.from_bytes(data[end : end + 4], "big")
            if zlib.crc32(data[position + 4 : end]) == said:
                yield data[position + 8 : end]
        position = end + 4


def _webp(data: bytes) -> Iterator[bytes]:
    position = 12
    while position < len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        if kind == b"EXIF":
            yield data[position + 8 : position + 8 + length]
        position += 8 + length + length % 2
