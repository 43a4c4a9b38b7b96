"""Plain S3 against SeaweedFS: GETs of 100 KB, a stream of 1 GiB, and the first byte of a streamed transform."""

from __future__ import annotations

import statistics
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contestants import CLIENTS, KEY, seaweedfs
from first_byte import first_byte
from live import BUCKET, Server, clients, orders
from load import Round
from load import measure as generate
from machine import Missing, cpu_since, cpu_times, resident

SMALL, LARGE = 100 * 1024, 1024**3
FEW = 50


@dataclass(frozen=True, slots=True)
class _Side:
    name: str
    url: str
    key: tuple[str, str]
    process: int


def measure(server: Server, seconds: float, rounds: int) -> dict[str, Any]:
    """Return rates, rates per core used, MB/s, growth of memory and times to the first byte."""
    files = _files(server.folder)
    found: dict[str, Any] = {"first byte of a streamed transform": _first_bytes(server, rounds)}
    sides = [_Side("objectlens", server.url, server.key, server.process)]
    try:
        with seaweedfs(server.folder / "weed-plain") as (url, process):
            sides.append(_Side("SeaweedFS", url, KEY, process))
            clients(url, KEY, "s3")[0].create_bucket(Bucket=BUCKET)
            return found | _compare(sides, files, seconds, rounds)
    except Missing as error:
        return found | _compare(sides, files, seconds, rounds) | {"missing": {"SeaweedFS": str(error)}}


def _files(folder: Path) -> list[Path]:
    made = []
    random = np.random.default_rng(1)
    for number in range(FEW):
        made.append(folder / f"plain-{number:02}")
        made[-1].write_bytes(random.bytes(SMALL))
    large, block = folder / "large", random.bytes(1024 * 1024)
    with large.open("wb") as out:
        for _ in range(LARGE // len(block)):
            out.write(block)
    return [*made, large]


def _compare(sides: list[_Side], files: list[Path], seconds: float, rounds: int) -> dict[str, Any]:
    for side in sides:
        (s3,) = clients(side.url, side.key, "s3")
        for path in files:
            s3.upload_file(str(path), BUCKET, path.name)
    small: dict[str, list[tuple[float, float]]] = {side.name: [] for side in sides}
    large: dict[str, list[float]] = {side.name: [] for side in sides}
    growth = dict.fromkeys(small, 0)
    for side in sides:
        generate(orders(side.url, side.key, BUCKET, files[:FEW], clients=CLIENTS, seconds=1.0))
    for _ in range(rounds):
        for side in sides:
            used = cpu_times(side.process)
            one = generate(orders(side.url, side.key, BUCKET, files[:FEW], clients=CLIENTS, seconds=seconds))
            cores = cpu_since(used, side.process) / one.seconds
            small[side.name].append((len(one.times) / one.seconds, cores))
            before = resident(side.process)
            one = _stream(side, files[-1])
            growth[side.name] = max(growth[side.name], resident(side.process) - before)
            large[side.name].append(one.bytes / one.seconds / 1e6)
    return {
        "GET of 100 KB": {
            name: {
                "per second": statistics.median(rate for rate, _ in taken),
                "per second per core": statistics.median(rate / cores for rate, cores in taken),
                "spread per core": [edge(rate / cores for rate, cores in taken) for edge in (min, max)],
            }
            for name, taken in small.items()
        },
        "GET of 1 GiB": {
            name: {
                "MB/s": statistics.median(taken),
                "spread": [min(taken), max(taken)],
                "resident MiB grown by": growth[name] / 2**20,
            }
            for name, taken in large.items()
        },
    }


def _stream(side: _Side, path: Path) -> Round:
    # One answer: the time is over before it ends.
    return generate(orders(side.url, side.key, BUCKET, [path], clients=1, seconds=0.01))


def _first_bytes(server: Server, rounds: int) -> dict[str, float]:
    packed = server.folder / "large.gz"
    squeeze = zlib.compressobj(1, wbits=31)
    block = np.random.default_rng(2).integers(32, 96, 1024 * 1024, dtype=np.uint8).tobytes()
    with packed.open("wb") as out:
        for _ in range(LARGE // len(block)):
            out.write(squeeze.compress(block))
        out.write(squeeze.flush())
    server.s3.upload_file(str(packed), BUCKET, packed.name)
    alias = server.native("first-byte", '{"pipeline": ["decompress"], "family": "archive"}')
    one = server.orders(alias, [packed], clients=1, seconds=0)
    times = [1000 * first_byte(one) for _ in range(4 * rounds)]
    return {"median ms": statistics.median(times), "least ms": min(times), "most ms": max(times)}
