"""A program in a terminal of its own: what it shows, and keys for it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b[=>]")


class Terminal:
    """Runs a command in a pseudo-terminal of 160 by 60; use it as a context manager."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self._master, slave = pty.openpty()
        self.resize(160, 60)
        environ = dict(os.environ if env is None else env) | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        # Those of whoever runs the tests would count for more than the size of this terminal.
        for name in ("COLUMNS", "LINES"):
            environ.pop(name, None)
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environ,
            start_new_session=True,
            # Ctrl-C is the controlling terminal's.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )
        os.close(slave)
        self.raw = ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(AssertionError):
            self.end()
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def resize(self, columns: int, lines: int) -> None:
        """Change the size of the terminal."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def wait_for(self, pattern: str, seconds: float = 60.0) -> re.Match[str]:
        """Wait until what is shown from now on matches, colours and movements taken out; forget what was before."""
        deadline = time.monotonic() + seconds
        while True:
            if match := re.search(pattern, _ESCAPES.sub("", self.raw), re.DOTALL):
                self.raw = ""
                return match
            assert self._read(deadline), f"{pattern!r} was not shown but:\n{self.raw[-4000:]}"

    def end(self, seconds: float = 60.0) -> int:
        """Read to the end; returns the exit code."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        assert self.process.poll() is not None or time.monotonic() < deadline, "the program did not end"
        return self.process.wait(timeout=10)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux says so when the other side was closed
            return False
        self.raw += data.decode("utf-8", "replace")
        return bool(data)
