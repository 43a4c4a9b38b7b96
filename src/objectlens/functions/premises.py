"""What the function host has for all gateway processes together, and how it starts an environment."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from objectlens.functions.compiled import compile_modules
from objectlens.functions.crowds import Crowds
from objectlens.functions.isolation import Confinement
from objectlens.functions.isolation_doors import Doors, Place
from objectlens.functions.isolation_finding import find_isolation
from objectlens.functions.orders import Order
from objectlens.functions.process import Process, Spawned
from objectlens.functions.removing import clear_away
from objectlens.functions.template import MOLD
from objectlens.functions.templates import Templates
from objectlens.functions.watchman import Watchman

# Between the moment at which a process that was killed hangs up and the one at which it is reaped.
_END_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """What the function host is told when it is started; see `configuration` for what the names mean.

    `environments` and `templates` bound the processes of this machine, for all gateway processes together.
    """

    folder: str
    python: str
    isolation: Literal["auto", "off", "strict"]
    processors: Literal["share", "limit"]
    environments: int
    templates: int
    template_idle_seconds: float
    age_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """An environment that has begun; `note` says why it was not forked, when it was to be.

    Without a network, `sockets` are those at which its sandbox reaches first its Runtime API, then, unless it shares
    its template's sandbox, the service.
    """

    process: Process
    note: str | None = None
    sockets: Sequence[socket.socket] = ()
    lent: tuple[Doors, Place] | None = None

    def give_back(self) -> None:
        """Give back the place of its Runtime API, when it has ended and its gateway knows that."""
        if self.lent is not None:
            doors, place = self.lent
            doors.give_back(place)


class Premises:
    """The isolation of this machine, the templates, the watchman, and the number of environments."""

    def __init__(self, settings: HostSettings, announce: Callable[[str, int], None]) -> None:
        self._settings = settings
        self._folder = Path(settings.folder)
        # What one that was killed left behind.
        clear_away(self._folder / "tmp")
        self._compiled = compile_modules(self._folder)
        self._isolation = find_isolation(settings.isolation, settings.processors)
        self.watchman = Watchman(settings.python)
        self._crowds = Crowds()
        self.templates = Templates(
            capacity=settings.templates,
            idle_seconds=settings.template_idle_seconds,
            age_seconds=settings.age_seconds,
            confine=self.confine,
            watchman=self.watchman,
            announce=announce,
            script=self._script,
        )
        self.environments = 0

    def _script(self, python: str) -> str:
        # What is compiled is for one version of Python.
        if self._compiled is None or python != self._settings.python:
            return MOLD
        return str(self._compiled / "mold.pyc")

    @property
    def active(self) -> list[str]:
        """The names of what isolates functions here."""
        return [feature.name for feature in self._isolation.features if feature.active]

    @property
    def full(self) -> bool:
        """Whether there are as many environments as may be."""
        return self.environments >= self._settings.environments

    def confine(self, order: Order) -> Confinement:
        """Return the confinement of one environment or template; raises `PermissionError` when none may run here."""
        if self._isolation.refusal is not None:
            raise PermissionError(self._isolation.refusal)
        confinement = self._isolation.confine(
            folder=self._folder,
            key=order.key,
            task_root=order.task_root,
            layers=order.layers,
            python=order.python,
            memory_size=order.memory_size,
            ephemeral_storage=order.ephemeral_storage,
            node=order.node,
            addresses=order.addresses,
            forks=order.forks,
            hosts=order.hosts,
            java=order.java or None,
        )
        if confinement.group is None:
            return confinement
        return replace(confinement, unwatch=self._crowds.watch(confinement.group))

    async def start(self, order: Order, confinement: Confinement, fork: str | None, files: Sequence[int]) -> Started:
        """Start an environment, forked from the template `fork` if that can be.

        Its output goes to the first of the files; a fork gets all of them, see `Template.fork`. Raises `OSError` when
        the machine refuses.
        """
        confinement.make_temporary()
        note = None
        if fork is not None:
            try:
                return await self._fork(order, confinement, fork, files)
            except ConnectionError as error:
                note = str(error)
        return await self._spawn(order, confinement, files[0], note)

    async def _fork(self, order: Order, confinement: Confinement, fork: str, files: Sequence[int]) -> Started:
        template = self.templates.find(fork)
        lent = _lend(template.doors)
        place = lent[1] if lent is not None else None
        try:
            process = await template.fork(confinement, order.variables_in(confinement, place), files, order.marker)
        except BaseException:
            if lent is not None:
                lent[0].give_back(lent[1])
            self.templates.retire(fork)
            raise
        self.watchman.hold(process)
        sockets = [place.sock] if place is not None and place.sock is not None else []
        return Started(process=process, sockets=sockets, lent=lent)

    async def _spawn(self, order: Order, confinement: Confinement, output: int, note: str | None) -> Started:
        doors = confinement.doors
        lent = _lend(doors)
        place = lent[1] if lent is not None else None
        process = Spawned.confined(
            confinement,
            order.command_in(confinement),
            order.variables_in(confinement, place),
            order.task_root,
            output=output,
            marker=order.marker,
        )
        self.watchman.hold(process)
        if doors is None or place is None:
            return Started(process=process, note=note)
        try:
            await doors.open()
        except BaseException as error:
            if isinstance(error, OSError) and await _was_killed(process):
                return Started(process=process, note=note, lent=lent)  # it has ended like any other environment
            await process.stop(0)
            self.watchman.release(process.pid)
            raise
        assert place.sock is not None
        return Started(process=process, note=note, sockets=[place.sock, *doors.service], lent=lent)

    def close(self) -> None:
        """Give back what it holds, when no process is left."""
        self.watchman.close()
        self._crowds.close()
        self._isolation.close()


async def _was_killed(process: Process) -> bool:
    """Whether a process that did not do its part was ended by a signal, maybe a moment ago."""
    await asyncio.wait([process.ended], timeout=_END_SECONDS)
    return process.ended.done() and process.ended.result().status < 0


def _lend(doors: Doors | None) -> tuple[Doors, Place] | None:
    """Take a place in a sandbox without a network, None in others; raises `ConnectionError` when all are taken."""
    if doors is None:
        return None
    place = doors.lend()
    if place is None:
        raise ConnectionError("its template has as many environments as it can have without a network")
    return doors, place


def close_all(files: Iterable[int]) -> None:
    """Close the files that came with an order."""
    for fd in files:
        os.close(fd)
