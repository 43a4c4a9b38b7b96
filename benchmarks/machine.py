"""Starting other programs for a measurement, and what they use."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
CONTESTANTS = ROOT / "build/contestants"
# The setting that functions and the server have too (docs/functions.md); everybody gets it, or it would flatter us.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(32 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(256 * 2**20)}
START_SECONDS = 60


class Missing(Exception):
    """A program that is not installed here; the message says which."""


def program(name: str) -> str:
    """Return the path of a program, from the contestants' environment, our own, or the system."""
    places = [CONTESTANTS / "bin", Path(sys.executable).parent]
    found = shutil.which(name, path=os.pathsep.join([*map(str, places), os.environ.get("PATH", ""), "/usr/sbin"]))
    if found is None:
        raise Missing(f"{name} is not installed")
    return found


def free_port() -> int:
    """Return a port that is free, and whose number plus 10,000 is a port too: SeaweedFS takes that one as well."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as door:
            port = int(door.getsockname()[1])
        if port < 55_000:
            return port


@contextmanager
def running(
    command: Sequence[str], port: int, log: Path, environ: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until it answers, and end it with all its children; raises `Missing` when it does not."""
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command, stdout=out, stderr=out, env=os.environ | ALLOCATOR | dict(environ or {}), start_new_session=True
        ) as process,
    ):
        try:
            _wait(process, port, log)
            yield process
        finally:
            tree = [process.pid, *(one.pid for one in psutil.Process(process.pid).children(recursive=True))]
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            for pid in tree:
                with suppress(psutil.NoSuchProcess):
                    psutil.Process(pid).kill()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        if process.poll() is not None or time.monotonic() > deadline:
            raise Missing(f"it did not start: {log.read_text(errors='replace').strip()[-200:]}")
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.1)


def cpu_times(pid: int | None) -> dict[int, float]:
    """Return the CPU seconds that a process and its children have used so far, by process; nothing for no process."""
    found: dict[int, float] = {}
    if pid is None:
        return found
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for one in (root, *root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                found[one.pid] = times.user + times.system
    return found


def cpu_since(before: Mapping[int, float], pid: int | None) -> float:
    """Return the CPU seconds used since; of a process that ended meanwhile nothing is known: it was one that idled."""
    return sum(used - before.get(one, 0.0) for one, used in cpu_times(pid).items())


def resident(pid: int) -> int:
    """Return the resident bytes of a process and its children."""
    root = psutil.Process(pid)
    return sum(one.memory_info().rss for one in (root, *root.children(recursive=True)))
