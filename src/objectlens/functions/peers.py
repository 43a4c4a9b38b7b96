"""Who is at the other end of a connection on this machine: the process that holds its socket (proc(5)).

The ports of the Runtime API have no credentials, and every function that has the machine's network reaches those of
all others. A connection is therefore looked at once, when it is made.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from objectlens.functions.watch import find_members

SEARCHES = 8
Address = tuple[str, int]


class Family:
    """A process and what it started; `marker` is a piece of their environment that no other process has."""

    def __init__(self, pid: int, marker: str) -> None:
        self._pid = pid
        self._marker = marker
        self._searches = SEARCHES

    def holds(self, peer: Address, own: Address) -> bool:
        """Whether the other end of a connection, at `peer`, is one of theirs.

        Where there is no /proc nothing can be told, and it is True.
        """
        if sys.platform != "linux" or any(_holds(one, peer, own) for one in _family(self._pid)):
            return True
        # Some may have left the family. To look at all processes is not for whoever likes to knock.
        self._searches -= 1
        if self._searches < 0:
            return False
        return any(_holds(one, peer, own) for one in find_members({self._pid}, {self._marker.encode()}))


def _family(pid: int) -> Iterator[int]:
    yield pid
    for thread in _listed(f"/proc/{pid}/task"):
        for child in _read(f"/proc/{pid}/task/{thread}/children").split():
            yield from _family(int(child))


def _holds(pid: int, peer: Address, own: Address) -> bool:
    inode = _inode(pid, _words(peer), _words(own))
    if inode is None:
        return False
    held = f"socket:[{inode}]"
    return any(_target(f"/proc/{pid}/fd/{fd}") == held for fd in _listed(f"/proc/{pid}/fd"))


def _inode(pid: int, near: str, far: str) -> str | None:
    """Return the inode of a connection's end in the process's network; an IPv6 socket shows IPv4 as the end of its."""
    for name in ("tcp", "tcp6"):
        for line in _read(f"/proc/{pid}/net/{name}").splitlines()[1:]:
            words = line.split()
            if words[1].endswith(near) and words[2].endswith(far):
                return words[9]
    return None


def _words(address: Address) -> str:
    """Return an IPv4 address and port as /proc/net/tcp writes them: four bytes as a number of this machine's."""
    number = int.from_bytes(bytes(int(part) for part in address[0].split(".")), sys.byteorder)
    return f"{number:08X}:{address[1]:04X}"


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  (names are all we need)
    except OSError:
        return []  # gone meanwhile


def _target(link: str) -> str:
    try:
        return os.readlink(link)  # noqa: PTH115  (it is no path)
    except OSError:
        return ""


def _read(path: str) -> str:
    try:
        with open(path, encoding="latin-1") as file:  # noqa: PTH123  (it is read for every process)
            return file.read()
    except OSError:
        return ""
