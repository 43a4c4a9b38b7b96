"""Single keys from a terminal, without waiting for Enter."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Pressed = Callable[[float], str]


@contextmanager
def keyboard() -> Iterator[Pressed]:
    """Yield a function that waits up to so many seconds for a key; "" when none came, or there is no terminal."""
    if sys.stdin is None or not sys.stdin.isatty():  # it is None when the command was started with it closed
        yield _nobody
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield lambda seconds: _pressed(descriptor, seconds)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _pressed(descriptor: int, seconds: float) -> str:
    ready, _, _ = select.select([descriptor], [], [], seconds)
    if not ready:
        return ""
    data = os.read(descriptor, 1)
    # The terminal was closed: nobody looks any more.
    return data.decode("latin-1") or "q"


def _nobody(seconds: float) -> str:
    time.sleep(seconds)
    return ""
