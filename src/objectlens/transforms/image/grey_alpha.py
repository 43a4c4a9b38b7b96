"""Grey pictures with transparency in TIFF, of which OpenCV hands out the grey alone, and Pillow only those of 8 bits.

Sources: TIFF 6.0 sections 2, 8, 14, 15 and 18.
"""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np

from objectlens.transforms.errors import BadInput, reading
from objectlens.transforms.image.headers import tiff_layout
from objectlens.transforms.image.orientation import standing
from objectlens.transforms.image.tiff import Kind, entries, first_values

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES = 256, 257, 258, 259, 262, 277
_PREDICTOR, _TILE_WIDTH = 317, 322
# Order of bits, and where strips or tiles are and how many bytes and rows they have.
_KEPT = frozenset({266, 273, 278, 279, 323, 324, 325})
_BLACK_IS_ZERO, _DIFFERENCES = 1, 2
# Those that pack bytes whatever they mean: none, LZW, deflate, PackBits.
_OF_BYTES = frozenset({1, 5, 8, 32773, 32946})
_LONG, _LONG8 = 4, 16
Pixels = np.ndarray[Any, Any]


def grey_and_alpha(data: bytes, kind: Kind) -> Pixels | None:
    """Return the pixels of a grey picture with transparency, BGRA and upright; None when OpenCV does not read it."""
    if kind.is_separate:
        raise BadInput("TIFF pictures whose transparency lies apart from their grey are read only without alpha")
    if kind.compression not in _OF_BYTES or kind.bits not in (8, 16):
        return None
    with reading("TIFF picture", cv2.error, struct.error, OverflowError):
        tags = first_values(data)
        width, height = tags.get(_WIDTH), tags.get(_HEIGHT)
        if not width or not height:
            return None
        both = cv2.imdecode(np.frombuffer(_as_grey(data, tags), np.uint8), cv2.IMREAD_UNCHANGED)
        if both is None or both.shape != (height, 2 * width):
            return None
        samples = both.reshape(height, width, 2)
        if tags.get(_PREDICTOR) == _DIFFERENCES:
            _add_up(samples, tags.get(_TILE_WIDTH) or width)
        return standing(_bgra(samples, kind), data)


def _as_grey(data: bytes, tags: dict[int, int]) -> bytes:
    """Return the file as one of grey alone, twice as wide: of each two samples the second is the alpha of the first.

    A list of tags behind its end says so; what they lead to stays where it is.
    """
    order, count_code, offset_code, entry_size, _ = tiff_layout(data)
    kind, start = (_LONG8, 8) if offset_code == "Q" else (_LONG, 4)
    changed = {_WIDTH: 2 * tags[_WIDTH], _HEIGHT: tags[_HEIGHT], _BITS: tags[_BITS], _SAMPLES: 1}
    changed |= {_COMPRESSION: tags.get(_COMPRESSION, 1), _PHOTOMETRIC: _BLACK_IS_ZERO}
    if _TILE_WIDTH in tags:
        changed[_TILE_WIDTH] = 2 * tags[_TILE_WIDTH]
    code = f"{order}HH{offset_code}{offset_code}"
    found = {tag: struct.pack(code, tag, kind, 1, value) for tag, value in changed.items()}
    for place in entries(data):
        (tag,) = struct.unpack_from(order + "H", data, place)
        if tag in _KEPT:
            found[tag] = data[place : place + entry_size]
    whole = data + bytes(-len(data) % 8)
    listed = struct.pack(order + count_code, len(found)) + b"".join(found[tag] for tag in sorted(found))
    first = struct.pack(order + offset_code, len(whole))
    return whole[:start] + first + whole[start + len(first) :] + listed + bytes(len(first))


def _add_up(samples: Pixels, width: int) -> None:
    """Make samples of their differences to those before them, which begin anew with each tile."""
    for left in range(0, samples.shape[1], width):
        tile = samples[:, left : left + width]
        np.cumsum(tile, axis=1, dtype=samples.dtype, out=tile)


def _bgra(samples: Pixels, kind: Kind) -> Pixels:
    most = np.iinfo(samples.dtype).max
    grey, alpha = samples[..., 0], samples[..., 1]
    grey = most - grey if kind.is_white_zero else grey
    if kind.is_darkened:
        lit = grey * (np.float32(most) / np.maximum(alpha, 1))
        grey = np.minimum(np.rint(lit), most).astype(samples.dtype)
    pixels = cv2.merge([grey, grey, grey, alpha])
    return pixels if kind.bits == 8 else cv2.convertScaleAbs(pixels, alpha=1 / 257)
