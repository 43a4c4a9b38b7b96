"""Finding the Python interpreters of this machine."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

OLDEST, NEWEST = 9, 14
NONE = ("none",)

_VERSION = re.compile(r"3\.\d+\.\d+")
_SHOW = "import sys; print('.'.join(map(str, sys.version_info[:3])))"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python of this machine: where it is, and its version, `3.12.1`."""

    path: str
    version: str

    @property
    def minor(self) -> int:
        """The second number of the version."""
        return int(self.version.split(".")[1])


def find_interpreter(minor: int, places: Sequence[str] = ()) -> Interpreter | None:
    """Return the first Python 3 of that minor version which runs, from `OLDEST` on; None when there is none.

    `places` are interpreters and folders with some; without any, it is the server's `PATH`, `/usr/local/bin`,
    `/usr/bin` and what pyenv installed for the server's user. It starts processes.
    """
    if minor < OLDEST or tuple(places) == NONE:
        return None
    for path in _candidates(f"python3.{minor}", places):
        if os.access(path, os.X_OK) and path.is_file() and (version := _version(path)):
            found = Interpreter(str(path), version)
            if found.minor == minor:
                return found
    return None


def _candidates(name: str, places: Sequence[str]) -> Iterator[Path]:
    if not places:
        for folder in (*os.get_exec_path(), "/usr/local/bin", "/usr/bin"):
            yield Path(folder, name)
        yield from sorted(Path.home().glob(f".pyenv/versions/*/bin/{name}"), reverse=True)
    for place in map(Path, places):
        yield from (place / name, place / "bin" / name) if place.is_dir() else (place,)


def _version(path: Path) -> str | None:
    """Ask a Python for its version; None when it does not run, as pyenv's stand-ins of versions that are not chosen."""
    try:
        shown = subprocess.run(
            [str(path), "-I", "-S", "-c", _SHOW], capture_output=True, text=True, timeout=10, check=True, cwd="/"
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version = shown.stdout.strip()
    return version if _VERSION.fullmatch(version) else None
