"""Decompressing as a stream, with an eye on how much comes of how little."""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Literal

import cramjam
import lz4.frame
import zstandard

from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadInput, reading

Format = Literal["auto", "gzip", "zstd", "bz2", "lz4", "snappy"]
PIECE = 1024 * 1024
_SHORT = 16 * 1024
# A ratio says nothing about the first bytes: a kilobyte of zeros is a kilobyte.
_FREE = 16 * 1024 * 1024
_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bz2",
    b"\x04\x22\x4d\x18": "lz4",
    b"\xff\x06\x00\x00sNaPpY": "snappy",
    b"\x02\x21\x4c\x18": "lz4",
}
_LEGACY = b"\x02\x21\x4c\x18"
_SKIPPABLE = b"\x2a\x4d\x18"
_FAULTS = (zlib.error, OSError, EOFError, RuntimeError, ValueError, zstandard.ZstdError, cramjam.DecompressionError)
# A window of 128 MiB, which is what `zstd --long` writes, and no more (RFC 8878 section 3.1.1.1.2).
_ZSTD_WINDOW = 128 * 1024 * 1024


@transform(family="archive")
def decompress(chunks: Iterator[bytes], ctx: Context, *, format: Format = "auto") -> Iterator[bytes]:  # noqa: A002
    """Undo gzip, zstd, bzip2, LZ4 (frame) or snappy (framed), told by its first bytes; several streams may follow."""
    return expanded(chunks, ctx, format)


def expanded(chunks: Iterable[bytes], ctx: Context, name: str = "auto") -> Iterator[bytes]:
    """Yield what the stream decompresses to, within the limits of ratio and output."""
    head, rest = _peek(iter(chunks))
    if name in ("auto", "zstd", "lz4"):
        head, rest = _past_skippable(head, rest)
    if name == "auto":
        name = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "")
        if not name:
            raise BadInput("the object is not compressed with gzip, zstd, bzip2, LZ4 or snappy frames")
    if head.startswith(_LEGACY):
        raise BadInput("LZ4 of before its frames (lz4 -l, the Linux kernel's) is not read; compress it anew without -l")
    counted = _Counted(chain((head,), rest))
    size = 0
    with reading(f"{name} stream", *_FAULTS):
        pieces = _snappy(counted) if name == "snappy" else _members(counted, *_MAKERS[name], name)
        for piece in pieces:
            ctx.still()
            size += len(piece)
            ctx.limits.check("output_bytes", size, f"a {name} stream of {size:,} bytes or more, decompressed,")
            if size > _FREE:
                ratio = size / max(1, counted.size)
                ctx.limits.check("ratio", ratio, f"a {name} stream that grows {ratio:,.0f} times")
            yield piece


def is_compressed(head: bytes) -> bool:
    """Tell whether a stream begins as one does that `expanded` reads."""
    return head.startswith(tuple(_MAGIC)) or head[1:4] == _SKIPPABLE


def _peek(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= 16:
            break
    return head, chunks


def _past_skippable(head: bytes, rest: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Leave out frames for others (RFC 8878 section 3.1.2, and the LZ4 frame format), with which pzstd begins."""
    place = 0
    while len(frame := head[place : place + 8]) == 8 and frame[1:4] == _SKIPPABLE and frame[0] & 0xF0 == 0x50:
        place += 8 + int.from_bytes(frame[4:8], "little")
        while len(head) - place < 8:
            chunk = next(rest, b"")
            if not chunk and place > len(head):
                raise BadInput("the stream is cut short within a skippable frame")
            if not chunk:
                break
            head, place = (head[place:] + chunk, 0) if place < len(head) else (chunk, place - len(head))
    return _peek(chain((head[place:],), rest)) if place else (head, rest)


class _Counted:
    """An iterator of small pieces that counts the bytes that went through."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            for start in range(0, len(chunk), PIECE):
                piece = chunk[start : start + PIECE]
                self.size += len(piece)
                yield piece


class _Zlib:
    """zlib behind the words of `bz2` and `lz4`, output bounded."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    def decompress(self, data: bytes | memoryview, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail or data, max_length)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


class _Zstd:
    """zstandard behind the same words: what comes of one piece of input is not bounded, so pieces must be small."""

    needs_input = True

    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()

    def decompress(self, data: bytes | memoryview, max_length: int) -> bytes:
        return self._inner.decompress(data)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


# How each is undone, and how much of the input is given to it at once.
_MAKERS: dict[str, tuple[Callable[[], Any], int]] = {
    "gzip": (_Zlib, PIECE),
    # 128 KiB can come of 4 bytes (RFC 8878 section 3.1.1.2).
    "zstd": (_Zstd, 1024),
    "bz2": (bz2.BZ2Decompressor, PIECE),
    "lz4": (lz4.frame.LZ4FrameDecompressor, PIECE),
}


def _members(chunks: Iterable[bytes], make: Callable[[], Any], step: int, name: str) -> Iterator[bytes]:
    """Undo one compressed stream after the other; zeros may follow each of them (gzip(1))."""
    engine, fresh, ended = make(), True, False
    for chunk in chunks:
        view, place, size = memoryview(chunk), 0, step
        while place < len(view):
            taken: bytes | memoryview = view[place : place + size]
            place += len(taken)
            if fresh and ended and not (taken := bytes(taken).lstrip(b"\0")):
                continue
            behind, fresh = fresh and ended, False
            try:
                yield from _undone(engine, taken)
            except _FAULTS as error:
                if not behind:
                    raise
                raise BadInput(f"behind the end of the {name} stream is something else; cut it off") from error
            if engine.eof:
                place -= len(engine.unused_data or b"")
                # What is behind the end of a stream was copied, which is much where many short ones follow.
                engine, fresh, ended, size = make(), True, True, min(step, _SHORT)
    if not fresh:
        raise BadInput(f"the {name} stream is cut short")


def _undone(engine: Any, data: bytes | memoryview) -> Iterator[bytes]:
    while True:
        if piece := engine.decompress(data, PIECE):
            yield piece
        if engine.eof or engine.needs_input:
            return
        data = b""


def _snappy(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Undo the framing format: 1 byte of kind, 3 of length; a frame holds at most 64 KiB of data."""
    buffer = b""
    header = b"\xff\x06\x00\x00sNaPpY"
    for chunk in chunks:
        buffer += chunk
        ready = 0
        while len(buffer) - ready >= 4:
            end = ready + 4 + int.from_bytes(buffer[ready + 1 : ready + 4], "little")
            if end > len(buffer):
                break
            frame, ready = buffer[ready:end], end
            if frame[0] in (0, 1):
                yield bytes(cramjam.snappy.decompress(header + frame))
            elif 2 <= frame[0] <= 0x7F:
                raise BadInput("the snappy stream has a frame of an unknown kind")
        buffer = buffer[ready:]
    if buffer:
        raise BadInput("the snappy stream is cut short")
