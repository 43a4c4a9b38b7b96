"""Compiles `objectlens/area/area.c` when objectlens is built or installed; without a C compiler it works without."""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOM = Path("src", "objectlens", "area")
# No fused multiply-add (see area.c).
FLAGS = ("-std=c99", "-O3", "-ffp-contract=off", "-fPIC", "-shared", "-Wall", "-Wextra")


class Compile(BuildHookInterface[Any]):
    """Run the compiler, and say what came of it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and have the wheel say for which machines it is then."""
        del version
        folder = Path(self.root, ROOM)
        library = folder / "area.so"
        compiler = shlex.split(os.environ.get("CC") or "cc")
        # Never half a library under its name, nor another one under a process that has it open.
        made = library.with_suffix(f".{os.getpid()}")
        try:
            subprocess.run([*compiler, *FLAGS, "-o", made, folder / "area.c", "-lm"], check=True, capture_output=True)
            made.replace(library)
        except (OSError, subprocess.CalledProcessError) as error:
            made.unlink(missing_ok=True)
            library.unlink(missing_ok=True)
            said = getattr(error, "stderr", None)
            reason = said.decode(errors="replace").strip() if said else error
            self.app.display_warning(f"area.c is not compiled, and pictures are scaled by OpenCV, slower: {reason}")
            return
        build_data["pure_python"] = False
        # It depends on the machine, and on no version of Python.
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        build_data["artifacts"].append(f"/{ROOM / 'area.so'}")

    def clean(self, versions: list[str]) -> None:
        """Remove what was compiled."""
        del versions
        Path(self.root, ROOM, "area.so").unlink(missing_ok=True)
