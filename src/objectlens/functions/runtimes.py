"""Which runtimes this machine has, and what to start for each."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from objectlens.errors import InvalidRuntimeException

LAUNCH = str(Path(__file__).with_name("launch.py"))

_PYTHON = re.compile(r"python3\.(\d{1,2})")
_PROVIDED = re.compile(r"provided(\.al2|\.al2023)?")


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime that can run here.

    `managed` runtimes have `AWS_EXECUTION_ENV` set to the name. `note` goes into the function's log at every start.
    """

    name: str
    label: str
    managed: bool
    note: str | None = None


def find_runtime(name: str) -> Runtime:
    """Return the runtime of that name; raises `InvalidRuntimeException` that lists what there is.

    Every `python3.x` runs on the server's own interpreter, because the packages that handlers share with it (boto3,
    NumPy, OpenCV) are built for that one; when the versions differ the function's log says so.
    """
    if match := _PYTHON.fullmatch(name):
        here = ".".join(str(part) for part in sys.version_info[:3])
        same = int(match[1]) == sys.version_info.minor
        note = None if same else f"The runtime {name} is not on this machine: the function runs on Python {here}."
        return Runtime(name, f"python:{here}", managed=True, note=note)
    if _PROVIDED.fullmatch(name):
        return Runtime(name, name, managed=False)
    raise InvalidRuntimeException(
        f"The runtime {name} is not available on this machine. Available are python3.x (all run on Python "
        f"{sys.version_info.major}.{sys.version_info.minor}) and provided, provided.al2, provided.al2023 (an "
        "executable named bootstrap in the package)."
    )


def command(runtime: Runtime, python: str, task_root: Path) -> list[str] | None:
    """Return the command that starts an environment, None when the package lacks an executable `bootstrap`."""
    launch = [python, LAUNCH, str(os.getpid())]
    if runtime.managed:
        return launch
    bootstrap = task_root / "bootstrap"
    if not (bootstrap.is_file() and os.access(bootstrap, os.X_OK)):
        return None
    # -I and -S: nothing of the function's environment may change the launcher itself.
    return [python, "-I", "-S", *launch[1:], str(bootstrap)]
