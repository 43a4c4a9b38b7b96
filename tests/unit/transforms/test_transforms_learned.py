"""Models as steps against scikit-learn and ONNX's own meaning, and what is not trusted."""

import json
import os
import re
import shutil

import cv2
import joblib
import numpy as np
import pytest
import sklearn
import skops.io
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler

from objectlens.transforms import BadInput, BadPipeline, Context, Limits, Resources, Tensor, compile_pipeline
from objectlens.transforms import learned as steps
from objectlens.transforms.terms import Programs, Terms

ROWS = np.random.default_rng(0).normal(3, 2, (50, 4))
FITTED = make_pipeline(StandardScaler(), PCA(2)).fit(ROWS)


@pytest.fixture
def folder(tmp_path):
    skops.io.dump(FITTED, tmp_path / "scale.skops")
    joblib.dump(FITTED, tmp_path / "scale.joblib")
    (tmp_path / "double.onnx").write_bytes(double())
    (tmp_path / "broken.onnx").write_bytes(b"\xff" * 50)
    return tmp_path


def field(number: int, value) -> bytes:
    """Encode one field of a protocol buffer (encoding guide: tag, then varint or length and bytes)."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    body = value.encode() if isinstance(value, str) else value
    return bytes([number << 3 | 2, len(body)]) + body


def double() -> bytes:
    """Return an ONNX model of one Add: y = x + x, for floats of any shape of two axes (onnx.proto)."""
    shape = field(2, field(1, field(2, "n")) + field(1, field(2, "m")))
    kind = field(2, field(1, field(1, 1) + shape))
    node = field(1, "x") + field(1, "x") + field(2, "y") + field(4, "Add")
    graph = field(1, node) + field(2, "g") + field(11, field(1, "x") + kind) + field(12, field(1, "y") + kind)
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


TEXT = field(5, field(1, 1) + field(2, 8) + field(6, "a") + field(8, "t"))
FLOATS = field(1, field(1, 1))


def model(operator: str, inputs: str, kind: bytes, *more: bytes) -> bytes:
    """Return a model of one operator, which takes floats of any shape as x and gives y of this kind (onnx.proto)."""
    node = b"".join(field(1, one) for one in inputs) + field(2, "y") + field(4, operator)
    ends = field(11, field(1, "x") + field(2, FLOATS)) + field(12, field(1, "y") + field(2, kind))
    graph = field(1, node) + field(2, "g") + b"".join(more) + ends
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


@pytest.mark.parametrize("batch", [True, False])
def test_outputs_without_an_axis_for_the_sample_stay_as_they_are(tmp_path, batch):
    ctx = Context(resources=Resources(tmp_path))
    zeros = Tensor(np.zeros((2, 3), np.float32))
    for operator, made in (("Size", 6), ("Shape", [1, 2, 3] if batch else [2, 3]), ("NonZero", [[]] * (2 + batch))):
        (tmp_path / f"{operator}.onnx").write_bytes(model(operator, "x", field(1, field(1, 7))))
        assert steps.onnx(file=f"{operator}.onnx", batch=batch)(zeros, ctx=ctx).array.tolist() == made


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (model("Identity", "t", field(1, field(1, 8)), TEXT), r"tensor\(string\)"),
        (model("SequenceConstruct", "xx", field(4, field(1, FLOATS))), r"seq\(tensor\(float\)\)"),
    ],
    ids=["texts", "sequence"],
)
def test_outputs_that_are_no_arrays_of_numbers_are_refused_by_name(tmp_path, made, kind):
    (tmp_path / "m.onnx").write_bytes(made)
    ctx = Context(resources=Resources(tmp_path))
    with pytest.raises(BadInput, match=f"output 0 of the model 'm.onnx', 'y', is {kind}; only arrays"):
        steps.onnx(file="m.onnx")(Tensor(np.zeros((2, 3), np.float32)), ctx=ctx)
    with pytest.raises(BadInput, match="has 1 outputs; there is no output 1"):
        steps.onnx(file="m.onnx", output=1)(Tensor(np.zeros((2, 3), np.float32)), ctx=ctx)


def test_models_without_an_input_are_refused(tmp_path):
    shape = field(5, field(1, 1) + field(2, 7) + field(7, 2) + field(8, "s"))
    node = field(1, "s") + field(2, "y") + field(4, "ConstantOfShape")
    graph = field(1, node) + field(2, "g") + shape + field(12, field(1, "y") + field(2, FLOATS))
    (tmp_path / "m.onnx").write_bytes(field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13)))
    with pytest.raises(BadInput, match=r"the model 'm\.onnx' takes no input"):
        steps.onnx(file="m.onnx")(Tensor(np.zeros(2, np.float32)), ctx=Context(resources=Resources(tmp_path)))


def beside(location: str) -> bytes:
    """Return a model y = x + w, whose two weights are in another file (onnx.proto: external_data, data_location)."""
    where = field(13, field(1, "location") + field(2, location))
    weights = field(5, field(1, 2) + field(2, 1) + field(8, "w") + where + field(14, 1))
    return model("Add", "xw", FLOATS, weights)


def test_weights_beside_a_model_are_a_part_of_it(tmp_path):
    (tmp_path / "m.onnx").write_bytes(beside("m.onnx.data"))
    pipeline = [{"onnx": {"file": "m.onnx"}}]
    text = json.dumps({"family": "learned", "pipeline": ["image.decode", "image.to_tensor", *pipeline]})
    programs, digests = Programs(Terms(folder=str(tmp_path))), set()
    ctx = Context(resources=Resources(tmp_path))
    for weights in ([1, 2], [3, 4]):
        (tmp_path / "m.onnx.data").write_bytes(np.array(weights, np.float32).tobytes())
        os.utime(tmp_path / "m.onnx.data", (weights[0], weights[0]))
        assert steps.onnx(file="m.onnx")(Tensor(np.zeros(2, np.float32)), ctx=ctx).array.tolist() == weights
        digests.add(programs(text).digest)
    assert len(digests) == 2


def test_weights_that_are_not_there_are_told_without_the_folder(tmp_path):
    (tmp_path / "m.onnx").write_bytes(beside("nowhere.bin"))
    with pytest.raises(BadPipeline, match=r"m\.onnx is no ONNX model that can be read here: .*nowhere\.bin") as caught:
        steps.onnx(file="m.onnx")(Tensor(np.zeros(2, np.float32)), ctx=Context(resources=Resources(tmp_path)))
    assert str(tmp_path) not in str(caught.value)


def test_transformers_that_make_no_numbers_are_refused(tmp_path):
    fitted = SimpleImputer(strategy="constant", fill_value="none").fit(np.array([["a"]], object))
    joblib.dump(fitted, tmp_path / "m.joblib")
    ctx = Context(resources=Resources(tmp_path, trust_pickles=True))
    with pytest.raises(BadInput, match=r"the model 'm\.joblib' makes object; only arrays of numbers are taken"):
        steps.fitted(file="m.joblib")(Tensor(np.zeros((1, 1))), ctx=ctx)


def test_onnx(folder):
    ctx = Context(resources=Resources(folder))
    vector = np.array([1, 2, 3], np.float32)
    got = steps.onnx(file="double.onnx")(Tensor(vector), ctx=ctx)
    assert np.array_equal(got.array, vector * 2)
    matrix = steps.onnx(file="double.onnx", batch=False)(Tensor(vector[None]), ctx=ctx)
    assert matrix.array.shape == (1, 3)
    with pytest.raises(BadInput, match="does not take"):
        steps.onnx(file="double.onnx")(Tensor(np.zeros((2, 2, 2), np.int64)), ctx=ctx)
    with pytest.raises(BadPipeline, match="no ONNX model"):
        steps.onnx(file="broken.onnx")(Tensor(vector), ctx=ctx)


@pytest.mark.parametrize("name", ["scale.skops", "scale.joblib"])
def test_sklearn(folder, name):
    ctx = Context(resources=Resources(folder, trust_pickles=True))
    assert np.allclose(steps.fitted(file=name)(Tensor(ROWS), ctx=ctx).array, FITTED.transform(ROWS))
    assert np.allclose(steps.fitted(file=name)(Tensor(ROWS[0]), ctx=ctx).array, FITTED.transform(ROWS[:1])[0])
    picture = Tensor(ROWS[0].reshape(1, 2, 2), "CHW")
    assert np.allclose(steps.fitted(file=name)(picture, ctx=ctx).array, FITTED.transform(ROWS[:1])[0])
    with pytest.raises(BadInput, match="does not take"):
        steps.fitted(file=name)(Tensor(ROWS[:, :2]), ctx=ctx)


def test_pickles_need_trust(folder):
    with pytest.raises(BadPipeline, match="trust_pickles"):
        steps.fitted(file="scale.joblib")(Tensor(ROWS), ctx=Context(resources=Resources(folder)))


def test_models_that_another_version_has_fitted_are_told_with_this_one(tmp_path):
    fitted = SimpleImputer().fit(ROWS)
    # As older versions leave it.
    del fitted._fill_dtype
    joblib.dump(fitted, tmp_path / "old.joblib")
    with pytest.raises(
        BadInput, match=f"this tensor with scikit-learn {re.escape(sklearn.__version__)}: .*_fill_dtype"
    ):
        steps.fitted(file="old.joblib")(Tensor(ROWS), ctx=Context(resources=Resources(tmp_path, trust_pickles=True)))


def test_types_that_are_not_trusted_are_named_with_the_setting(tmp_path):
    skops.io.dump(KBinsDiscretizer(2, quantile_method="linear").fit(ROWS), tmp_path / "bins.skops")
    with pytest.raises(BadPipeline, match=r"not trusted: numpy\.dtype; trusted_types may name them"):
        steps.fitted(file="bins.skops")(Tensor(ROWS), ctx=Context(resources=Resources(tmp_path)))
    ctx = Context(resources=Resources(tmp_path, trusted_types=("numpy.dtype",)))
    assert steps.fitted(file="bins.skops")(Tensor(ROWS), ctx=ctx).array.shape == (50, 8)


def test_models_follow_pictures(folder):
    data = cv2.imencode(".png", np.full((2, 3, 3), 51, np.uint8))[1].tobytes()
    pipeline = ["decode", "grayscale", {"to_tensor": {}}, {"learned.onnx": {"file": "double.onnx", "batch": False}}]
    program = compile_pipeline({"pipeline": pipeline}, resources=Resources(folder))
    with pytest.raises(BadInput, match="does not take"):
        program.run(data)
    assert len(program.digest) == 64


def test_terms_go_to_other_processes_as_text(folder):
    terms = Terms(limits=Limits(pixels=7, duration=1.5), folder=str(folder), trusted_types=("a.B",))
    assert Terms.parse(str(terms)) == terms


def test_programs_are_made_anew_when_their_files_change(folder):
    programs = Programs(Terms(folder=str(folder)))
    text = json.dumps({"pipeline": ["decode", "to_tensor", {"learned.onnx": {"file": {"$param": "model"}}}],
                       "parameters": {"model": {"type": "string", "default": "double.onnx"}}})  # fmt: skip
    shutil.copy(folder / "double.onnx", folder / "other.onnx")
    first = programs(text)
    assert programs(text) is first
    other = first.arguments({"model": "other.onnx"}).canonical
    (folder / "other.onnx").write_bytes(b"changed")
    assert first.arguments({"model": "other.onnx"}).canonical != other
    (folder / "double.onnx").write_bytes(double() + field(3, "another name"))
    assert programs(text).digest != first.digest
    (folder / "double.onnx").unlink()
    with pytest.raises(BadPipeline, match="no file"):
        programs(text)


@pytest.mark.parametrize(
    ("name", "step"), [("b.skops", steps.fitted), ("b.joblib", steps.fitted), ("broken.onnx", steps.onnx)]
)
def test_files_that_are_no_models_are_told_by_name_alone(folder, name, step):
    (folder / name).write_bytes(b"zz")
    ctx = Context(resources=Resources(folder, trust_pickles=True))
    with pytest.raises(BadPipeline, match=f"{name} is no ") as caught:
        step(file=name)(Tensor(ROWS), ctx=ctx)
    assert str(folder) not in str(caught.value)
