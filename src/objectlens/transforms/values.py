"""What flows between the steps of a pipeline.

Bytes and text flow as they are (`bytes`, an iterator of `bytes`, `str`), tables as `pyarrow.Table`; the rest as the
values below, which only hold references: making one copies nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

Order = Literal["grey", "bgr", "bgra", "rgb", "rgba", "hsv", "lab", "ycrcb"]


@dataclass(frozen=True, slots=True)
class Result:
    """What a transform came to.

    `body` is all of it, or an iterator that makes it while it is sent. `content_type` is None when the transform does
    not know. `metadata` are further facts about the body, by lower-case name.
    """

    body: bytes | Iterator[bytes]
    content_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __bytes__(self) -> bytes:
        """Return the whole body; an iterator is exhausted by this."""
        return self.body if isinstance(self.body, bytes) else b"".join(self.body)

    @property
    def chunks(self) -> Iterator[bytes]:
        """The body as an iterator, whichever it is."""
        return iter((self.body,)) if isinstance(self.body, bytes) else self.body


@dataclass(frozen=True, slots=True)
class Image:
    """One picture: `pixels` is H x W (grey) or H x W x C, `order` says what the channels are.

    `format` is the lower-case name of the file format it came from, "" when it was made here.
    """

    pixels: np.ndarray[Any, Any]
    order: Order
    format: str = ""

    @property
    def width(self) -> int:
        """Pixels in a row."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    def with_pixels(self, pixels: np.ndarray[Any, Any]) -> Image:
        """Return the same picture with other pixels in the same order of channels."""
        return replace(self, pixels=pixels)


@dataclass(frozen=True, slots=True)
class Audio:
    """Sound: `samples` is float32, frames x channels, within -1..1; `rate` is in frames per second."""

    samples: np.ndarray[Any, Any]
    rate: int
    format: str = ""


@dataclass(frozen=True, slots=True)
class Frames:
    """Pictures of one film, as asked for: each H x W x 3, RGB, uint8; `times` in seconds from the start of the film."""

    pictures: tuple[np.ndarray[Any, Any], ...]
    times: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """An array on its way to a model; `layout` names its axes (`CHW`, `TF`), for the reader's sake."""

    array: np.ndarray[Any, Any]
    layout: str = ""
