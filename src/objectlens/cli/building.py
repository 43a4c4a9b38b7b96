"""From a source folder to a deployment package: its dependencies, installed or kept from before, and its own files."""

from __future__ import annotations

import ast
import os
import re
import shutil
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Collection, Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from pathlib import Path

from objectlens.cli.build_cache import cache_folder, fetch
from objectlens.cli.dependencies import find_dependencies
from objectlens.cli.packing import NotPackable, source_files, write_file
from objectlens.cli.steps import Say
from objectlens.functions.packages import Package, describe
from objectlens.functions.unzip import MAX_MEMBERS, MAX_UNZIPPED

# "Lambda quotas": 50 MB zipped when uploaded by the API, 250 MB unzipped.
MAX_DIRECT = 50 * 1024 * 1024
# Whether this machine has it does not matter: it may be built for another.
_RUNTIME = re.compile(r"python3\.\d{1,2}|nodejs\d{2}\.x|java\d{2}|provided(\.al2|\.al2023)?")
_NODE_SUFFIXES = (".js", ".mjs", ".cjs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A package that was made: the zip at `path`, sizes in bytes; `cached` dependencies were kept from before."""

    path: Path
    package: Package
    runtime: str
    unzipped: int
    files: int
    cached: bool
    note: str | None = None

    @property
    def direct(self) -> bool:
        """Whether the Lambda API takes it in a request; else it must come from a bucket."""
        return self.package.code_size <= MAX_DIRECT


def default_runtime(folder: Path) -> str:
    """Return the runtime that a folder is for: Node.js when there is something of it and no Python."""
    names = {path.name for path in folder.iterdir()}
    if "bootstrap" in names:
        return "provided.al2023"
    node = {"package.json", *(f"index{suffix}" for suffix in _NODE_SUFFIXES)}
    if names & node and not names & {"requirements.txt", "pyproject.toml", "lambda_function.py"}:
        return "nodejs20.x"
    return f"python3.{sys.version_info.minor}"


def default_handler(runtime: str) -> str:
    """Return the handler that AWS's console gives to new functions."""
    return "index.handler" if runtime.startswith("nodejs") else "lambda_function.lambda_handler"


def build(folder: Path, output: Path, *, runtime: str, handler: str | None, say: Say, keep: bool = True) -> Built:
    """Make the package of `folder` at `output`, which appears whole or not at all.

    With a `handler` its file must be there. Without `keep` dependencies are installed anew. Raises `NotPackable`,
    `steps.StepFailed` and `OSError`.
    """
    if not _RUNTIME.fullmatch(runtime):
        raise NotPackable(f"{runtime!r} is not a runtime such as python3.12, nodejs22.x, java21 or provided.al2023")
    wanted = find_dependencies(folder, runtime)
    number, name = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.parent)
    os.close(number)
    draft = Path(name)
    try:
        cached = False
        if wanted is not None:
            cached = fetch(
                cache_folder(os.environ),
                wanted.key if keep else None,
                lambda tree: wanted.install(tree, say),
                draft,
            )
        sources = source_files(folder, without=frozenset({output, draft}))
        _add(draft, sources)
        with zipfile.ZipFile(draft) as archive:
            members = {one.filename: one for one in archive.infolist()}
        unzipped = sum(one.file_size for one in members.values())
        _check(members, unzipped)
        if handler is not None:
            check_handler(handler, runtime, members)
            _check_syntax(handler_files(handler, runtime), runtime, sources)
        if runtime.startswith("provided"):
            _check_bootstrap(members.get("bootstrap"))
        draft.chmod(0o644)
        draft.replace(output)
    finally:
        draft.unlink(missing_ok=True)
    return Built(
        path=output,
        package=describe(output.read_bytes()),
        runtime=runtime,
        unzipped=unzipped,
        files=len(members),
        cached=cached,
        note=wanted.note if wanted else None,
    )


def _add(draft: Path, sources: dict[str, Path]) -> None:
    """Append the folder's own files, which take the place of what was installed under the same name."""
    with zipfile.ZipFile(draft, "a") as archive:
        if replaced := sources.keys() & set(archive.namelist()):
            _leave_out(archive, draft, replaced)
    with zipfile.ZipFile(draft, "a") as archive:
        for name, path in sources.items():
            write_file(archive, name, path)


def _leave_out(archive: zipfile.ZipFile, draft: Path, names: Collection[str]) -> None:
    rest = draft.with_name(f"{draft.name}.rest")
    try:
        with zipfile.ZipFile(rest, "w") as target:
            for entry in archive.infolist():
                if entry.filename not in names:
                    with archive.open(entry) as source, target.open(copy(entry), "w") as kept:
                        shutil.copyfileobj(source, kept)
        rest.replace(draft)
    finally:
        rest.unlink(missing_ok=True)


def _check(members: Collection[str], unzipped: int) -> None:
    if not members:
        raise NotPackable("the folder has no files that belong into a package")
    if len(members) > MAX_MEMBERS:
        raise NotPackable(f"the package would have {len(members):,} files, and a function {MAX_MEMBERS:,} at most")
    if unzipped > MAX_UNZIPPED:
        raise NotPackable(
            f"the package would be {unzipped:,} bytes unzipped, and Lambda takes {MAX_UNZIPPED:,} at most: leave out "
            "what the function does not need; boto3 and what `objectlens doctor` lists need not be in it"
        )


def check_handler(handler: str, runtime: str, names: Iterable[str]) -> None:
    """Raise `NotPackable` unless the file that a handler names is in the package."""
    candidates = handler_files(handler, runtime)
    if candidates and not candidates & set(names):
        raise NotPackable(
            f"the handler {handler} needs {' or '.join(sorted(candidates))}, which is not in the package; name another "
            "with --handler"
        )


def _check_syntax(names: Iterable[str], runtime: str, sources: Mapping[str, Path]) -> None:
    """Raise `NotPackable` when the handler's file is not Python, as far as this Python can tell."""
    if runtime != f"python3.{sys.version_info.minor}":
        return
    for name in sources.keys() & set(names):
        try:
            with warnings.catch_warnings(action="ignore"):
                ast.parse(sources[name].read_bytes(), name)
        except (SyntaxError, ValueError) as error:
            raise NotPackable(f"the handler's file is not Python: {error}") from error


def _check_bootstrap(own: zipfile.ZipInfo | None) -> None:
    """Raise `NotPackable` when the package has a program that cannot be started; a layer may bring it instead."""
    if own is not None and not own.external_attr >> 16 & 0o111:
        raise NotPackable("bootstrap may not be executed: run `chmod +x bootstrap`")


def handler_files(handler: str, runtime: str) -> set[str]:
    """Return the files that may hold a handler, as the runtimes look for it; raises `NotPackable`.

    None are returned of Java's, whose classes are in archives as often as in files.
    """
    if runtime.startswith("java"):
        return set()
    if runtime.startswith("provided"):
        return {"bootstrap"}
    folder, slash, last = handler.rpartition("/")
    if runtime.startswith("nodejs") and re.fullmatch(r"[^.]+\..+", last):
        return {f"{folder}{slash}{last.partition('.')[0]}{suffix}" for suffix in _NODE_SUFFIXES}
    module, dot, name = handler.rpartition(".")
    if not (module and dot and name):
        raise NotPackable(f"{handler!r} is not module.function, such as lambda_function.lambda_handler")
    path = module.replace(".", "/")
    return {f"{path}.py", f"{path}/__init__.py"}
