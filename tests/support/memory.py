"""How much memory a process takes while something is done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


class Growth:
    """`bytes` is by how much a process's resident memory has grown at most, against what it was at first."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.before = self.most = self.now()

    def now(self) -> int:
        return self._process.memory_info().rss

    def look(self) -> None:
        self.most = max(self.most, self.now())

    @property
    def bytes(self) -> int:
        return self.most - self.before


@contextmanager
def growth_of(pid: int, every: float = 0.02) -> Iterator[Growth]:
    """Watch a process, looking every so many seconds."""
    growth, stop = Growth(pid), threading.Event()

    def watch() -> None:
        while not stop.wait(every):
            growth.look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield growth
    finally:
        stop.set()
        thread.join()
        growth.look()
