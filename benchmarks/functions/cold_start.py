"""From nothing to the first byte: with a warm template, and for the first time ever."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import photographs
from contestants import HANDLER
from first_byte import first_byte
from functions.found import HANDLERS, Asked, Found, Say, Target, line, percentiles, spread
from functions.processes import wait
from live import Server, started
from machine import ALLOCATOR

WARM, FIRST = Target(side="at most", limit=40.0), Target(side="at most", limit=1.15)
MOST_EACH_ROUND = 5
PATIENCE = 60
# What a server does when environments end should not be in the next start.
REST_SECONDS = 0.2
_CONSTANT, _DEMO, _FIRST = "constant answer", "the demo's handler", "first ever"
_IMPORTS = "import boto3, cv2, numpy, requests; boto3.client('s3'); print('ready', flush=True)"
# As functions have it (docs/functions.md), so that nothing is compared but the way of starting.
_VARIABLES = {
    "AWS_ACCESS_KEY_ID": "measured",
    "AWS_SECRET_ACCESS_KEY": "measured",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "BOTO_DISABLE_CRT": "true",
    "PYTHONUNBUFFERED": "1",
    "OMP_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def measure(_: Server, asked: Asked, say: Say) -> dict[str, Found]:
    """Return times to the first byte, and the ratio of first starts to a plain process with the same imports."""
    with started({"OBJECTLENS_FUNCTIONS_IDLE_SECONDS": "1"}) as server:
        files = photographs.make(server.folder, "500x375", 1)
        server.upload(files)
        first = _first_ever(server, files, asked, say)
        warm: dict[str, list[float]] = {}
        for name, handler in ((_CONSTANT, HANDLERS / "constant.py"), (_DEMO, HANDLER)):
            lens = server.handler(f"cold-{len(warm)}", handler, entry=f"{handler.stem}.lambda_handler")
            warm[name] = _warm(server, lens, files, asked, lambda text, name=name: say(f"cold start, {name}: {text}"))
    count = len(warm[_DEMO])
    ratios = [ours / plain for ours, plain in first]
    return {
        "cold-start": Found(
            title="Cold start to the first byte; the handler imports boto3, cv2, numpy, requests",
            lines=[
                *(
                    line(f"template warm, {name}", spread(times), "ms", WARM, f"{count} starts")
                    for name, times in warm.items()
                ),
                line(_FIRST, spread([ours for ours, _ in first]), "ms"),
                line("plain process with the same imports", spread([plain for _, plain in first]), "ms"),
                line(f"{_FIRST}, to that process", spread(ratios), "x", FIRST, f"{len(first)} starts of each"),
            ],
            axis="ms",
            mark=WARM.limit,
            curves={f"template warm, {name}": percentiles(times) for name, times in warm.items()}
            | {
                _FIRST: percentiles([ours for ours, _ in first]),
                "plain process": percentiles([one for _, one in first]),
            },
        )
    }


def _warm(server: Server, lens: str, files: list[Path], asked: Asked, say: Say) -> list[float]:
    """Return the milliseconds of each start from a warm template."""
    orders = server.orders(lens, files, clients=1, seconds=0)
    first_byte(orders)
    starts = max(1, min(MOST_EACH_ROUND, round(MOST_EACH_ROUND * asked.seconds)))
    times = []
    for number in range(asked.rounds * starts):
        if number % starts == 0:
            say(f"round {number // starts + 1} of {asked.rounds}")
        wait(server.process, lambda now: bool(now.templates) and not now.environments, PATIENCE)
        time.sleep(REST_SECONDS)
        times.append(1000 * first_byte(orders))
    return times


def _first_ever(server: Server, files: list[Path], asked: Asked, say: Say) -> list[tuple[float, float]]:
    """Return the milliseconds of first starts, each with that of a plain process right before."""
    _plain_process()  # the files get into the page cache
    pairs = []
    for number in range(asked.rounds):
        say(f"cold start, first ever: round {number + 1} of {asked.rounds}")
        name = f"first-{number}"
        lens = server.handler(name, HANDLERS / "constant.py", entry="constant.lambda_handler")
        plain = _plain_process()
        pairs.append((1000 * first_byte(server.orders(lens, files, clients=1, seconds=0)), plain))
        server.functions.delete_function(FunctionName=name)
        wait(server.process, lambda now: not now.functions, PATIENCE)
    return pairs


def _plain_process() -> float:
    """Return the milliseconds until a process has imported the same, with the variables that functions get."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/", **ALLOCATOR, **_VARIABLES}
    command = [sys.executable, "-c", _IMPORTS]
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError("a plain process could not import boto3, cv2, numpy and requests")
        return 1000 * (time.perf_counter() - began)
