"""An iterator of chunks as a file to read from."""

from __future__ import annotations

import io
from collections.abc import Iterator


class Reader(io.RawIOBase):
    """Reads forward only; keeps no more than one chunk. `size` is how many bytes were read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")
        self.size = 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return exactly `size` bytes, fewer only at the end, all of it for a negative size."""
        parts = []
        left = size
        while left:
            if not self._rest:
                self._rest = memoryview(next(self._chunks, b""))
                if not self._rest:
                    break
            taken = self._rest if left < 0 else self._rest[:left]
            self._rest = self._rest[len(taken) :]
            left -= len(taken) if left > 0 else 0
            parts.append(taken)
        data = b"".join(parts)
        self.size += len(data)
        return data
