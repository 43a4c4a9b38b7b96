"""Unpacking a zip that a stranger sent.

Refused: what is not a zip, names that leave the folder, names that are there twice, links out of the folder, devices
and pipes, encrypted members, and more than Lambda allows (250 MB unzipped, reference section 14.7).
"""

from __future__ import annotations

import io
import os
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, NoReturn

from objectlens.errors import InvalidParameterValueException

MAX_UNZIPPED = 250 * 1024 * 1024
MAX_MEMBERS = 50_000
# deflate reaches 1032:1 at most; code and libraries stay below 20:1. Small packages may be as repetitive as they like.
MAX_RATIO = 200
RATIO_FLOOR = 32 * 1024 * 1024
MAX_LINK = 4096
# Below Linux's 255 and 4096 bytes, with room for the folder that packages are in; deeper trees end in recursion.
MAX_PART, MAX_NAME, MAX_DEPTH = 255, 2048, 100
_CHUNK = 256 * 1024


def unzip(data: bytes, folder: Path) -> None:
    """Unpack a zip into an empty folder; raises `InvalidParameterValueException` naming the member and the reason."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = _checked(archive, len(data))
            budget = MAX_UNZIPPED
            for name, info in members.items():
                budget -= _extract(archive, info, folder / name, folder, budget)
            _check_links(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError, RuntimeError) as error:
        _refuse(str(error) or "it is damaged")
    except ValueError as error:
        _refuse(str(error))


def _checked(archive: zipfile.ZipFile, zipped: int) -> dict[str, zipfile.ZipInfo]:
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        _refuse(f"it has {len(infos)} members, more than {MAX_MEMBERS}")
    unzipped = sum(info.file_size for info in infos)
    if unzipped > MAX_UNZIPPED:
        raise InvalidParameterValueException(f"Unzipped size must be smaller than {MAX_UNZIPPED} bytes")
    if unzipped > RATIO_FLOOR and unzipped > MAX_RATIO * zipped:
        _refuse(f"it says it unpacks to {unzipped // max(zipped, 1)} times its size")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = _safe_name(info)
        if name in members:
            _refuse(f"it has the member {name!r} twice")
        members[name] = info
    members.pop(".", None)
    if not members:
        raise InvalidParameterValueException("Uploaded file must be a non-empty zip")
    return members


def _safe_name(info: zipfile.ZipInfo) -> str:
    name = info.orig_filename
    if "\0" in name or "\\" in name or name.startswith("/") or ".." in PurePosixPath(name).parts:
        _refuse(f"the member {name!r} has a name that leaves the package")
    parts = [os.fsencode(part) for part in PurePosixPath(name).parts]
    if len(parts) > MAX_DEPTH or max(map(len, parts), default=0) > MAX_PART or sum(map(len, parts)) > MAX_NAME:
        _refuse(f"the member {name[:60]!r}... has a name that is too long or too deep")
    if info.flag_bits & 0x1:
        _refuse(f"the member {name!r} is encrypted")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}:
        _refuse(f"the member {name!r} is neither a file nor a folder nor a link")
    return str(PurePosixPath(name))


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, root: Path, budget: int) -> int:
    """Write one member; returns its size."""
    if info.is_dir():
        _make_folders(target, root, info)
        return 0
    _make_folders(target.parent, root, info)
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        return _link(archive, info, target, root)
    if os.path.lexists(target):
        _refuse(f"the member {info.filename!r} is both a file and a folder")
    written = _write(archive, info, target, budget)
    target.chmod(0o755 if mode & 0o111 else 0o644)
    return written


def _make_folders(folder: Path, root: Path, info: zipfile.ZipInfo) -> None:
    # A link that an earlier member made must not lead later ones anywhere.
    here = root
    for part in folder.relative_to(root).parts:
        here = here / part
        if here.is_symlink() or (here.exists() and not here.is_dir()):
            _refuse(f"the member {info.filename!r} lies under {part!r}, which is not a folder")
        here.mkdir(exist_ok=True)


def _link(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, root: Path) -> int:
    if info.file_size > MAX_LINK:
        _refuse(f"the link {info.filename!r} is too long")
    with archive.open(info) as source:
        destination = os.fsdecode(_read(source))
    lands = os.path.normpath(target.parent.relative_to(root) / destination)
    if not destination or "\0" in destination or destination.startswith("/") or lands.split("/")[0] == "..":
        _refuse(f"the link {info.filename!r} leads out of the package")
    if os.path.lexists(target):
        _refuse(f"the member {info.filename!r} is both a link and something else")
    target.symlink_to(destination)
    return info.file_size


def _check_links(root: Path) -> None:
    # Links through links: only the file system knows where those land.
    inside = os.path.realpath(root)
    for parent, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink() and os.path.commonpath([inside, os.path.realpath(path)]) != inside:
                _refuse(f"the link {str(path.relative_to(root))!r} leads out of the package")


def _write(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, budget: int) -> int:
    written = 0
    with archive.open(info) as source, target.open("xb") as file:
        while chunk := _read(source):
            written += len(chunk)
            if written > budget:
                raise InvalidParameterValueException(f"Unzipped size must be smaller than {MAX_UNZIPPED} bytes")
            file.write(chunk)
    return written


def _read(source: IO[bytes]) -> bytes:
    try:
        return source.read(_CHUNK)
    except Exception as error:  # every way of compressing has errors of its own: bzip2's are `OSError`
        raise zipfile.BadZipFile(str(error)) from error


def _refuse(reason: str) -> NoReturn:
    raise InvalidParameterValueException(
        f"Could not unzip uploaded file. Please check your file, then try to upload again. ({reason})"
    )
