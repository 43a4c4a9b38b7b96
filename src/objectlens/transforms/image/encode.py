"""From pixels to a file, a bare array, or a tensor."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import cv2
import numpy as np

from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadInput, reading
from objectlens.transforms.hints import Bounds
from objectlens.transforms.image.colour import eight_bits, for_tensor, in_order, looked_up, tables
from objectlens.transforms.values import Image, Result, Tensor

Layout = Literal["CHW", "HWC"]
Dtype = Literal["uint8", "float16", "float32"]
# Pixels that a side may have: as libjpeg and libpng are built, and the container of WebP.
_SIDES = {"jpeg": 65_500, "png": 1_000_000, "webp": 16_383}
_FORMATS = frozenset({"jpeg", "png", "webp"})


@transform(family="image")
def encode(
    image: Image,
    ctx: Context,
    *,
    format: Literal["same", "jpeg", "png", "webp"] = "same",  # noqa: A002  (Pillow's name for it)
    quality: Annotated[int, Bounds(1, 100)] = 95,
    progressive: bool = False,
) -> Result:
    """Write a file without metadata (`cv2.imencode`); `same` is the format it came in, PNG where that has no writer.

    `quality` is for JPEG and WebP. WebP is lossy at 100 too; its transparency alone stays as it is, at any quality.
    """
    if image.pixels.dtype != np.uint8:
        raise BadInput("a normalised picture cannot become a picture file; use to_tensor")
    name = (image.format if image.format in _FORMATS else "png") if format == "same" else format
    wanted: Any = "grey" if image.order == "grey" else "bgra" if "a" in image.order[3:] and name != "jpeg" else "bgr"
    longest = max(image.width, image.height)
    if longest > (most := _SIDES.get(name, longest)):
        raise BadInput(
            f"{name.upper()} holds {most:,} pixels a side, and the picture has {longest:,}; resize it before"
        )
    options = {
        "jpeg": [cv2.IMWRITE_JPEG_QUALITY, quality, *([cv2.IMWRITE_JPEG_PROGRESSIVE, 1] if progressive else [])],
        "webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
        "png": [],
    }[name]
    with reading(f"pixels as {name.upper()}", cv2.error):
        done, data = cv2.imencode(f".{name}", in_order(image, wanted).pixels, options)
    if not done:
        raise BadInput(f"the picture cannot be written as {name.upper()}")
    return Result(data.tobytes(), f"image/{name}")


@transform(family="image")
def to_tensor(
    image: Image,
    ctx: Context,
    *,
    layout: Layout = "CHW",
    dtype: Dtype = "float32",
    channels: Literal["rgb", "bgr"] = "rgb",
) -> Tensor:
    """Make an array: floats are 0..1 as torchvision's `ToTensor` makes them, or what `normalize` left; uint8 as is.

    `channels` is the order of red, green and blue; where `color` has chosen another colour space, its channels stay.
    """
    picture = for_tensor(image, channels) if image.pixels.dtype == np.uint8 else image
    pixels = picture.pixels
    if image.pixels.dtype != np.uint8:
        if dtype == "uint8":
            raise BadInput("a normalised picture has no place in uint8; use float16 or float32")
        if channels == "bgr" and image.order == "rgb":
            pixels = pixels[..., ::-1]
    elif dtype != "uint8":
        pixels = np.divide(pixels, np.float32(255), dtype=np.float32)
    return Tensor(arranged(pixels, layout).astype(dtype, copy=False), layout)


def normalized_tensor(
    image: Image, ctx: Context, *, mean: list[float], std: list[float], layout: Layout, dtype: Dtype, channels: str
) -> Tensor:
    """Do `normalize` and `to_tensor` in one pass, writing each plane once."""
    picture = for_tensor(eight_bits(image))
    if dtype == "uint8":
        raise BadInput("a normalised picture has no place in uint8; use float16 or float32")
    found = tables(mean, std, 1 if picture.pixels.ndim == 2 else picture.pixels.shape[2])
    if channels == "bgr" and picture.order == "rgb":
        picture, found = for_tensor(image, "bgr"), found[::-1]
    if layout == "HWC":
        array = arranged(looked_up(picture.pixels, found), layout)
    else:
        array = np.empty((len(found), picture.height, picture.width), np.float32)
        for index, table in enumerate(found):
            cv2.LUT(cv2.extractChannel(picture.pixels, index), table, array[index])
    return Tensor(array.astype(dtype, copy=False), layout)


def arranged(pixels: np.ndarray[Any, Any], layout: str) -> np.ndarray[Any, Any]:
    """Return the array as H x W x C or C x H x W; a grey picture has one channel."""
    whole = pixels[..., None] if pixels.ndim == 2 else pixels
    return np.ascontiguousarray(whole.transpose(2, 0, 1) if layout == "CHW" else whole)


@transform(family="image")
def pixels(image: Image, ctx: Context) -> np.ndarray[Any, Any]:
    """Hand out the bare array: H x W x 3 in RGB, H x W when grey; what transforms on `numpy.ndarray` are given."""
    return image.pixels if image.order == "grey" else in_order(image, "rgb").pixels


@transform(family="image")
def picture(array: np.ndarray[Any, Any], ctx: Context) -> Image:
    """Take a bare array back: H x W, or H x W x 1, 3 (RGB) or 4 (RGBA), uint8."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    channels = {2: 1, 3: array.shape[2] if array.ndim == 3 else 0}.get(array.ndim)
    if channels not in (1, 3, 4) or array.dtype != np.uint8:
        raise BadInput(f"an array of shape {array.shape} and type {array.dtype} is no picture; return H x W x 3 uint8")
    orders: dict[int, Any] = {1: "grey", 3: "rgb", 4: "rgba"}
    return Image(np.ascontiguousarray(array), orders[channels])
