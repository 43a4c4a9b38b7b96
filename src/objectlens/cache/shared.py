"""The second level: entries in a store that several servers share.

An object there is a file of `files`, to the byte, under its id. It is proved when it is fetched, like a file that was
found on the disk: so a half-written, replaced or foreign one is only not there. How much it may take, and how long, is
said by whoever keeps that store (lifecycle rules, a quota).
"""

from __future__ import annotations

import asyncio
import logging
import os
from concurrent.futures import Executor

from objectlens.cache.entry import Entry
from objectlens.cache.files import Damaged, Draft, prove, read_entry
from objectlens.stores import Attributes, KeyNotFound, Store, StoreFull, StoreUnavailable
from objectlens.streams import FileSlice

_log = logging.getLogger(__name__)


class Shared:
    """A store of entries."""

    def __init__(self, store: Store, *, seconds: float = 30.0) -> None:
        self._store = store
        self._seconds = seconds
        self._complained = False

    async def get(self, id_: str, draft: Draft, threads: Executor) -> Entry | None:
        """Fetch an entry into a draft, which then has its description too; None when there is none that is good."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds):
                opened = await self._store.open(_key(id_))
                async for chunk in aiter(opened.body):
                    await loop.run_in_executor(threads, draft.append, (chunk,))
            return await loop.run_in_executor(threads, _read, draft, id_)
        except KeyNotFound:
            return None
        except Damaged as error:
            _log.warning("an object in the shared cache is damaged and is made again: %s (%s)", error, id_)
            return None
        except (StoreUnavailable, TimeoutError, ConnectionError) as error:
            self._complain("read", error)
            return None

    async def put(self, entry: Entry, path: bytes) -> None:
        """Copy an entry's file there."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            # It was evicted meanwhile.
            return
        body = FileSlice(fd, 0, os.fstat(fd).st_size)
        try:
            async with asyncio.timeout(self._seconds):
                await self._store.put(_key(entry.id), body, Attributes())
            self._complained = False
        except (StoreUnavailable, StoreFull, TimeoutError, ConnectionError) as error:
            self._complain("written", error)
        finally:
            body.close()

    async def remove(self, ids: list[str]) -> None:
        """Remove entries."""
        try:
            for id_ in ids:
                await self._store.delete(_key(id_))
        except (StoreUnavailable, StoreFull) as error:
            self._complain("written", error)

    def _complain(self, doing: str, error: Exception) -> None:
        if not self._complained:
            self._complained = True
            _log.warning("the shared cache cannot be %s (%s); requests go on without it", doing, error)


def _key(id_: str) -> str:
    return f"{id_[:2]}/{id_}"


def _read(draft: Draft, id_: str) -> Entry:
    entry = read_entry(draft.fd)
    if entry.id != id_:
        raise Damaged("it is another one's")
    prove(draft.fd, entry)
    return entry
