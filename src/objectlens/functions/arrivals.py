"""When what is read from a socket came, as the kernel noted it: a loaded server looks at it milliseconds later.

The kernel does so for packets and for TCP, but not for Unix sockets of streams (net/unix/af_unix.c).
"""

from __future__ import annotations

import socket
import struct

from objectlens.clock import Clock

# The kernel's asm-generic/socket.h; Python has no name for it. A `struct timespec` of the wall clock comes with what is
# read; of a run of TCP's bytes it is that of the last ones (tcp_recvmsg).
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@ll")

ROOM = socket.CMSG_SPACE(_TIMESPEC.size)
"""What `recvmsg` needs for the time."""


def note(sock: socket.socket) -> None:
    """Have the kernel note the times of what comes from now on; raises `OSError`."""
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def lateness(more: list[tuple[int, int, bytes]], clock: Clock) -> float:
    """Return for how many seconds something was there, by what came with it; 0.0 where the kernel tells nothing."""
    for level, kind, content in more:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, nanoseconds = _TIMESPEC.unpack(content)
            ago: float = clock.now().timestamp() - seconds - nanoseconds / 1e9
            return max(0.0, ago)
    return 0.0
