"""The yardstick: the demo handler's own code in two threads. Arguments: seconds, files."""

from __future__ import annotations

import itertools
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples/functions/image-normalizer"))
from lambda_function import normalize

THREADS = 2


def main() -> None:
    cv2.setNumThreads(1)
    seconds, data = float(sys.argv[1]), [Path(name).read_bytes() for name in sys.argv[2:]]
    began, used = time.perf_counter(), time.process_time()

    def worker(first: int) -> list[float]:
        times = []
        for number in itertools.count(first, THREADS):
            start = time.perf_counter()
            if start - began > seconds:
                return times
            normalize(data[number % len(data)])
            times.append(time.perf_counter() - start)
        return times

    with ThreadPoolExecutor(THREADS) as pool:
        times = [one for each in pool.map(worker, range(THREADS)) for one in each]
    elapsed = time.perf_counter() - began
    print(json.dumps({"seconds": elapsed, "times": times, "cpu": time.process_time() - used}))


if __name__ == "__main__":
    main()
