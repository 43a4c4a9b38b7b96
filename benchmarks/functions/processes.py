"""The processes below a server: which are templates, which environments, which its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

# Everything that belongs to a function starts with it, also the sandbox around it; nothing else does.
_MARK = b"AWS_LAMBDA_LOG_STREAM_NAME="
_TICK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Processes:
    """Process numbers. `functions` are all that belong to functions, `own` the server and its helpers."""

    templates: list[int]
    environments: list[int]
    functions: list[int]
    own: list[int]


def look(server: int) -> Processes:
    """Return the processes that there are now."""
    root = psutil.Process(server)
    tree = [root, *root.children(recursive=True)]
    parents, scripts = {}, {}
    for one in tree:
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            parents[one.pid] = one.ppid()
            scripts[one.pid] = Path((one.cmdline()[1:2] or [""])[0]).stem
    functions = [pid for pid in parents if pid != server and _MARK in environ(pid)]
    templates = [pid for pid in functions if scripts.get(pid) == "mold" and scripts.get(parents[pid]) != "mold"]
    environments = [pid for pid in functions if parents[pid] in templates or scripts.get(pid) == "launch"]
    return Processes(templates, environments, functions, [pid for pid in parents if pid not in functions])


def environ(pid: int) -> bytes:
    """Return what a process was started with; nothing when it is gone or another user's."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes()
    return b""


def wait(server: int, reached: Callable[[Processes], bool], seconds: float) -> float:
    """Wait until the processes are as wanted; returns the seconds it took, raises `TimeoutError`."""
    began = time.monotonic()
    while True:
        now = look(server)
        if reached(now):
            return time.monotonic() - began
        if time.monotonic() - began > seconds:
            there = f"{len(now.environments)} environments and {len(now.templates)} templates"
            raise TimeoutError(f"after {seconds:g} s there were {there}")
        time.sleep(_TICK_SECONDS)


def unshared_mib(pid: int) -> float:
    """Return the memory that is this process's alone (proc(5), smaps_rollup)."""
    fields = dict(line.split()[:2] for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return (int(fields["Private_Clean:"]) + int(fields["Private_Dirty:"])) / 1024
