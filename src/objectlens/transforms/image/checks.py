"""What is known of a picture between steps before there is one: a step that must fail on every picture is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from objectlens.transforms.bound import Bound
from objectlens.transforms.errors import BadPipeline
from objectlens.transforms.image.colour import SPACES

_NEED_8_BITS = frozenset({"normalize", "brightness", "contrast"})
_CROPS = frozenset({"crop", "center_crop", "random_crop"})


@dataclass(frozen=True, slots=True)
class _Known:
    """`order` is "" and `size` is None where they depend on the picture."""

    order: str = ""
    normalised: bool = False
    size: tuple[int, int] | None = None


def check_steps(steps: Sequence[Bound]) -> None:
    """Raise `BadPipeline` that names the first step which no picture gets through."""
    known, number = _Known(), 0
    for step in steps:
        number += not step.converts
        family, _, name = step.name.partition(".")
        if family != "image":
            known = _Known()
            continue
        try:
            _check(name, step.arguments, known)
        except BadPipeline as error:
            where = f"{step.name}, put after step {number}" if step.converts else f"step {number}, {step.name}"
            raise BadPipeline(f"{where}: {error}") from error
        known = _after(name, step.arguments, known)


def _check(name: str, said: Mapping[str, Any], known: _Known) -> None:
    if known.normalised and (reason := _not_normalised(name, said, known.order)):
        raise BadPipeline(reason)
    if name == "normalize" and known.order:
        _check_channels(said, 1 if known.order == "grey" else 3)
    if name in _CROPS and known.size is not None:
        x, y, (width, height) = said.get("x", 0), said.get("y", 0), known.size
        if x + said["width"] > width or y + said["height"] > height:
            raise BadPipeline(
                f"width and height: cannot cut {said['width']}x{said['height']} pixels at {x},{y} out of the picture "
                f"of {width}x{height} that the steps before make"
            )


def _not_normalised(name: str, said: Mapping[str, Any], order: str) -> str | None:
    """Return why a step cannot take a picture that is normalised, None when it can, or may."""
    colours = order not in ("", "grey")
    if name in ("encode", "picture"):
        return "a normalised picture cannot become a picture file; use to_tensor after normalize"
    if name == "to_tensor" and said["dtype"] == "uint8":
        return "dtype: a normalised picture has no place in uint8; use float16 or float32"
    if (
        name in _NEED_8_BITS
        or (name in ("grayscale", "color") and order and order != said.get("space", "grey"))
        or (name == "saturation" and colours)
        or (name == "jitter" and (said["brightness"] or said["contrast"]))
        or (name == "jitter" and colours and (said["saturation"] or said["hue"]))
    ):
        return "the picture is normalised already; this step needs 8 bits a channel and must come before normalize"
    return None


def _check_channels(said: Mapping[str, Any], channels: int) -> None:
    for argument in ("mean", "std"):
        if len(said[argument]) not in (1, channels):
            what = (
                "is grey: give 1 number" if channels == 1 else f"has {channels} channels: give 1 or {channels} numbers"
            )
            raise BadPipeline(f"{argument} has {len(said[argument])} numbers, and the picture {what}")


def _after(name: str, said: Mapping[str, Any], known: _Known) -> _Known:
    """Return what is known of the picture behind a step."""
    size = _size(name, said, known.size)
    if name in ("decode", "picture"):
        return _Known("bgr" if name == "decode" and not said["alpha"] else "")
    if name == "normalize":
        order = known.order if known.order in SPACES or not known.order else "rgb"
        return _Known(order, normalised=True, size=size)
    order = {"grayscale": "grey", "color": said.get("space", "")}.get(name, known.order)
    return replace(known, order=order, size=size)


def _size(name: str, said: Mapping[str, Any], size: tuple[int, int] | None) -> tuple[int, int] | None:
    if name in _CROPS or (name == "resize" and said["width"] and said["height"] and said["fit"] != "contain"):
        return said["width"], said["height"]
    if name == "pad" and size is not None:
        return max(size[0], said["width"]), max(size[1], said["height"])
    return None if name in ("resize", "pad", "rotate") else size
