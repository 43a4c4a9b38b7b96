"""Many photographs out of few: crops, mirrored and turned, scaled to one size with the grain that cameras leave.

The small photographs of the examples are smooth when they are enlarged, and smooth JPEGs decode faster than real ones.
A little noise of a fixed seed brings their files back to the weight of photographs: about 100 KB at 500x375 and 500 KB
at 1600x1200.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SIZES = {"500x375": (500, 375, 90), "1600x1200": (1600, 1200, 85)}
VARIANTS = 24
# Files of this many bytes a pixel: what photographs of these sizes and qualities weigh.
_WEIGHT = {"500x375": 0.53, "1600x1200": 0.26}


def make(folder: Path, size: str, count: int = VARIANTS) -> list[Path]:
    """Write `count` JPEGs of a size into a folder."""
    sources = [cv2.imread(str(path)) for path in sorted((ROOT / "examples/photographs").glob("*.jpg"))]
    made = []
    for number in range(count):
        source = sources[number % len(sources)]
        made.append(folder / f"{size}-{number:02}.jpg")
        made[-1].write_bytes(_encoded(_variant(source, number, SIZES[size]), size, number))
    return made


def _variant(source: np.ndarray, number: int, size: tuple[int, int, int]) -> np.ndarray:
    width, height, _ = size
    random = np.random.default_rng(number)
    share = min(source.shape[1] / width, source.shape[0] / height) * random.uniform(0.75, 1.0)
    wide, high = int(width * share), int(height * share)
    left = int(random.integers(0, source.shape[1] - wide + 1))
    top = int(random.integers(0, source.shape[0] - high + 1))
    part = source[top : top + high, left : left + wide]
    part = cv2.flip(part, 1) if number % 2 else part
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC)


def _encoded(picture: np.ndarray, size: str, number: int) -> bytes:
    """Encode with as much grain as brings the file to its weight."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, SIZES[size][2]]
    grain = np.random.default_rng(1000 + number).normal(size=picture.shape[:2])[..., None]
    data = b""
    for strength in range(16):
        noisy = np.clip(picture + strength * grain, 0, 255).astype(np.uint8)
        data = cv2.imencode(".jpg", noisy, quality)[1].tobytes()
        if len(data) >= _WEIGHT[size] * picture.shape[0] * picture.shape[1]:
            break
    return data
