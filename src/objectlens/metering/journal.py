"""What this server used of budgets, in a file that the kernel keeps when this process is killed.

The database hears of it every few seconds; a server that is killed in between, over and over, must not hand out again
what was used. A shared mapping of a file costs no system call, and what is in it outlives the process (mmap(2)); it is
lost with the machine, when up to one interval of use is.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
from collections.abc import Iterable
from pathlib import Path

from objectlens.metering.budgets import MOST

# A budget's name as a digest, the beginning of the period, the three amounts.
_SLOT = struct.Struct("<16sqqqq")
_SIZE = 64
_FREE = bytes(16)
Amounts = tuple[int, ...]


class Journal:
    """The file, of one process at a time; a slot for each budget."""

    def __init__(self, path: Path) -> None:
        # One place more, for whose it is.
        size = (MOST + 1) * _SIZE
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Not a file with holes: there would be nobody to tell, but by a signal, that the disk is full.
            os.posix_fallocate(descriptor, 0, size)
            self._map = mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)
        self._places: dict[str, int] = {}
        self._by_digest = {self._digest_at(place): place for place in range(MOST)}
        self._by_digest.pop(_FREE, None)

    @property
    def server(self) -> str:
        """The name that this server had in the database when it last started; empty before it first did."""
        return self._map[MOST * _SIZE : (MOST + 1) * _SIZE].rstrip(b"\0").decode()

    def name(self, server: str) -> None:
        """Keep the name that this server has from now on: up to 64 letters of ASCII."""
        self._map[MOST * _SIZE : (MOST + 1) * _SIZE] = server.encode().ljust(_SIZE, b"\0")

    def read(self, name: str, start: int) -> Amounts | None:
        """Return what was written of a budget for the period that began at `start`, None when nothing was."""
        place = self._by_digest.get(_digest(name))
        if place is None:
            return None
        _, began, *amounts = _SLOT.unpack_from(self._map, place * _SIZE)
        return tuple(amounts) if began == start else None

    def write(self, name: str, start: int, amounts: Amounts) -> None:
        """Keep what was used of a budget."""
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = self._place(name)
        _SLOT.pack_into(self._map, place * _SIZE, _digest(name), start, *amounts)

    def retain(self, names: Iterable[str]) -> None:
        """Give back the slots of all other budgets."""
        kept = {_digest(name): name for name in names}
        for digest in self._by_digest.keys() - kept.keys():
            place = self._by_digest.pop(digest)
            self._map[place * _SIZE : (place + 1) * _SIZE] = bytes(_SIZE)
        self._places = {name: place for name, place in self._places.items() if name in kept.values()}

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()

    def _place(self, name: str) -> int:
        digest = _digest(name)
        if digest not in self._by_digest:
            taken = set(self._by_digest.values())
            self._by_digest[digest] = next(place for place in range(MOST) if place not in taken)
        return self._by_digest[digest]

    def _digest_at(self, place: int) -> bytes:
        return bytes(self._map[place * _SIZE : place * _SIZE + 16])


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:16]
