"""The host's side of the watchman, which ends what the environments started when the host dies."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
from pathlib import Path

_LOGGER = logging.getLogger(__name__)
PAUSE = 0.2
_SCRIPT = str(Path(__file__).with_name("watch.py"))


class Watchman:
    """One watching process; it is started with the first environment, and again a moment after it ended."""

    def __init__(self, python: str) -> None:
        self._python = python
        self._held: dict[int, str] = {}
        self._popen: subprocess.Popen[bytes] | None = None
        self._pidfd = -1
        self._next: asyncio.TimerHandle | None = None

    def hold(self, pid: int, marker: str) -> None:
        """Have the session of `pid`, and whatever has `marker` in its environment, ended with the host."""
        if self._popen is None or self._popen.poll() is not None:
            self._start()
        self._held[pid] = marker
        self._tell(f"hold {pid} {marker}")

    def release(self, pid: int) -> None:
        """Forget a process that has ended."""
        self._held.pop(pid, None)
        self._tell(f"release {pid}")

    def _start(self) -> None:
        self.close()
        # A session of its own: a signal for the server's terminal must not end it before its work.
        self._popen = subprocess.Popen(
            [self._python, "-I", "-S", _SCRIPT],
            env={},
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        self._pidfd = os.pidfd_open(self._popen.pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._ended)
        for pid, marker in self._held.items():
            self._tell(f"hold {pid} {marker}")

    def _ended(self) -> None:
        _LOGGER.warning("the process that watches over environments was ended; another starts")
        self.close()
        self._next = asyncio.get_running_loop().call_later(PAUSE, self._start)

    def _tell(self, order: str) -> None:
        if self._popen is None or self._popen.stdin is None:
            return
        try:
            self._popen.stdin.write(order.encode() + b"\n")
        except BrokenPipeError:
            return  # it was ended, which is about to be told

    def close(self) -> None:
        """End the watching process; environments are expected to be gone."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._popen is not None:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            if self._popen.stdin is not None:
                self._popen.stdin.close()
            self._popen.wait()
            self._popen = None
