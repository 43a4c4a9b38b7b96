"""Steps, chains and programs go to other processes, as loaders of data want it, and can be copied."""

import copy
import importlib
import multiprocessing
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from objectlens.transforms import Context, LimitExceeded, Limits, Resources, compile_pipeline, image, transform
from objectlens.transforms.contract import Step

PNG = cv2.imencode(".png", np.arange(16 * 20 * 3, dtype=np.uint8).reshape(16, 20, 3))[1].tobytes()
OWN = """
import numpy as np
from objectlens.transforms import Context, transform
from objectlens.transforms.image import decode, encode, resize

@transform
def darken(image: np.ndarray, ctx: Context, *, factor: float = 0.5) -> np.ndarray:
    return (image * factor).astype(np.uint8)

def _plain(image: np.ndarray, ctx: Context) -> np.ndarray:
    return 255 - image

inverted = transform(name="inverted")(_plain)
chain = decode() >> resize(width=10) >> darken(factor=0.25) >> inverted >> encode(format="png")
"""


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "own_steps_for_copies.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("own_steps_for_copies").chain


def test_chains_and_programs_run_in_processes_that_are_spawned(chain):
    program = compile_pipeline({"pipeline": ["decode", {"resize": {"width": 10}}, {"encode": {"format": "png"}}]})
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert [one.body for one in pool.map(chain, [PNG, PNG])] == [chain(PNG).body] * 2
        assert pool.apply(program.run, (PNG,)).body == program.run(PNG).body


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_are_as_what_they_were_copied_from(chain, copied, tmp_path):
    assert copied(image.decode) is image.decode
    assert copied(chain)(PNG).body == chain(PNG).body
    # What it leaves open stays so.
    opened = image.decode >> chain.steps[2].step >> image.encode
    assert copied(opened)(PNG, factor=0.75).body == opened(PNG, factor=0.75).body
    program = compile_pipeline(
        {"pipeline": ["decode"], "limits": {"pixels": 319}}, ceiling=Limits(members=5), resources=Resources(tmp_path)
    )
    again = copied(program)
    assert (again.digest, again.context.limits) == (program.digest, program.context.limits)
    with pytest.raises(LimitExceeded, match="'pixels'"):
        again.run(PNG)
    assert copied(Context(limits=Limits(pixels=5), resources=Resources(tmp_path))).limits.pixels == 5


def test_steps_that_no_module_has_are_refused_as_their_functions_are():
    @transform
    def local(data: bytes, ctx: Context) -> bytes:
        return data

    assert isinstance(copy.deepcopy(local), Step)
    with pytest.raises((pickle.PicklingError, AttributeError), match="local"):
        pickle.dumps(local)
