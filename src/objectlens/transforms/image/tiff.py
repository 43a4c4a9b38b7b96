"""What kind of samples a TIFF file has, and which of the two decoders reads them right.

Sources: TIFF 6.0 sections 2, 8, 18 and 19; the registered tags' pages of libtiff.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from objectlens.transforms.errors import BadInput
from objectlens.transforms.image.headers import tiff_layout

_BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANAR, _EXTRA, _FORMAT = 258, 259, 262, 277, 284, 338, 339
_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}
# None, CCITT, LZW, JPEG, deflate, PackBits. Of others OpenCV hands out pixels that nobody wrote.
_OF_OPENCV = frozenset({1, 2, 3, 4, 5, 7, 8, 32773, 32946})
_UNSIGNED, _VOID = 1, 4
_FORMATS = {2: "int", 3: "float", 5: "complex int", 6: "complex float"}
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _SEPARATE = 0, 1, 2
# Of what is no colour: colours darkened by it, or as they are.
_ASSOCIATED, _UNASSOCIATED = 1, 2


@dataclass(frozen=True, slots=True)
class Kind:
    """Bits of a sample, samples of a pixel, how they are packed, meant and lie, and what one that is no colour says."""

    bits: int
    samples: int
    compression: int
    photometric: int
    is_separate: bool
    extra: int | None

    @property
    def is_grey_and_alpha(self) -> bool:
        """Whether there are two samples, grey and how much of it is seen."""
        is_grey = self.samples == 2 and self.photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO)
        return is_grey and self.extra in (_ASSOCIATED, _UNASSOCIATED)

    @property
    def is_darkened(self) -> bool:
        """Whether colours are darkened by their transparency."""
        return self.extra == _ASSOCIATED

    @property
    def is_white_zero(self) -> bool:
        """Whether more means darker."""
        return self.photometric == _WHITE_IS_ZERO

    @property
    def is_opencvs(self) -> bool:
        """Whether OpenCV knows how such samples are packed."""
        return self.compression in _OF_OPENCV

    @property
    def is_plain_in_colour_only(self) -> bool:
        """Whether OpenCV, when it is to change nothing, mixes up planes, or black and white."""
        return self.bits > 8 and (self.is_separate or self.is_white_zero)


def read_kind(data: bytes) -> Kind:
    """Read the tags of the first picture; raises `BadInput` for samples that no decoder here reads as a picture."""
    try:
        found = first_values(data)
    except (struct.error, OverflowError) as error:
        raise BadInput("the picture's header is cut short or corrupt") from error
    kind = Kind(
        bits=found.get(_BITS, 1),
        samples=found.get(_SAMPLES, 1),
        compression=found.get(_COMPRESSION, 1),
        photometric=found.get(_PHOTOMETRIC, 0),
        is_separate=found.get(_PLANAR, 1) == _SEPARATE,
        extra=found.get(_EXTRA),
    )
    said = found.get(_FORMAT, _UNSIGNED)
    if said not in (_UNSIGNED, _VOID) or kind.bits not in (1, 2, 4, 8, 16):
        name = f"{_FORMATS.get(said, 'uint')}{kind.bits}"
        raise BadInput(f"pictures of {name} samples are not read here, only those of 8 and 16 bits without a sign")
    return kind


def entries(data: bytes) -> range:
    """Return where each tag of the file's first list is."""
    order, count_code, _, entry_size, offset = tiff_layout(data)
    (count,) = struct.unpack_from(order + count_code, data, offset)
    first = offset + struct.calcsize(count_code)
    return range(first, min(first + count * entry_size, len(data)), entry_size)


def first_values(data: bytes) -> dict[int, int]:
    """Return the first value of each tag that is a number, in the file's first list."""
    order, _, offset_code, _, _ = tiff_layout(data)
    room = struct.calcsize(offset_code)
    found = {}
    for place in entries(data):
        tag, kind = struct.unpack_from(order + "HH", data, place)
        if (code := _TYPES.get(kind)) is None:
            continue
        (values,) = struct.unpack_from(order + offset_code, data, place + 4)
        at = place + 4 + room
        if values * struct.calcsize(code) > room:
            (at,) = struct.unpack_from(order + offset_code, data, at)
        found[tag] = int(struct.unpack_from(order + code, data, at)[0])
    return found
