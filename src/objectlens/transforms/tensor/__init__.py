"""Arrays on their way to a model: NumPy's `.npy`, or safetensors (`pip install 'objectlens[image]'`).

What it is: the `tensor.*` steps. What it is not: arithmetic. What flows through: a `Tensor` becomes bytes.
"""

from __future__ import annotations

import io
from types import MappingProxyType
from typing import Annotated, Literal

import numpy as np
import safetensors
import safetensors.numpy

from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadArgument
from objectlens.transforms.hints import Bounds
from objectlens.transforms.values import Result, Tensor


def check(*, format: str, name: str) -> None:  # noqa: A002
    """Raise `BadArgument` for the name that safetensors has for something else."""
    if format == "safetensors" and name == "__metadata__":
        raise BadArgument("name cannot be '__metadata__', under which safetensors keeps texts", "name")


@transform(family="tensor", check=check)
def encode(
    tensor: Tensor,
    ctx: Context,
    *,
    format: Literal["npy", "safetensors"] = "npy",  # noqa: A002  (Pillow's name for it)
    name: Annotated[str, Bounds(1, 256)] = "data",
) -> Result:
    """Write the array for `numpy.load`, or for safetensors under `name`."""
    array = np.ascontiguousarray(tensor.array)
    metadata = {"shape": "x".join(map(str, array.shape)), "dtype": str(array.dtype), "layout": tensor.layout}
    if format == "safetensors":
        data = safetensors.numpy.save({name: array})
        return Result(bytes(data), "application/vnd.safetensors", metadata)
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    return Result(buffer.getvalue(), "application/x-npy", metadata)


STEPS = (encode,)
VERSIONS = MappingProxyType({"numpy": np.__version__, "safetensors": safetensors.__version__})
