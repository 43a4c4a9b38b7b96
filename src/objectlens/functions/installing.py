"""Running programs that install something once for all functions, and the lock under which they do."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

SECONDS = 300.0
# Of a program's complaints, so many characters at the end say what went wrong.
_TAIL = 600
_WAIT = 0.2

Say = Callable[[str], None]


class InstallError(Exception):
    """A program is missing or failed; the message says why, in words that can end a sentence."""


async def run_installer(name: str, command: Sequence[str], folder: Path, say: Say) -> None:
    """Run a command in `folder`, each line that it prints going to `say` after `name`; raises `InstallError`.

    `name` and the first argument say in messages what ran.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env=_surroundings(os.environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise InstallError(f"{command[0]} cannot be started: {error.strerror}") from error
    try:
        async with asyncio.timeout(SECONDS):
            printed = await _listen(process, lambda line: say(f"{name.partition(' ')[0]}: {line}"))
            status = await process.wait()
    except TimeoutError:
        raise InstallError(f"{name} took more than {SECONDS:.0f} seconds") from None
    finally:
        await _end(process)
    if status:
        raise InstallError(f"{name} ended with status {status}: {' '.join(printed.split())[-_TAIL:]}")


# What would change the installing program itself, or is the server's own: installing needs no keys.
_OURS = ("OBJECTLENS_", "AWS_", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


def _surroundings(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(_OURS)}


async def _listen(process: asyncio.subprocess.Process, say: Say) -> str:
    assert process.stdout is not None
    printed = ""
    while data := await process.stdout.read(64 * 1024):
        text = data.decode("utf-8", "replace")
        printed = (printed + text)[-16 * _TAIL :]
        for line in text.splitlines():
            if line.strip():
                say(line)
    return printed


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the program and what it started, should they still be there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # then none is left
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


@asynccontextmanager
async def folder_lock(path: Path) -> AsyncIterator[None]:
    """Hold a lock among all processes of this machine; the system frees it when its holder ends."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _try_lock(fd):  # noqa: ASYNC110  (another process frees it: no event tells)
            await asyncio.sleep(_WAIT)
        yield
    finally:
        os.close(fd)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
