"""Which runtimes this machine has, and what to start for each."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from objectlens.errors import InvalidRuntimeException
from objectlens.functions.node import find_node, node_command

LAUNCH = str(Path(__file__).with_name("launch.py"))

_PYTHON = re.compile(r"python3\.(\d{1,2})")
_NODE = re.compile(r"nodejs(18|20|22|24)\.x")
_PROVIDED = re.compile(r"provided(\.al2|\.al2023)?")


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime that can run here.

    `managed` runtimes have `AWS_EXECUTION_ENV` set to the name. `note` goes into the function's log at every start.
    `node` is the Node.js that runs it, of Node.js runtimes only.
    """

    name: str
    label: str
    managed: bool
    note: str | None = None
    node: str | None = None


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
    if match := _NODE.fullmatch(name):
        return _node_runtime(name, int(match[1]))
    if _PROVIDED.fullmatch(name):
        return Runtime(name, name, managed=False)
    raise InvalidRuntimeException(
        f"The runtime {name} is not available on this machine. Available are python3.x (all run on Python "
        f"{sys.version_info.major}.{sys.version_info.minor}), nodejs18.x, nodejs20.x, nodejs22.x and nodejs24.x (on "
        "the Node.js that is installed), and provided, provided.al2, provided.al2023 (an executable named bootstrap in "
        "the package)."
    )


def _node_runtime(name: str, major: int) -> Runtime:
    """Return a Node.js runtime on the Node.js that is there; raises `InvalidRuntimeException` when none is."""
    try:
        node = find_node(major)
    except LookupError as error:
        raise InvalidRuntimeException(
            f"The runtime {name} is not available on this machine. {error.args[0]}."
        ) from None
    note = f"The runtime {name} is not on this machine: the function runs on Node.js {node.version}."
    return Runtime(
        name, f"nodejs:{node.version}", managed=True, note=None if node.major == major else note, node=node.path
    )


def command(runtime: Runtime, python: str, task_root: Path, *, parent: int, orders: str) -> list[str] | None:
    """Return the command that starts an environment, None when the package lacks an executable `bootstrap`.

    `parent` is the process that the environment ends with, as it sees it; `orders` are for `confine`.
    """
    launch = [python, LAUNCH, str(parent), orders]
    if runtime.node is not None:
        return [python, "-I", "-S", *launch[1:], *node_command(runtime.node)]
    if runtime.managed:
        return launch
    bootstrap = task_root / "bootstrap"
    if not (bootstrap.is_file() and os.access(bootstrap, os.X_OK)):
        return None
    # -I and -S: nothing of the function's environment may change the launcher itself.
    return [python, "-I", "-S", *launch[1:], str(bootstrap)]
