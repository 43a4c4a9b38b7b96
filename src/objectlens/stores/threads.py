"""Work in threads whose result must not be lost.

Cancelling a wait does not stop the thread: what it then returns belongs to nobody. An open file must still be closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def run_owned(
    executor: Executor, release: Callable[[T], None], work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run `work` in a thread; should the wait be cancelled, `release` is called with what it returns."""
    future = executor.submit(work, *args, **kwargs)

    def released(done: Future[T]) -> None:
        if not done.cancelled() and done.exception() is None:
            release(done.result())

    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        future.add_done_callback(released)
        raise
