"""Running npm, as it is configured on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from objectlens.functions.installing import InstallError, Say, run_installer


async def run_npm(arguments: Sequence[str], folder: Path, say: Say) -> None:
    """Run npm in `folder`, each line that it prints going to `say`; raises `InstallError`."""
    npm = shutil.which("npm")
    if npm is None:
        raise InstallError("npm is not on the server's PATH")
    await run_installer(f"npm {arguments[0]}", [npm, *arguments], folder, say)
