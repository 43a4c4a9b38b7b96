"""Finishing what must be finished."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


async def surely(work: Coroutine[None, None, None]) -> None:
    """Finish `work` even when the task around it is cancelled meanwhile; then be cancelled."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError
