"""Laying directories one over the other, as Lambda unzips the layers of a function into `/opt`."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from objectlens.functions.removing import remove_tree

# Where a file system has no hard links, or a file has as many as it may.
_NO_LINK = {errno.EMLINK, errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP}


def merge_into(target: Path, folders: Iterable[Path]) -> None:
    """Put what is in the folders into an empty one, later files over earlier ones; raises `OSError`.

    Files are linked, not copied. A file takes the place of a folder of its name, and a folder that of a file.
    """
    for folder in folders:
        _lay_over(folder, target)


def _lay_over(source: Path, target: Path) -> None:
    with os.scandir(source) as entries:
        found = list(entries)
    for entry in found:
        place = target / entry.name
        if entry.is_dir(follow_symlinks=False):
            _clear(place, keep_folder=True)
            place.mkdir(exist_ok=True)
            _lay_over(Path(entry.path), place)
        else:
            _clear(place, keep_folder=False)
            _put(Path(entry.path), place)


def _clear(place: Path, *, keep_folder: bool) -> None:
    if place.is_symlink() or place.is_file():
        place.unlink()
    elif place.is_dir() and not keep_folder:
        remove_tree(place)


def _put(source: Path, place: Path) -> None:
    if source.is_symlink():
        place.symlink_to(source.readlink())
        return
    try:
        place.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        shutil.copy2(source, place)
