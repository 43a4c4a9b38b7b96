"""The benchmark of functions does what it says, at the smallest size; how fast anything was is not looked at."""

from __future__ import annotations

import importlib
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SMALLEST = {"size": "500x375", "seconds": "0.2", "rounds": "1", "photographs": "1", "environments": "4", "burst": "8"}
# Not among neighbours: a fork bomb is nothing for a machine that runs other tests.
PARTS = ("throughput", "latency", "cold-start", "memory", "burst", "processor")
FOUND = {"throughput-500x375", "latency", "cold-start", "memory", "burst", "processor-500x375"}


@pytest.mark.timeout(300)
def test_every_line_is_measured_and_judged(tmp_path) -> None:
    options = [word for name, value in SMALLEST.items() for word in (f"--{name}", value)]
    options += [word for part in PARTS for word in ("--of", part)]
    command = [sys.executable, str(BENCHMARKS), "--only", "functions", "--no-plots", "--out", str(tmp_path), *options]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert set(results["functions"]) == FOUND
    lines = [line for found in results["functions"].values() for line in found["lines"]]
    assert [line for line in lines if None in line["value"]] == []
    assert {line["verdict"] for line in lines if line["target"]} <= {"met", "missed"}
    assert {line["verdict"] for line in lines if not line["target"]} == {""}
    unanswered = [line for line in results["functions"]["burst"]["lines"] if "not answered" in line["what"]]
    assert [line["value"] for line in unanswered] == [[0.0, 0.0, 0.0]] * 2
    assert results["functions"]["memory"]["lines"][0]["note"].startswith("4 environments")
    assert list(tmp_path.iterdir()) == [tmp_path / "results.json"]


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


def test_a_target_is_judged_by_the_median_or_by_the_worst(module) -> None:
    target = module("functions.found").Target
    assert target(side="at most", limit=3.0).met((3.0, 1.0, 9.0))
    assert not target(side="at most", limit=3.0, worst=True).met((3.0, 1.0, 9.0))
    assert target(side="at least", limit=0.6).met((0.6, 0.1, 0.7))
    assert not target(side="at least", limit=0.6, worst=True).met((0.6, 0.1, 0.7))
    nothing = (math.nan, math.nan, math.nan)
    assert not target(side="at most", limit=3.0).met(nothing)
    assert str(target(side="at most", limit=25.0, worst=True)) == "at most 25, the worst of all"


def test_quantiles_are_values_that_were_measured(module) -> None:
    found = module("functions.found")
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [found.quantile(values, share) for share in (0.0, 0.5, 0.99)] == [1.0, 3.0, 5.0]
    curve = found.percentiles(values)
    assert (len(curve), curve[0], curve[50], curve[100]) == (101, 1.0, 3.0, 5.0)
    assert found.spread(values) == (3.0, 1.0, 5.0)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", 200),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody", 0),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n", 0),
        (b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n", 503),
        (b"", 0),
    ],
)
def test_an_answer_counts_when_it_is_whole(module, answer, status) -> None:
    assert module("functions.burst").status_of(answer) == status
