"""Where pixels go: resize, crop, pad, flip, rotate. Crops and mirrored rows are views; nothing is copied for them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, Literal, cast

import cv2
import numpy as np

from objectlens.area import averaged, is_as
from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadArgument, BadInput
from objectlens.transforms.hints import Bounds
from objectlens.transforms.image.colour import Seed, drawing, in_order
from objectlens.transforms.values import Image

Side = Annotated[int, Bounds(1, 65_535)]
Place = Annotated[int, Bounds(0, 65_535)]
Fit = Literal["fill", "contain", "cover"]
Pixels = np.ndarray[Any, Any]
Interpolation = Literal["nearest", "linear", "cubic", "area", "lanczos"]
Fill = list[Annotated[int, Bounds(0, 255)]]

_INTERPOLATIONS = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}
_BORDERS = {"constant": cv2.BORDER_CONSTANT, "edge": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT_101}
_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


def resized(width: int, height: int, wanted_width: int | None, wanted_height: int | None, fit: str) -> tuple[int, int]:
    """Return the size that a picture of width x height is scaled to (before `cover` crops it)."""
    if wanted_width is None or wanted_height is None:
        scale = wanted_width / width if wanted_width else (wanted_height or height) / height
    elif fit == "fill":
        return wanted_width, wanted_height
    else:
        scales = wanted_width / width, wanted_height / height
        scale = min(scales) if fit == "contain" else max(scales)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _check_size(*, width: int | None, height: int | None, **_: Any) -> None:
    if width is None and height is None:
        raise BadArgument("image.resize needs width, height, or both", "width", "height")


@transform(family="image", check=_check_size)
def resize(
    image: Image,
    ctx: Context,
    *,
    width: Side | None = None,
    height: Side | None = None,
    fit: Fit = "fill",
    interpolation: Interpolation = "linear",
) -> Image:
    """Scale to width x height (`cv2.resize`); with one of them the other follows.

    `fill` stretches, `contain` fits inside, `cover` fills and cuts off what sticks out on both sides alike.
    """
    flag = _INTERPOLATIONS[interpolation]
    if interpolation == "area":
        return _resized(image, ctx, (width, height), fit, by_area)
    return _resized(image, ctx, (width, height), fit, lambda pixels, size: cv2.resize(pixels, size, interpolation=flag))


def keeps_most(size: tuple[int, int], width: int | None, height: int | None, fit: str, kept: int | None) -> bool:
    """Tell whether at least half of what is scaled to `size` is kept, by `cover` and by crops to `kept` pixels.

    Differences are not spread evenly: a small part with many details may have all of them.
    """
    whole = size[0] * size[1]
    covered = width * height if fit == "cover" and width and height else whole
    return 2 * min(covered, whole if kept is None else kept) >= whole


def by_area(pixels: Pixels, size: tuple[int, int], *, covered: tuple[float, float] | None = None) -> Pixels:
    """Average over areas as `cv2.resize` with `INTER_AREA` does, bit for bit.

    `covered` is how many pixels wide and high the picture is when its last ones stand for less than a whole one.
    """
    # A scale of one's own, in place of a size, is kept to: what comes of the rest of the last pixels is cut off.
    partly = covered is not None and covered != (pixels.shape[1], pixels.shape[0])
    scales = (size[0] / covered[0], size[1] / covered[1]) if covered and partly else None
    found = averaged(pixels, size, scales) if _averages_alike() else None
    if found is not None:
        return cast("Pixels", found)
    if scales is None:
        return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    scaled = cv2.resize(pixels, None, fx=scales[0], fy=scales[1], interpolation=cv2.INTER_AREA)
    return scaled[: size[1], : size[0]]


@lru_cache(1)
def _averages_alike() -> bool:
    return is_as(cv2.resize, cv2.INTER_AREA)


def _resized(
    image: Image,
    ctx: Context,
    size: tuple[int | None, int | None],
    fit: Fit,
    scale: Callable[[Pixels, tuple[int, int]], Pixels],
) -> Image:
    width, height = size
    wide, high = resized(image.width, image.height, width, height, fit)
    ctx.limits.check("pixels", wide * high, f"a picture of {wide}x{high} pixels")
    if (wide, high) != (image.width, image.height):
        image = image.with_pixels(scale(image.pixels, (wide, high)))
    if fit == "cover" and width and height:
        return _cut(image, (wide - width) // 2, (high - height) // 2, width, height)
    return image


@transform(family="image")
def crop(image: Image, ctx: Context, *, x: Place, y: Place, width: Side, height: Side) -> Image:
    """Cut out the box of width x height whose upper left corner is x, y."""
    return _cut(image, x, y, width, height)


@transform(family="image")
def center_crop(image: Image, ctx: Context, *, width: Side, height: Side) -> Image:
    """Cut out the middle."""
    return _cut(image, (image.width - width) // 2, (image.height - height) // 2, width, height)


@transform(family="image")
def random_crop(image: Image, ctx: Context, *, width: Side, height: Side, seed: Seed = 0) -> Image:
    """Cut out a box at a place drawn with `seed`."""
    random = drawing(seed, "random_crop")
    x = int(random.integers(0, max(0, image.width - width) + 1))
    y = int(random.integers(0, max(0, image.height - height) + 1))
    return _cut(image, x, y, width, height)


def _check_color(*, color: list[int], **_: Any) -> None:
    if len(color) == 2:
        raise BadArgument("color must be of 1 number, or of 3 or 4 in RGB order", "color")


@transform(family="image", check=_check_color)
def pad(
    image: Image,
    ctx: Context,
    *,
    width: Side,
    height: Side,
    mode: Literal["constant", "edge", "reflect"] = "constant",
    color: Annotated[Fill, Bounds(1, 4)] = [0],  # noqa: B006  (read only)
) -> Image:
    """Add borders until the picture is at least width x height, itself in the middle; `color` in RGB order."""
    width, height = max(width, image.width), max(height, image.height)
    ctx.limits.check("pixels", width * height, f"a picture of {width}x{height} pixels")
    more_x, more_y = width - image.width, height - image.height
    left, top = more_x // 2, more_y // 2
    edges = (top, more_y - top, left, more_x - left)
    pixels = cv2.copyMakeBorder(image.pixels, *edges, _BORDERS[mode], value=_scalar(color, image))
    return image.with_pixels(pixels)


@transform(family="image")
def flip(image: Image, ctx: Context, *, axis: Literal["horizontal", "vertical", "both"] = "horizontal") -> Image:
    """Mirror left to right, upside down, or both (`cv2.flip`)."""
    return image.with_pixels(cv2.flip(image.pixels, {"horizontal": 1, "vertical": 0, "both": -1}[axis]))


@transform(family="image")
def random_flip(
    image: Image, ctx: Context, *, probability: Annotated[float, Bounds(0, 1)] = 0.5, seed: Seed = 0
) -> Image:
    """Mirror left to right when a number drawn with `seed` says so."""
    if drawing(seed, "random_flip").random() < probability:
        return image.with_pixels(cv2.flip(image.pixels, 1))
    return image


@transform(family="image", check=_check_color)
def rotate(
    image: Image,
    ctx: Context,
    *,
    angle: Annotated[float, Bounds(-360, 360)],
    expand: bool = True,
    interpolation: Interpolation = "linear",
    color: Annotated[Fill, Bounds(1, 4)] = [0],  # noqa: B006  (read only)
) -> Image:
    """Turn counter-clockwise by `angle` degrees; right angles move pixels only, others fill corners with `color`."""
    turn = angle % 360
    if turn == 0:
        return image
    if turn in _TURNS and (expand or turn == 180):
        return image.with_pixels(cv2.rotate(image.pixels, _TURNS[int(turn)]))
    width, height = image.width, image.height
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn, 1.0)
    if expand:
        cosine, sine = abs(math.cos(math.radians(turn))), abs(math.sin(math.radians(turn)))
        width, height = math.ceil(width * cosine + height * sine), math.ceil(width * sine + height * cosine)
        matrix[0, 2] += (width - image.width) / 2
        matrix[1, 2] += (height - image.height) / 2
    ctx.limits.check("pixels", width * height, f"a picture of {width}x{height} pixels")
    flags = _INTERPOLATIONS["linear" if interpolation == "area" else interpolation]
    value = _scalar(color, image)
    try:
        pixels = cv2.warpAffine(image.pixels, matrix, (width, height), flags=flags, borderValue=value)
    except cv2.error as error:
        # It takes any picture, but not of 32,767 pixels a side with each of the interpolations.
        raise BadInput(
            f"rotate cannot make {width}x{height} pixels of {image.width}x{image.height} with {interpolation}; "
            f"resize the picture before, or choose another interpolation"
        ) from error
    return image.with_pixels(pixels)


def _cut(image: Image, x: int, y: int, width: int, height: int) -> Image:
    if x < 0 or y < 0 or x + width > image.width or y + height > image.height:
        raise BadInput(
            f"cannot cut {width}x{height} pixels at {x},{y} out of a picture of {image.width}x{image.height}; "
            f"resize or pad it first"
        )
    return image.with_pixels(image.pixels[y : y + height, x : x + width])


def _scalar(color: list[int], image: Image) -> tuple[int, ...]:
    values = [*(color * 3 if len(color) == 1 else color), 255][:4]
    if image.pixels.dtype != np.uint8:
        # Normalised pictures are in RGB order, and their numbers in no space.
        return tuple(values)
    pixel = in_order(Image(np.array([[values[:3]]], np.uint8), "rgb"), image.order).pixels
    return (*pixel.reshape(-1).tolist()[:3], values[3])
