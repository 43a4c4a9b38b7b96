"""Virtual environments for interpreters that are not the server's own, each made once, with pip.

They lie in FUNCTIONS/python/3.X-DIGEST; the digest is of the interpreter and of what is installed.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from objectlens.functions.installing import InstallError, Say, folder_lock, run_installer
from objectlens.functions.python.interpreters import Interpreter, find_interpreter

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
# After a failure, how long until it is tried again; in seconds.
PATIENCE = 300.0


class Pythons:
    """The interpreters of this machine beside the server's own, and what functions need on them.

    `places` is the setting `functions.pythons`, see `find_interpreter`.
    """

    def __init__(self, functions: Path, places: Sequence[str] = ()) -> None:
        self._functions = functions
        self._places = tuple(places)
        self._ready: set[Interpreter] = set()
        self._tasks: dict[Interpreter, asyncio.Task[None]] = {}
        self._failures: dict[Interpreter, tuple[InstallError, float]] = {}
        self._closed = False

    def find(self, minor: int) -> Interpreter | None:
        """Return an interpreter of a minor version; None when there is none. It starts processes."""
        return find_interpreter(minor, self._places)

    def home(self, interpreter: Interpreter) -> Path:
        """Return where the virtual environment of an interpreter is, or will be."""
        made_of = (str(Path(interpreter.path).resolve()), interpreter.version, REQUIREMENTS.read_text(encoding="utf-8"))
        digest = hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:16]
        return self._functions / "python" / f"3.{interpreter.minor}-{digest}"

    async def prepare(self, interpreter: Interpreter, say: Say, seconds: float) -> None:
        """Make it ready, or return at once when it is; the steps go to `say`, line by line.

        Raises `InstallError` with the reason and the remedy, after a failure again for a while without trying, and
        `TimeoutError` when it goes on for more than `seconds`; the work continues.
        """
        if interpreter in self._ready or self._closed:
            return
        self._raise_failure(interpreter)
        if interpreter not in self._tasks:
            self._tasks[interpreter] = asyncio.get_running_loop().create_task(self.install(interpreter, say))
            self._tasks[interpreter].add_done_callback(partial(self._finished, interpreter))
        task = self._tasks[interpreter]
        await asyncio.wait([task], timeout=seconds)
        if not task.done():
            raise TimeoutError
        if not task.cancelled():
            task.result()

    async def close(self) -> None:
        """Stop what is under way."""
        self._closed = True
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def install(self, interpreter: Interpreter, say: Say) -> None:
        """Do it, one process at a time for a functions folder; raises `InstallError` with the reason and the remedy."""
        home = self.home(interpreter)
        try:
            home.parent.mkdir(parents=True, exist_ok=True)
            async with folder_lock(home.with_name(f".{home.name}.lock")):
                if not home.is_dir():
                    await _make(interpreter, home, say)
        except (InstallError, OSError) as error:
            raise InstallError(
                f"Python {interpreter.version} at {interpreter.path} cannot run functions: {error}. Remedy: what is "
                f"needed there is its module venv with pip, and packages for it of {_names()}; then objectlens runtime "
                f"install python3.{interpreter.minor}. Or name other interpreters in the setting functions.pythons; "
                "with none, functions run on the server's own Python"
            ) from error

    def _raise_failure(self, interpreter: Interpreter) -> None:
        if interpreter in self._failures:
            error, until = self._failures[interpreter]
            if asyncio.get_running_loop().time() < until:
                raise InstallError(*error.args) from error.__cause__

    def _finished(self, interpreter: Interpreter, task: asyncio.Task[None]) -> None:
        del self._tasks[interpreter]
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._ready.add(interpreter)
        elif isinstance(error, InstallError):
            self._failures[interpreter] = (error, asyncio.get_running_loop().time() + PATIENCE)


def _begin(home: Path) -> Path:
    """Make an empty folder; what an installation left that was cut goes, for the lock is ours."""
    for remains in home.parent.glob(f".unfinished-{home.name}-*"):
        shutil.rmtree(remains)
    folder = Path(tempfile.mkdtemp(prefix=f".unfinished-{home.name}-", dir=home.parent))
    folder.chmod(0o755)
    return folder


async def _make(interpreter: Interpreter, home: Path, say: Say) -> None:
    folder = _begin(home)
    try:
        say(f"Installing {_names()} for Python {interpreter.version}, once for this data directory.")
        await run_installer("venv", [interpreter.path, "-I", "-m", "venv", str(folder)], folder, say)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        await run_installer("pip install", [*pip, "install", "--requirement", str(REQUIREMENTS)], folder, say)
        # Nothing in it names the folder itself but pip's and venv's own scripts, which nobody runs.
        os.rename(folder, home)  # noqa: PTH104  (pathlib's own would be taken for work that blocks)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    say(f"Python {interpreter.version} is ready for functions.")


def _names() -> str:
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return " and ".join(line for line in lines if line and not line.startswith("#"))
