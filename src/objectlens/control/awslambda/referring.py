"""The layers of a function: which it may have, and how it refers to them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from objectlens.catalog.entities import LayerReference
from objectlens.control.awslambda.context import Lambda
from objectlens.control.awslambda.layers import find_layer, parse_layer
from objectlens.errors import InvalidParameterValueException
from objectlens.functions import MAX_UNZIPPED

MOST = 5


async def refer(
    surroundings: Lambda, arns: Sequence[str], had: Iterable[LayerReference] = ()
) -> Sequence[LayerReference]:
    """Return references to layer versions by their ARNs; raises `InvalidParameterValueException`.

    What the function `had` it may keep, though the version be deleted.
    """
    if len(arns) > MOST:
        raise InvalidParameterValueException(f"Cannot reference more than {MOST} layers.")
    _check_different(arns)
    kept = {one.arn: one for one in had}
    return [await _reference(surroundings, arn, kept.get(arn)) for arn in arns]


async def check_size(surroundings: Lambda, package: str, layers: Sequence[LayerReference]) -> None:
    """Raise `InvalidParameterValueException` when code and layers together are too large, unzipped."""
    if not layers:
        return

    def measure() -> int:
        return sum(
            surroundings.packages.unzipped_size(digest) for digest in (package, *(one.package for one in layers))
        )

    size = await asyncio.to_thread(measure)
    if size > MAX_UNZIPPED:
        raise InvalidParameterValueException(
            f"Function code combined with layers exceeds the maximum allowed size of {MAX_UNZIPPED} bytes. The actual "
            f"size is {size} bytes."
        )


def _check_different(arns: Sequence[str]) -> None:
    layers = [arn.rpartition(":")[0] for arn in arns]
    for place, layer in enumerate(layers):
        if layer in layers[:place]:
            raise InvalidParameterValueException(
                "Two different versions of the same layer are not allowed to be referenced in the same function. "
                f"{arns[layers.index(layer)]} and {arns[place]} are versions of the same layer."
            )


async def _reference(surroundings: Lambda, arn: str, kept: LayerReference | None) -> LayerReference:
    name = parse_layer(arn, "")
    layer = await find_layer(surroundings, name) if name.account else None
    if layer is not None:
        return LayerReference(arn=layer.arn, package=layer.package, code_size=layer.code_size)
    if kept is not None:
        return kept
    raise InvalidParameterValueException(f"Layer version {arn} does not exist.")
