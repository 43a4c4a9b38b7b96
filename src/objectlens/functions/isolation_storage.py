"""File systems in memory for the `/tmp` of environments that are forked from one template (see `tmpfs`)."""

from __future__ import annotations

import socket
import subprocess
import threading
from pathlib import Path

_SCRIPT = str(Path(__file__).with_name("tmpfs.py"))
_PATIENCE = 5.0  # seconds


class _EndedError(OSError):
    """The process has ended."""

    def __str__(self) -> str:
        return "the process that makes file systems in memory ended"


class Storage:
    """Makes them, in a process that is started with the first, and again should it be gone."""

    def __init__(self, python: str) -> None:
        self._python = python
        self._lock = threading.Lock()
        self._popen: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

    def make(self, size: int) -> int:
        """Return the descriptor of an empty file system of `size` bytes, attached nowhere; raises `OSError`.

        It takes about a tenth of a millisecond, and may be called on any thread.
        """
        with self._lock:
            try:
                return self._ask(size)
            except _EndedError:
                return self._ask(size)  # it was killed, and another is there to be asked

    def _ask(self, size: int) -> int:
        if self._popen is not None and self._popen.poll() is not None:
            self._stop()
        if self._channel is None:
            self._channel = self._start()
        try:
            self._channel.send(str(size).encode())
            said, descriptors, _, _ = socket.recv_fds(self._channel, 1024, 1)
        except ConnectionError as error:
            self._stop()
            raise _EndedError from error
        except OSError:
            self._stop()
            raise
        if not descriptors:
            self._stop()
            raise OSError(said.decode()) if said else _EndedError
        return descriptors[0]

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(_PATIENCE)
        with theirs:
            # A session of its own: a signal for the server's terminal must not end it.
            self._popen = subprocess.Popen(
                [self._python, "-I", "-S", _SCRIPT, str(theirs.fileno())],
                env={},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=[theirs.fileno()],
            )
        return ours

    def _stop(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()
            self._popen = None

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._stop()
