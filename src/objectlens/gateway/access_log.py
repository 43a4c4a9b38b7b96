"""One line for each request, also for those that functions make.

Python's `logging` spends several times what the line costs on finding out who logs: three lines stand for one
transformed GET, so they are written directly, in the form of the other lines.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TextIO

from objectlens.gateway.connection import Sent

# Each write is a call of the kernel, which costs as much as all else that a line takes.
_HELD_SECONDS, _HELD_LINES = 0.1, 64
_log = logging.getLogger(__name__)


class AccessLog:
    """Writes to a stream, a tenth of a second late at most; None writes nothing."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._second = -1
        self._shown = ""
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def flush(self) -> None:
        """Write what is held."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        lines, self._lines = self._lines, []
        if self._stream is None or not lines:
            return
        try:
            self._stream.write("".join(lines))
        except (OSError, ValueError) as error:
            self._stream = None
            _log.warning("no more lines for requests: %s", error)

    def write(self, sent: Sent, *, caller: str, operation: str, began: float, request_id: str) -> None:
        """Write the line of a request that is over; `began` is a reading of `time.perf_counter`."""
        if self._stream is None:
            return
        request, status = sent.request, sent.response.status if sent.response else "-"
        # The path as it came, percent-encoded, without its query, which may hold signatures.
        line = (
            f"{self._now()} INFO {request.peer} {caller} {operation} {request.method} {request.path} {status} "
            f"{sent.bytes_sent} bytes {(time.perf_counter() - began) * 1000:.1f} ms{'' if sent.complete else ' cut'} "
            f"{request_id}\n"
        )
        self._lines.append(line)
        if len(self._lines) >= _HELD_LINES:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_HELD_SECONDS, self.flush)

    def _now(self) -> str:
        """Return local time with milliseconds, as `logging` shows it."""
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second, self._shown = second, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return f"{self._shown},{int((now - second) * 1000):03d}"
