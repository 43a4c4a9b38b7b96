"""Removing directories that functions made: as deep as they like, read-only, with names of any length."""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path

_LOGGER = logging.getLogger(__name__)


def remove_tree(folder: Path) -> None:
    """Remove a directory with all that is in it; raises `OSError` when it is missing or cannot be removed.

    What lies deeper is moved up before it is emptied: no recursion, and no path longer than a file system takes, which
    a tree of a thousand levels would need.
    """
    folder.chmod(0o700)
    while held := _emptied(folder, folder):
        for inner in held:
            _emptied(inner, folder)
            inner.rmdir()
    folder.rmdir()


def clear_away(folder: Path) -> None:
    """Remove a directory if it is there; what cannot be removed is left, and the server's log says so."""
    try:
        remove_tree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        _LOGGER.warning("%s is left behind: %s", folder, error)


def _emptied(folder: Path, top: Path) -> list[Path]:
    """Remove the files of a directory and move its directories to `top`; returns those that are there already."""
    kept: list[Path] = []
    with os.scandir(folder) as entries:
        # Read to the end first: what comes and goes meanwhile may else be seen twice, or not.
        found = [(Path(entry.path), entry.is_dir(follow_symlinks=False)) for entry in entries]
    for path, is_folder in found:
        if not is_folder:
            path.unlink()
            continue
        path.chmod(0o700)
        if folder == top:
            kept.append(path)
        else:
            path.rename(top / secrets.token_hex(16))
    return kept
