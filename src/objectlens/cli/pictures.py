"""Before and after, for the eye: a PNG with both, and both in a terminal's own characters."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.color import Color
from rich.style import Style
from rich.text import Text

if TYPE_CHECKING:
    from PIL.Image import Image

_SHEET_HEIGHT = 384
_GAP = 16
# Two pixels stand in one character: the upper in the colour of the block, the lower in that of its ground.
_UPPER_HALF = "\u2580"


class NotAPicture(ValueError):
    """Bytes that no picture can be made of; the message says why."""


def size(data: bytes) -> tuple[int, int] | None:
    """Return (width, height) when `data` is a picture, else None."""
    try:
        return _opened(data).size
    except NotAPicture:
        return None


def side_by_side(before: bytes, after: bytes) -> bytes:
    """Return a PNG with both at one height, the first on the left; raises `NotAPicture`."""
    from PIL import Image  # noqa: PLC0415

    both = [_fitted(_opened(one), _SHEET_HEIGHT) for one in (before, after)]
    sheet = Image.new("RGB", (both[0].width + _GAP + both[1].width, _SHEET_HEIGHT), "white")
    sheet.paste(both[0], (0, 0))
    sheet.paste(both[1], (both[0].width + _GAP, 0))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def blocks(pictures: Sequence[bytes], columns: int, rows: int = 20) -> Text:
    """Return pictures side by side in half-block characters, at most `columns` by `rows`; raises `NotAPicture`."""
    height = 2 * min(rows, max(4, columns // 8))
    most = max(2, (columns - 2) // len(pictures))
    fitted = []
    for data in pictures:
        picture = _fitted(_opened(data), height)
        fitted.append(picture if picture.width <= most else picture.resize((most, height)))
    text = Text(no_wrap=True)
    for row in range(0, height, 2):
        for index, picture in enumerate(fitted):
            text.append("  " if index else "")
            for column in range(picture.width):
                upper, lower = (_color(picture.getpixel((column, row + offset))) for offset in (0, 1))
                text.append(_UPPER_HALF, Style(color=upper, bgcolor=lower))
        text.append("\n")
    return text


def _color(pixel: object) -> Color:
    red, green, blue = pixel if isinstance(pixel, tuple) else (0, 0, 0)
    return Color.from_rgb(red, green, blue)


def _fitted(picture: Image, height: int) -> Image:
    return picture.resize((max(1, round(picture.width * height / picture.height)), height))


def _opened(data: bytes) -> Image:
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError  # noqa: PLC0415
    except ImportError:
        raise NotAPicture("drawing needs Pillow: pip install 'objectlens[image]'") from None
    try:
        with Image.open(io.BytesIO(data)) as opened:
            return ImageOps.exif_transpose(opened).convert("RGB")
    except UnidentifiedImageError:
        raise NotAPicture("not both the object and the result are pictures") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise NotAPicture(f"not both the object and the result are pictures ({str(error)[:80]})") from error
