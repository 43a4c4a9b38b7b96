"""What an unmodified handler costs: GETs through it against a bare loop of the same OpenCV calls, without any service.

The yardstick is two threads in one process with the allocator setting that functions get (docs/functions.md), or it
would flatter us. The client is light, eight threads with kept connections and presigned URLs, and shares the machine
with the server.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image, ImageOps

from live import Target, started

ROOT = Path(__file__).resolve().parents[1]
SIZES = {"500x375": ((500, 375), 90), "1600x1200": ((1600, 1200), 85)}
ROUNDS = 5
CLIENTS = 8
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(32 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(256 * 2**20)}


@dataclass(frozen=True, slots=True)
class Figure:
    """Rates are per second, times in milliseconds; over all rounds."""

    name: str
    rate: float
    least: float
    most: float
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Round:
    """One measurement: how long it took in seconds, and each job in it."""

    seconds: float
    times: list[float]


def measure(seconds: float) -> Iterator[tuple[str, list[Figure]]]:
    """Yield a title and its figures for each size of photograph; the first figure is the yardstick."""
    for title, (size, quality) in SIZES.items():
        with started(ROOT / "examples/functions/image-normalizer/lambda_function.py") as target:
            files = _photographs(target.folder, size, quality)
            target.upload(files)
            yield title, _alternate(target, files, seconds)


def _photographs(folder: Path, size: tuple[int, int], quality: int) -> list[Path]:
    made = []
    for path in sorted((ROOT / "examples/photographs").glob("*.jpg")):
        with Image.open(path) as image:
            made.append(folder / path.name)
            ImageOps.fit(image.convert("RGB"), size).save(made[-1], quality=quality)
    return made


def _alternate(target: Target, files: list[Path], seconds: float) -> list[Figure]:
    contestants = {
        "bare loop, two threads, no service": lambda: _bare(files, seconds),
        "GET through the unmodified handler": lambda: _load(target.lens_urls(files), seconds),
        "plain GET of the original": lambda: _load(target.bucket_urls(files), seconds),
    }
    _load(target.lens_urls(files), seconds)  # environments start
    rounds: dict[str, list[Round]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, run in contestants.items():
            rounds[name].append(run())
    return [_figure(name, measured) for name, measured in rounds.items()]


def _figure(name: str, rounds: list[Round]) -> Figure:
    rates = [len(one.times) / one.seconds for one in rounds]
    times = sorted(time for one in rounds for time in one.times)
    p50, p99 = (1000 * times[int(len(times) * share)] for share in (0.50, 0.99))
    return Figure(name, statistics.median(rates), min(rates), max(rates), p50, p99)


def _bare(files: list[Path], seconds: float) -> Round:
    command = [sys.executable, str(Path(__file__).with_name("bare_loop.py")), str(seconds), *map(str, files)]
    done = subprocess.run(command, env=os.environ | ALLOCATOR, capture_output=True, check=True, text=True)
    return Round(**json.loads(done.stdout))


def _load(urls: list[str], seconds: float) -> Round:
    host, port = urlsplit(urls[0]).hostname or "", urlsplit(urls[0]).port
    paths = [url.partition("/")[2].partition("/")[2].partition("/")[2] for url in urls]
    began = time.perf_counter()

    def client(first: int) -> list[float]:
        connection = http.client.HTTPConnection(host, port, timeout=60)
        times = []
        for number in itertools.count(first, CLIENTS):
            start = time.perf_counter()
            if start - began > seconds:
                return times
            connection.request("GET", f"/{paths[number % len(paths)]}")
            answer = connection.getresponse()
            if answer.status != 200 or not answer.read():
                raise RuntimeError(f"{answer.status} for {paths[number % len(paths)]}")
            times.append(time.perf_counter() - start)
        return times

    with ThreadPoolExecutor(CLIENTS) as pool:
        times = [one for each in pool.map(client, range(CLIENTS)) for one in each]
    return Round(time.perf_counter() - began, times)
