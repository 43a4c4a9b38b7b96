"""The processes of a function host, as /proc shows them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that is dead and not yet reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid: int) -> list[int]:
    """Return what a process started."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants(pid: int) -> list[int]:
    """Return what a process started, and what those did."""
    found = children(pid)
    return found + [inner for child in found for inner in descendants(child)]


def command_of(pid: int) -> list[str]:
    """Return the words of a process's command line, none when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def runs_script(pid: int, name: str) -> bool:
    """Tell whether a process runs one of the function runtime's own scripts."""
    return any(word.endswith((f"/functions/{name}", f"/compiled/{name}c")) for word in command_of(pid))


def hosts_of(pid: int) -> list[int]:
    """Return the function hosts that a server started: one, or none."""
    return [child for child in children(pid) if "objectlens.functions.host" in command_of(child)]


def templates_of(host: int) -> list[int]:
    """Return the templates of a host, those of no sandbox, in the order in which they were started."""
    return [child for child in children(host) if runs_script(child, "mold.py")]


def watchmen_of(host: int) -> list[int]:
    """Return the watchman of a host, if it has one."""
    return [child for child in children(host) if runs_script(child, "watch.py")]


async def until(condition: Callable[[], object], within: float = 10.0, step: float = 0.01) -> None:
    """Wait until something is so; look every `step` seconds."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(step)


async def gone(*pids: int, within: float = 10.0) -> None:
    """Wait until processes are gone."""
    end = time.monotonic() + within
    while any(map(alive, pids)):
        assert time.monotonic() < end, [(pid, command_of(pid)) for pid in pids if alive(pid)]
        await asyncio.sleep(0.01)


def groups_of(host: int) -> list[Path]:
    """Return the control groups of a function host. Those of others may go while they are looked through."""
    found = (Path(folder) for folder, _, _ in os.walk("/sys/fs/cgroup"))
    return [path for path in found if path.name.startswith(f"objectlens-{host}-")]
