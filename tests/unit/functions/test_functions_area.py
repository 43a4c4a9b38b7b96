"""Handlers that scale pictures with OpenCV: the same pixels whether that is accelerated, and only where it is."""

import asyncio

import pytest

from objectlens.testing.executors import make_function, make_zip

CODE = """
import hashlib, importlib.util, os
assert importlib.util.find_spec("cv2") is not None  # as libraries ask whether it is there
import cv2, numpy as np
from cv2 import resize
MADE = os.getpid()
def handler(event, context):
    picture = np.random.default_rng(event).integers(0, 256, (375, 500, 3), np.uint8)
    sizes = (256, 256), (499, 1), (250, 125), (600, 600)
    made = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for size in sizes]
    made += [resize(picture, (256, 256)), resize(picture, None, fx=0.5, fy=0.7, interpolation=cv2.INTER_AREA)]
    try:
        cv2.resize(None, (3, 3), interpolation=cv2.INTER_AREA)
    except cv2.error as error:
        made.append(np.frombuffer(str(error).encode(), np.uint8))
    digests = [hashlib.sha256(one.tobytes()).hexdigest() for one in made]
    return digests, type(cv2.resize).__name__, type(resize).__name__, MADE != os.getpid()
"""
ALONE = {"OBJECTLENS_TEMPLATE": "0"}


@pytest.mark.parametrize("isolation", ["off", "auto"])
def test_handlers_get_the_pixels_of_opencv(bench, recorder, isolation):
    ways = [
        {},
        {"OBJECTLENS_ACCELERATE": "1", **ALONE},
        {"OBJECTLENS_ACCELERATE": "aws"},
        {"OBJECTLENS_ACCELERATE": "0"},
    ]

    async def main():
        async with bench(endpoint_url=recorder.url, isolation=isolation) as opened:
            package = opened.install(make_zip({"app.py": CODE}))
            functions = [make_function(package, f"f{n}", environment=way) for n, way in enumerate(ways)]
            return [[await opened.value(function, event) for event in (1, 2)] for function in functions]

    found = asyncio.run(main())
    pixels = [[digests for digests, *_ in values] for values in found]
    assert pixels == [pixels[0]] * 4
    assert pixels[0][0] != pixels[0][1]
    kinds = [values[0][1:] for values in found]
    python, compiled = ("_Resize", "_Resize"), ("builtin_function_or_method", "builtin_function_or_method")
    assert [tuple(kind[:2]) for kind in kinds] == [python, python, compiled, compiled]
    assert [kind[2] for kind in kinds] == [True, False, True, True]


OTHERS = {
    "needs no NumPy": "import sys\nassert 'numpy' not in sys.modules\n",
    "knows nothing of arrays": "import numpy\n",
}
NAMESAKE = """
INTER_AREA = 3
def resize(picture, size, interpolation):
    raise NotImplementedError
"""
NAMING = """
import cv2, sys
def handler(event, context):
    return type(cv2.resize).__name__, 'numpy' in sys.modules
"""


@pytest.mark.parametrize("begin", OTHERS.values(), ids=OTHERS)
def test_a_module_of_the_same_name_is_left_alone(bench, recorder, begin):
    async def main():
        async with bench(endpoint_url=recorder.url) as opened:
            package = opened.install(make_zip({"app.py": NAMING, "cv2.py": begin + NAMESAKE}))
            return await opened.value(make_function(package, "f", environment={}), 1)

    assert asyncio.run(main()) == ["function", "import numpy" in begin]
