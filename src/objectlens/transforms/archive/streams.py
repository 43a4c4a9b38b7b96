"""An iterator of chunks as a file to read from."""

from __future__ import annotations

import io
from collections.abc import Iterator

from objectlens.transforms.errors import BadInput

# tarfile reads at the end once or twice, to see that it is there.
_READS_AT_END = 16


class Reader(io.RawIOBase):
    """Reads forward only; keeps no more than one chunk. `size` is how many bytes were read.

    Raises `BadInput` for who goes on reading at the end: tarfile would, for members of 2**95 bytes that it passes over.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")
        self.size = 0
        self._at_end = 0

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
        self._at_end = 0 if data else self._at_end + 1
        if self._at_end > _READS_AT_END:
            raise BadInput("the archive is cut short within a member")
        return data
