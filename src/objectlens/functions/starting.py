"""The command that starts an environment, for each kind of runtime."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from objectlens.catalog.entities import Function
from objectlens.functions.java import MISSING, has_client, java_command
from objectlens.functions.node import node_command
from objectlens.functions.runtimes import Runtime

LAUNCH = str(Path(__file__).with_name("launch.py"))
WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
"""The variable by which a function has a script of its own start its runtime."""

_OPT = Path("/opt")
_DESCRIPTION_MAX = 1 << 20


class CannotStart(Exception):
    """There is nothing to start, or it would fail at once; the message says why, as an error of type `kind` does."""

    def __init__(self, message: str, kind: str = "Runtime.InvalidEntrypoint") -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What an environment runs: `task_root` is its package, `layers` its merged layers as this machine sees them."""

    task_root: Path
    layers: Path | None = None

    def extensions(self) -> list[str]:
        """Return the names of the extensions that Lambda would start."""
        return sorted(path.name for place in self._places() for path in place.glob("extensions/*") if _runs(path))

    def _places(self) -> Iterable[Path]:
        return (self.task_root, *([self.layers] if self.layers else []))


def command(
    function: Function, runtime: Runtime, code: Code, *, python: str, opt: Path | None, parent: int, orders: str
) -> list[str]:
    """Return the command that starts an environment; raises `CannotStart`.

    `python` runs the launcher, and Python functions. `opt` is where the environment sees its layers. `parent` is the
    process that the environment ends with, as it sees it; `orders` are for `confine`.
    """
    launch = [LAUNCH, str(parent), orders]
    program = _program(function, runtime, code, python, opt)
    if runtime.managed and (wrapper := function.environment.get(WRAPPER)):
        program = [_wrapper(wrapper, code, opt), *program]
    elif program == [python, LAUNCH]:
        return [python, *launch]
    # -I and -S: nothing of the function's environment may change the launcher itself.
    return [python, "-I", "-S", *launch, *program]


def _program(function: Function, runtime: Runtime, code: Code, python: str, opt: Path | None) -> list[str]:
    if runtime.node is not None:
        _check_description(code.task_root / "package.json")
        return node_command(runtime.node)
    if runtime.java is not None:
        if not has_client(code.task_root, code.layers):
            raise CannotStart(MISSING)
        return java_command(
            runtime.java,
            task_root=code.task_root,
            opt=opt,
            handler=function.handler,
            memory_size=function.memory_size,
            variables=function.environment,
        )
    if runtime.managed:
        return [python, LAUNCH]
    return [_bootstrap(code, opt)]


def _check_description(path: Path) -> None:
    """Raise `CannotStart` where Node.js would end over the package's description before our code is read.

    It looks into that of its working directory when it looks for what `--require` names.
    """
    if not path.is_file() or path.stat().st_size > _DESCRIPTION_MAX:
        return
    try:
        # Node.js reads over a byte order mark, and over what is no UTF-8.
        content = json.loads(path.read_text("utf-8", "replace").removeprefix("\ufeff"), parse_constant=_no_constant)
        why = None if isinstance(content, dict) else "it is not a JSON object"
    except (ValueError, RecursionError) as error:
        why = str(error)
    if why is not None:
        raise CannotStart(f"SyntaxError: Error parsing {path}: {why}", "Runtime.UserCodeSyntaxError")


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _bootstrap(code: Code, opt: Path | None) -> str:
    """Return the executable of a function that brings its runtime: from the package, else from a layer."""
    for seen, place in ((code.task_root, code.task_root), (opt, code.layers)):
        if place is not None and (place / "bootstrap").is_file():
            if not _runs(place / "bootstrap"):
                raise CannotStart(f"fork/exec {seen}/bootstrap: permission denied: bootstrap is not executable")
            return f"{seen}/bootstrap"
    where = "the package's root folder" if code.layers is None else "the package's root folder nor in a layer's"
    raise CannotStart(f"exec: no executable named bootstrap in {where}")


def _wrapper(name: str, code: Code, opt: Path | None) -> str:
    """Return the path of the wrapper script as the environment sees it; `/opt` is where its layers are."""
    path, real = Path(name), Path(name)
    if path.is_relative_to(_OPT) and opt is not None and code.layers is not None:
        inner = path.relative_to(_OPT)
        path, real = opt / inner, code.layers / inner
    if not _runs(real):
        raise CannotStart(f"{WRAPPER} names {name}, which is not an executable file")
    return str(path)


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
