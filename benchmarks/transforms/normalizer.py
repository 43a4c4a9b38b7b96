"""The reference job on one core: our plans against the bare OpenCV loop, alternating, as ratios of medians.

    python benchmarks/transforms/normalizer.py [FOLDER]

FOLDER holds photographs (JPEG); without it those that come with scikit-learn are used. Each is scaled to 500x375 and
1600x1200 first. The yardstick has the same allocator setting as we have. Prints JSON.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np

from objectlens.transforms import compile_pipeline
from objectlens.transforms.process import quiet_codecs, tune_allocator

ROUNDS, REPEATS = 15, 3
SIZES = {"500x375": (500, 375, 90), "1600x1200": (1600, 1200, 85)}
PIPELINE = Path(__file__).parents[2] / "examples/pipelines/image-normalizer.json"
Job = Callable[[bytes], bytes]


def bare(data: bytes) -> bytes:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    picture = cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))[1].tobytes()


def contestants() -> dict[str, Job]:
    text = json.loads(PIPELINE.read_text())
    fast, exact = compile_pipeline(text), compile_pipeline({**text, "quality": "exact"})
    return {"bare": bare, "fast": lambda data: bytes(fast.run(data)), "exact": lambda data: bytes(exact.run(data))}


def photographs(folder: Path, width: int, height: int, quality: int) -> list[bytes]:
    made = []
    for path in sorted(folder.glob("*.jpg"))[:50]:
        scaled = cv2.resize(cv2.imread(str(path)), (width, height), interpolation=cv2.INTER_CUBIC)
        made.append(cv2.imencode(".jpg", scaled, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
    return made


def milliseconds(jobs: dict[str, Job], data: Sequence[bytes]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            start = time.thread_time()
            for one in data:
                for _ in range(REPEATS):
                    job(one)
            times[name].append((time.thread_time() - start) * 1e3 / len(data) / REPEATS)
    return times


def psnr(first: bytes, second: bytes) -> float:
    pair = [cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_GRAYSCALE) for one in (first, second)]
    return float(cv2.PSNR(*pair))


def main() -> None:
    tune_allocator()
    quiet_codecs()
    default = Path(str(files("sklearn").joinpath("datasets/images")))
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    jobs, found = contestants(), {}
    for name, (width, height, quality) in SIZES.items():
        data = photographs(folder, width, height, quality)
        times = milliseconds(jobs, data)
        medians = {job: statistics.median(values) for job, values in times.items()}
        found[name] = {
            job: {
                "ratio": round(medians["bare"] / medians[job], 2),
                "spread": [round(medians["bare"] / max(values), 2), round(medians["bare"] / min(values), 2)],
                "least_psnr": round(min(psnr(bare(one), jobs[job](one)) for one in data), 1),
            }
            for job, values in times.items()
        }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
