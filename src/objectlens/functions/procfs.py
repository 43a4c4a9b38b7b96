"""Reading /proc (proc(5))."""

from __future__ import annotations

import os


def read(path: str) -> bytes:
    """Return what a file of /proc says, nothing when its process is gone."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, 65536)
    except OSError:
        return b""
    finally:
        os.close(fd)
