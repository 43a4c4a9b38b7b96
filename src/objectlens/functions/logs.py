"""The log of a function: a folder of files, written by the runtime, read by anyone.

Each line is `TIME TAB STREAM TAB MESSAGE`: the time in UTC with milliseconds, the version in brackets and the last
eight characters of the environment's log stream, and what the function or the platform said. `current.log` grows up to
a size, then becomes `1.log`, and so on.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from objectlens.clock import Clock

_LOGGER = logging.getLogger(__name__)

MAX_LINE = 64 * 1024
TAIL = 4 * 1024
CURRENT = "current.log"

_VERSION = re.compile(r"\[([^]]+)\]")


class LineSplitter:
    """Cuts output into lines of at most `MAX_LINE` bytes; a longer one goes on as the next line.

    A lone carriage return ends a line too: AWS's runtime for Python parts the lines of a traceback with it.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take output; returns the lines that are complete, without their ends."""
        *lines, rest = (self._rest + data).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        while len(rest) > MAX_LINE:
            lines.append(rest[:MAX_LINE])
            rest = rest[MAX_LINE:]
        self._rest = rest
        if len(data) <= MAX_LINE and (not lines or len(lines[0]) <= MAX_LINE):
            return lines  # only the first can be longer than what came now
        return [piece for line in lines for piece in _pieces(line)]

    def flush(self) -> list[bytes]:
        """Return the line that has no end yet, if there is one."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


def _pieces(line: bytes) -> Iterator[bytes]:
    yield line[:MAX_LINE]
    for start in range(MAX_LINE, len(line), MAX_LINE):
        yield line[start : start + MAX_LINE]


class Tail:
    """The last 4 KB of what was logged since it was taken last (`X-Amz-Log-Result`)."""

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, lines: Iterable[bytes]) -> None:
        """Append lines."""
        # Only the last ones can be in the tail, be they empty.
        for line in deque(lines, TAIL):
            self._data += line[-TAIL:] + b"\n"
            if len(self._data) > 4 * TAIL:
                del self._data[:-TAIL]

    def take(self) -> bytes:
        """Return the tail and begin a new one."""
        tail = bytes(self._data[-TAIL:])
        self._data.clear()
        return tail


class FunctionLog:
    """Writes the log of one function, whole lines at a time; bounded by `max_bytes` in each of `files` files."""

    def __init__(self, folder: Path, clock: Clock, *, max_bytes: int, files: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._clock = clock
        self._max_bytes = max_bytes
        self._files = files
        self._fd = -1
        self._size = 0

    def write(self, stream: str, lines: Sequence[bytes]) -> None:
        """Append lines of one log stream; what the disk does not take is lost, and the server's own log says so."""
        try:
            self._write(stream, lines)
        except OSError:
            _LOGGER.warning("the log in %s cannot be written", self._folder, exc_info=True)
            self.close()

    def _write(self, stream: str, lines: Sequence[bytes]) -> None:
        if not lines:
            return
        version = _VERSION.search(stream)
        head = f"{_stamp(self._clock.now())}\t{version[0] if version else ''}{stream[-8:]}\t".encode()
        data = head + (b"\n" + head).join(lines) + b"\n"
        if self._fd >= 0 and self._size + len(data) > self._max_bytes:
            self._rotate()
        if self._fd < 0:
            self._fd = os.open(self._folder / CURRENT, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._size = os.fstat(self._fd).st_size
        self._size += len(data)
        while data:
            data = data[os.write(self._fd, data) :]

    def _rotate(self) -> None:
        self.close()
        (self._folder / f"{self._files - 1}.log").unlink(missing_ok=True)
        for number in range(self._files - 2, 0, -1):
            older = self._folder / f"{number}.log"
            if older.exists():
                older.rename(self._folder / f"{number + 1}.log")
        (self._folder / CURRENT).rename(self._folder / "1.log")

    def close(self) -> None:
        """Close the file; writing opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _stamp(moment: datetime) -> str:
    return f"{moment.isoformat(timespec='milliseconds')[:23]}Z"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log; `time` as written, `stream` the end of the log stream's name, `version` what it names."""

    time: str
    stream: str
    message: str
    version: str | None = None


def log_folder(functions: Path, name: str) -> Path:
    """Return the folder of a function's log, `functions` being the runtime's folder."""
    return functions / "logs" / name


def read_log(
    folder: Path, *, follow: bool = False, wait: float = 0.2, caught_up: Callable[[], None] = lambda: None
) -> Iterator[LogLine]:
    """Read a function's log from its oldest line on; with `follow` without end, looking again every `wait` seconds.

    `caught_up` is called whenever nothing more is there yet. It only reads files, so it works from another process than
    the one that writes. A missing folder is an empty log.
    """
    after: os.stat_result | None = None
    while True:
        file = _open_next(folder, after)
        if file is None and not follow:
            return
        if file is None:
            caught_up()
            time.sleep(wait)
            continue
        with file:
            after = os.fstat(file.fileno())
            yield from _read_through(folder, file.fileno(), wait if follow else None, caught_up)
        if not follow and _is_same(folder / CURRENT, after):
            return


def _read_through(folder: Path, fd: int, wait: float | None, caught_up: Callable[[], None]) -> Iterator[LogLine]:
    """Read one file to its end; the current one, when `wait` is given, until it has been rotated."""
    rest = b""
    while True:
        current = _is_same(folder / CURRENT, os.fstat(fd))  # before reading: what is not current grows no more
        while data := os.read(fd, 64 * 1024):
            *lines, rest = (rest + data).split(b"\n")
            yield from (_parse(line) for line in lines)
        if wait is None or not current:
            return
        caught_up()
        time.sleep(wait)


def _open_next(folder: Path, after: os.stat_result | None) -> BinaryIO | None:
    """Open the file that follows `after`, or the oldest one; again when a rotation came between."""
    while True:
        files = _oldest_first(folder)
        places = [place for place, (_, seen) in enumerate(files) if after and os.path.samestat(seen, after)]
        index = places[0] + 1 if places else 0
        if index >= len(files):
            return None
        try:
            file = files[index][0].open("rb")
        except FileNotFoundError:
            continue
        if os.path.samestat(os.fstat(file.fileno()), files[index][1]):
            return file
        file.close()


def _oldest_first(folder: Path) -> list[tuple[Path, os.stat_result]]:
    numbered = sorted(folder.glob("[0-9]*.log"), key=lambda path: int(path.stem), reverse=True)
    found = []
    for path in (*numbered, folder / CURRENT):
        try:
            found.append((path, path.stat()))
        except FileNotFoundError:
            continue  # rotated away meanwhile, or not begun
    return found


def _is_same(path: Path, known: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), known)
    except FileNotFoundError:
        return False


def _parse(line: bytes) -> LogLine:
    stamp, _, rest = line.decode("utf-8", "replace").rstrip("\n").partition("\t")
    stream, _, message = rest.partition("\t")
    if version := _VERSION.match(stream):
        return LogLine(stamp, stream[version.end() :], message, version[1])
    return LogLine(stamp, stream, message)
