"""Every family stands alone, and the room itself needs no library."""

import subprocess
import sys

import pytest

from objectlens.transforms.registry import FAMILIES

HEAVY = [
    "numpy",
    "cv2",
    "PIL",
    "soundfile",
    "soxr",
    "av",
    "pyarrow",
    "tokenizers",
    "onnxruntime",
    "sklearn",
    "zstandard",
]
# What a family may import besides the standard library; the extras in pyproject.toml install just these.
ALLOWED = {
    "image": {"numpy", "cv2", "PIL"},
    "audio": {"numpy", "soundfile", "soxr"},
    "video": {"numpy", "cv2", "av"},
    "text": {"numpy", "tokenizers"},
    "table": {"numpy", "pyarrow"},
    "archive": {"numpy", "zstandard"},
    "tensor": {"numpy"},
    "learned": set(HEAVY),
}


def imported(module: str) -> set[str]:
    code = f"import sys, {module}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_room_imports_no_codec():
    assert imported("objectlens.transforms") == set()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_imports_only_its_own(family):
    assert imported(f"objectlens.transforms.{family}") <= ALLOWED[family]
