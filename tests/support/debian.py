"""Programs that tests need and Debian has: installed when they are missing and the tests run as root."""

from __future__ import annotations

import shutil
import subprocess


def debian_program(package: str, program: str | None = None) -> str:
    """Return the path of a program, named like its package unless said; fails when it cannot be had."""

    def apt(*arguments: str) -> bool:
        return subprocess.run(["apt-get", *arguments], capture_output=True, timeout=300, check=False).returncode == 0

    name = program or package
    install = ("install", "-y", "--no-install-recommends", package)
    if shutil.which(name) is None and shutil.which("apt-get") and not apt(*install):
        apt("update")
        apt(*install)
    found = shutil.which(name)
    assert found, f"{name} is missing and could not be installed: apt-get install {package}"
    return found
