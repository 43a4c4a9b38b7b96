"""Scaling pictures down by area, bit for bit as `cv2.INTER_AREA` and in a third of its time.

What it is: `averaged`, which gives the pixels that `cv2.resize` would give, or None where that must do it itself; the
compiled code behind it (`area.c`); and `is_as`, which tells whether some OpenCV rounds as it does. What it is not: a
replacement of OpenCV. Without the compiled code, which is built with a C compiler when objectlens is installed, all
works as well, slower. Native transforms scale with it, and accelerated functions whose handlers call `cv2.resize`: this
file is also run by itself inside their processes, beside user code, and imports nothing of objectlens.
"""

from __future__ import annotations

import ctypes
import os
from functools import lru_cache
from typing import Any

import numpy as np

# Beside this file, whatever it is run as.
LIBRARY = "area.so"
_MOST_PIXELS = 2**31 - 1


@lru_cache(1)
def _compiled() -> Any:
    """Return `objectlens_area`, None where it was not built."""
    try:
        # (pathlib costs its import where functions start)
        library = ctypes.CDLL(os.path.join(os.path.dirname(os.path.abspath(__file__)), LIBRARY))  # noqa: PTH100, PTH118, PTH120
        function = library.objectlens_area
    except (OSError, AttributeError):
        return None
    whole, pointer, scale = ctypes.c_int, ctypes.c_void_p, ctypes.c_double
    function.argtypes = (pointer, ctypes.c_ssize_t, whole, whole, whole, scale, scale, pointer, whole, whole)
    function.restype = whole
    return function


def is_built() -> bool:
    """Tell whether the compiled code is there."""
    return _compiled() is not None


def averaged(pixels: Any, size: Any, scales: tuple[float, float] | None = None) -> Any:
    """Scale (height, width) or (height, width, 3 or 4) uint8 pixels down to `size`, (width, height).

    Returns None where `cv2.resize` is to do it: what is no such array, is not made smaller, is made smaller by whole
    numbers on both sides (OpenCV has a faster way), or is unusual. `scales`, of x and y, are as its `fx` and `fy`, and
    `size` what is kept of the result.
    """
    function = _compiled()
    if function is None or type(pixels) is not np.ndarray or pixels.dtype != np.uint8:
        return None
    if type(size) not in (tuple, list) or len(size) != 2:
        return None
    if type(size[0]) is not int or type(size[1]) is not int:
        return None
    shape, strides = pixels.shape, pixels.strides
    if len(shape) == 2:
        channels = 1
    elif len(shape) == 3 and shape[2] in (3, 4) and strides[2] == 1:
        channels = shape[2]
    else:
        return None
    lines, columns = shape[:2]
    width, height = size
    if not 0 < width <= columns or not 0 < height <= lines or lines * columns > _MOST_PIXELS:
        return None
    if strides[1] != channels or strides[0] < columns * channels:
        return None
    # As OpenCV finds them: the last bits count.
    across = 1.0 / (scales[0] if scales else width / columns)
    down = 1.0 / (scales[1] if scales else height / lines)
    if across < 1 or down < 1 or (_is_whole(across) and _is_whole(down)):
        return None
    # No result begins behind the last pixel.
    if (width - 1) * across >= columns or (height - 1) * down >= lines:
        return None
    result = np.empty((height, width, *shape[2:]), np.uint8)
    address, to = pixels.ctypes.data, result.ctypes.data
    if function(address, strides[0], columns, lines, channels, across, down, to, width, height):
        return None
    return result


def _is_whole(scale: float) -> bool:
    return abs(scale - round(scale)) < 2.0**-52


def is_as(resize: Any, area: int) -> bool:
    """Tell whether `cv2.resize`, with its number for `area`, rounds as this: builds that fuse operations do not."""
    # Of six pixels five: many of the averages are halves, whose rounding tells the slightest difference.
    grey = (np.arange(60 * 60, dtype=np.uint32) * 40503 % 65521 % 256).astype(np.uint8).reshape(60, 60)
    for pixels in (grey, np.dstack((grey, grey.T, 255 - grey))):
        ours = averaged(pixels, (50, 50))
        if ours is None or not np.array_equal(ours, resize(pixels, (50, 50), interpolation=area)):
            return False
    return True


def change(cv2: Any) -> None:
    """Let the `resize` of an OpenCV scale down by area with this, if it then gives the same."""
    resize, area = getattr(cv2, "resize", None), getattr(cv2, "INTER_AREA", None)
    if resize is None or not isinstance(area, int) or not is_built() or not is_as(resize, area):
        return
    cv2.resize = _Resize(resize, area, cv2.__name__)


class _Resize:
    """In the place of `cv2.resize`: no function, which would become a method where a class has it as an attribute."""

    def __init__(self, resize: Any, area: int, module: str) -> None:
        self.__name__ = self.__qualname__ = "resize"
        self.__doc__, self.__module__ = resize.__doc__, module
        self._resize, self._area = resize, area

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        # What is given in any other way is rare, and OpenCV knows what it means.
        if len(arguments) + len(options) == 3 and 0 < len(arguments) < 3:
            interpolation = options.get("interpolation")
            if type(interpolation) is int and interpolation == self._area:
                found = averaged(arguments[0], arguments[1] if len(arguments) == 2 else options.get("dsize"))
                if found is not None:
                    return found
        return self._resize(*arguments, **options)

    def __reduce__(self) -> str:
        return self.__qualname__

    def __repr__(self) -> str:
        return repr(self._resize)
