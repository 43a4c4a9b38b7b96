"""Running npm, as it is configured on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

SECONDS = 300.0
# Of npm's complaints, so many characters at the end say what went wrong.
_TAIL = 600


class NpmError(Exception):
    """npm is missing or failed; the message says why, in words that can end a sentence."""


async def run_npm(arguments: Sequence[str], folder: Path, say: Callable[[str], None]) -> None:
    """Run npm in `folder`, each line that it prints going to `say`; raises `NpmError`."""
    npm = shutil.which("npm")
    if npm is None:
        raise NpmError("npm is not on the server's PATH")
    try:
        process = await asyncio.create_subprocess_exec(
            npm,
            *arguments,
            cwd=folder,
            env=_surroundings(os.environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise NpmError(f"{npm} cannot be started: {error.strerror}") from error
    try:
        async with asyncio.timeout(SECONDS):
            printed = await _listen(process, say)
            status = await process.wait()
    except TimeoutError:
        raise NpmError(f"npm {arguments[0]} took more than {SECONDS:.0f} seconds") from None
    finally:
        await _end(process)
    if status:
        raise NpmError(f"npm {arguments[0]} ended with status {status}: {' '.join(printed.split())[-_TAIL:]}")


def _surroundings(environment: os._Environ[str]) -> dict[str, str]:
    """Leave out what is the server's own: npm needs no keys."""
    return {name: value for name, value in environment.items() if not name.startswith(("OBJECTLENS_", "AWS_"))}


async def _listen(process: asyncio.subprocess.Process, say: Callable[[str], None]) -> str:
    assert process.stdout is not None
    printed = ""
    while data := await process.stdout.read(64 * 1024):
        text = data.decode("utf-8", "replace")
        printed = (printed + text)[-16 * _TAIL :]
        for line in text.splitlines():
            if line.strip():
                say(f"npm: {line}")
    return printed


async def _end(process: asyncio.subprocess.Process) -> None:
    """End npm and what it started, should they still be there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # then none is left
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
