"""The host's side of the watchman, which ends what the environments started when the host dies."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
from pathlib import Path

from objectlens.functions.process import Process

_LOGGER = logging.getLogger(__name__)
PAUSE = 0.2
_SCRIPT = str(Path(__file__).with_name("watch.py"))


class Watchman:
    """One watching process; it is started with the first environment, and again a moment after it ended."""

    def __init__(self, python: str) -> None:
        self._python = python
        self._held: dict[int, str] = {}  # the order by which each was held
        self._popen: subprocess.Popen[bytes] | None = None
        self._pidfd = -1
        self._next: asyncio.TimerHandle | None = None

    def hold(self, process: Process) -> None:
        """Have a process ended with the host, and all that it started: its session, its groups, what has its marker."""
        if self._popen is None or self._popen.poll() is not None:
            self._start()
        order = "\t".join(["hold", str(process.pid), process.marker, *process.groups])
        self._held[process.pid] = order
        self._tell(order)

    def release(self, pid: int) -> None:
        """Forget a process that has ended."""
        self._held.pop(pid, None)
        self._tell(f"release\t{pid}")

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
        for order in self._held.values():
            self._tell(order)

    def _ended(self) -> None:
        _LOGGER.warning("the process that watches over environments was ended; another starts")
        self.close()
        self._next = asyncio.get_running_loop().call_later(PAUSE, self._start)

    def _tell(self, order: str) -> None:
        if self._popen is None or self._popen.stdin is None:
            return
        try:
            self._popen.stdin.write(os.fsencode(order) + b"\n")
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
