"""From file to pixels: OpenCV for JPEG, PNG, WebP and TIFF, Pillow for GIF and AVIF; sizes are checked before."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps, UnidentifiedImageError

from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadInput, reading
from objectlens.transforms.image.animation import first_frame
from objectlens.transforms.image.geometry import by_area, keeps_most, resized
from objectlens.transforms.image.grey_alpha import grey_and_alpha
from objectlens.transforms.image.headers import Header, read_header
from objectlens.transforms.image.orientation import is_transposed, lying, upright
from objectlens.transforms.image.tiff import read_kind
from objectlens.transforms.values import Image, Order

# Bits of a sample, and what samples are (PNG specification section 11.2.2).
_PNG_DEPTH, _PNG_COLOUR, _PALETTE = 24, 25, 3
_PILLOW = frozenset({"gif", "avif"})
_MODES = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB"})
# Of 16 bits, in the order of bytes that the file has.
_DEEP = frozenset({"I;16", "I;16B", "I;16L"})
_REDUCED = {
    2: (cv2.IMREAD_REDUCED_COLOR_2, cv2.IMREAD_REDUCED_GRAYSCALE_2),
    4: (cv2.IMREAD_REDUCED_COLOR_4, cv2.IMREAD_REDUCED_GRAYSCALE_4),
    8: (cv2.IMREAD_REDUCED_COLOR_8, cv2.IMREAD_REDUCED_GRAYSCALE_8),
}
# How many times what is wanted each reduction must leave: by less, photographs would come out below 38 dB of `exact`.
_REDUCTIONS = {8: 3.0, 4: 2.5, 2: 2.0}
# Pixels that a side may have: as libjpeg, libpng and libavif are built.
_SIDES = {"jpeg": 65_500, "png": 1_000_000, "avif": 32_768}
_CHANNELS: dict[int, Order] = {1: "grey", 3: "bgr", 4: "bgra"}
Pixels = np.ndarray[Any, Any]


@transform(family="image")
def decode(data: bytes, ctx: Context, *, orient: bool = True, alpha: bool = False) -> Image:
    """Decode the first picture to 8 bits a channel, turned upright as its EXIF says (`cv2.imdecode`).

    Without `alpha` transparency is dropped, as OpenCV does, and grey files come as colour.
    """
    data, header = _checked(data, ctx)
    image = _decoded(data, header, orient=orient, alpha=alpha)
    return image if orient else _as_it_lies(image, data)


def _decoded(data: bytes, header: Header, *, orient: bool, alpha: bool) -> Image:
    if header.format in _PILLOW:
        return _by_pillow(data, header, orient=orient, alpha=alpha)
    if alpha:
        if header.format == "tiff" and (kind := read_kind(data)).is_grey_and_alpha:
            pixels = grey_and_alpha(data, kind)
            if pixels is None:
                return _tiff_by_pillow(data, header, cv2.IMREAD_UNCHANGED)
            return Image(pixels, "bgra", header.format)
        image = _by_opencv(data, header, cv2.IMREAD_UNCHANGED)
        # OpenCV hands out colours that are darkened by their transparency; of grey with one value that is transparent
        # it hands out the grey alone.
        darkened = header.format == "tiff" and (image.order == "bgra" or (image.order == "bgr" and _has_more(data)))
        value = _transparent_grey(data) if image.order == "grey" else None
        if darkened or (value is not None and data[_PNG_COLOUR] == _PALETTE):
            return _by_pillow(data, header, orient=orient, alpha=True)
        if value is not None:
            # Pillow makes white of nearly all that has 16 bits, and takes the value of 2 and 4 bits for a scaled one.
            image = _without(image, data, value)
        # What is read unchanged is not turned either.
        return image.with_pixels(upright(image.pixels, data, header.format)) if orient else image
    return _by_opencv(data, header, cv2.IMREAD_COLOR if orient else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)


def decode_planned(
    data: bytes, ctx: Context, *, orient: bool, grey: bool, target: Mapping[str, Any] | None, kept: int | None = None
) -> Image:
    """Decode only the grey plane, and JPEG at a fraction of its size and on to what `target`, a resize, makes of it.

    Crops keep `kept` pixels of that, or None all.
    """
    data, header = _checked(data, ctx)
    if header.format in _PILLOW:
        image = _by_pillow(data, header, orient=orient, alpha=False)
        return Image(cv2.cvtColor(image.pixels, cv2.COLOR_BGR2GRAY), "grey", image.format) if grey else image
    if target and header.format == "jpeg" and (reduction := _reduction(data, header, target, kept, orient=orient)):
        return _reduced(data, header, reduction, orient=orient, grey=grey)
    flags = cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR
    image = _by_opencv(data, header, flags if orient else flags | cv2.IMREAD_IGNORE_ORIENTATION)
    return image if orient else _as_it_lies(image, data)


def _as_it_lies(image: Image, data: bytes) -> Image:
    return image.with_pixels(lying(image.pixels, data)) if image.format == "tiff" else image


def _checked(data: bytes, ctx: Context) -> tuple[bytes, Header]:
    """Return what decoders are to see of the file, which is within the limits, and its header."""
    header = read_header(data, ctx.limits.frames)
    words = f"a {header.format.upper()} picture of {header.width}x{header.height} pixels"
    ctx.limits.check("pixels", header.width * header.height, words)
    ctx.limits.check("frames", header.frames, f"a {header.format.upper()} file of {header.frames} pictures or more")
    return first_frame(data) if header.format == "png" and b"acTL" in data else data, header


def _by_opencv(data: bytes, header: Header, flags: int) -> Image:
    pixels: Pixels | None = None
    kind = read_kind(data) if header.format == "tiff" else None
    if kind is None or kind.is_opencvs:
        if kind is not None and flags == cv2.IMREAD_UNCHANGED and kind.is_plain_in_colour_only:
            flags = cv2.IMREAD_GRAYSCALE if kind.samples == 1 else cv2.IMREAD_COLOR
        with reading(f"{header.format.upper()} picture", cv2.error):
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None and kind is not None:
        return _tiff_by_pillow(data, header, flags)
    if pixels is None:
        raise _unread(header)
    if pixels.dtype == np.uint16:
        pixels = cv2.convertScaleAbs(pixels, alpha=1 / 257)
    elif pixels.dtype != np.uint8:
        raise BadInput(f"pictures of {pixels.dtype} samples are not read here, only those of 8 and 16 bits")
    return Image(pixels, _CHANNELS[1 if pixels.ndim == 2 else pixels.shape[2]], header.format)


def _tiff_by_pillow(data: bytes, header: Header, flags: int) -> Image:
    """Read what OpenCV does not: small tiles, other ways to compress, samples of 2 and 4 bits."""
    # Turned, for so does OpenCV with TIFF whatever it is told.
    image = _by_pillow(data, header, orient=True, alpha=flags == cv2.IMREAD_UNCHANGED)
    if flags == cv2.IMREAD_GRAYSCALE:
        return Image(cv2.cvtColor(image.pixels, cv2.COLOR_BGR2GRAY), "grey", image.format)
    return image


def _has_more(data: bytes) -> bool:
    return read_kind(data).extra is not None


def _transparent_grey(data: bytes) -> int | None:
    """Return which value of a grey PNG is transparent (`tRNS`, before the pixels), as OpenCV hands out its samples.

    None when none is; some number when a palette has transparency.
    """
    place = data.find(b"tRNS")
    if not data.startswith(b"\x89PNG") or not 0 < place < data.find(b"IDAT"):
        return None
    # Of the two bytes only as many bits count as a sample has (PNG, 11.3.2.1).
    most = (1 << data[_PNG_DEPTH]) - 1
    value = int.from_bytes(data[place + 4 : place + 6], "big") & most
    return value * 255 // most if most < 255 else value


def _without(image: Image, data: bytes, value: int) -> Image:
    """Return a grey picture with one value of its samples, of 8 or 16 bits as the file has them, transparent."""
    samples: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    pixels = cv2.cvtColor(image.pixels, cv2.COLOR_GRAY2BGRA)
    pixels[samples == value, 3] = 0
    return Image(pixels, "bgra", image.format)


def _by_pillow(data: bytes, header: Header, *, orient: bool, alpha: bool) -> Image:
    # Pillow's plugins let through whatever their codecs raise, of any class.
    with reading(f"{header.format.upper()} picture", Exception), _opened(data, header) as opened:
        # Pillow cuts off what is above 255.
        if opened.mode not in _MODES | _DEEP:
            raise BadInput(f"{header.format.upper()} pictures of {opened.mode} samples are not read here")
        if orient:
            ImageOps.exif_transpose(opened, in_place=True)
        whole = opened
        if opened.mode == "La":
            # Grey that is darkened by its transparency has only one way on.
            whole = opened.convert("LA")
        elif opened.mode in _DEEP:
            whole = PillowImage.fromarray(cv2.convertScaleAbs(np.asarray(opened).astype(np.uint16), alpha=1 / 257))
        pixels = np.asarray(whole.convert("RGBA" if alpha else "RGB"))
    if alpha:
        return Image(cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA), "bgra", header.format)
    return Image(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), "bgr", header.format)


def _opened(data: bytes, header: Header) -> PillowImage.Image:
    try:
        return PillowImage.open(io.BytesIO(data), formats=[header.format.upper()])
    except UnidentifiedImageError as error:
        # Its text has nothing but an address in memory.
        raise _unread(header) from error


def _unread(header: Header) -> BadInput:
    name, longest = header.format.upper(), max(header.width, header.height)
    if longest > (most := _SIDES.get(header.format, longest)):
        return BadInput(f"{name} is read with up to {most:,} pixels a side, and the picture has {longest:,}")
    return BadInput(f"cannot read the {name} picture: it is corrupt, cut short, or of a kind that is not read")


def _reduction(
    data: bytes, header: Header, target: Mapping[str, Any], kept: int | None, *, orient: bool
) -> tuple[int, tuple[int, int]] | None:
    """Return the largest reduction that leaves enough, and the size to scale to, as the picture lies in the file."""
    wanted = target["width"], target["height"], target["fit"]
    wide, high = resized(header.width, header.height, *wanted)
    turned = resized(header.height, header.width, *wanted)[::-1]
    if orient and turned != (wide, high) and is_transposed(data, "jpeg"):
        wide, high = turned
    if not keeps_most((wide, high), *wanted, kept):
        return None
    for factor, least in _REDUCTIONS.items():
        if header.width >= factor * least * wide and header.height >= factor * least * high:
            return factor, (wide, high)
    return None


def _reduced(data: bytes, header: Header, reduction: tuple[int, tuple[int, int]], *, orient: bool, grey: bool) -> Image:
    """Decode at a fraction of the size, and scale to the size that is wanted before anything is turned.

    The decoder rounds sides up: where they are no multiple of the fraction, its last pixels stand for less than others.
    """
    factor, size = reduction
    image = _by_opencv(data, header, _REDUCED[factor][grey] | cv2.IMREAD_IGNORE_ORIENTATION)
    covered = header.width / factor, header.height / factor
    pixels = by_area(image.pixels, size, covered=covered)
    return image.with_pixels(upright(pixels, data, "jpeg") if orient else pixels)
