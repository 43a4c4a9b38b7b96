"""What a source folder says that it needs, and how pip and npm, as they are configured here, install it."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from objectlens.cli.packing import NotPackable
from objectlens.cli.steps import Say, StepFailed, run_step
from objectlens.functions.python import find_interpreter

# Part of every key: another number when what is made of the same files changes.
_FORM = 1
_PYTHON = re.compile(r"python3\.(\d{1,2})")
_INCLUDED = re.compile(r"^(?:-r|-c|--requirement|--constraint)[\s=]+(\S+)", re.MULTILINE)
# What leads to files of which a requirement's text says nothing.
_LOCAL = re.compile(r"^(?:-e|--editable|[./~]|file:|[^\s#:@-][^\s#:@]*/)|@\s*file:", re.MULTILINE)
_LOCKS = ("package-lock.json", "npm-shrinkwrap.json")
_FOREIGN_LOCKS = ("yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb")
_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """What is to be installed. `key` names the result; None when it cannot be told from the files alone."""

    folder: Path
    runtime: str
    key: str | None
    requirements: str | None = None
    npm: dict[str, Any] | None = None
    locks: dict[str, bytes] = field(default_factory=dict)
    note: str | None = None

    def install(self, tree: Path, say: Say) -> None:
        """Install into an empty folder; raises `StepFailed`."""
        if self.requirements is not None:
            _pip(self.folder, self.runtime, self.requirements, tree, say)
        if self.npm is not None:
            _npm(self.npm, self.locks, tree, say)


def find_dependencies(folder: Path, runtime: str) -> Dependencies | None:
    """Return what `requirements.txt` (or else `pyproject.toml`) and `package.json` ask for, None when nothing.

    Raises `NotPackable` when a file cannot be read or asks for what is not done here.
    """
    python, npm = _requirements(folder), _package_json(folder)
    if python is None and npm is None:
        return None
    text, fixed = python or (None, True)
    locks = {name: (folder / name).read_bytes() for name in (*_LOCKS, ".npmrc") if npm and (folder / name).is_file()}
    marks = [_FORM, runtime, sysconfig.get_platform(), text and list(_contents(folder, text)), npm]
    marks += [sorted((name, data.hex()) for name, data in locks.items())]
    marks += [_interpreter(runtime) if text else None, _version("node") if npm else None]
    digest = hashlib.sha256(json.dumps(marks, sort_keys=True).encode()).hexdigest()
    foreign = [name for name in _FOREIGN_LOCKS if npm and (folder / name).is_file() and not locks.keys() & {*_LOCKS}]
    note = f"{foreign[0]} is not read: npm takes what package.json allows" if foreign else None
    return Dependencies(
        folder=folder,
        runtime=runtime,
        key=digest if fixed else None,
        requirements=text,
        npm=npm,
        locks=locks,
        note=note,
    )


# --- Python ---


def _requirements(folder: Path) -> tuple[str, bool] | None:
    """Return the requirements as text, and whether it says everything that they depend on."""
    try:
        text = (folder / "requirements.txt").read_text(encoding="utf-8")
    except FileNotFoundError:
        listed = _project(folder)
        if not listed:
            return None
        text = "\n".join(listed)
    except (OSError, UnicodeDecodeError) as error:
        raise NotPackable(f"requirements.txt cannot be read: {error}") from error
    return text, not any(_LOCAL.search(part) for part in _contents(folder, text))


def _project(folder: Path) -> list[str]:
    """Return the dependencies that `pyproject.toml` lists; the project itself is packed as it lies there."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise NotPackable(f"pyproject.toml cannot be read: {error}") from error
    if "dependencies" in project.get("dynamic", ()):
        raise NotPackable(
            "pyproject.toml leaves its dependencies to its build tool (dynamic): write them to requirements.txt"
        )
    return list(project.get("dependencies", ()))


def _contents(folder: Path, text: str, depth: int = 0) -> Iterator[str]:
    """Yield requirements and all that they include; what cannot be read is pip's to complain of."""
    yield text
    for name in _INCLUDED.findall(text):
        path = folder / name
        if depth < 10 and path.is_file():
            yield from _contents(path.parent, path.read_text(encoding="utf-8", errors="replace"), depth + 1)


def _interpreter(runtime: str) -> str | None:
    """Return the interpreter that packages are built with, None when the runtime's version is not on this machine."""
    match = _PYTHON.fullmatch(runtime)
    if match is None or int(match[1]) == sys.version_info.minor:
        return sys.executable
    found = find_interpreter(int(match[1]))
    return None if found is None else found.path


def _pip(folder: Path, runtime: str, requirements: str, tree: Path, say: Say) -> None:
    interpreter = _interpreter(runtime)
    command = [sys.executable, "-m", "pip"]
    if interpreter is not None and interpreter != sys.executable:
        command += ["--python", interpreter]
    command += ["install", "--no-user", "--no-input", "--no-compile", "--disable-pip-version-check"]
    if interpreter is None:
        # Without the interpreter nothing can be built for it, but wheels can be chosen.
        command += ["--python-version", runtime.removeprefix("python"), "--only-binary=:all:"]
    given = folder / "requirements.txt"
    if not given.is_file():
        given = tree.parent / "requirements.txt"
        given.write_text(requirements, encoding="utf-8")
    say(f"pip install -r {given.name}, for {runtime}")
    run_step([*command, "--target", str(tree), "-r", str(given)], folder, say)


# --- Node.js ---


def _package_json(folder: Path) -> dict[str, Any] | None:
    """Return what npm needs of `package.json`, None when it asks for nothing."""
    try:
        found = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise NotPackable(f"package.json cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise NotPackable("package.json is not a JSON object")
    if "workspaces" in found:
        raise NotPackable("package.json has workspaces: build the folder of one of them")
    wanted = {**found.get("dependencies", {}), **found.get("optionalDependencies", {})}
    local = [name for name, where in wanted.items() if str(where).startswith(("file:", "link:", ".", "/", "~"))]
    if local:
        raise NotPackable(f"package.json takes {local[0]} from this machine ({wanted[local[0]]}): publish or bundle it")
    # Its own scripts would look for sources that are not there; those of its dependencies run as npm is configured.
    return {name: value for name, value in found.items() if name != "scripts"} if wanted else None


def _npm(package: dict[str, Any], locks: dict[str, bytes], tree: Path, say: Say) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise StepFailed("npm is not on the PATH: install it, or remove package.json's dependencies")
    work = tree.parent / "npm"
    work.mkdir()
    (work / "package.json").write_text(json.dumps(package), encoding="utf-8")
    for name, data in locks.items():
        (work / name).write_bytes(data)
    verb = "ci" if locks.keys() & {*_LOCKS} else "install"
    say(f"npm {verb}")
    run_step([npm, verb, "--omit=dev", "--no-audit", "--no-fund", "--no-update-notifier"], work, say)
    if (work / "node_modules").is_dir():
        (work / "node_modules").rename(tree / "node_modules")


def _version(program: str) -> str | None:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
