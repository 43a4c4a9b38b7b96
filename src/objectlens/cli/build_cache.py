"""Installed dependencies, kept as archives: one file for each set of them, named by what went into it.

A file appears whole or not at all, and whoever has opened one may read on when it is removed, so builds that run at the
same time need no locks.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from objectlens.cli.packing import write_tree

MOST_BYTES = 2 * 1024**3
# What a build that was killed left behind goes after a day.
_LEFT_BEHIND = 86_400.0
_DRAFT = ".building-"


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return where archives are kept: `objectlens/build` in the user's cache (XDG Base Directory Specification)."""
    base = environ.get("XDG_CACHE_HOME", "")
    # Relative paths are to be ignored, says the specification.
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "objectlens" / "build"


def fetch(folder: Path, key: str | None, install: Callable[[Path], None], draft: Path) -> bool:
    """Write the archive of `key` to `draft`, installing what it holds first when there is none.

    `install` fills an empty folder. With None for a key nothing is kept. Returns whether it was there already.
    """
    kept = folder / f"{key}.zip"
    if key is not None and _copied(kept, draft):
        return True
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=folder))
    try:
        (work / "tree").mkdir()
        install(work / "tree")
        with zipfile.ZipFile(work / "archive", "w") as archive:
            write_tree(archive, work / "tree")
        shutil.copyfile(work / "archive", draft)
        if key is not None:
            (work / "archive").replace(kept)
            tidy(folder)
    finally:
        shutil.rmtree(work)
    return False


def _copied(kept: Path, draft: Path) -> bool:
    try:
        shutil.copyfile(kept, draft)
        os.utime(kept)  # it is in use: others go first
    except FileNotFoundError:  # never made, or removed this moment
        return False
    return True


def tidy(folder: Path, most: int = MOST_BYTES) -> None:
    """Remove the archives that were not used for longest until the rest is no more than `most` bytes."""
    now = time.time()
    total = 0
    for seen, path in sorted(_seen(folder), key=lambda one: one[0].st_mtime, reverse=True):
        if path.name.startswith(_DRAFT):
            if now - seen.st_mtime > _LEFT_BEHIND:
                shutil.rmtree(path, ignore_errors=True)
        elif (total := total + seen.st_size) > most:
            path.unlink(missing_ok=True)


def _seen(folder: Path) -> Iterator[tuple[os.stat_result, Path]]:
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another build's, which has just ended
            yield path.stat(), path
