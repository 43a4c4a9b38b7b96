"""One writer at a key at a time, among all threads and processes of this machine.

A fixed number of lock files bounds the table; keys that share one merely wait for each other. `flock` belongs to the
open file, so opening it anew for every use keeps threads apart as well as processes.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

STRIPES = 64


@contextmanager
def locked(folder: bytes, key: bytes) -> Iterator[None]:
    """Hold the lock of a key."""
    with locked_file(os.path.join(folder, b"%02x" % (zlib.crc32(key) % STRIPES))):
        yield


@contextmanager
def locked_file(path: bytes) -> Iterator[None]:
    """Hold the lock that a file stands for, making the file when it is not there."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
