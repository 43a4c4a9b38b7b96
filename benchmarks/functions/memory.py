"""The memory of many idle environments of one function: what each has for itself."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

import psutil

import photographs
from contestants import HANDLER
from functions.found import HANDLERS, Asked, Found, Say, Target, failed, line, percentiles, spread
from functions.processes import look, unshared_mib, wait
from live import Server, started
from load import measure as generate

EACH = Target(side="at most", limit=25.0, worst=True)
# All environments have to be there before the first one is free again.
SECONDS_FIRST, SECONDS_EACH = 5, 0.25
# Meanwhile the last of them return, and before those that idle beside others are ended.
REST_SECONDS = 1.0
_WHAT = "unshared memory of an idle environment"


def measure(_: Server, asked: Asked, say: Say) -> dict[str, Found]:
    """Return the MiB that are an environment's alone (private pages), after it has transformed a photograph."""
    count = asked.environments
    settings = {
        "OBJECTLENS_FUNCTIONS_MAX_ENVIRONMENTS": str(count + 8),
        "OBJECTLENS_FUNCTIONS_MAX_PER_FUNCTION": str(count + 8),
        "OBJECTLENS_FUNCTIONS_QUEUE_SECONDS": "60",
        "OBJECTLENS_ADMISSION_MAX_REQUESTS": str(2 * count + 64),
        "OBJECTLENS_ADMISSION_QUEUE_SECONDS": "60",
    }
    say(f"memory: {count} environments")
    with started(settings) as server:
        try:
            each, others = _fill(server, count)
        except (RuntimeError, TimeoutError) as error:
            return {"memory": Found(title=_title(count), lines=[failed(_WHAT, "MiB", EACH, str(error))])}
    return {
        "memory": Found(
            title=_title(count),
            lines=[
                line(_WHAT, spread(each), "MiB", EACH, f"{len(each)} environments, {sum(each):,.0f} MiB together"),
                *(line(name, (value, value, value), "MiB") for name, value in others.items()),
            ],
            axis="MiB of private pages",
            mark=EACH.limit,
            curves={"environments": percentiles(each)},
        )
    }


def _title(count: int) -> str:
    return f"Memory of {count} idle environments of the demo's handler"


def _fill(server: Server, count: int) -> tuple[list[float], dict[str, float]]:
    """Have so many invocations end at one moment, so that each has an environment; look when all are idle."""
    lens = server.handler("waiting", HANDLERS / "waiting.py", HANDLER, entry="waiting.lambda_handler", timeout=900)
    files = photographs.make(server.folder, "500x375", 1)
    server.upload(files)
    generate(server.orders(lens, files, clients=1, seconds=0))
    moment = int(time.time() + SECONDS_FIRST + SECONDS_EACH * count)
    slow = Path(shutil.copy(files[0], server.folder / f"until-{moment}.jpg"))
    server.upload([slow])
    generate(server.orders(lens, [slow], clients=count, seconds=0))
    wait(server.process, lambda now: len(now.environments) >= count, max(1.0, moment - time.time()))
    time.sleep(max(0.0, moment - time.time()) + REST_SECONDS)
    now = look(server.process)
    return _unshared(now.environments), {
        "resident memory of the template": _resident(now.templates),
        "resident memory of the server": _resident(now.own),
    }


def _unshared(environments: list[int]) -> list[float]:
    each = []
    for pid in environments:
        with suppress(OSError):  # it has ended
            each.append(unshared_mib(pid))
    return each


def _resident(pids: list[int]) -> float:
    return sum(psutil.Process(pid).memory_info().rss for pid in pids) / 2**20
