"""Work that can wait until nobody else does, for as long as nobody waits for it itself."""

from __future__ import annotations

from collections.abc import Callable


class Patience:
    """The patience of one piece of work: it is over when somebody comes who waits for the same."""

    def __init__(self) -> None:
        self.over = False
        self._callbacks: list[Callable[[], object]] = []

    def when_over(self, callback: Callable[[], object]) -> None:
        """Call `callback` when it is over; at once if that is so already."""
        if self.over:
            callback()
        else:
            self._callbacks.append(callback)

    def end(self) -> None:
        """Let the work be as urgent as any other from now on."""
        self.over = True
        while self._callbacks:
            self._callbacks.pop()()
