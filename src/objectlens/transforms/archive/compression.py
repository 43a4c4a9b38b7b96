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
# A ratio says nothing about the first bytes: a kilobyte of zeros is a kilobyte.
_FREE = 16 * 1024 * 1024
_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bz2",
    b"\x04\x22\x4d\x18": "lz4",
    b"\xff\x06\x00\x00sNaPpY": "snappy",
}
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
    counted = _Counted(chain((head,), rest))
    size = 0
    with reading(f"{name} stream", *_FAULTS):
        pieces = _snappy(counted) if name == "snappy" else _members(counted, _MAKERS[name], name)
        for piece in pieces:
            size += len(piece)
            ctx.limits.check("output_bytes", size, f"a {name} stream of {size:,} bytes or more, decompressed,")
            if size > _FREE:
                ratio = size / max(1, counted.size)
                ctx.limits.check("ratio", ratio, f"a {name} stream that grows {ratio:,.0f} times")
            yield piece


def _peek(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= 16:
            break
    return head, chunks


def _past_skippable(head: bytes, rest: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Leave out frames for others (RFC 8878 section 3.1.2, and the LZ4 frame format), with which pzstd begins."""
    while len(head) >= 8 and head[1:4] == _SKIPPABLE and head[0] & 0xF0 == 0x50:
        left = 8 + int.from_bytes(head[4:8], "little")
        while left > len(head):
            left -= len(head)
            head = next(rest, b"")
            if not head:
                raise BadInput("the stream is cut short within a skippable frame")
        head, rest = _peek(chain((head[left:],), rest))
    return head, rest


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

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)

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
    """zstandard behind the same words: input goes in slices so small that no output is large."""

    _SLICE = 4 * 1024

    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
        self._waiting = b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        data = self._waiting + data
        self._waiting = data[self._SLICE :]
        return self._inner.decompress(data[: self._SLICE])

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._waiting

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data + self._waiting


_MAKERS: dict[str, Callable[[], Any]] = {
    "gzip": _Zlib,
    "zstd": _Zstd,
    "bz2": bz2.BZ2Decompressor,
    "lz4": lz4.frame.LZ4FrameDecompressor,
}


def _members(chunks: Iterable[bytes], make: Callable[[], Any], name: str) -> Iterator[bytes]:
    engine, fresh = make(), True
    for chunk in chunks:
        data = chunk
        while True:
            piece = engine.decompress(data, PIECE)
            fresh = False
            if piece:
                yield piece
            if engine.eof:
                data, engine, fresh = engine.unused_data or b"", make(), True
                # Padding of zeros after a gzip member is allowed (gzip(1)).
                if not data.strip(b"\0"):
                    break
                continue
            data = b""
            if engine.needs_input:
                break
    if not fresh:
        raise BadInput(f"the {name} stream is cut short")


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
