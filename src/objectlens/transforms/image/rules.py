"""What the planner may rearrange in `fast`: results differ from running step by step by rounding and filtering only.

Against `exact` a result keeps a PSNR of 38 dB and more on photographs: JPEG is never decoded below twice the size that
is wanted (2.5 times at a quarter, three times at an eighth), and only where `area` averages over pixels anyway. Where
less than half of a picture is kept afterwards, it is decoded whole: the differences are not spread evenly. Where steps
behind make it much brighter or fuller of contrast, nothing is rearranged: they do the same to the differences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from objectlens.transforms.bound import Bound
from objectlens.transforms.image.colour import drawn
from objectlens.transforms.image.decode import decode_planned
from objectlens.transforms.image.encode import normalized_tensor

# These treat all channels alike and linearly, so that grey may as well come first.
_COMMUTING = frozenset(
    f"image.{name}" for name in ("resize", "crop", "center_crop", "random_crop", "flip", "random_flip", "blur")
)
_ENHANCING = frozenset({"image.brightness", "image.contrast", "image.saturation"})
# What leaves 38 dB of the least that photographs have: 2 dB less.
_MOST_ENLARGED = 1.25
# How far depends on the object, and whether at all.
_REDUCED = "JPEG at 1/2, 1/4 or 1/8 of its size where that is enough"
_CROPS = frozenset({"image.crop", "image.center_crop", "image.random_crop"})


def plan_decode(steps: Sequence[Bound]) -> Sequence[Bound]:
    """Decode only the grey plane where nothing else is used, and JPEG at the scale that the next resize needs."""
    index = next((i for i, step in enumerate(steps) if step.name == "image.decode"), None)
    if index is None or steps[index].arguments["alpha"]:
        return steps
    decode, rest = steps[index], list(steps[index + 1 :])
    if _enlarged(rest) > _MOST_ENLARGED:
        return steps
    grey_at = _first(rest, "image.grayscale")
    grey = grey_at is not None and all(step.name in _COMMUTING for step in rest[:grey_at])
    if grey and grey_at is not None:
        del rest[grey_at]
    resize = _scaling(rest)
    if not grey and resize is None:
        return steps
    notes = (["the grey plane only"] if grey else []) + ([_REDUCED] if resize else [])
    target = resize.arguments if resize else None
    kept = _kept(rest[rest.index(resize) + 1 :]) if resize else None
    call = partial(decode_planned, orient=decode.arguments["orient"], grey=grey, target=target, kept=kept)
    return (*steps[:index], replace(decode, call=call, note=" and ".join(notes)), *rest)


def fuse_tensor(steps: Sequence[Bound]) -> Sequence[Bound]:
    """Make `normalize` and `to_tensor` one pass over the pixels."""
    found = list(steps)
    for index in range(len(found) - 1):
        first, second = found[index : index + 2]
        if (first.name, second.name) == ("image.normalize", "image.to_tensor"):
            arguments = {**first.arguments, **second.arguments}
            call = partial(normalized_tensor, **arguments)
            found[index : index + 2] = [
                replace(second, takes=first.takes, call=call, arguments=arguments, note="with normalize, in one pass")
            ]
            break
    return found


def _first(steps: Sequence[Bound], name: str) -> int | None:
    return next((index for index, step in enumerate(steps) if step.name == name), None)


def _kept(steps: Sequence[Bound]) -> int | None:
    """Return how many pixels the smallest crop leaves of what was scaled just before, None without a crop."""
    until = _first(steps, "image.resize")
    crops = [step.arguments for step in steps[:until] if step.name in _CROPS]
    return min((one["width"] * one["height"] for one in crops), default=None)


def _enlarged(steps: Sequence[Bound]) -> float:
    """Return how many times larger differences are made by the steps."""
    factors: list[float] = []
    for step in steps:
        if step.name in _ENHANCING:
            factors.append(step.arguments["factor"])
        elif step.name == "image.jitter":
            factors += drawn(**step.arguments)[:3]
    return math.prod(max(1.0, factor) for factor in factors)


def _scaling(steps: Sequence[Bound]) -> Bound | None:
    """Return the resize that follows with nothing between that counts pixels."""
    for step in steps:
        if step.name == "image.resize":
            wanted = step.arguments["interpolation"] == "area" and (step.arguments["width"] or step.arguments["height"])
            return step if wanted else None
        if step.name not in ("image.flip", "image.random_flip"):
            return None
    return None


RULES = (plan_decode, fuse_tensor)
