"""Deployment packages and layers: a zip comes in, a directory that is ready to run comes out.

A package is named by the hexadecimal SHA-256 of its zip. Its files and folders are read-only; executables stay
executable. Several may be merged into one more directory, which is named by their names.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import stat
import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from objectlens.functions.merging import merge_into
from objectlens.functions.removing import remove_tree
from objectlens.functions.unzip import unzip

# The longest timeout of an invocation, and a reserve.
LONGEST_USE = 900.0 + 100.0
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package that is in the store. `code_sha256` is base64 as AWS prints it; `code_size` counts the zip's bytes."""

    digest: str
    code_sha256: str
    code_size: int


def describe(data: bytes) -> Package:
    """Name the package that a zip makes."""
    digest = hashlib.sha256(data)
    return Package(
        digest=digest.hexdigest(), code_sha256=base64.b64encode(digest.digest()).decode(), code_size=len(data)
    )


def merged_name(digests: Sequence[str]) -> str:
    """Return the name of what several packages make, one laid over the other; of one package, its own."""
    return digests[0] if len(digests) == 1 else hashlib.sha256("+".join(digests).encode()).hexdigest()


class PackageStore:
    """Packages under one folder, each in a directory of its own. All methods do blocking work."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unused: dict[str, float] = {}
        self._changing = threading.Lock()

    def path(self, digest: str) -> Path:
        """Return where the package of that digest is; its directory need not exist."""
        return self._folder / digest

    def is_empty(self) -> bool:
        """Whether there is no package at all."""
        return not self._folder.is_dir() or not any(self._folder.iterdir())

    def add(self, data: bytes) -> Package:
        """Unpack a zip; the directory appears whole or not at all.

        Raises `InvalidParameterValueException` that says what is wrong with the zip.
        """
        package = describe(data)
        if self._has(package.digest):
            return package
        self._make(package.digest, lambda folder: unzip(data, folder))
        return package

    def merge(self, digests: Sequence[str]) -> Path:
        """Return the directory in which packages lie one over the other, later ones over earlier; makes it if need be.

        The files are those of the packages, by hard links. Raises `OSError` when a package is not there.
        """
        name = merged_name(digests)
        if not self._has(name):
            self._make(name, lambda folder: merge_into(folder, [self.path(digest) for digest in digests]))
        return self.path(name)

    def unzipped_size(self, digest: str) -> int:
        """Return the bytes of all files of a package."""
        return sum(path.lstat().st_size for path in _files(self.path(digest)))

    def _make(self, digest: str, fill: Callable[[Path], None]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=self._folder))
        try:
            fill(unfinished)
            _make_read_only(unfinished)
            self._publish(unfinished, digest)
        except BaseException:
            remove_tree(unfinished)
            raise

    def _has(self, digest: str) -> bool:
        with self._changing:
            self._unused.pop(digest, None)
            return self.path(digest).is_dir()

    def _publish(self, unfinished: Path, digest: str) -> None:
        try:
            unfinished.rename(self.path(digest))
        except OSError:
            if not self.path(digest).is_dir():
                raise
            remove_tree(unfinished)  # someone else unpacked the same zip meanwhile

    def collect(self, keep: Collection[str]) -> list[str]:
        """Remove at once what no digest in `keep` names, and what unpacking left unfinished; returns what went.

        For the time before anything runs; afterwards use `sweep`.
        """
        if not self._folder.is_dir():
            return []
        gone = [entry.name for entry in self._folder.iterdir() if entry.name not in keep]
        for name in gone:
            remove_tree(self._folder / name)
        return gone

    def sweep(self, keep: Collection[str], now: float) -> list[str]:
        """Remove the packages that `keep` has not named for `LONGEST_USE` seconds; returns their digests.

        `now` is a reading of a monotonic clock. What is not named today may still run, and what was added just now is
        named only in a moment: therefore the wait.
        """
        unnamed = {entry.name for entry in self._folder.iterdir() if _DIGEST.fullmatch(entry.name)} - set(keep)
        with self._changing:
            self._unused = {name: self._unused.get(name, now) for name in unnamed}
            gone = [name for name, since in self._unused.items() if now - since >= LONGEST_USE]
            for name in gone:
                # A folder of another name is not found by `add`, and goes at the next start if not now.
                self.path(name).rename(self._folder / f".unfinished-{name}")
        for name in gone:
            remove_tree(self._folder / f".unfinished-{name}")
        return gone


def _files(folder: Path) -> Iterable[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)


def _make_read_only(folder: Path) -> None:
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(parent, name)
            if not path.is_symlink():
                executable = path.stat().st_mode & stat.S_IXUSR
                path.chmod(0o555 if executable else 0o444)
        Path(parent).chmod(0o555)
