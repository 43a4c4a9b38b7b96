"""What the function host has for all gateway processes together, and how it starts an environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from objectlens.functions.isolation import Confinement, find_isolation
from objectlens.functions.orders import Order
from objectlens.functions.process import Process, Spawned
from objectlens.functions.removing import clear_away
from objectlens.functions.templates import Templates
from objectlens.functions.watchman import Watchman


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """What the function host is told when it is started; see `configuration` for what the names mean.

    `environments` and `templates` bound the processes of this machine, for all gateway processes together.
    """

    folder: str
    python: str
    isolation: Literal["auto", "off", "strict"]
    environments: int
    templates: int
    template_idle_seconds: float
    age_seconds: float


class Premises:
    """The isolation of this machine, the templates, the watchman, and the number of environments."""

    def __init__(self, settings: HostSettings, forgotten: Callable[[int], None]) -> None:
        self._settings = settings
        self._folder = Path(settings.folder)
        # What one that was killed left behind.
        clear_away(self._folder / "tmp")
        self._isolation = find_isolation(settings.isolation)
        self.watchman = Watchman(settings.python)
        self.templates = Templates(
            capacity=settings.templates,
            idle_seconds=settings.template_idle_seconds,
            age_seconds=settings.age_seconds,
            confine=self.confine,
            watchman=self.watchman,
            forgotten=forgotten,
        )
        self.environments = 0

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
        return self._isolation.confine(
            folder=self._folder,
            key=order.key,
            task_root=order.task_root,
            layers=order.layers,
            python=order.python,
            memory_size=order.memory_size,
            ephemeral_storage=order.ephemeral_storage,
            node=order.node,
            hosts=order.hosts,
            java=order.java or None,
        )

    async def start(
        self, order: Order, confinement: Confinement, fork: str | None, files: Sequence[int]
    ) -> tuple[Process, str | None]:
        """Start an environment; returns its process, and why it was not forked from the template `fork`, if it was not.

        Its output goes to the first of the files; a fork gets all of them, see `Template.fork`. Raises `OSError` when
        the machine refuses.
        """
        confinement.make_temporary()
        variables = order.variables_in(confinement)
        process: Process | None = None
        note = None
        if fork is not None:
            try:
                process = await self.templates.find(fork).fork(confinement, variables, files, order.marker)
            except ConnectionError as error:
                self.templates.retire(fork)
                note = str(error)
        if process is None:
            process = Spawned.confined(
                confinement,
                order.command_in(confinement),
                variables,
                order.task_root,
                output=files[0],
                marker=order.marker,
            )
        self.watchman.hold(process.pid, order.marker)
        return process, note


def close_all(files: Iterable[int]) -> None:
    """Close the files that came with an order."""
    for fd in files:
        os.close(fd)
