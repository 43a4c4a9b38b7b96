"""Putting a folder in its place for all processes at once."""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_WAIT = 0.2


@asynccontextmanager
async def folder_lock(path: Path) -> AsyncIterator[None]:
    """Hold a lock among all processes of this machine; the system frees it when its holder ends."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _try_lock(fd):  # noqa: ASYNC110  (another process frees it: no event tells)
            await asyncio.sleep(_WAIT)
        yield
    finally:
        os.close(fd)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def point_to(link: Path, target: Path | None) -> None:
    """Make `link` a symbolic link to `target`, in one step; with None, remove it. A real folder there stays."""
    if link.exists() and not link.is_symlink():
        return
    if target is None:
        link.unlink(missing_ok=True)
        return
    fresh = link.with_name(f".{link.name}-{secrets.token_hex(4)}")
    fresh.symlink_to(target)
    fresh.replace(link)
