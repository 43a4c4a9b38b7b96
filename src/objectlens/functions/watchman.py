"""The server's side of the watchman, which ends what the environments started when the server dies."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

_LOGGER = logging.getLogger(__name__)
_SCRIPT = str(Path(__file__).with_name("watch.py"))


class Watchman:
    """One watching process; it is started with the first environment, and again should it be gone."""

    def __init__(self, python: str) -> None:
        self._python = python
        self._held: dict[int, str] = {}
        self._popen: subprocess.Popen[bytes] | None = None

    def hold(self, pid: int, marker: str) -> None:
        """Have the session of `pid`, and whatever has `marker` in its environment, ended with the server."""
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
        for pid, marker in self._held.items():
            self._tell(f"hold {pid} {marker}")

    def _tell(self, order: str) -> None:
        if self._popen is None or self._popen.stdin is None:
            return
        try:
            self._popen.stdin.write(order.encode() + b"\n")
        except BrokenPipeError:
            _LOGGER.warning("the process that watches over environments is gone; the next start brings another")

    def close(self) -> None:
        """End the watching process; environments are expected to be gone."""
        if self._popen is not None:
            if self._popen.stdin is not None:
                self._popen.stdin.close()
            self._popen.wait()
            self._popen = None
