"""Who is at the other end of a connection on this machine: the process that holds its socket (proc(5)).

The ports of the Runtime API have no credentials, and every function that has the machine's network reaches those of
all others. A connection is therefore looked at once, when it is made.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator

from objectlens.functions.watch import find_members

SEARCHES = 3
_SOCK_DIAG, _BY_FAMILY, _REQUEST, _ERROR, _ALL_STATES = 4, 20, 1, 2, 0xFFFFFFFF
_HEADER = struct.Struct("=IHHII")  # of a message (netlink(7)): length, kind, flags, number, port
_NO_COOKIE = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)  # any interface, any cookie
# In an inet_diag_msg: after family, state, timer and retransmissions, the socket's id, expiry, two queues and the user.
_INODE = 4 + 48 + 16
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
    inode = _inode(pid, peer, own)
    if inode is None:
        return False
    held = f"socket:[{inode}]"
    return any(_target(f"/proc/{pid}/fd/{fd}") == held for fd in _listed(f"/proc/{pid}/fd"))


def _inode(pid: int, peer: Address, own: Address) -> int | None:
    """Return the inode of a connection's end in the process's network."""
    if _target(f"/proc/{pid}/ns/net") == _target("/proc/self/ns/net"):
        try:
            return _ask_kernel(peer, own)
        except OSError:
            pass  # a kernel without sock_diag(7): its table says the same, at greater cost
    return _look_up(pid, _words(peer), _words(own))


def _ask_kernel(peer: Address, own: Address) -> int | None:
    """Return the inode of the socket that is at `peer`, connected to `own`, in our network (sock_diag(7)).

    A whole table would take the server some microseconds for each connection of the machine.
    """
    ports = struct.pack("!HH", peer[1], own[1])
    addresses = b"".join(socket.inet_aton(host).ljust(16, b"\0") for host in (peer[0], own[0]))
    asked = struct.pack("=BBBxI", socket.AF_INET, socket.IPPROTO_TCP, 0, _ALL_STATES) + ports + addresses + _NO_COOKIE
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _SOCK_DIAG) as kernel:
        kernel.settimeout(1)
        kernel.send(_HEADER.pack(_HEADER.size + len(asked), _BY_FAMILY, _REQUEST, 0, 0) + asked)
        answer = kernel.recv(8192)
    _, kind, *_ = _HEADER.unpack_from(answer)
    if kind == _ERROR:
        (error,) = struct.unpack_from("=i", answer, _HEADER.size)
        if -error == errno.ENOENT:
            return None
        raise OSError(-error, os.strerror(-error))
    inode: int = struct.unpack_from("=I", answer, _HEADER.size + _INODE)[0]
    return inode


def _look_up(pid: int, near: str, far: str) -> int | None:
    """Return the inode from the tables of a process's network; an IPv6 socket shows IPv4 as the end of its address."""
    for name in ("tcp", "tcp6"):
        for line in _read(f"/proc/{pid}/net/{name}").splitlines()[1:]:
            words = line.split()
            if words[1].endswith(near) and words[2].endswith(far):
                return int(words[9])
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
