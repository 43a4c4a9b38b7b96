"""What a picture's header says, read before any decoder sees the file.

Sources: JPEG ITU-T T.81 B.2; PNG specification section 11.2.2; GIF89a specification sections 18-25; RIFF/WebP container
specification; TIFF 6.0 section 2 and BigTIFF; ISO/IEC 23008-12 section 6.5.3 (`ispe`); ISO/IEC 14496-12 sections 8.3.2
(`tkhd`) and 8.7.3 (`stsz`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from objectlens.transforms.errors import BadInput

_JPEG_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_PNG_CHUNKS = 1 << 17
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
# Brands of pictures in HEVC (ISO/IEC 23008-12, annex B).
_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_TIFF_WIDTH, _TIFF_HEIGHT, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 322, 323
_TIFF_SIZES = (_TIFF_WIDTH, _TIFF_HEIGHT, _TILE_WIDTH, _TILE_HEIGHT)
_TIFF_TAGS = 1 << 18
# From the name of the box to the sizes in it, with times of 32 and of 64 bits.
_TKHD_SHORT, _TKHD_LONG = 80, 92
_TIFF_TYPES = {3: "H", 4: "I", 16: "Q"}


@dataclass(frozen=True, slots=True)
class Header:
    """Size in pixels of the largest picture in the file, and how many pictures there are, as far as they were counted.

    All pictures of an animation count, although the first one alone is decoded: a file is bounded by what it holds.
    """

    format: str
    width: int
    height: int
    frames: int = 1


def read_header(data: bytes, max_frames: int) -> Header:
    """Read the header; raises `BadInput` for an unknown format or a header that makes no sense.

    Counting stops one frame past `max_frames`.
    """
    try:
        header = _read(data, max_frames)
    except (struct.error, IndexError, OverflowError) as error:
        raise BadInput("the picture's header is cut short or corrupt") from error
    if header.width < 1 or header.height < 1:
        raise BadInput(f"the {header.format.upper()} picture says it is {header.width}x{header.height} pixels")
    return header


def _read(data: bytes, max_frames: int) -> Header:
    if data[:3] == b"\xff\xd8\xff":
        return _jpeg(data)
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return _png(data, max_frames)
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return _gif(data, max_frames)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data, max_frames)
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return _tiff(data, max_frames)
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis", b"mif1"):
        return _avif(data)
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC:
        raise BadInput("HEIC pictures are not read here: no codec for HEVC comes with it; convert them to AVIF or JPEG")
    raise BadInput("the object is no picture of a known format (JPEG, PNG, WebP, TIFF, GIF, AVIF)")


def _png(data: bytes, max_frames: int) -> Header:
    if data[12:16] != b"IHDR":
        raise BadInput("the PNG picture does not begin with its header")
    position, frames = 8, 0
    for _ in range(_PNG_CHUNKS):
        kind = data[position + 4 : position + 8]
        frames += kind == b"fcTL"
        if kind in (b"IEND", b"") or frames > max_frames:
            width, height = struct.unpack_from(">II", data, 16)
            return Header("png", width, height, max(1, frames))
        # A decoder makes room for what a chunk says of itself, 4 GiB at most, before it looks whether that is there.
        position += 12 + int.from_bytes(data[position : position + 4], "big")
        if position > len(data):
            raise BadInput("the PNG picture is corrupt or cut short: one of its chunks is longer than the file")
    raise BadInput(f"the PNG picture has more than {_PNG_CHUNKS:,} chunks")


def _jpeg(data: bytes) -> Header:
    position = 2
    while True:
        while data[position] == 0xFF and data[position + 1] == 0xFF:
            position += 1
        marker = data[position + 1]
        if data[position] != 0xFF or marker in (0x00, 0xD9, 0xDA):
            raise BadInput("the JPEG picture has no frame header")
        if marker in _STANDALONE:
            position += 2
            continue
        if marker in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", data, position + 5)
            # Without an end marker the decoder would fill what is missing with grey.
            if data.rfind(b"\xff\xd9", position) < 0:
                raise BadInput("the JPEG picture is cut short: it has no end marker")
            return Header("jpeg", width, height)
        position += 2 + max(2, int.from_bytes(data[position + 2 : position + 4], "big"))


def _gif(data: bytes, max_frames: int) -> Header:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position, frames = 13 + _palette(flags), 0
    while position < len(data) and frames <= max_frames and data[position] != 0x3B:
        if data[position] == 0x2C:
            left, top, wide, high, flags = struct.unpack_from("<HHHHB", data, position + 1)
            width, height, frames = max(width, left + wide), max(height, top + high), frames + 1
            position += 11 + _palette(flags)
        elif data[position] == 0x21:
            position += 2
        else:
            raise BadInput("the GIF picture is corrupt between its blocks")
        while size := data[position]:
            position += size + 1
        position += 1
    return Header("gif", width, height, frames)


def _palette(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _webp(data: bytes, max_frames: int) -> Header:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        return Header("webp", width, height, _webp_frames(data, max_frames))
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return Header("webp", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header("webp", width & 0x3FFF, height & 0x3FFF)
    raise BadInput("the WebP picture begins with an unknown chunk")


def _webp_frames(data: bytes, max_frames: int) -> int:
    position, frames = 12, 0
    while position + 8 <= len(data) and frames <= max_frames:
        kind, length = struct.unpack_from("<4sI", data, position)
        frames += kind == b"ANMF"
        position += 8 + length + length % 2
    return max(1, frames)


def _tiff(data: bytes, max_frames: int) -> Header:
    order, count_code, offset_code, entry_size, offset = tiff_layout(data)
    width = height = frames = listed = 0
    seen: set[int] = set()
    while offset and frames <= max_frames:
        if offset in seen:
            raise BadInput("the TIFF file's list of pages runs in a circle")
        seen.add(offset)
        (count,) = struct.unpack_from(order + count_code, data, offset)
        first = offset + struct.calcsize(count_code)
        if count * entry_size > len(data):
            raise BadInput("the TIFF file's list of tags is longer than the file")
        # Lists may lie upon each other, so that a small file has many of them.
        listed += count
        if listed > _TIFF_TAGS:
            raise BadInput(f"the TIFF file has more than {_TIFF_TAGS:,} tags")
        found = tags(data, order, (first, count, entry_size), _TIFF_SIZES)
        width = max(width, found.get(_TIFF_WIDTH, 0), found.get(_TILE_WIDTH, 0))
        height = max(height, found.get(_TIFF_HEIGHT, 0), found.get(_TILE_HEIGHT, 0))
        (offset,) = struct.unpack_from(order + offset_code, data, first + count * entry_size)
        frames += 1
    return Header("tiff", width, height, frames)


def tiff_layout(data: bytes) -> tuple[str, str, str, int, int]:
    """Return the order of bytes, the codes of counts and offsets, the bytes of a tag, and where the first list is."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    count_code, offset_code, entry_size = ("Q", "Q", 20) if big else ("H", "I", 12)
    return order, count_code, offset_code, entry_size, struct.unpack_from(order + offset_code, data, 8 if big else 4)[0]


def tags(data: bytes, order: str, entries: tuple[int, int, int], wanted: tuple[int, ...]) -> dict[int, int]:
    """Return the wanted tags of one list of a TIFF file, which EXIF is too; raises `struct.error` past the end.

    `entries` are the offset of the first, how many there are, and the bytes of each.
    """
    first, count, entry_size = entries
    found = {}
    for position in range(first, first + count * entry_size, entry_size):
        tag, kind = struct.unpack_from(order + "HH", data, position)
        if tag in wanted and kind in _TIFF_TYPES:
            value_at = position + (12 if entry_size == 20 else 8)
            found[tag] = struct.unpack_from(order + _TIFF_TYPES[kind], data, value_at)[0]
    return found


def _avif(data: bytes) -> Header:
    width = height = 0
    position = data.find(b"ispe")
    while position >= 0:
        wide, high = struct.unpack_from(">II", data, position + 8)
        width, height = max(width, wide), max(height, high)
        position = data.find(b"ispe", position + 4, 64 * 1024)
    # Of a sequence its tracks are decoded, which may be of other sizes.
    begin, end = _movie(data)
    frames = 1
    for at in _found(data, b"tkhd", begin, end):
        wide, high = struct.unpack_from(">II", data, at + (_TKHD_LONG if data[at + 4] else _TKHD_SHORT))
        # In parts of 65,536, rounded up.
        width, height = max(width, -(-wide >> 16)), max(height, -(-high >> 16))
    for at in _found(data, b"stsz", begin, end):
        frames = max(frames, struct.unpack_from(">I", data, at + 12)[0])
    return Header("avif", width, height, frames)


def _movie(data: bytes) -> tuple[int, int]:
    """Return where the box that describes the tracks begins and ends, nowhere when there is none."""
    position = 0
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, position + 8)
        end = position + length if length else len(data)
        if kind == b"moov":
            return position, end
        if length and length < 8:
            break
        position = end
    return 0, 0


def _found(data: bytes, kind: bytes, begin: int, end: int) -> Iterator[int]:
    position = data.find(kind, begin, end)
    while position >= 0:
        yield position
        position = data.find(kind, position + 4, end)
