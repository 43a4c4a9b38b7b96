"""One line for each request, also for those that functions make.

Python's `logging` spends several times what the line costs on finding out who logs: three lines stand for one
transformed GET, so they are written directly, in the form of the other lines.
"""

from __future__ import annotations

import logging
import time
from typing import TextIO

from objectlens.gateway.connection import Sent

_log = logging.getLogger(__name__)


class AccessLog:
    """Writes to a stream; None writes nothing."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._second = -1
        self._shown = ""

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
        try:
            self._stream.write(line)
        except (OSError, ValueError) as error:
            self._stream = None
            _log.warning("no more lines for requests: %s", error)

    def _now(self) -> str:
        """Return local time with milliseconds, as `logging` shows it."""
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second, self._shown = second, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return f"{self._shown},{int((now - second) * 1000):03d}"
