"""Finding and ending what an environment started, and the watchman's script: `watch.py` with orders on its input.

The watchman is a process of its own, which the function host starts. Each line of its input is, parted by tabs, `hold`,
a process, its marker and the folders of its control groups, or `release` and a process; when the input ends, because
the host stopped or died, it ends everything it still holds. The kernel ties only the environments themselves to the
host's life, not what they started. It imports nothing of objectlens, so that it starts quickly.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Collection

ROUNDS = 100


def find_members(sessions: Collection[int], markers: Collection[bytes], groups: Collection[str] = ()) -> list[int]:
    """Find the processes in one of the sessions, with one of the markers in their environment, or in one of the groups.

    A marker is `NAME=value`, a group the folder of a control group: who leaves the session and forgets the environment
    stays in it. Zombies and processes of other users are left out.
    """
    grouped = {pid for group in groups for pid in _in_group(group)}
    return [pid for pid in _all_pids() if pid in grouped or _session(pid) in sessions or _has_marker(pid, markers)]


def end_all(sessions: Collection[int], markers: Collection[bytes], groups: Collection[str] = ()) -> None:
    """Kill those processes; again while there are any, because they may start others meanwhile.

    Once more when none was found: one that started another and ended, after the list of all processes was taken and
    before it was looked at, leaves a child that is not on that list. Daemons begin so.
    """
    missed = 0
    for _ in range(ROUNDS):
        for group in groups:
            _kill_group(group)
        found = find_members(sessions, markers, groups)
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


def _in_group(group: str) -> list[int]:
    """Return the living processes of a control group, none when it is gone."""
    return [pid for pid in map(int, _read(f"{group}/cgroup.procs").split()) if _session(pid) is not None]


def _kill_group(group: str) -> None:
    """Have the kernel kill all of a control group at once, where it can: version 2, from Linux 5.14 on (cgroups(7))."""
    try:
        fd = os.open(f"{group}/cgroup.kill", os.O_WRONLY)
    except OSError:
        return
    try:
        os.write(fd, b"1")
    except OSError:
        return  # removed meanwhile
    finally:
        os.close(fd)


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
    held: dict[int, tuple[bytes, list[str]]] = {}
    for line in sys.stdin.buffer:
        order, pid, *more = line.rstrip(b"\n").split(b"\t")
        if order == b"hold":
            held[int(pid)] = more[0], [os.fsdecode(group) for group in more[1:]]
        elif order == b"release":
            held.pop(int(pid), None)
    groups = [group for _, its in held.values() for group in its]
    end_all(set(held), {marker for marker, _ in held.values()}, groups)


if __name__ == "__main__":
    main()
