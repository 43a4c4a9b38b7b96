"""A quiet function beside one that does what it should not, each in a sandbox as far as the machine allows.

What is measured is the quiet one: its p99 beside each deed, as a ratio to its p99 alone in the same round.
"""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil

import photographs
from functions.found import HANDLERS, Asked, Found, Line, Say, Target, failed, line, quantile, spread
from functions.processes import environ
from live import Server, started
from load import Orders, Signer
from load import measure as generate

DEEDS = {
    "fork_bomb": "fork bomb",
    "memory_hog": "fills memory",
    "tmp_filler": "fills /tmp",
    "many_files": "opens 10,000 files",
    "sleeper": "sleeps for ever",
    "shouter": "writes 10 GiB to stdout",
}
BESIDE, LEFT = Target(side="at most", limit=5.0), Target(side="at most", limit=0.0)
ISOLATION = {"OBJECTLENS_FUNCTIONS_ISOLATION": "auto"}
PATIENCE = 60
# Until what a deed left has ended.
REST_SECONDS = 1.0
WARM_SECONDS = 2.0


def measure(_: Server, asked: Asked, say: Say) -> dict[str, Found]:
    """Return the ratios of the quiet function's p99, and the processes left when the server has ended."""
    limited = _is_limited()
    alone: list[float] = []
    beside: dict[str, list[float]] = {deed: [] for deed in DEEDS}
    got: dict[str, Counter[str]] = {deed: Counter() for deed in DEEDS}
    broken: dict[str, str] = {}
    try:
        with started(ISOLATION) as server:
            quiet, hostile = _functions(server, asked, limited=limited)
            generate(replace(quiet, seconds=WARM_SECONDS))
            for number in range(asked.rounds):
                # The quieter of two: one that something else disturbed would flatter.
                twice = [_p99(quiet), _p99(quiet)]
                quietly = min((one for one in twice if one is not None), default=None)
                if quietly is None:
                    broken |= dict.fromkeys(DEEDS, "the quiet function failed alone")
                    break
                alone.append(quietly)
                for deed, orders in hostile.items():
                    say(f"neighbours, {DEEDS[deed]}: round {number + 1} of {asked.rounds}")
                    with _misbehaving(orders, got[deed]):
                        found = _p99(quiet)
                    if found is None:
                        broken[deed] = "the quiet function failed beside it"
                    else:
                        beside[deed].append(found / quietly)
                    time.sleep(REST_SECONDS)
    finally:
        left = _clean()
    lines = [
        line("alone, p99", spread(alone or [math.nan]), "ms", note="" if limited else "no limits here: harmless deeds"),
        *(_line(deed, beside[deed], got[deed], broken.get(deed)) for deed in DEEDS),
        line("processes and files left behind", (left, left, left), "", LEFT),
    ]
    return {
        "neighbours": Found(
            title="p99 of a quiet function beside a hostile one, 1 = alone",
            lines=lines,
            axis="ratio to its p99 alone",
            mark=BESIDE.limit,
            bars={DEEDS[deed]: spread(ratios) for deed, ratios in beside.items() if ratios},
        )
    }


def _line(deed: str, ratios: list[float], got: Counter[str], broken: str | None) -> Line:
    what = f"beside one that {DEEDS[deed]}" if deed != "fork_bomb" else "beside a fork bomb"
    if broken or not ratios:
        return failed(what, "x alone", BESIDE, broken or "not measured")
    answers = ", ".join(f"{count} x {answer}" for answer, count in got.most_common())
    return line(what, spread(ratios), "x alone", BESIDE, f"the hostile one got {answers or 'no answer'}")


def _functions(server: Server, asked: Asked, *, limited: bool) -> tuple[Orders, dict[str, Orders]]:
    files = photographs.make(server.folder, "500x375", 1)
    server.upload(files)
    constant = server.handler("quiet", HANDLERS / "constant.py", entry="constant.lambda_handler")
    seconds = math.ceil(asked.seconds) + 1
    hostile = {}
    for deed in DEEDS:
        lens = server.handler(
            f"hostile-{deed.replace('_', '-')}",
            HANDLERS / "hostile.py",
            entry="hostile.lambda_handler",
            variables={"DEED": deed, "SECONDS": str(seconds), "LIMITED": str(int(limited))},
            memory=256,
            timeout=seconds + 1,
        )
        hostile[deed] = server.orders(lens, files, clients=1, seconds=0)
    return server.orders(constant, files, clients=1, seconds=asked.seconds), hostile


def _p99(quiet: Orders) -> float | None:
    """Return milliseconds; None when a GET was not answered with 200."""
    try:
        return 1000 * quantile(generate(quiet).times, 0.99)
    except RuntimeError:
        return None


@contextmanager
def _misbehaving(orders: Orders, got: Counter[str]) -> Iterator[None]:
    """Invoke the hostile function again and again; ends when its last invocation has."""
    enough = threading.Event()

    def ask() -> None:
        while not enough.is_set():
            got[_answer(orders)] += 1

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        time.sleep(min(1.0, orders.seconds + 0.5))
        yield
    finally:
        enough.set()
        thread.join()


def _answer(orders: Orders) -> str:
    """Return the status of one GET and its error code."""
    try:
        with socket.create_connection((orders.host, orders.port), timeout=PATIENCE) as sock:
            head = Signer(orders).head(orders.paths[0])
            sock.sendall(head.removesuffix(b"\r\n") + b"Connection: close\r\n\r\n")
            data = b""
            while part := sock.recv(65536):
                data += part
    except OSError as error:
        return type(error).__name__
    code = data.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()
    return f"{data[9:12].decode()} {code}".strip() or "nothing"


def _is_limited() -> bool:
    """Tell whether memory, processes and /tmp have limits here: otherwise nothing may be tried that needs them."""
    command = [sys.executable, "-m", "objectlens", "doctor", "--json"]
    said = subprocess.run(command, env=os.environ | ISOLATION, capture_output=True, check=False, text=True)
    states = {one["what"]: one["state"] for one in json.loads(said.stdout)}
    return all(states.get(name) == "ok" for name in ("memory limit", "process limit", "private /tmp"))


def _clean() -> float:
    """End and remove what hostile functions left outside; returns how much that was."""
    left = 0
    for one in psutil.process_iter():
        if b"AWS_LAMBDA_FUNCTION_NAME=hostile-" in environ(one.pid):
            with suppress(psutil.NoSuchProcess):
                one.kill()
                left += 1
    for path in Path("/tmp").glob("objectlens-bench-deed-*"):
        path.unlink()
        left += 1
    return float(left)
