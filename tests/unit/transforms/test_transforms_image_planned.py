"""Averaging over areas in two passes: near `INTER_AREA` wherever it is used, and used only there."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from objectlens.transforms import compile_pipeline

PHOTOGRAPHS = sorted((Path(__file__).parents[3] / "examples" / "photographs").glob("*.jpg"))


def resized(picture: np.ndarray, width: int, height: int, quality: str) -> np.ndarray:
    resize = {"resize": {"width": width, "height": height, "interpolation": "area"}}
    program = compile_pipeline({"pipeline": ["decode", resize, {"encode": {"format": "png"}}], "quality": quality})
    data = bytes(program.run(cv2.imencode(".png", picture)[1].tobytes()))
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("ratio", [1.31, 1.46, 1.6, 1.95, 2.3, 2.59, 3.0, 3.19])
def test_two_passes_stay_near_one(ratio) -> None:
    for path in PHOTOGRAPHS:
        picture = cv2.imread(str(path))
        width, height = (max(1, int(side / ratio)) for side in (picture.shape[1], picture.shape[0]))
        fast, exact = (resized(picture, width, height, quality) for quality in ("fast", "exact"))
        assert cv2.PSNR(fast, exact) > (42 if ratio < 2.6 else 39), path.name


@pytest.mark.parametrize(
    ("width", "height"), [(256, 256), (128, 64), (100, 60), (600, 600), (390, 300), (500, 500), (600, 60)]
)
def test_whole_far_and_growing_ratios_are_left_to_opencv(width, height) -> None:
    picture = cv2.resize(cv2.imread(str(PHOTOGRAPHS[0])), (512, 512))
    if (width, height) == (390, 300):
        assert not np.array_equal(resized(picture, width, height, "fast"), resized(picture, width, height, "exact"))
    else:
        assert np.array_equal(resized(picture, width, height, "fast"), resized(picture, width, height, "exact"))


def test_the_plan_says_so() -> None:
    resize = {"resize": {"width": 20, "interpolation": "area"}}
    assert "twice the size" in compile_pipeline({"pipeline": ["decode", resize, "encode"]}).explain()
    exact = compile_pipeline({"pipeline": ["decode", resize, "encode"], "quality": "exact"})
    assert "twice the size" not in exact.explain()
