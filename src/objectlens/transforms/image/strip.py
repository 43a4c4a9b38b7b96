"""Taking metadata out of files without decoding them: the pixels' bytes stay as they are."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadInput
from objectlens.transforms.image.headers import read_header
from objectlens.transforms.values import Result

# Kept: APP0 (JFIF) and APP14 (Adobe) tell how to read the colours; APP2 holds the ICC profile.
_JPEG_KEPT = frozenset({0xE0, 0xEE})
_PNG_DROPPED = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME"})
_WEBP_DROPPED = frozenset({b"EXIF", b"XMP "})
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_VP8X_EXIF_XMP = 0x0C
_VP8X_ICC = 0x20


@transform(family="image")
def strip(data: bytes, ctx: Context, *, icc: bool = True) -> Result:
    """Remove EXIF, XMP, comments and text from JPEG, PNG or WebP without touching the pixels; `icc` keeps the profile.

    The EXIF orientation goes too: where pictures may lie on their side, decode and encode instead.
    """
    name = read_header(data, ctx.limits.frames).format
    walkers = {"jpeg": _jpeg, "png": _png, "webp": _webp}
    if name not in walkers:
        raise BadInput(f"strip works on JPEG, PNG and WebP, not on {name.upper()}; decode and encode it instead")
    try:
        return Result(b"".join(walkers[name](data, icc)), f"image/{name}")
    except (struct.error, IndexError) as error:
        raise BadInput(f"the {name.upper()} picture is cut short or corrupt") from error


def _jpeg(data: bytes, icc: bool) -> Iterator[bytes]:
    yield data[:2]
    position = 2
    while data[position : position + 2] != b"\xff\xd9":
        lead, marker, length = struct.unpack_from(">BBH", data, position)
        if (lead, marker) == (0xFF, 0xFF):
            position += 1  # a fill byte
            continue
        if lead != 0xFF or length < 2:
            raise BadInput("the JPEG picture is corrupt between its segments")
        end = position + 2 + length
        if marker == 0xDA:
            # A scan has no length: it lasts until a marker that cannot stand in one (T.81 B.1.1.5).
            after = _AFTER_SCAN.search(data, end)
            end = after.start() if after else len(data)
        is_profile = marker == 0xE2 and data[position + 4 : position + 15] == b"ICC_PROFILE"
        dropped = 0xE0 <= marker <= 0xEF and marker not in _JPEG_KEPT and not (is_profile and icc)
        if not dropped and marker != 0xFE:
            yield data[position:end]
        position = end
    # Behind the end, cameras hide further pictures with metadata of their own (CIPA DC-007).
    yield b"\xff\xd9"


def _png(data: bytes, icc: bool) -> Iterator[bytes]:
    yield data[:8]
    position, kind = 8, b""
    # Without an end there is a struct.error.
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind not in _PNG_DROPPED and (icc or kind != b"iCCP"):
            yield data[position : position + 12 + length]
        position += 12 + length


def _webp(data: bytes, icc: bool) -> Iterator[bytes]:
    chunks = []
    position, end = 12, 8 + int.from_bytes(data[4:8], "little")
    while position < end:
        kind, length = struct.unpack_from("<4sI", data, position)
        if position + 8 + length > end or end > len(data):
            raise BadInput("the WEBP picture is cut short or corrupt")
        chunk = data[position : position + 8 + length + length % 2]
        if kind == b"VP8X":
            kept = ~_VP8X_EXIF_XMP if icc else ~(_VP8X_EXIF_XMP | _VP8X_ICC)
            chunk = chunk[:8] + bytes([chunk[8] & kept & 0xFF]) + chunk[9:]
        if kind not in _WEBP_DROPPED and (icc or kind != b"ICCP"):
            chunks.append(chunk)
        position += 8 + length + length % 2
    body = b"WEBP" + b"".join(chunks)
    yield b"RIFF" + struct.pack("<I", len(body)) + body
