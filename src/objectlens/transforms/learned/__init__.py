"""Models as steps: `pip install 'objectlens[learned]'`.

What it is: `learned.onnx` and `learned.sklearn`, on files that the operator put among the resources.
What it is not: a model server; no batching over requests, no GPU. What flows through: a `Tensor` becomes a `Tensor`.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import joblib
import numpy as np
import onnxruntime
import sklearn
import skops.io

from objectlens.transforms.context import Context, Resources
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadInput, BadPipeline
from objectlens.transforms.hints import Bounds, ResourceName
from objectlens.transforms.values import Tensor

# Kinds of outputs that come as arrays of numbers; there are also texts, sequences, maps, and numbers NumPy has not.
_INTEGERS = (f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
_ARRAYS = frozenset(f"tensor({one})" for one in ("bool", "float16", "float", "double", *_INTEGERS))
# What is said beside errors of its models: those that another version has fitted lack what this one looks for.
_HERE = f"with scikit-learn {sklearn.__version__}"
File = Annotated[str, Bounds(1, 512), ResourceName()]


@transform(family="learned")
def onnx(
    tensor: Tensor, ctx: Context, *, file: File, batch: bool = True, output: Annotated[int, Bounds(0, 1000)] = 0
) -> Tensor:
    """Run an ONNX model on the CPU; `batch` adds the axis of samples before and takes it away after.

    `output` counts the model's outputs from 0; it must be an array of numbers. One that has no axis for the one sample
    stays as it is.
    """
    session = ctx.resources.load(file, load_onnx)
    inputs, wanted = session.get_inputs(), _output(session, file, output)
    if not inputs:
        raise BadInput(f"the model {file!r} takes no input, and so no tensor")
    array = np.ascontiguousarray(tensor.array[None] if batch else tensor.array)
    try:
        (found,) = session.run([wanted], {inputs[0].name: array})
    # onnxruntime's errors share no class but `Exception`; all of them are about the model or its input.
    except Exception as error:
        raise BadInput(f"the model {file!r} does not take this tensor: {str(error)[:200]}") from error
    result = np.asarray(found)
    return Tensor(result[0] if batch and result.shape[:1] == (1,) else result)


def _output(session: Any, file: str, number: int) -> str:
    """Return the name of an output; raises `BadInput` when there is none, or it is no array of numbers."""
    outputs = session.get_outputs()
    if number >= len(outputs):
        raise BadInput(f"the model {file!r} has {len(outputs)} outputs; there is no output {number}")
    name, kind = outputs[number].name, outputs[number].type
    if kind not in _ARRAYS:
        raise BadInput(f"output {number} of the model {file!r}, {name!r}, is {kind}; only arrays of numbers are taken")
    return str(name)


@transform(family="learned", name="sklearn")
def fitted(tensor: Tensor, ctx: Context, *, file: File) -> Tensor:
    """Apply a fitted scikit-learn transformer (`transform`); all but a matrix is taken as one sample, as a vector.

    `.skops` files load when all their types are trusted; `.joblib` only where the operator trusts pickles.
    """
    resources = ctx.resources

    def load(path: Path) -> Any:
        return load_fitted(path, resources)

    model = resources.load(file, load)
    single = tensor.array.ndim != 2
    rows = tensor.array.reshape(1, -1) if single else tensor.array
    try:
        result = model.transform(rows)
    except (ValueError, TypeError, AttributeError) as error:
        raise BadInput(f"the model {file!r} does not take this tensor {_HERE}: {str(error)[:200]}") from error
    dense = np.asarray(result.toarray() if hasattr(result, "toarray") else result)
    if not (np.issubdtype(dense.dtype, np.number) or dense.dtype == np.bool_):
        raise BadInput(f"the model {file!r} makes {dense.dtype}; only arrays of numbers are taken")
    return Tensor(dense[0] if single else dense)


def load_onnx(path: Path) -> Any:
    """Make a session of one thread; raises `BadPipeline` when the file is no model."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    # As above: no common class.
    except Exception as error:
        said = str(error).replace(f"{path.parent}/", "")
        raise BadPipeline(f"{path.name} is no ONNX model that can be read here: {said[:200]}") from error


def load_fitted(path: Path, resources: Resources) -> Any:
    """Load a fitted transformer as far as the operator trusts it; raises `BadPipeline`."""
    if path.suffix not in (".skops", ".joblib"):
        raise BadPipeline(f"{path.name} must be a .skops or .joblib file")
    if path.suffix == ".joblib" and not resources.trust_pickles:
        raise BadPipeline(f"loading {path.name} runs code it holds; save it with skops, or set trust_pickles")
    try:
        return joblib.load(path) if path.suffix == ".joblib" else _skops(path, resources)
    except BadPipeline:
        raise
    # Files that are none, or of other versions of the libraries, come to whatever their loaders stumble over.
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        raise BadPipeline(f"{path.name} is no fitted transformer that can be read {_HERE}: {said[:200]}") from error


def _skops(path: Path, resources: Resources) -> Any:
    unknown = set(skops.io.get_untrusted_types(file=path)) - set(resources.trusted_types)
    if unknown:
        named = ", ".join(sorted(unknown))
        raise BadPipeline(f"{path.name} holds types that are not trusted: {named}; trusted_types may name them")
    return skops.io.load(path, trusted=list(resources.trusted_types))


STEPS = (onnx, fitted)
VERSIONS = MappingProxyType(
    {"onnxruntime": onnxruntime.__version__, "sklearn": sklearn.__version__, "skops": skops.__version__}
)
