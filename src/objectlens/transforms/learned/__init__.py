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

File = Annotated[str, Bounds(1, 512), ResourceName()]


@transform(family="learned")
def onnx(
    tensor: Tensor, ctx: Context, *, file: File, batch: bool = True, output: Annotated[int, Bounds(0, 1000)] = 0
) -> Tensor:
    """Run an ONNX model on the CPU; `batch` adds the axis of samples before and takes it away after."""
    session = ctx.resources.load(file, load_onnx)
    entry = session.get_inputs()[0].name
    array = np.ascontiguousarray(tensor.array[None] if batch else tensor.array)
    try:
        results = session.run(None, {entry: array})
    # onnxruntime's errors share no class but `Exception`; all of them are about the model or its input.
    except Exception as error:
        raise BadInput(f"the model {file!r} does not take this tensor: {str(error)[:200]}") from error
    if output >= len(results):
        raise BadInput(f"the model {file!r} has {len(results)} outputs; there is no output {output}")
    result = np.asarray(results[output])
    return Tensor(result[0] if batch else result)


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
        raise BadInput(f"the model {file!r} does not take this tensor: {str(error)[:200]}") from error
    dense = np.asarray(result.toarray() if hasattr(result, "toarray") else result)
    return Tensor(dense[0] if single else dense)


def load_onnx(path: Path) -> Any:
    """Make a session of one thread; raises `BadPipeline` when the file is no model."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    # As above: no common class.
    except Exception as error:
        said = str(error).replace(str(path), path.name)
        raise BadPipeline(f"{path.name} is no ONNX model: {said[:200]}") from error


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
        raise BadPipeline(f"{path.name} is no fitted transformer that can be read here: {said[:200]}") from error


def _skops(path: Path, resources: Resources) -> Any:
    unknown = set(skops.io.get_untrusted_types(file=path)) - set(resources.trusted_types)
    if unknown:
        raise BadPipeline(f"{path.name} holds types that are not trusted: {', '.join(sorted(unknown))}")
    return skops.io.load(path, trusted=list(resources.trusted_types))


STEPS = (onnx, fitted)
VERSIONS = MappingProxyType(
    {"onnxruntime": onnxruntime.__version__, "sklearn": sklearn.__version__, "skops": skops.__version__}
)
