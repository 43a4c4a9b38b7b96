"""Which function versions have a template, and for how long."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from objectlens.catalog.entities import Function
from objectlens.clock import Clock
from objectlens.functions.configuration import Credentials, Limits, Surroundings
from objectlens.functions.hosts import hosts_file
from objectlens.functions.isolation import Isolation
from objectlens.functions.logs import FunctionLog
from objectlens.functions.network import network_of
from objectlens.functions.output import Output
from objectlens.functions.owned import surely
from objectlens.functions.queueing import shape
from objectlens.functions.reception import reception_for
from objectlens.functions.runtimes import Runtime
from objectlens.functions.starting import WRAPPER, Code
from objectlens.functions.template import Template
from objectlens.functions.variables import make_variables
from objectlens.functions.watchman import Watchman

OPT_OUT = "OBJECTLENS_TEMPLATE"
"""The variable by which a function asks for plain processes: `OBJECTLENS_TEMPLATE=0`."""


@dataclass(slots=True, eq=False)
class _Entry:
    """One function version's template: `opening` gives it, or None when the function cannot be forked."""

    function: Function
    opening: asyncio.Task[Template | None]
    started_at: float
    used_at: float
    timer: asyncio.TimerHandle | None = None


class Templates:
    """The templates of a pool. One is started when the first environment of a function version is."""

    def __init__(
        self,
        *,
        surroundings: Surroundings,
        limits: Limits,
        isolation: Isolation,
        watchman: Watchman,
        clock: Clock,
        log: Callable[[str], FunctionLog],
    ) -> None:
        self._surroundings = surroundings
        self._limits = limits
        self._isolation = isolation
        self._watchman = watchman
        self._clock = clock
        self._log = log
        self._entries: dict[Hashable, _Entry] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def of(self, function: Function, runtime: Runtime, code: Code, credentials: Credentials) -> Template | None:
        """Return the template of a function version; None when its environments start from nothing.

        Raises `TimeoutError` when its imports take longer than initialisation may: from nothing they would as well.
        """
        if not self._limits.templates or not _is_python(runtime) or _is_plain(function):
            return None
        key = shape(function)
        entry = self._entries.get(key)
        if entry is not None and self._is_spent(entry):
            self._dismiss(key)
            entry = None
        if entry is None:
            entry = self._open(key, function, runtime, code, credentials)
        self._touch(key, entry)
        return await asyncio.shield(entry.opening)

    def retire(self, function: Function) -> None:
        """End the templates of this version when their environments have ended."""
        for key, entry in tuple(self._entries.items()):
            if (entry.function.arn, entry.function.version) == (function.arn, function.version):
                self._dismiss(key)

    async def close(self) -> None:
        """End all templates and what they forked; returns when no process is left."""
        for key in tuple(self._entries):
            self._dismiss(key)
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _open(
        self, key: Hashable, function: Function, runtime: Runtime, code: Code, credentials: Credentials
    ) -> _Entry:
        if len(self._entries) >= self._limits.templates:
            self._dismiss(min(self._entries, key=lambda one: self._entries[one].used_at))
        opening = asyncio.get_running_loop().create_task(self._start(function, runtime, code, credentials))
        now = self._clock.monotonic()
        entry = self._entries[key] = _Entry(function, opening, now, now)
        return entry

    def _is_spent(self, entry: _Entry) -> bool:
        """Whether a template has died, or made its module's clients with credentials that grow old."""
        if not entry.opening.done():
            return False
        if entry.opening.cancelled() or entry.opening.exception() is not None:
            return True
        template = entry.opening.result()
        old = self._clock.monotonic() - entry.started_at > self._limits.age_seconds
        return old or (template is not None and not template.alive)

    def _touch(self, key: Hashable, entry: _Entry) -> None:
        entry.used_at = self._clock.monotonic()
        if entry.timer is not None:
            entry.timer.cancel()
        entry.timer = asyncio.get_running_loop().call_later(self._limits.template_idle_seconds, self._dismiss, key)

    def _dismiss(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        if entry.timer is not None:
            entry.timer.cancel()
        task = asyncio.get_running_loop().create_task(_end(entry))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(
        self, function: Function, runtime: Runtime, code: Code, credentials: Credentials
    ) -> Template | None:
        python, task_root = runtime.python or self._surroundings.python, code.task_root
        moment = self._clock.now()
        stream = f"{moment:%Y/%m/%d}/[{function.version}]{secrets.token_hex(16)}"
        reception = reception_for(network_of(function.environment), self._surroundings.entrances)
        confinement = self._isolation.confine(
            folder=self._surroundings.folder,
            key=stream[-32:],
            task_root=task_root,
            layers=code.layers,
            python=python,
            memory_size=function.memory_size,
            ephemeral_storage=function.ephemeral_storage,
            addresses=None if reception is None else reception.addresses,
            forks=self._limits.per_function,
            hosts=hosts_file(function, self._surroundings),
        )
        confinement.make_temporary()
        variables = make_variables(
            function,
            runtime=runtime,
            surroundings=self._surroundings,
            credentials=credentials,
            task_root=task_root,
            opt=confinement.opt,
            temporary=confinement.temporary,
            runtime_api="127.0.0.1:9",
            log_stream=stream,
        )
        if reception is not None:
            variables = reception.variables | variables
        output = Output(self._log(function.name), stream)
        template = Template(output, self._watchman, confinement, reception)
        marker = f"AWS_LAMBDA_LOG_STREAM_NAME={stream}"
        limit = self._limits.init_seconds + function.timeout
        try:
            if await template.start(python, variables, task_root, marker=marker, limit=limit):
                return template
        except (TimeoutError, asyncio.CancelledError):
            await surely(template.close())
            raise
        except OSError as error:
            template.refused = str(error)
        output.say(f"[INFO] Each environment of this function starts from nothing: {template.refused}.".encode())
        await template.close()
        return None


async def _end(entry: _Entry) -> None:
    entry.opening.cancel()
    await asyncio.wait([entry.opening])
    template = None if entry.opening.cancelled() or entry.opening.exception() else entry.opening.result()
    if template is None:
        return
    while template.forks:
        await asyncio.wait([process.ended for process in template.forks.values()])
    await template.close()


def _is_python(runtime: Runtime) -> bool:
    return runtime.managed and runtime.name.startswith("python")


def _is_plain(function: Function) -> bool:
    """Whether a function asks for plain processes; a wrapper script of its own starts each of them."""
    return function.environment.get(OPT_OUT) == "0" or bool(function.environment.get(WRAPPER))
