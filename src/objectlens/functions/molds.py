"""Which function versions can be forked from templates of the function host, as this gateway process knows it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from objectlens.catalog.entities import Function
from objectlens.clock import Clock
from objectlens.functions.configuration import Credentials, Limits, Surroundings
from objectlens.functions.hosting import FunctionHost
from objectlens.functions.hosts import hosts_file
from objectlens.functions.leased import HostLostError
from objectlens.functions.logs import FunctionLog
from objectlens.functions.network import network_of
from objectlens.functions.orders import OPT, TEMPORARY, Order
from objectlens.functions.output import Output
from objectlens.functions.queueing import shape
from objectlens.functions.reception import Reception, reception_for
from objectlens.functions.runtimes import Runtime
from objectlens.functions.starting import WRAPPER, Code
from objectlens.functions.variables import make_variables

OPT_OUT = "OBJECTLENS_TEMPLATE"
"""The variable by which a function asks for plain processes: `OBJECTLENS_TEMPLATE=0`."""


@dataclass(slots=True, eq=False)
class _Entry:
    """One function version: `opening` tells whether it can be forked, `number` is the host's for its template.

    `reception` serves its sandbox, and its forks, when that has no network; `accepting` is done when it does.
    """

    function: Function
    output: Output
    reception: Reception | None
    accepting: asyncio.Task[None] | None = None
    opening: asyncio.Task[bool] | None = None
    number: int | None = None


class Molds:
    """What this gateway process had made. A template is ordered with the first environment of a function version."""

    def __init__(
        self,
        *,
        host: FunctionHost,
        surroundings: Surroundings,
        limits: Limits,
        clock: Clock,
        log: Callable[[str], FunctionLog],
    ) -> None:
        self._host = host
        self._surroundings = surroundings
        self._limits = limits
        self._clock = clock
        self._log = log
        self._entries: dict[str, _Entry] = {}
        self._receptions: dict[int, Reception] = {}
        """By the numbers of the templates, as long as these or their forks live."""
        host.on_forgotten = self._forgotten
        host.on_closed = self._closed

    async def of(self, function: Function, runtime: Runtime, code: Code, credentials: Credentials) -> str | None:
        """Return the key of a function version's template; None when its environments start from nothing.

        Raises `TimeoutError` when its imports take longer than initialisation may: from nothing they would as well.
        Raises `LeaseError`, and `HostLostError`.
        """
        if not self._limits.templates or not _is_python(runtime) or _is_plain(function):
            return None
        key = _key(function)
        entry = self._entries.get(key)
        if entry is None:
            reception = reception_for(network_of(function.environment), self._surroundings.entrances)
            order = self._order(function, runtime, code, credentials, reception)
            output = Output(self._log(function.name), order.stream)
            entry = self._entries[key] = _Entry(function, output, reception)
            entry.opening = asyncio.get_running_loop().create_task(self._open(key, entry, order))
            entry.opening.add_done_callback(lambda task: task.cancelled() or task.exception())  # seen, if none waits
        assert entry.opening is not None
        return key if await asyncio.shield(entry.opening) else None

    def retire(self, function: Function) -> None:
        """Have the templates of this version end when their environments have ended."""
        for key, entry in tuple(self._entries.items()):
            if (entry.function.arn, entry.function.version) == (function.arn, function.version):
                self._host.retire(key)
                self._drop(key, entry)

    async def close(self) -> None:
        """Forget all; the host is expected to be closed."""
        entries = self._entries.values()
        tasks = [task for entry in entries for task in (entry.opening, entry.accepting) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._forgotten(None)
        self._closed(None)

    async def _open(self, key: str, entry: _Entry, order: Order) -> bool:
        """Have the host make the template; returns whether it can be forked."""
        limit = self._limits.init_seconds + entry.function.timeout
        output = entry.output.open()
        try:
            entry.number, refused = await self._host.mold(key, order, limit, output, partial(self._opened, entry))
            if entry.accepting is not None:
                await entry.accepting
        except ConnectionError as error:
            self._drop(key, entry)
            if isinstance(error, HostLostError):
                raise
            return False  # it was dismissed or killed: the next environment asks for another
        except BaseException:
            self._host.retire(key)
            self._drop(key, entry)
            raise
        finally:
            os.close(output)
        entry.output.drain()
        if refused is not None:
            entry.output.say(f"[INFO] Each environment of this function starts from nothing: {refused}.".encode())
            entry.output.close()
        return refused is None

    def _forgotten(self, number: int | None) -> None:
        for key, entry in tuple(self._entries.items()):
            if number is None or entry.number == number:
                self._drop(key, entry)

    def _opened(self, entry: _Entry, template: int, socks: list[socket.socket]) -> None:
        assert entry.reception is not None
        self._closed(template)
        self._receptions[template] = entry.reception
        entry.accepting = asyncio.get_running_loop().create_task(entry.reception.open(socks))

    def _closed(self, number: int | None) -> None:
        for one in tuple(self._receptions) if number is None else (number,):
            if reception := self._receptions.pop(one, None):
                reception.close()

    def _drop(self, key: str, entry: _Entry) -> None:
        if self._entries.get(key) is entry:
            del self._entries[key]
        entry.output.close()

    def _order(
        self,
        function: Function,
        runtime: Runtime,
        code: Code,
        credentials: Credentials,
        reception: Reception | None,
    ) -> Order:
        stream = f"{self._clock.now():%Y/%m/%d}/[{function.version}]{secrets.token_hex(16)}"
        opt = OPT if code.layers else None
        variables = make_variables(
            function,
            runtime=runtime,
            surroundings=self._surroundings,
            credentials=credentials,
            task_root=code.task_root,
            opt=opt,
            temporary=TEMPORARY,
            runtime_api="127.0.0.1:9",
            log_stream=stream,
        )
        if reception is not None:
            variables = reception.variables | variables
        return Order(
            stream=stream,
            command=(),
            python=runtime.python or self._surroundings.python,
            variables=variables,
            task_root=code.task_root,
            layers=code.layers,
            memory_size=function.memory_size,
            ephemeral_storage=function.ephemeral_storage,
            node=None,
            addresses=None if reception is None else tuple(reception.addresses),
            forks=self._limits.per_function,
            hosts=hosts_file(function, self._surroundings),
            java=(),
        )


def _key(function: Function) -> str:
    """Name what is forked from one template; the shape itself has the function's variables in it."""
    return hashlib.sha256(repr(shape(function)).encode()).hexdigest()


def _is_python(runtime: Runtime) -> bool:
    return runtime.managed and runtime.name.startswith("python")


def _is_plain(function: Function) -> bool:
    """Whether a function asks for plain processes; a wrapper script of its own starts each of them."""
    return function.environment.get(OPT_OUT) == "0" or bool(function.environment.get(WRAPPER))
