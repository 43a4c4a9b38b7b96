"""Store URLs → stores.

`managed:` is a folder of ours, `DIR/buckets/NAME`; `file:///photos` is somebody's folder that was attached, and
`s3://bucket` and its like are buckets elsewhere. There is one store for each bucket, opened when it is first needed and
closed with the opener.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote, urlsplit
from weakref import WeakSet

from objectlens.clock import Clock, SystemClock
from objectlens.stores.folder import THREADS, FolderStore
from objectlens.stores.protocols import Store, StoreUnavailable
from objectlens.stores.remote import RemoteStore, UnknownStore, is_remote, open_remote
from objectlens.stores.scans import Scans

_log = logging.getLogger(__name__)

MANAGED = "managed:"
# Requests to one store elsewhere at the same time, each of which holds up a thread. One that does not answer holds up
# its own, and none of another's.
SENDERS = 64


class StoreOpener:
    """The stores of one data directory. Not for use from several threads."""

    def __init__(self, data: Path, *, durable: bool = True, threads: int = THREADS, clock: Clock | None = None) -> None:
        self._buckets = data / "buckets"
        self._durable = durable
        self._clock = clock or SystemClock()
        self._scans = Scans(self._clock)
        self._executor = ThreadPoolExecutor(threads, "store")
        # A bucket that was let go of may still be read: its threads end with the last who does.
        self._senders: WeakSet[ThreadPoolExecutor] = WeakSet()
        self._spool = data / "spool"
        self._stores: dict[tuple[str, str], Store] = {}

    def open(self, bucket: str, url: str) -> Store:
        """Return the store behind a bucket; raises `UnknownStore`. Whether it can be reached shows at first use."""
        store = self._stores.get((bucket, url))
        if store is None:
            if is_remote(url):
                self._spool.mkdir(mode=0o700, exist_ok=True)
                opened: Store = self._far(url)
            else:
                opened = self._opened(self.folder(bucket, url))
            store = self._stores[bucket, url] = opened
        return store

    def folder(self, bucket: str, url: str) -> Path:
        """Return the folder that a store URL names; raises `UnknownStore`."""
        if url == MANAGED:
            return self._buckets / bucket
        parts = urlsplit(url)
        path = Path(unquote(parts.path))
        if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or not path.is_absolute():
            raise UnknownStore(
                f"{url!r} is not a store; use {MANAGED!r}, the URL of a folder, as file:///photos, or of a bucket "
                "elsewhere, as s3://bucket/prefix, gs://bucket or az://container"
            )
        if path == path.parent:
            raise UnknownStore(f"{url!r} is the root of the file system, which cannot be a bucket; name a folder in it")
        own, asked = self._buckets.parent.resolve(), path.resolve()
        if own.is_relative_to(asked) or asked.is_relative_to(own):
            raise UnknownStore(
                f"{url!r} is in the data directory, or around it, where secrets are; name a folder outside"
            )
        return path

    async def create(self, bucket: str, url: str) -> None:
        """Make a managed bucket's folder, or see that an attached store is there; raises `StoreUnavailable`."""
        if is_remote(url):
            far = self._far(url)
            try:
                await far.check()
            finally:
                await far.close()
            return
        await self._run(self._create, self.folder(bucket, url), url == MANAGED)

    async def remove(self, bucket: str, url: str) -> None:
        """Remove a managed bucket's folder with all that is left in it; an attached one is only let go of."""
        store = self._stores.pop((bucket, url), None)
        if store is not None:
            await store.close()
        if url == MANAGED:
            await self._run(_remove_tree, self.folder(bucket, url))

    async def close(self) -> None:
        """Close every store and end the threads."""
        for store in self._stores.values():
            await store.close()
        self._stores.clear()
        await asyncio.to_thread(self._executor.shutdown)
        for senders in list(self._senders):
            await asyncio.to_thread(senders.shutdown)

    def _far(self, url: str) -> RemoteStore:
        senders = ThreadPoolExecutor(SENDERS, "remote")
        self._senders.add(senders)
        return open_remote(url, senders, self._spool, connections=SENDERS, clock=self._clock)

    def _opened(self, folder: Path) -> Store:
        store = FolderStore(
            folder, durable=self._durable, executor=self._executor, clock=self._clock, scans=self._scans
        )
        for upkeep in (store.sweep_now, store.tidy_when_due):
            self._executor.submit(upkeep).add_done_callback(_report)
        return store

    def _create(self, folder: Path, managed: bool) -> None:
        try:
            if managed:
                folder.mkdir(parents=True, exist_ok=True)
            elif not folder.is_dir():
                raise StoreUnavailable(f"there is no folder {str(folder)!r}; make it or mount it before attaching it")
        except PermissionError as error:
            raise StoreUnavailable(f"cannot make or see {str(folder)!r}: give the server's user access") from error

    async def _run(self, work: Callable[..., None], *args: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, work, *args)


def _remove_tree(folder: Path) -> None:
    # Renamed first, so that a bucket made again at once under this name does not meet what is left of the old one.
    grave = folder.with_name(f".removed-{os.urandom(8).hex()}")
    try:
        folder.rename(grave)
    except FileNotFoundError:
        return
    shutil.rmtree(grave)


def _report(done: Future[int]) -> None:
    error = done.exception()
    if error is not None:
        _log.warning("a bucket's folder could not be put in order: %s", error)
