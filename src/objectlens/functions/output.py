"""What a process prints: from a pipe, line by line, into the function's log."""

from __future__ import annotations

import asyncio
import os

from objectlens.functions.logs import FunctionLog, LineSplitter, Tail

READ = 64 * 1024
# Output that is taken before a pause of so many seconds; a line costs more than its bytes. In all about 5 MB/s.
BUDGET = 256 * 1024
PAUSE = 0.05
LINE_COST = 64


class Output:
    """The output of one process, and the platform's own lines between. `tail` keeps the end of both."""

    def __init__(self, log: FunctionLog, stream: str) -> None:
        self.tail = Tail()
        self._log = log
        self._stream = stream
        self._lines = LineSplitter()
        self._fd = -1
        self._spent = 0

    def open(self) -> int:
        """Begin to listen; returns the descriptor that the process writes to, which the caller closes."""
        self._fd, writing = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._fd, False)
        self._listen()
        return writing

    def say(self, *lines: bytes) -> None:
        """Log lines of the platform's own."""
        self.tail.add(lines)
        self._log.write(self._stream, lines)

    def drain(self) -> None:
        """Take what was written so far, the end of a line that has none yet too."""
        if self._fd >= 0:
            self._take()
        self.say(*self._lines.flush())

    def close(self) -> None:
        """Take what is left and listen no more."""
        self.drain()
        self._close()

    def _listen(self) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().add_reader(self._fd, self._read)

    def _read(self) -> None:
        """Take output as it comes, but no more than the budget: a flood waits in the pipe and slows its writer."""
        self._spent += self._take()
        if self._spent > BUDGET and self._fd >= 0:
            self._spent = 0
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._fd)
            loop.call_later(PAUSE, self._listen)

    def _take(self) -> int:
        """Log one read's worth; returns what it cost."""
        try:
            data = os.read(self._fd, READ)
        except BlockingIOError:
            return 0
        if not data:
            self._close()
            return 0
        lines = self._lines.feed(data)
        self.say(*lines)
        return len(data) + LINE_COST * len(lines)

    def _close(self) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
