"""Deployment packages: which files of a folder belong into one, and the zip, which is the same for the same files."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

# What tools leave in a folder of sources, and what holds secrets of the developer's.
_LEFT_OUT = frozenset(
    {
        *(".git", ".hg", ".svn", ".gitignore", ".gitattributes", ".github", ".idea", ".vscode", ".DS_Store"),
        *("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".tox", ".nox", ".coverage"),
        *(".ipynb_checkpoints", ".aws-sam", ".serverless", ".env", ".npmrc", ".aws"),
    }
)
# The earliest time that a zip can hold: with the real one, the same files would make another package every time.
_TIME = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1024 * 1024


class NotPackable(ValueError):
    """A folder that cannot be packed; the message says why and what to do."""


def source_files(folder: Path, *, without: frozenset[Path] = frozenset()) -> dict[str, Path]:
    """Return the files of a source folder by the name that they have in the package, in the order of names.

    Left out are what version control, editors and Python leave behind, virtual environments, `.env`, `.npmrc`, a
    `node_modules` beside a `package.json` (npm makes it again), and the paths `without`. Links are followed.
    """
    found: dict[str, Path] = {}
    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        here = Path(parent)
        if (real := os.path.realpath(here)) in seen:
            folders.clear()  # a link to a folder that was there already
            continue
        seen.add(real)
        folders[:] = [name for name in folders if _belongs(here / name, names) and here / name not in without]
        for name in names:
            path = here / name
            if name not in _LEFT_OUT and not name.endswith(".pyc") and path not in without and path.is_file():
                found[path.relative_to(folder).as_posix()] = path
    return dict(sorted(found.items()))


def _belongs(folder: Path, beside: list[str]) -> bool:
    if folder.name in _LEFT_OUT or (folder / "pyvenv.cfg").exists():
        return False
    return folder.name != "node_modules" or "package.json" not in beside


def write_tree(archive: zipfile.ZipFile, folder: Path) -> None:
    """Write an installed tree as it is, links as links, without compiled Python."""
    for path in sorted(folder.rglob("*")):
        if "__pycache__" in path.parts:
            continue
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            write_member(archive, name, str(path.readlink()), stat.S_IFLNK | 0o777)
        elif path.is_file():
            write_file(archive, name, path)


def write_file(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    """Write one file; executables stay executable."""
    entry = _entry(name, 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
    with path.open("rb") as source, archive.open(entry, "w") as target:
        while data := source.read(_CHUNK):
            target.write(data)


def write_member(archive: zipfile.ZipFile, name: str, content: bytes | str, mode: int = 0o644) -> None:
    """Write content as a member."""
    archive.writestr(_entry(name, mode), content)


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = mode << 16
    return entry
