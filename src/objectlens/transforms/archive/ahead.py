"""What becomes of the members of an archive, in their order: made here, or apart and then several at a time."""

from __future__ import annotations

import tarfile
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from objectlens.transforms.context import Context, Running
from objectlens.transforms.errors import BadInput, LimitExceeded
from objectlens.transforms.program import Program

# Members that are made apart are held here until their turn, as many bytes as one chunk of a file.
_HELD = 8 * 1024 * 1024
# What becomes of them leaves in pieces of so many bytes.
_PIECE = 1024 * 1024


class _Member(NamedTuple):
    name: str
    like: tarfile.TarInfo
    size: int
    made: Running


@dataclass(frozen=True, slots=True)
class _Here:
    """A member that is what it becomes."""

    body: bytes

    def result(self) -> tuple[int, Iterator[bytes]]:
        return len(self.body), self._pieces()

    def _pieces(self) -> Iterator[bytes]:
        for at in range(0, len(self.body), _PIECE):
            yield self.body[at : at + _PIECE]

    def cancel(self) -> None:
        """There is nothing to cancel."""


def entry(name: str, like: tarfile.TarInfo, size: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield an entry of a tar, piece by piece: `size` bytes, otherwise `like` another one."""
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, like.mode & 0o777, like.mtime
    head, padding = info.tobuf(tarfile.PAX_FORMAT), b"\0" * (-size % tarfile.BLOCKSIZE)
    # What most members are is one piece with all that belongs to it: each is a way to another thread and back.
    for piece in pieces:
        size -= len(piece)
        yield head + piece + (b"" if size else padding)
        head = b""
    if head:
        yield head


class Ahead:
    """Holds members that were begun, first in, first out; `close` it to give up those that are left."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._places = ctx.apart.places if ctx.apart else 1
        self._members: deque[_Member] = deque()
        self._size = 0

    def __len__(self) -> int:
        return len(self._members)

    @property
    def full(self) -> bool:
        """Whether the first one is to be waited for before another one is begun."""
        first = self._members[0].made if self._members else None
        return isinstance(first, _Here) or len(self._members) >= self._places or self._size >= _HELD

    def begin(self, name: str, like: tarfile.TarInfo, pieces: Iterator[bytes], program: Program | None) -> None:
        """Begin to make a member, to be called `name`, or pass it on without a program."""
        self._members.append(_Member(name, like, like.size, self._run(program, like, pieces)))
        self._size += like.size

    def entry(self) -> Iterator[bytes]:
        """Yield the first member as an entry of a tar, piece by piece; raises what was wrong with it."""
        name, like, size, made = self._members[0]
        became, pieces = made.result()
        self._members.popleft()
        self._size -= size
        yield from entry(name, like, became, pieces)

    def close(self) -> None:
        """Give up what is left."""
        for one in self._members:
            one.made.cancel()

    def _run(self, program: Program | None, like: tarfile.TarInfo, pieces: Iterator[bytes]) -> Running:
        ctx, name = self._ctx, like.name
        if program is not None and ctx.apart is not None:
            return ctx.apart.begin(program.text, program.context.limits, pieces, key=name, members=ctx.members)
        data = b"".join(pieces)
        if program is None:
            return _Here(data)
        try:
            return _Here(bytes(program.run(data, key=name, members=ctx.members, still=ctx.still)))
        except BadInput as error:
            raise BadInput(f"member {name!r}: {error}") from error
        except LimitExceeded as error:
            raise LimitExceeded(error.limit, f"member {name!r}: {error.value}", error.allowed) from error
