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

    def begin(self, name: str, like: tarfile.TarInfo, data: bytes, program: Program | None) -> None:
        """Begin to make a member, to be called `name`, or pass it on without a program."""
        self._members.append(_Member(name, like, len(data), self._run(program, data, like.name)))
        self._size += len(data)

    def entry(self) -> Iterator[bytes]:
        """Yield the first member as an entry of a tar, piece by piece; raises what was wrong with it."""
        name, like, size, made = self._members[0]
        left, pieces = made.result()
        self._members.popleft()
        self._size -= size
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = left, like.mode & 0o777, like.mtime
        head, padding = info.tobuf(tarfile.PAX_FORMAT), b"\0" * (-left % tarfile.BLOCKSIZE)
        # What most members are is one piece with all that belongs to it: each is a way to another thread and back.
        for piece in pieces:
            left -= len(piece)
            yield head + piece + (b"" if left else padding)
            head = b""
        if head:
            yield head

    def close(self) -> None:
        """Give up what is left."""
        for one in self._members:
            one.made.cancel()

    def _run(self, program: Program | None, data: bytes, name: str) -> Running:
        ctx = self._ctx
        if program is None:
            return _Here(data)
        if ctx.apart is not None:
            return ctx.apart.begin(program.text, program.context.limits, data, key=name, members=ctx.members)
        try:
            return _Here(bytes(program.run(data, key=name, members=ctx.members, still=ctx.still)))
        except BadInput as error:
            raise BadInput(f"member {name!r}: {error}") from error
        except LimitExceeded as error:
            raise LimitExceeded(error.limit, f"member {name!r}: {error.value}", error.allowed) from error
