"""CPU seconds in the client for each sample: transformed pictures read, against originals read and transformed.

All come over kept connections with presigned URLs, by the same light client, and end as a grey array of 256x256.
What is transformed comes as JPEG, which the client still has to decode, and as the array itself.
"""

from __future__ import annotations

import http.client
import io
import itertools
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np

from contestants import PIPELINE
from live import BUCKET, Server

# The reference job, but for its last step.
_STEPS = json.loads(PIPELINE.read_text())["pipeline"][:-1]
_ARRAYS = json.dumps(
    {"pipeline": [*_STEPS, {"to_tensor": {"layout": "HWC", "dtype": "uint8"}}, {"tensor.encode": {"format": "npy"}}]}
)
Decode = Callable[[bytes], np.ndarray]


def measure(server: Server, files: list[Path], seconds: float, rounds: int) -> dict[str, float]:
    """Return ms of CPU for a sample each way, and the ratios to reading originals."""
    cv2.setNumThreads(1)
    size = files[0].name.partition("-")[0]
    alias, arrays = server.native(f"client-{size}", PIPELINE.read_text()), server.native(f"arrays-{size}", _ARRAYS)
    ways: dict[str, tuple[list[str], Decode]] = {
        "transformed": (_urls(server, alias, files), _as_it_is),
        "array": (_urls(server, arrays, files), _as_array),
        "original": (_urls(server, BUCKET, files), _transformed),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (urls, decode) in ways.items():
            taken[name].append(_cpu(urls, decode, seconds))
    found = {f"{name} ms": 1000 * statistics.median(values) for name, values in taken.items()}
    for name, prefix in (("transformed", ""), ("array", "array ")):
        ratios = [one / other for one, other in zip(taken[name], taken["original"], strict=True)]
        found |= {f"{prefix}ratio": statistics.median(ratios), f"{prefix}least": min(ratios)}
        found |= {f"{prefix}most": max(ratios)}
    return found


def _urls(server: Server, bucket: str, files: list[Path]) -> list[str]:
    asked = [{"Bucket": bucket, "Key": path.name} for path in files]
    return [str(server.s3.generate_presigned_url("get_object", one, ExpiresIn=86400)) for one in asked]


def _cpu(urls: list[str], decode: Decode, seconds: float) -> float:
    at = urlsplit(urls[0])
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=60)
    paths = [f"{urlsplit(url).path}?{urlsplit(url).query}" for url in urls]
    deadline, used = time.monotonic() + seconds, time.process_time()
    for number in itertools.count(1):
        connection.request("GET", paths[number % len(paths)])
        answer = connection.getresponse()
        data = answer.read()
        if answer.status != 200 or decode(data).shape != (256, 256):
            raise RuntimeError(f"{answer.status} for {paths[number % len(paths)]}")
        if time.monotonic() > deadline:
            return (time.process_time() - used) / number
    raise AssertionError


def _as_it_is(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)


def _as_array(data: bytes) -> np.ndarray:
    return np.load(io.BytesIO(data))[..., 0]


def _transformed(data: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
