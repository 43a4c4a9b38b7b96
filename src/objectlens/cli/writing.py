"""Files that commands write: whole or not at all, and not over what they are made of."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path

import click


def check_output(path: Path, option: str, sources: Sequence[Path] = ()) -> None:
    """End the command, before it does anything, when `path` cannot be what it writes; `sources` are what it reads."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise click.ClickException(f"{option}: cannot write {path}: there is no folder {folder}")
    if path.is_dir():
        raise click.ClickException(f"{option}: cannot write {path}: it is a folder; name a file in it")
    if any(path.exists() and one.exists() and path.samefile(one) for one in sources):
        raise click.ClickException(f"{option}: {path} is what is read: name another file")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there as it was, or whole; ends the command with the reason when it cannot be.

    What is no file, such as /dev/stdout, is written to as it is. A link stays one.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            _replace(path.resolve(), content)
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}") from error


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        # Not a temporary file's mode, but that which the file has, or any new one gets.
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), "wb") as file:
            if path.exists():
                os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
            file.write(content)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
