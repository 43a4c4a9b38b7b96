"""Compiles `objectlens/area/area.c` when objectlens is built or installed; without a C compiler it works without."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sysconfig
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOM = Path("src", "objectlens", "area")
# No fused multiply-add (see area.c).
FLAGS = ("-std=c99", "-O3", "-ffp-contract=off", "-fPIC", "-shared", "-Wall", "-Wextra")


class Compile(BuildHookInterface[Any]):
    """Run the compiler, and say what came of it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and have the wheel say for which machines it is then."""
        self._folder = TemporaryDirectory()
        # Only editable installations use it beside its source, which for others need not be writable.
        editable = version == "editable"
        library = Path(self.root, ROOM, "area.so") if editable else Path(self._folder.name, "area.so")
        # Never half a library under its name, nor another one under a process that has it open.
        made = library.with_suffix(f".{os.getpid()}")
        try:
            compiler = shlex.split(os.environ.get("CC") or "cc")
            source = Path(self.root, ROOM, "area.c")
            subprocess.run([*compiler, *FLAGS, "-o", made, source, "-lm"], check=True, capture_output=True)
            made.replace(library)
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            for path in (made, library):
                with contextlib.suppress(OSError):
                    path.unlink()
            said = getattr(error, "stderr", None)
            reason = said.decode(errors="replace").strip() if said else error
            self.app.display_warning(f"area.c is not compiled, and pictures are scaled by OpenCV, slower: {reason}")
            return
        build_data["pure_python"] = False
        # It depends on the machine, and on no version of Python.
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        if not editable:
            build_data["force_include"][str(library)] = "objectlens/area/area.so"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what is in the wheel now."""
        del version, build_data, artifact_path
        self._folder.cleanup()

    def clean(self, versions: list[str]) -> None:
        """Remove what was compiled."""
        del versions
        Path(self.root, ROOM, "area.so").unlink(missing_ok=True)
