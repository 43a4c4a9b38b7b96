"""Whether a folder can be looked at on the event loop's own thread.

What the kernel has in memory is opened in a few microseconds, and the hop into a thread and back takes several times as
long. What must come from a disk makes the caller wait: so only folders of file systems on this machine are looked at in
place, and after a look that took long, threads do it for a while.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LONG = 0.002
"""A look that takes more seconds than this has waited for a disk."""

REST = 5.0
"""Seconds for which threads do it then."""

_LOCAL = {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "ramfs", "tmpfs", "xfs", "zfs"}


class Haste:
    """The experience with one folder."""

    def __init__(self, folder: bytes) -> None:
        self._folder = folder
        self._local: bool | None = None
        self._rests_until = 0.0

    @property
    def allowed(self) -> bool:
        """Whether to look at once."""
        if self._local is None:
            self._local = file_system(self._folder) in _LOCAL
        return self._local and time.monotonic() >= self._rests_until

    def take(self, look: Callable[[], T]) -> T:
        """Look, and learn from how long it took."""
        began, before = time.monotonic(), _blocks_read()
        try:
            return look()
        finally:
            ended = time.monotonic()
            # Who was only put aside for another process or thread has read nothing from a disk meanwhile.
            if ended - began > LONG and _blocks_read() != before:
                self._rests_until = ended + REST


def _blocks_read() -> int:
    """Return how many blocks this thread has had to read from disks so far (getrusage(2))."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_inblock


def file_system(folder: bytes) -> str:
    """Return the type of the file system that a folder is on, empty when it cannot be told (proc_pid_mountinfo(5))."""
    path = os.path.realpath(folder)
    best, kind = b"", b""
    try:
        with open("/proc/self/mountinfo", "rb") as lines:
            for line in lines:
                before, _, after = line.partition(b" - ")
                place = before.split()[4].replace(b"\\040", b" ")
                inside = path == place or path.startswith(place.rstrip(b"/") + b"/")
                if inside and len(place) >= len(best):
                    best, kind = place, after.split()[0]
    except OSError:
        return ""
    return kind.decode("ascii", "replace")
