"""The `node_modules` that every Node.js function finds: the AWS SDK for JavaScript v3, as on AWS from nodejs18.x on.

Packages lie in FUNCTIONS/packages/DIGEST, so Node.js itself looks in FUNCTIONS/node_modules, for `import` and
`require` alike. That name is a link: to what npm installed under FUNCTIONS/nodejs, or to a folder of the user's.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from objectlens.functions.installing import InstallError, Say, folder_lock
from objectlens.functions.node.npm import run_npm
from objectlens.functions.node.publish import point_to

INSTALL = "install"
NONE = "none"

_SDK = Path(__file__).parent / "sdk"
_DESCRIPTIONS = ("package.json", "package-lock.json")
# After a failure, how long functions run without it before it is tried again; in seconds.
PATIENCE = 300.0


def _digest() -> str:
    text = b"".join((_SDK / name).read_bytes() for name in _DESCRIPTIONS)
    return hashlib.sha256(text).hexdigest()[:16]


class NodeModules:
    """Makes `node_modules` ready once for a functions folder, whoever asks first and however many ask.

    `choice` is `install` (with npm, as it is configured on this machine), `none`, or the path of a `node_modules`
    that exists.
    """

    def __init__(self, functions: Path, choice: str = INSTALL) -> None:
        self._functions = functions
        self._choice = choice
        self._task: asyncio.Task[None] | None = None
        self._rest_until = 0.0
        self._ready = False
        self._closed = False

    @property
    def link(self) -> Path:
        """The path that Node.js looks at."""
        return self._functions / "node_modules"

    @property
    def home(self) -> Path:
        """Where npm's result lies: one folder for each set of versions."""
        return self._functions / "nodejs" / _digest()

    async def prepare(self, say: Say, seconds: float) -> None:
        """Make it ready, or return at once when it is; the steps go to `say`, line by line.

        A failure is said and not raised: functions that bring their SDK work without. It is tried again after a
        while. Raises `TimeoutError` when it goes on for more than `seconds`; the work continues.
        """
        loop = asyncio.get_running_loop()
        if self._ready or self._closed or loop.time() < self._rest_until:
            return
        if self._task is None:
            self._task = loop.create_task(self._prepare(say))
            self._task.add_done_callback(self._finished)
        task = self._task
        await asyncio.wait([task], timeout=seconds)
        if not task.done():
            raise TimeoutError
        if not task.cancelled():
            task.result()

    async def close(self) -> None:
        """Stop what is under way."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._task = None

    async def _prepare(self, say: Say) -> None:
        try:
            await self.install(say)
        except (InstallError, OSError) as error:
            self._rest_until = asyncio.get_running_loop().time() + PATIENCE
            say(
                f"[WARN] The AWS SDK for JavaScript is not installed for functions: {error}. Functions whose package "
                "has it work. Remedy: objectlens runtime install nodejs, or the setting functions.node_modules."
            )
        else:
            self._ready = True

    async def install(self, say: Say) -> None:
        """Do it, one process at a time for a functions folder; raises `InstallError` that says why not."""
        self._functions.mkdir(parents=True, exist_ok=True)
        async with folder_lock(self._functions / ".nodejs.lock"):
            if self._choice == INSTALL:
                await self._install(say)
            else:
                self._use_given()

    def _use_given(self) -> None:
        target = None if self._choice == NONE else Path(self._choice)
        if target is not None and not target.is_dir():
            raise InstallError(f"the setting functions.node_modules names {target}, which is not a folder")
        point_to(self.link, target)

    async def _install(self, say: Say) -> None:
        if not (self.home / "node_modules").is_dir():
            unfinished = self._begin()
            try:
                await self._fill(unfinished, say)
                unfinished.rename(self.home)
            except BaseException:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise
        self._point_home()

    def _begin(self) -> Path:
        """Make an empty folder; what an installation left that was cut goes, for the lock is ours."""
        self.home.parent.mkdir(exist_ok=True)
        for remains in self.home.parent.glob(".unfinished-*"):
            shutil.rmtree(remains)
        folder = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=self.home.parent))
        folder.chmod(0o755)
        return folder

    def _point_home(self) -> None:
        point_to(self.link, Path(os.path.relpath(self.home / "node_modules", self._functions)))

    async def _fill(self, folder: Path, say: Say) -> None:
        say("Installing the AWS SDK for JavaScript for all Node.js functions, once for this data directory.")
        for name in _DESCRIPTIONS:
            shutil.copyfile(_SDK / name, folder / name)
        await run_npm(["ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"], folder, say)
        say("The AWS SDK for JavaScript is installed.")
