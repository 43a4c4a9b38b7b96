"""The embedded store: one folder, plain files, nothing in between.

Every call is one hop into a thread; opening, describing and reading the metadata of an object are one, and none where
that takes less than the hop (see `objectlens.stores.haste`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from objectlens.clock import Clock, SystemClock
from objectlens.stores.drafts import Draft
from objectlens.stores.files import Files
from objectlens.stores.haste import Haste
from objectlens.stores.history import History
from objectlens.stores.inflow import received
from objectlens.stores.keeper import Keeper
from objectlens.stores.protocols import (
    Attributes,
    KeyNotFound,
    Listing,
    Opened,
    Part,
    Stat,
    Upload,
    VersionListing,
)
from objectlens.stores.scans import Scans
from objectlens.stores.staging import Staging
from objectlens.stores.threads import run_owned
from objectlens.stores.tidying import Tidying
from objectlens.stores.versionlists import Asked, listed
from objectlens.streams import FileSlice

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 16


class FolderStore:
    """Objects as plain files below `root`, which may be a folder that others use too.

    `durable` waits for the disk before an object counts as written. `executor` runs the file operations; without one
    the store has its own and closes it. `scans` remembers large folders; several stores may share one.
    """

    def __init__(
        self,
        root: Path,
        *,
        durable: bool = True,
        executor: Executor | None = None,
        clock: Clock | None = None,
        scans: Scans | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self._files = Files(os.fsencode(root), scans or Scans(clock), durable)
        self._staging = Staging(self._files, clock)
        self._history = History(self._files)
        self._keeper: Keeper | None = None
        self._tidying = Tidying(self._files, clock)
        self._executor = executor or ThreadPoolExecutor(THREADS, "folder-store")
        self._owns_executor = executor is None
        self._haste = Haste(os.fsencode(root))

    async def stat(self, key: str) -> Stat:
        """Describe an object; raises `KeyNotFound`."""
        return await self._run(self._files.stat, key)

    async def open(self, key: str, span: tuple[int, int] | None = None) -> Opened:
        """Open an object or a run of its bytes; raises `KeyNotFound`."""
        if self._haste.allowed:
            return self._haste.take(lambda: self._files.open(key, span))
        return await run_owned(self._executor, _close, self._files.open, key, span)

    async def list(self, prefix: str = "", *, delimiter: str = "", after: str = "", limit: int = 1000) -> Listing:
        """Return one page of the keys, in UTF-8 byte order."""
        return await self._run(self._files.list, prefix, delimiter, after, limit)

    async def put(
        self,
        key: str,
        body: AsyncIterable[bytes],
        attributes: Attributes | Callable[[], Attributes],
        *,
        etag: str | Callable[[], str] | None = None,
        condition: Callable[[Stat | None], None] | None = None,
    ) -> Stat:
        """Write an object, all or nothing."""

        def finish(draft: Draft) -> Stat:
            return self._files.commit(draft, key, attributes, etag, condition, installer=self._keeper)

        return await received(self._executor, self._files, key, body, finish, copy=etag is not None)

    async def set_attributes(self, key: str, attributes: Attributes | Callable[[Stat], Attributes]) -> Stat:
        """Replace what stands beside an object; raises `KeyNotFound`."""
        return await self._run(self._files.set_attributes, key, attributes)

    async def delete(self, key: str, *, condition: Callable[[Stat], None] | None = None) -> bool:
        """Remove an object; returns whether there was one."""
        return await self._run(self._files.delete, key, condition)

    async def begin(self, key: str, attributes: Attributes, *, note: Mapping[str, str] | None = None) -> Upload:
        """Begin a multipart upload."""
        return await self._run(self._staging.begin, key, attributes, note or {})

    async def put_part(
        self,
        upload: str,
        number: int,
        body: AsyncIterable[bytes],
        checksums: Mapping[str, str] | Callable[[], Mapping[str, str]],
    ) -> Part:
        """Keep one part; raises `UploadNotFound`."""

        def finish(draft: Draft) -> Part:
            return self._staging.keep(draft, upload, number, checksums)

        return await received(self._executor, self._files, f"part {number}", body, finish)

    async def uploaded(self, upload: str) -> tuple[Upload, tuple[Part, ...]]:
        """Describe an upload and its parts so far; raises `UploadNotFound`."""
        return await self._run(self._staging.uploaded, upload)

    async def complete(
        self,
        upload: str,
        parts: Sequence[Part],
        attributes: Attributes,
        *,
        etag: str,
        condition: Callable[[Stat | None], None] | None = None,
    ) -> Stat:
        """Make the object of these parts; raises `UploadNotFound` or `PartNotFound`."""
        return await self._run(
            self._staging.complete, upload, parts, attributes, etag, condition, installer=self._keeper
        )

    async def abort(self, upload: str) -> None:
        """Give an upload up; raises `UploadNotFound`."""
        await self._run(self._staging.abort, upload)

    async def upload(self, upload: str) -> Upload:
        """Describe an upload without its parts; raises `UploadNotFound`."""
        return await self._run(self._staging.upload, upload)

    async def uploads(self, prefix: str = "") -> tuple[Upload, ...]:
        """Return the uploads under way, by key and time."""
        return await self._run(self._staging.uploads, prefix)

    def keeping(self, *, ids: bool) -> KeepingFolder:
        """Return this folder with writes that keep versions."""
        return KeepingFolder(self, Keeper(self._history, ids))

    def at(self, version: str) -> FolderAt:
        """Return this folder as it is at one version of each key."""
        return FolderAt(Keeper(self._history), version, self._executor)

    async def versions(
        self, prefix: str = "", *, delimiter: str = "", after: str = "", after_version: str = "", limit: int = 1000
    ) -> VersionListing:
        """Return one page of the versions, in UTF-8 byte order of key, the newest first."""
        asked = Asked(prefix, delimiter, after, after_version, limit)
        return await self._run(listed, self._history, asked)

    async def sweep(self) -> int:
        """Remove what uploads of dead processes left; returns how many files."""
        return await self._run(self.sweep_now)

    async def tidy(self) -> int:
        """Put metadata right after others changed the folder, or restored it; returns how many objects it concerned."""
        return await self._run(self._tidying.tidy)

    def sweep_now(self) -> int:
        """Do what `sweep` does, in this thread."""
        return self._files.sweep() + self._staging.sweep()

    def tidy_when_due(self) -> int:
        """Do what `tidy` does, in this thread, when it was not done for a week."""
        return self._tidying.tidy_when_due()

    async def close(self) -> None:
        """Stop tidying, and end the store's own threads."""
        self._tidying.stop.set()
        if self._owns_executor:
            await asyncio.to_thread(self._executor.shutdown)

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, partial(work, *args, **kwargs))


class KeepingFolder(FolderStore):
    """A folder whose writes keep the versions that they replace."""

    def __init__(self, folder: FolderStore, keeper: Keeper) -> None:
        # The same folder with the same threads, in another manner: nothing of it is made anew.
        vars(self).update(vars(folder))
        self._keeper: Keeper = keeper

    async def stat(self, key: str) -> Stat:
        """Describe the current version; raises `KeyNotFound` or `Marked`."""
        try:
            return await super().stat(key)
        except KeyNotFound:
            raise await self._run(self._history.missing, key) from None

    async def open(self, key: str, span: tuple[int, int] | None = None) -> Opened:
        """Open the current version or a run of its bytes; raises `KeyNotFound` or `Marked`."""
        try:
            return await super().open(key, span)
        except KeyNotFound:
            raise await self._run(self._history.missing, key) from None

    async def delete(self, key: str, *, condition: Callable[[Stat], None] | None = None) -> bool:
        """Put a delete marker on top of a key; returns whether there was an object."""
        of_objects = None if condition is None else partial(_of_object, condition)
        try:
            _, was_there = await self._run(self._keeper.mark, key, of_objects)
        except KeyNotFound:
            return False
        return was_there

    async def mark(self, key: str, *, condition: Callable[[Stat], None] | None = None) -> str:
        """Put a delete marker on top of a key; returns its version."""
        version, _ = await self._run(self._keeper.mark, key, condition)
        return version


def _of_object(condition: Callable[[Stat], None], stat: Stat) -> None:
    """Ask a condition of an object; a delete marker, which has no ETag, is none to remove."""
    if stat.etag:
        condition(stat)


class FolderAt:
    """A folder at one version of each key."""

    def __init__(self, keeper: Keeper, version: str, executor: Executor) -> None:
        self._keeper = keeper
        self._version = version
        self._executor = executor

    async def stat(self, key: str) -> Stat:
        """Describe the version; raises `VersionNotFound` or `Marked`."""
        return await self._run(self._keeper.history.stat, key, self._version)

    async def open(self, key: str, span: tuple[int, int] | None = None) -> Opened:
        """Open the version or a run of its bytes; raises `VersionNotFound` or `Marked`."""
        return await run_owned(self._executor, _close, self._keeper.history.open, key, self._version, span)

    async def set_attributes(self, key: str, attributes: Attributes | Callable[[Stat], Attributes]) -> Stat:
        """Replace what stands beside the version; raises `VersionNotFound` or `Marked`."""
        return await self._run(self._keeper.set_attributes, key, self._version, attributes)

    async def remove(self, key: str, *, condition: Callable[[Stat], None] | None = None) -> bool:
        """Remove the version for good; returns whether it was a delete marker."""
        return await self._run(self._keeper.remove, key, self._version, condition)

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, partial(work, *args, **kwargs))


def _close(opened: Opened) -> None:
    if isinstance(opened.body, FileSlice):
        opened.body.close()
