"""Who goes first where transforms run: what somebody waits for, before what can wait.

Processes and threads take what they are given in order. So what can wait is given to them only while one of them is
free, and a live request finds at most one piece of such work in each of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import ContextVar
from types import TracebackType

from objectlens.functions.patience import Patience

# What waited so long waits no more; an answer has twice the time.
SECONDS = 30.0

patience: ContextVar[Patience | None] = ContextVar("patience", default=None)
"""The patience of what this task does, None when somebody waits for it."""


class Turns:
    """Counts the work on `places` cores: `async with turns:` around each piece of it.

    What has patience begins while fewer pieces are in work, in its order; at once when its patience is over, and after
    `seconds`. All else begins at once.
    """

    def __init__(self, places: int, seconds: float = SECONDS) -> None:
        self._places = places
        self._seconds = seconds
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        mine = patience.get()
        if mine is None or mine.over or self._inside < self._places:
            self._inside += 1
            return
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        mine.when_over(lambda: self._give(turn))
        timer = loop.call_later(self._seconds, self._give, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:
                self._leave()
            raise
        finally:
            timer.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._leave()

    def _give(self, turn: asyncio.Future[None]) -> None:
        if turn in self._waiting:
            self._waiting.remove(turn)
            self._inside += 1
            if not turn.done():
                turn.set_result(None)

    def _leave(self) -> None:
        self._inside -= 1
        while self._waiting and self._inside < self._places:
            self._give(self._waiting[0])
