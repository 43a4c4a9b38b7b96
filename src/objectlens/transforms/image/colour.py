"""What pixels say: grey, colour spaces, brightness and its kin, blur, normalisation.

Brightness, contrast and saturation are Pillow's `ImageEnhance` blends, which torchvision's `ColorJitter` uses too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import cv2
import numpy as np

from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadArgument, BadInput
from objectlens.transforms.hints import Bounds
from objectlens.transforms.values import Image, Order

Pixels = np.ndarray[Any, Any]
Seed = Annotated[int, Bounds(0, 2**63 - 1)]
Factor = Annotated[float, Bounds(0, 10)]
Strength = Annotated[float, Bounds(0, 10)]
Channel = Annotated[list[float], Bounds(1, 4)]

_TO_BGR: dict[str, int] = {
    "grey": cv2.COLOR_GRAY2BGR,
    "bgra": cv2.COLOR_BGRA2BGR,
    "rgb": cv2.COLOR_RGB2BGR,
    "rgba": cv2.COLOR_RGBA2BGR,
    "hsv": cv2.COLOR_HSV2BGR,
    "lab": cv2.COLOR_LAB2BGR,
    "ycrcb": cv2.COLOR_YCrCb2BGR,
}
_FROM_BGR: dict[str, int] = {
    "grey": cv2.COLOR_BGR2GRAY,
    "rgb": cv2.COLOR_BGR2RGB,
    "rgba": cv2.COLOR_BGR2RGBA,
    "hsv": cv2.COLOR_BGR2HSV,
    "lab": cv2.COLOR_BGR2LAB,
    "ycrcb": cv2.COLOR_BGR2YCrCb,
    "bgra": cv2.COLOR_BGR2BGRA,
}
# Arrays can hold these as they are.
SPACES = frozenset({"grey", "hsv", "lab", "ycrcb"})


def in_order(image: Image, order: Order) -> Image:
    """Return the picture with its channels in another order or colour space."""
    if image.order == order:
        return image
    if image.pixels.dtype != np.uint8:
        raise BadInput("the picture is normalised already; change its colours before that")
    direct = {("bgra", "rgba"): cv2.COLOR_BGRA2RGBA, ("rgba", "bgra"): cv2.COLOR_RGBA2BGRA}.get((image.order, order))
    if direct is not None:
        return Image(cv2.cvtColor(image.pixels, direct), order, image.format)
    pixels = image.pixels if image.order == "bgr" else cv2.cvtColor(image.pixels, _TO_BGR[image.order])
    return Image(pixels if order == "bgr" else cv2.cvtColor(pixels, _FROM_BGR[order]), order, image.format)


def for_tensor(image: Image, order: Literal["rgb", "bgr"] = "rgb") -> Image:
    """Return the picture as arrays hold it: in this order, or in the colour space that `color` has chosen."""
    return image if image.order in SPACES else in_order(image, order)


@transform(family="image")
def grayscale(image: Image, ctx: Context) -> Image:
    """Keep the luminance alone (`cv2.COLOR_BGR2GRAY`)."""
    return in_order(image, "grey")


@transform(family="image")
def color(image: Image, ctx: Context, *, space: Literal["bgr", "rgb", "grey", "hsv", "lab", "ycrcb"]) -> Image:
    """Change the colour space (`cv2.cvtColor`); `encode` changes it back for files, which know only RGB."""
    return in_order(image, space)


@transform(family="image")
def blur(
    image: Image, ctx: Context, *, sigma: Annotated[float, Bounds(0.05, 100)], size: Annotated[int, Bounds(0, 255)] = 0
) -> Image:
    """Gaussian blur (`cv2.GaussianBlur`); `size` is the odd side of the kernel, 0 lets `sigma` decide."""
    side = size + 1 if size and size % 2 == 0 else size
    return image.with_pixels(cv2.GaussianBlur(image.pixels, (side, side), sigma))


@transform(family="image")
def brightness(image: Image, ctx: Context, *, factor: Factor) -> Image:
    """Blend with black: 0 is black, 1 changes nothing, 2 is twice as bright."""
    return _coloured(image, lambda picture: cv2.convertScaleAbs(picture.pixels, alpha=factor))


@transform(family="image")
def contrast(image: Image, ctx: Context, *, factor: Factor) -> Image:
    """Blend with the mean grey: 0 is grey, 1 changes nothing."""
    mean = int(float(in_order(eight_bits(image), "grey").pixels.mean()) + 0.5)
    return _coloured(image, lambda picture: _blend(picture.pixels, np.full_like(picture.pixels, mean), factor))


@transform(family="image")
def saturation(image: Image, ctx: Context, *, factor: Factor) -> Image:
    """Blend with the grey picture: 0 is grey, 1 changes nothing."""
    if image.order == "grey":
        return image
    grey = cv2.cvtColor(in_order(eight_bits(image), "grey").pixels, cv2.COLOR_GRAY2BGR)
    return _coloured(image, lambda picture: _blend(picture.pixels, grey, factor))


@transform(family="image")
def jitter(
    image: Image,
    ctx: Context,
    *,
    brightness: Strength = 0.0,
    contrast: Strength = 0.0,
    saturation: Strength = 0.0,
    hue: Annotated[float, Bounds(0, 0.5)] = 0.0,
    seed: Seed = 0,
) -> Image:
    """Change brightness, contrast, saturation and hue by amounts drawn with `seed`.

    A strength s draws a factor from max(0, 1 - s)..1 + s, as torchvision's `ColorJitter`; hue from -hue..hue turns.
    """
    *factors, turn = drawn(brightness, contrast, saturation, hue, seed)
    for step, strength, factor in zip(_JITTER, (brightness, contrast, saturation), factors, strict=True):
        if strength:
            image = step.function(image, ctx, factor=factor)
    if hue and image.order != "grey":
        image = _coloured(image, lambda picture: _turned(picture, round(turn * 180)))
    return image


_JITTER = (brightness, contrast, saturation)


def drawn(brightness: float, contrast: float, saturation: float, hue: float, seed: int) -> list[float]:
    """Return the factors of brightness, contrast and saturation that `jitter` draws, and the turn of the hue."""
    random = drawing(seed, "jitter")
    draws = [random.uniform(max(0.0, 1 - s), 1 + s) for s in (brightness, contrast, saturation)]
    return [float(one) for one in (*draws, random.uniform(-hue, hue))]


def drawing(seed: int, step: str) -> np.random.Generator:
    """Return what a step draws from.

    Steps that are given one seed draw apart from each other: else the pictures that are flipped were all the darker.
    """
    sequence = np.random.SeedSequence(seed, spawn_key=tuple(step.encode()))
    return np.random.Generator(np.random.PCG64(sequence))


def _check(*, mean: list[float], std: list[float]) -> None:
    for name, numbers in (("mean", mean), ("std", std)):
        if len(numbers) not in (1, 3):
            raise BadArgument(
                f"{name} has {len(numbers)} numbers; a picture takes 1 for all channels or 3, transparency has none",
                name,
            )
    if min(std) <= 0:
        raise BadArgument("std must be over 0 for each channel", "std")


@transform(family="image", check=_check)
def normalize(
    image: Image,
    ctx: Context,
    *,
    mean: Channel = [0.485, 0.456, 0.406],  # noqa: B006  (read only; ImageNet's)
    std: Channel = [0.229, 0.224, 0.225],  # noqa: B006
) -> Image:
    """Scale to 0..1, subtract `mean`, divide by `std`, per channel in RGB order, as float32.

    Where `color` has chosen another colour space, the channels are those of it.
    """
    picture = for_tensor(eight_bits(image))
    found = tables(mean, std, 1 if picture.pixels.ndim == 2 else picture.pixels.shape[2])
    return picture.with_pixels(looked_up(picture.pixels, found))


def tables(mean: list[float], std: list[float], channels: int) -> Pixels:
    """Return for each channel what each of 0..255 becomes: to the bit as torchvision's `ToTensor` and `Normalize`."""
    if len(mean) not in (1, channels) or len(std) not in (1, channels) or min(std) <= 0:
        counts = "1 number" if channels == 1 else f"1 or {channels} numbers"
        raise BadInput(f"mean and std need {counts} each for this picture, those of std over 0")
    means, deviations = (np.array(one * channels if len(one) == 1 else one, np.float32)[:, None] for one in (mean, std))
    levels: Pixels = np.arange(256, dtype=np.float32) / np.float32(255)
    normalised: Pixels = (levels - means) / deviations
    return normalised


def looked_up(pixels: Pixels, found: Pixels) -> Pixels:
    """Return for each sample what the table of its channel says."""
    return cv2.LUT(pixels, np.ascontiguousarray(found.T)[:, None])


def _coloured(image: Image, change: Callable[[Image], Pixels]) -> Image:
    """Return the picture with `change` made to its colours; what is transparent stays so, as in Pillow.

    In other colour spaces black and grey are no equal numbers: it is made to BGR, and brought back.
    """
    eight_bits(image)
    if image.order in SPACES - {"grey"}:
        changed = in_order(image, "bgr")
        return in_order(changed.with_pixels(change(changed)), image.order)
    if "a" not in image.order[3:]:
        return image.with_pixels(change(image))
    opaque = Image(np.ascontiguousarray(image.pixels[..., :3]), "bgr" if image.order == "bgra" else "rgb", image.format)
    return image.with_pixels(np.dstack([change(opaque), image.pixels[..., 3]]))


def _turned(image: Image, degrees: int) -> Pixels:
    """Return the pixels of a picture, in its own order, with all hues turned by twice as many degrees."""
    picture = in_order(image, "hsv")
    pixels = picture.pixels.copy()
    pixels[..., 0] = (pixels[..., 0].astype(np.int16) + degrees) % 180
    return in_order(picture.with_pixels(pixels), image.order).pixels


def _blend(pixels: Pixels, other: Pixels, factor: float) -> Pixels:
    return cv2.addWeighted(pixels, factor, other, 1 - factor, 0)


def eight_bits(image: Image) -> Image:
    """Return the picture; raises `BadInput` when it is normalised."""
    if image.pixels.dtype != np.uint8:
        raise BadInput("the picture is normalised already; this step needs 8 bits a channel and must come before")
    return image
