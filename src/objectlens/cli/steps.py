"""Running a program of somebody else's as a step of a command: pip, npm."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

Say = Callable[[str], None]

SECONDS = 1800.0
_PATIENCE = 5.0
_LAST_LINES = 15
# npm says first what is wrong, and then how it is used, which is longer than all that is shown.
_COMPLAINT = re.compile(r"npm (?:error|ERR!) \S")
_FIRST_COMPLAINTS = 8


class StepFailed(Exception):
    """A step did not succeed; the message has its exit code and what it said of it."""


def run_step(command: Sequence[str], folder: Path, say: Say) -> None:
    """Run a program in `folder`, each line that it prints going to `say`; raises `StepFailed`.

    It has half an hour. However this ends, also by Ctrl-C, nothing of it is left running.
    """
    name = Path(command[0]).name if command[0] != sys.executable else "pip"
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise StepFailed(f"{name} cannot be started: {error.strerror}") from error
    first: list[str] = []
    last: deque[str] = deque(maxlen=_LAST_LINES)
    late = threading.Event()
    alarm = threading.Timer(SECONDS, _cut, (process, late))
    alarm.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if text := line.strip():
                last.append(line.rstrip())
                if len(first) < _FIRST_COMPLAINTS and _COMPLAINT.match(text):
                    first.append(text)
                say(text)
        status = process.wait()
    finally:
        alarm.cancel()
        _end(process)
    if late.is_set():
        raise StepFailed(f"{name} took more than {SECONDS / 60:.0f} minutes")
    if status and first and first[0] not in last:
        raise StepFailed("\n  ".join((f"{name} ended with exit code {status}; its first complaints:", *first)))
    if status:
        raise StepFailed("\n  ".join((f"{name} ended with exit code {status}; its last lines:", *last)))


def _cut(process: subprocess.Popen[str], late: threading.Event) -> None:
    late.set()
    _signal(process, signal.SIGKILL)


def _end(process: subprocess.Popen[str]) -> None:
    """End a program and what it started: as Ctrl-C would, and after a few seconds in any case."""
    if process.poll() is None:
        _signal(process, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)
    _signal(process, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # then none is left
        os.killpg(process.pid, number)


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the command as an exception would, so that it cleans up behind itself."""

    def leave(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
