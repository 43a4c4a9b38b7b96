"""The zips that packages were made of: kept to be given back, not to run."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection
from pathlib import Path

from objectlens.streams import FileSlice


class ZipStore:
    """Zips under one folder, named by their digest. All methods do blocking work."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, digest: str, data: bytes) -> None:
        """Keep a zip; it appears whole or not at all."""
        path = self._path(digest)
        if path.exists():
            path.touch()
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = self._folder / f".unfinished-{secrets.token_hex(8)}"
        try:
            with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
            scratch.rename(path)
        except BaseException:
            scratch.unlink(missing_ok=True)
            raise

    def has(self, digest: str) -> bool:
        """Whether the zip of that digest is kept."""
        return self._path(digest).is_file()

    def open(self, digest: str) -> FileSlice | None:
        """Open a zip, None when it is not kept."""
        try:
            fd = os.open(self._path(digest), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        return FileSlice(fd, 0, os.fstat(fd).st_size)

    def collect(self, keep: Collection[str], before: float) -> None:
        """Remove the zips that no digest in `keep` names and that were put before a moment, in seconds of the epoch.

        What was put just now is named only in a moment.
        """
        if not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            if path.stem not in keep and path.stat().st_mtime < before:
                path.unlink()

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}.zip"
