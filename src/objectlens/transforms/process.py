"""Settings of a whole process, for its owner to make once at start; nothing here runs by itself."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def tune_allocator() -> bool:
    """Let freed memory of up to 256 MiB be used again instead of going back to the system at every picture.

    Page faults take about a quarter of the time of large pictures otherwise (mallopt(3)). Returns False where the C
    library is not glibc, which has no such setting.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, 32 * 1024 * 1024) and mallopt(_M_TRIM_THRESHOLD, 256 * 1024 * 1024))


def trim_allocator() -> None:
    """Give free memory back to the system, also what lies between what is in use (malloc_trim(3))."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def quiet_codecs(threads: int = 1) -> None:
    """Give OpenCV this many threads a call (requests already run side by side) and keep its complaints off stderr."""
    try:
        import cv2  # noqa: PLC0415
    except ImportError:
        return
    cv2.setNumThreads(threads)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
