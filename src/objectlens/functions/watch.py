"""Finding and ending what an environment started, and the watchman's script: `watch.py` with orders on its input.

The watchman is a process of its own, which the function host starts. Each line of its input is `hold PID MARKER` or
`release PID`; when the input ends, because the host stopped or died, it ends everything it still holds. The kernel ties
only the environments themselves to the host's life, not what they started. It imports nothing of objectlens, so that it
starts quickly.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Collection

ROUNDS = 100


def find_members(sessions: Collection[int], markers: Collection[bytes]) -> list[int]:
    """Find the processes that are in one of the sessions or began with one of the markers in their environment.

    A marker is `NAME=value`. Zombies and processes of other users are left out.
    """
    return [pid for pid in _all_pids() if _session(pid) in sessions or _has_marker(pid, markers)]


def end_all(sessions: Collection[int], markers: Collection[bytes]) -> None:
    """Kill those processes; again while there are any, because they may start others meanwhile.

    Once more when none was found: one that started another and ended, after the list of all processes was taken and
    before it was looked at, leaves a child that is not on that list. Daemons begin so.
    """
    missed = 0
    for _ in range(ROUNDS):
        found = find_members(sessions, markers)
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        missed = 0 if found else missed + 1
        if missed == 2:
            return


def _all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208  (names are all we need)


def _session(pid: int) -> int | None:
    """Return the session of a living process: the fourth field after the name in parentheses (proc(5))."""
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return int(fields[3]) if len(fields) > 3 and fields[0] not in {b"Z", b"X"} else None


def _has_marker(pid: int, markers: Collection[bytes]) -> bool:
    environment = _read(f"/proc/{pid}/environ")
    return any(marker in environment for marker in markers)


def _read(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return b""  # gone meanwhile, or another user's
    try:
        return _read_whole(fd)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _read_whole(fd: int) -> bytes:
    parts = []
    while part := os.read(fd, 64 * 1024):
        parts.append(part)
    return b"".join(parts)


def main() -> None:
    """Keep watch until the input ends."""
    held: dict[int, bytes] = {}
    for line in sys.stdin.buffer:
        order, _, rest = line.strip().partition(b" ")
        pid, _, marker = rest.partition(b" ")
        if order == b"hold":
            held[int(pid)] = marker
        elif order == b"release":
            held.pop(int(pid), None)
    end_all(set(held), set(held.values()))


if __name__ == "__main__":
    main()
