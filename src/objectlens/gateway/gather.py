"""Answers gathered whole, before their turn: small ones in memory, others in files that have no name.

A tar archive tells a member's size before its bytes, functions need not know theirs; and what is gathered holds up no
function while a slow client reads what comes before it.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from objectlens.errors import EntityTooLarge
from objectlens.http import HttpResponse
from objectlens.streams import FileSlice

IN_MEMORY = 2 * 1024 * 1024
_PIECE = 1024 * 1024

Whole = bytes | FileSlice


async def gathered(answer: HttpResponse, folder: Path, limit: int) -> Whole:
    """Return the body of an answer; what is no file already may have `limit` bytes, and is kept below `folder`.

    Raises `EntityTooLarge`, `OSError` when there is no room, and `ConnectionError` when the body breaks off.
    """
    body = answer.body
    if isinstance(body, FileSlice):
        # Whoever made the answer closes it.
        return FileSlice(os.dup(body.fd), body.offset, body.length)
    if isinstance(body, bytes) and len(body) <= IN_MEMORY:
        return body
    whole = await _gathered(_pieces(body) if isinstance(body, bytes) else body, folder, limit)
    size = len(whole) if isinstance(whole, bytes) else whole.length
    if answer.length is not None and size != answer.length:
        close(whole)
        raise ConnectionError(f"the answer ended after {size} of {answer.length} bytes")
    return whole


async def _gathered(body: AsyncIterator[bytes], folder: Path, limit: int) -> Whole:
    parts: list[bytes] = []
    size = 0
    async for chunk in body:
        parts.append(chunk)
        size += len(chunk)
        if size > IN_MEMORY:
            return await _spooled(parts, body, folder, limit)
    return b"".join(parts)


async def _spooled(parts: list[bytes], body: AsyncIterator[bytes], folder: Path, limit: int) -> FileSlice:
    file = await asyncio.to_thread(_unnamed, folder)
    try:
        size = await asyncio.to_thread(_write, file.fd, parts)
        parts.clear()
        async for chunk in body:
            size += len(chunk)
            _check(size, limit)
            await asyncio.to_thread(_write, file.fd, [chunk])
    except BaseException:
        file.close()
        raise
    return file.narrowed(0, size)


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise EntityTooLarge(f"The answer has more than {limit:,} bytes, which is too long here: GET it alone.")


def _unnamed(folder: Path) -> FileSlice:
    with tempfile.TemporaryFile(dir=folder) as file:
        return FileSlice(os.dup(file.fileno()), 0, 0)


def _write(fd: int, parts: list[bytes]) -> int:
    size = 0
    for part in parts:
        view = memoryview(part)
        size += len(view)
        while view:
            view = view[os.write(fd, view) :]
    return size


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _PIECE):
        yield body[start : start + _PIECE]


def close(whole: Whole) -> None:
    """Give back what a body holds."""
    if isinstance(whole, FileSlice):
        whole.close()
