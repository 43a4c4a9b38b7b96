"""Ctrl-C, SIGTERM and SIGHUP, for a command that has something to take down.

They break off its work, never its clearing up.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

import click

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """While it is entered, the first signal raises `KeyboardInterrupt` within `allowed`, at `check`, or at the end.

    Later ones do nothing. `said` is what the user is told at the first.
    """

    def __init__(self, said: str) -> None:
        self._said = said
        self._allowed = self._taken = False

    def __enter__(self) -> Interrupts:
        # What is ignored, as SIGHUP under nohup, stays so.
        heeded = [one for one in _SIGNALS if signal.getsignal(one) != signal.SIG_IGN]
        self._before = {one: signal.signal(one, self._take) for one in heeded}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)
        if kind is None:
            self.check()

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if a signal came where none was allowed to."""
        if self._taken:
            raise KeyboardInterrupt

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Do work that may be broken off at any moment."""
        self._allowed = True
        try:
            self.check()
            yield
        finally:
            self._allowed = False

    def _take(self, _signal: int, _frame: FrameType | None) -> None:
        if self._taken:
            return
        self._taken = True
        click.echo(self._said, err=True)
        if self._allowed:
            raise KeyboardInterrupt
