"""A body on its way into a draft.

The last megabyte of a body, all of it for most objects, is written and finished in one hop into a thread. What comes
before is written piece by piece while the next piece is being received.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable
from concurrent.futures import Executor
from typing import TypeVar

from objectlens.stores.drafts import Draft
from objectlens.stores.faults import translated
from objectlens.stores.files import Files
from objectlens.stores.threads import run_owned
from objectlens.streams import FileSlice

T = TypeVar("T")

PIECE = 1024 * 1024


async def received(
    executor: Executor,
    files: Files,
    name: str,
    body: AsyncIterable[bytes],
    finish: Callable[[Draft], T],
    *,
    copy: bool = False,
) -> T:
    """Write a body into a draft and let `finish`, in a thread, make something of it; failing leaves nothing behind.

    `name` is what errors call it. With `copy`, a `FileSlice` is copied by the kernel and has no MD5 then.
    """
    loop = asyncio.get_running_loop()
    if isinstance(body, FileSlice) and copy:
        copying = executor.submit(_copied, files, name, body, finish)
        # The thread owns the source from here on, unless the wait is cancelled before it begins.
        copying.add_done_callback(lambda done: body.close() if done.cancelled() else None)
        return await asyncio.wrap_future(copying)
    inflow = _Inflow(executor, files, name)
    try:
        rest = await inflow.take(body)
        return await loop.run_in_executor(executor, _finished, files, name, inflow.draft, rest, finish)
    except BaseException:
        inflow.give_up()
        raise


class _Inflow:
    """The pieces of one body but the last."""

    def __init__(self, executor: Executor, files: Files, name: str) -> None:
        self.draft: Draft | None = None
        self._executor = executor
        self._files = files
        self._name = name
        self._writing: asyncio.Future[None] | None = None

    async def take(self, body: AsyncIterable[bytes]) -> list[bytes]:
        """Write what comes in full pieces; return the rest."""
        batch: list[bytes] = []
        size = 0
        async for chunk in body:
            batch.append(chunk)
            size += len(chunk)
            if size >= PIECE:
                await self._write(batch)
                batch, size = [], 0
        if self._writing is not None:
            await self._writing
        return batch

    async def _write(self, batch: list[bytes]) -> None:
        loop = asyncio.get_running_loop()
        if self.draft is None:
            self.draft = await run_owned(self._executor, Draft.discard, self._files.draft, self._name)
        if self._writing is not None:
            await self._writing
        self._writing = loop.run_in_executor(self._executor, _write, self.draft, self._name, batch)

    def give_up(self) -> None:
        """Remove the draft once no thread writes it any more."""
        if self._writing is not None:
            # Whoever gave up has an error of their own; this one is then of no interest.
            self._writing.add_done_callback(lambda done: done.cancelled() or done.exception())
        if self.draft is not None:
            self._executor.submit(self.draft.discard)


def _write(draft: Draft, name: str, batch: list[bytes]) -> None:
    with translated("write", name):
        draft.write(batch)


def _finished(files: Files, name: str, draft: Draft | None, rest: list[bytes], finish: Callable[[Draft], T]) -> T:
    whole = draft or files.draft(name)
    try:
        _write(whole, name, rest)
        return finish(whole)
    finally:
        whole.discard()


def _copied(files: Files, name: str, source: FileSlice, finish: Callable[[Draft], T]) -> T:
    try:
        draft = files.draft(name)
        try:
            with translated("copy", name):
                draft.copy(source.fd, source.offset, source.length)
            return finish(draft)
        finally:
            draft.discard()
    finally:
        source.close()
