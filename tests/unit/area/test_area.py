"""Averages over areas: bit for bit those of OpenCV, in whatever way the pixels lie, and left to it where it must."""

import copy
import enum
import functools
import importlib.util
import pickle
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from objectlens import area

HERE = Path(area.__file__).parent


def opencvs(pixels, size, **scales):
    return cv2.resize(pixels, None if scales else size, interpolation=cv2.INTER_AREA, **scales)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def test_it_was_compiled_where_the_tests_run():
    assert area.is_built()
    assert area.is_as(cv2.resize, cv2.INTER_AREA)


@settings(deadline=None, max_examples=400)
@given(
    st.tuples(st.integers(1, 130), st.integers(1, 130)),
    st.sampled_from([(), (3,), (4,)]),
    st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)),
    st.integers(0, 2**32),
)
def test_any_size_comes_to_the_same(sides, channels, shares, seed):
    lines, columns = sides
    size = max(1, int(columns * shares[0])), max(1, int(lines * shares[1]))
    pixels = noise(lines, columns, *channels, seed=seed)
    found = area.averaged(pixels, size)
    if found is None:
        assert (columns % size[0], lines % size[1]) == (0, 0)
    else:
        expected = opencvs(pixels, size)
        assert np.array_equal(found, expected)
        assert (found.dtype, found.shape, found.flags.c_contiguous) == (np.uint8, expected.shape, True)
        assert found.flags.owndata
        assert found.flags.writeable


@pytest.mark.parametrize("channels", [(), (3,), (4,)])
@pytest.mark.parametrize(
    ("lines", "columns", "size"),
    [
        (375, 500, (256, 256)),
        (1200, 1600, (256, 256)),
        (1200, 1600, (255, 1199)),
        (3, 65_000, (64_999, 2)),
        (65_000, 2, (1, 17)),
        (2000, 3000, (1, 7)),
        (2000, 3000, (7, 1)),
        (1199, 1601, (400, 300)),
    ],
)
def test_photographs_and_extremes(lines, columns, size, channels):
    for pixels in (noise(lines, columns, *channels), np.full((lines, columns, *channels), 255, np.uint8)):
        assert np.array_equal(area.averaged(pixels, size), opencvs(pixels, size))


@pytest.mark.parametrize("channels", [(), (3,), (4,)])
@pytest.mark.parametrize(("lines", "columns", "size"), [(2, 762_671, (2, 1)), (762_671, 2, (1, 2))])
def test_white_stays_white_however_many_pixels_are_averaged(lines, columns, size, channels):
    white = np.full((lines, columns, *channels), 255, np.uint8)
    assert np.array_equal(area.averaged(white, size), opencvs(white, size))
    assert area.averaged(white, size).min() == 255


def test_views_are_read_where_they_lie():
    whole = noise(90, 120, 3)
    for view in (whole[3:80, 5:111], whole[::2], whole[10:, :, :]):
        assert np.array_equal(area.averaged(view, (31, 17)), opencvs(view, (31, 17)))
    assert np.array_equal(area.averaged(whole[..., 0].copy()[:50, 7:], (31, 17)), opencvs(whole[:50, 7:, 0], (31, 17)))


@pytest.mark.parametrize("scales", [(0.53, 0.61), (0.5001, 0.5), (0.3, 0.9)])
def test_scales_of_ones_own(scales):
    pixels = noise(151, 203, 3)
    expected = opencvs(pixels, None, fx=scales[0], fy=scales[1])
    for cut in (0, 1, 5):
        size = expected.shape[1] - cut, expected.shape[0] - cut
        assert np.array_equal(area.averaged(pixels, size, scales), expected[: size[1], : size[0]])


@pytest.mark.parametrize(
    ("pixels", "size"),
    [
        (noise(60, 60), (30, 20)),  # OpenCV has a faster way
        (noise(60, 60), (60, 60)),
        (noise(60, 60), (61, 50)),
        (noise(60, 60), (0, 50)),
        (noise(60, 60), (-5, 50)),
        (noise(60, 60), (50,)),
        (noise(60, 60), (50.0, 50.0)),
        (noise(60, 60), None),
        (noise(60, 60), (True, 50)),
        (noise(60, 60).astype(np.uint16), (50, 50)),
        (noise(60, 60).astype(np.float32), (50, 50)),
        (noise(60, 60, 1), (50, 50)),
        (noise(60, 60, 2), (50, 50)),
        (noise(60, 60, 3)[:, ::2], (25, 50)),
        (noise(60, 60, 4)[..., :3], (50, 50)),
        (noise(60, 60, 3)[..., ::-1], (50, 50)),
        (noise(60, 60)[::-1], (50, 50)),
        (noise(60, 60).T, (50, 50)),
        (np.broadcast_to(noise(1, 60), (60, 60)), (50, 50)),
        (noise(0, 60), (50, 50)),
        (noise(60, 60).view(np.ma.MaskedArray), (50, 50)),
        (noise(60, 60).tolist(), (50, 50)),
        (cv2.UMat(noise(60, 60)), (50, 50)),
        (None, (50, 50)),
    ],
)
def test_what_is_unusual_is_left_to_opencv(pixels, size):
    assert area.averaged(pixels, size) is None


def test_scales_that_reach_behind_the_last_pixel_are_left_to_opencv():
    assert area.averaged(noise(60, 60), (40, 40), (0.5, 0.5)) is None
    assert area.averaged(noise(60, 60), (40, 40), (1.5, 0.7)) is None


def test_another_way_of_rounding_is_told():
    def rounds_otherwise(pixels, size, interpolation):
        found = cv2.resize(pixels, size, interpolation=interpolation)
        found.reshape(-1)[found.size // 2] ^= 1
        return found

    assert not area.is_as(rounds_otherwise, cv2.INTER_AREA)
    library = SimpleNamespace(__name__="cv2", resize=rounds_otherwise, INTER_AREA=cv2.INTER_AREA)
    area.change(library)
    assert library.resize is rounds_otherwise


@pytest.mark.parametrize(
    ("parted", "fused"),
    [
        (
            "sum += load(from + i * channels) * shares[i];",
            "for (int k = 0; k < 4; k++) sum[k] = fmaf(load(from + i * channels)[k], shares[i], sum[k]);",
        ),
        ("sums[x] += down[i] * from[x];", "sums[x] = fmaf(down[i], from[x], sums[x]);"),
    ],
)
def test_fused_operations_are_another_way(tmp_path, parted, fused):
    """What compilers make of OpenCV on other machines rounds once where it rounds twice here."""
    source = (HERE / "area.c").read_text()
    assert parted in source
    (tmp_path / "area.c").write_text(source.replace(parted, fused))
    assert not beside(tmp_path).is_as(cv2.resize, cv2.INTER_AREA)


def beside(folder):
    """Return the room as it would be in a folder, with what is to be compiled there."""
    shutil.copy(HERE / "__init__.py", folder)
    if (folder / "area.c").exists():
        options = ["-O3", "-ffp-contract=off", "-fPIC", "-shared", "-o", folder / "area.so", folder / "area.c", "-lm"]
        subprocess.run(["cc", *options], check=True)
    spec = importlib.util.spec_from_file_location("elsewhere", folder / "__init__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_without_the_compiled_code_opencv_does_it_all(tmp_path):
    module = beside(tmp_path)
    library = SimpleNamespace(__name__="cv2", resize=cv2.resize, INTER_AREA=cv2.INTER_AREA)
    module.change(library)
    assert not module.is_built()
    assert module.averaged(noise(60, 60), (50, 50)) is None
    assert library.resize is cv2.resize


def test_a_changed_opencv_is_as_before_in_all_else():
    library = SimpleNamespace(__name__="cv2", resize=cv2.resize, INTER_AREA=cv2.INTER_AREA)
    area.change(library)
    assert library.resize is not cv2.resize
    assert (library.resize.__name__, library.resize.__doc__) == ("resize", cv2.resize.__doc__)
    pixels, into = noise(60, 80, 3), np.zeros((50, 50, 3), np.uint8)
    for arguments, options in (
        ((pixels, (50, 50)), {"interpolation": cv2.INTER_AREA}),
        ((pixels, [50, 50]), {"interpolation": 3}),
        ((pixels,), {"dsize": (50, 50), "interpolation": cv2.INTER_AREA}),
        ((pixels,), {"dsize": None, "fx": 0.5, "fy": 0.6, "interpolation": cv2.INTER_AREA}),
        ((pixels, (50, 50)), {}),
        ((pixels, (50, 50)), {"interpolation": cv2.INTER_CUBIC}),
        ((pixels, (90, 90)), {"interpolation": cv2.INTER_AREA}),
        ((pixels, None), {"fx": 0.7, "fy": 0.7, "interpolation": cv2.INTER_AREA}),
        ((pixels, (50, 50), into, 0, 0, cv2.INTER_AREA), {}),
        ((), {"src": pixels, "dsize": (50, 50), "interpolation": cv2.INTER_AREA}),
    ):
        assert np.array_equal(library.resize(*arguments, **options), cv2.resize(*arguments, **options))
    assert library.resize(pixels, (50, 50), into, interpolation=cv2.INTER_AREA) is not None
    assert np.array_equal(into, opencvs(pixels, (50, 50)))
    for arguments, options in (
        ((pixels,), {}),
        ((pixels, (0, 0)), {"interpolation": cv2.INTER_AREA}),
        ((pixels, (50, 50)), {"interpolation": cv2.INTER_AREA, "nothing": 1}),
        ((np.zeros((0, 0), np.uint8), (5, 5)), {"interpolation": cv2.INTER_AREA}),
        (("text", (5, 5)), {"interpolation": cv2.INTER_AREA}),
        ((pixels, (50, 50)), {"interpolation": 3.0}),
        ((pixels, (50, 50)), {"interpolation": np.array([3, 3])}),
    ):
        errors = []
        for resize in (library.resize, cv2.resize):
            with pytest.raises((cv2.error, TypeError)) as caught:
                resize(*arguments, **options)
            errors.append((type(caught.value), str(caught.value)))
        assert errors[0] == errors[1]


def test_a_changed_opencv_is_as_before_where_functions_are_values(monkeypatch):
    monkeypatch.setattr(cv2, "resize", cv2.resize)
    before = repr(cv2.resize)
    area.change(cv2)
    pixels, area_of = noise(60, 80, 3), {"interpolation": cv2.INTER_AREA}

    class Scaler:
        scale = cv2.resize

    class Ways(enum.Enum):
        AREA = cv2.resize

    assert Scaler().scale(pixels, (50, 50), **area_of).shape == (50, 50, 3)
    assert list(Ways) == [Ways.AREA]
    assert pickle.loads(pickle.dumps(cv2.resize)) is cv2.resize
    assert copy.deepcopy(cv2.resize) is cv2.resize
    assert repr(cv2.resize) == before
    assert functools.partial(cv2.resize, dsize=(50, 50), **area_of)(pixels).shape == (50, 50, 3)


def test_another_library_in_its_place_is_as_if_there_were_none(tmp_path):
    shutil.copy(HERE / "area.c", tmp_path)
    source = (tmp_path / "area.c").read_text()
    (tmp_path / "area.c").write_text(source.replace("objectlens_area", "something_else"))
    assert not beside(tmp_path).is_built()
    # One for a 32-bit machine.
    (tmp_path / "elsewhere").mkdir()
    compiled = bytearray((HERE / "area.so").read_bytes())
    compiled[4] ^= 3
    (tmp_path / "elsewhere" / "area.so").write_bytes(compiled)
    assert not beside(tmp_path / "elsewhere").is_built()


HARNESS = """
#include "area.c"
int main(void)
{
    unsigned state = 7;
    for (int round = 0; round < 3000; round++) {
        int numbers[4], kinds[3] = {1, 3, 4}, channels = kinds[round % 3];
        for (int i = 0; i < 4; i++) {
            state = state * 1664525u + 1013904223u;
            numbers[i] = 1 + (state >> 16) % (round % 7 ? 40 : 900);
        }
        int columns = numbers[0], lines = numbers[1], width = numbers[2], height = numbers[3];
        if (width > columns) width = columns;
        if (height > lines) height = lines;
        int stride = columns * channels, made = width * height * channels;
        uint8_t *pixels = malloc((size_t)stride * lines), *result = malloc(made);
        memset(pixels, 255, (size_t)stride * lines);
        double x = 1.0 / ((double)width / columns), y = 1.0 / ((double)height / lines);
        if (objectlens_area(pixels, stride, columns, lines, channels, x, y, result, width, height))
            return 1;
        for (int i = 0; i < made; i++)
            if (result[i] != 255)
                return 2;
        free(pixels);
        free(result);
    }
    return 0;
}
"""


def test_it_keeps_within_its_memory(tmp_path):
    """With what finds accesses out of bounds compiled in."""
    shutil.copy(HERE / "area.c", tmp_path)
    (tmp_path / "main.c").write_text(HARNESS)
    options = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover", "-ffp-contract=off", "-lm"]
    subprocess.run(["cc", "-o", tmp_path / "main", tmp_path / "main.c", *options], check=True)
    ended = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
