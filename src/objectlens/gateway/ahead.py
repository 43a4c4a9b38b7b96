"""Work done ahead of its turn: a few at a time, results in order, none left behind."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """Iterates over results in the order of `work`, while at most `most` of what follows is done or in work.

    The next begins when a result is taken, so whoever takes them slowly slows the work down. `drop` gives back a result
    that nobody took. A class, because a generator that was never started cleans nothing up.
    """

    def __init__(
        self, work: Iterable[Callable[[], Coroutine[Any, Any, T]]], most: int, drop: Callable[[T], None]
    ) -> None:
        self._work = iter(work)
        self._most = most
        self._drop = drop
        self._tasks: deque[asyncio.Task[T]] = deque()

    def __aiter__(self) -> Ahead[T]:
        return self

    async def __anext__(self) -> T:
        while len(self._tasks) < self._most and (work := next(self._work, None)) is not None:
            self._tasks.append(asyncio.get_running_loop().create_task(work()))
        if not self._tasks:
            raise StopAsyncIteration
        result = await self._tasks[0]
        self._tasks.popleft()
        return result

    async def aclose(self) -> None:
        """Stop the work, and drop what it came to."""
        self._work = iter(())
        tasks, self._tasks = self._tasks, deque()
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(result, BaseException):
                self._drop(result)
