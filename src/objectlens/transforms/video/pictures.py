"""What becomes of the pictures of a film: smaller ones, one sheet, a tensor."""

from __future__ import annotations

from typing import Annotated, Literal

import cv2
import numpy as np

from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadInput
from objectlens.transforms.hints import Bounds
from objectlens.transforms.values import Frames, Image, Tensor

Side = Annotated[int, Bounds(1, 16_384)]
_INTERPOLATIONS = {"linear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA, "cubic": cv2.INTER_CUBIC}


@transform(family="video")
def resize(
    frames: Frames,
    ctx: Context,
    *,
    width: Side,
    height: Side,
    interpolation: Literal["linear", "area", "cubic"] = "area",
) -> Frames:
    """Scale every picture (`cv2.resize`)."""
    size = width * height * 3 * len(frames.pictures)
    ctx.limits.check("output_bytes", size, f"pictures of {size:,} bytes together")
    how = _INTERPOLATIONS[interpolation]
    pictures = (cv2.resize(one, (width, height), interpolation=how) for one in frames.pictures)
    return Frames(tuple(pictures), frames.times)


@transform(family="video")
def sheet(frames: Frames, ctx: Context, *, columns: Annotated[int, Bounds(1, 100)] = 4) -> Image:
    """Lay the pictures out in rows of `columns`, as one picture; what is left of the last row is black."""
    first = frames.pictures[0]
    rows = -(-len(frames.pictures) // columns)
    height, width = first.shape[:2]
    ctx.limits.check("pixels", rows * height * columns * width, f"a sheet of {columns * width}x{rows * height} pixels")
    out = np.zeros((rows * height, columns * width, 3), np.uint8)
    for index, picture in enumerate(frames.pictures):
        row, column = divmod(index, columns)
        fitting = picture if picture.shape == first.shape else cv2.resize(picture, (width, height))
        out[row * height : (row + 1) * height, column * width : (column + 1) * width] = fitting
    return Image(out, "rgb")


@transform(family="video")
def to_tensor(
    frames: Frames,
    ctx: Context,
    *,
    layout: Literal["TCHW", "THWC", "CTHW"] = "TCHW",
    dtype: Literal["uint8", "float16", "float32"] = "uint8",
) -> Tensor:
    """Stack the pictures, RGB; floats are 0..1."""
    size = sum(one.nbytes for one in frames.pictures) * np.dtype(dtype).itemsize
    ctx.limits.check("output_bytes", size, f"a tensor of {size:,} bytes")
    if len(sizes := {one.shape for one in frames.pictures}) > 1:
        words = " and ".join(f"{width}x{height}" for height, width, _ in sorted(sizes))
        raise BadInput(f"the film's pictures have different sizes, {words}; use resize before")
    stacked = np.stack(frames.pictures)
    if dtype != "uint8":
        # As image.to_tensor does it, to the bit.
        stacked = np.divide(stacked, np.float32(255), dtype=np.float32).astype(dtype, copy=False)
    axes = {"THWC": (0, 1, 2, 3), "TCHW": (0, 3, 1, 2), "CTHW": (3, 0, 1, 2)}[layout]
    return Tensor(np.ascontiguousarray(stacked.transpose(axes)), layout)
