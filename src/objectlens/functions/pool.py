"""The pool: environments on demand, shared fairly, none left behind. Our own `Executor`.

Each environment is one owned task (`_live`): it starts the process, takes tickets from its group until it is dismissed,
and ends the process. Everything runs on the event loop's thread; there are no locks.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Hashable

from objectlens.catalog.entities import Function
from objectlens.clock import Clock
from objectlens.errors import (
    ResourceConflictException,
    ServiceException,
    ServiceUnavailable,
    TooManyRequestsException,
)
from objectlens.functions.configuration import Credentials, CredentialSource, Limits, Surroundings
from objectlens.functions.environment import Environment
from objectlens.functions.hosting import FunctionHost
from objectlens.functions.leased import HostLostError, NodeFullError
from objectlens.functions.logs import FunctionLog, log_folder
from objectlens.functions.molds import Molds
from objectlens.functions.node import NodeModules
from objectlens.functions.owned import surely
from objectlens.functions.packages import PackageStore
from objectlens.functions.queueing import Group, Seat, Ticket, shape
from objectlens.functions.runtimes import find_runtime
from objectlens.functions.values import Invocation, Outcome
from objectlens.functions.variables import SDK_CONFIG

_LOGGER = logging.getLogger(__name__)

_OPEN_LOGS = 64
# The pause before a place is asked for again that other gateway processes have.
_FULL_SECONDS = 0.2


class Pool:
    """Runs functions in processes of this machine; see `values.Executor` for what its methods promise."""

    def __init__(
        self,
        *,
        packages: PackageStore,
        surroundings: Surroundings,
        credentials: CredentialSource,
        clock: Clock,
        limits: Limits | None = None,
    ) -> None:
        self._packages = packages
        self._surroundings = surroundings
        self._credentials = credentials
        self._clock = clock
        self._limits = limits or Limits()
        self._groups: dict[Hashable, Group] = {}
        self._host = FunctionHost(surroundings, self._limits)
        self._node_modules = NodeModules(surroundings.folder, surroundings.node_modules)
        self._molds = Molds(host=self._host, surroundings=surroundings, limits=self._limits, clock=clock, log=self._log)
        self._tasks: set[asyncio.Task[None]] = set()
        self._logs: dict[str, FunctionLog] = {}
        self._running: dict[str, int] = {}
        self._size = 0
        self._starting = 0
        self._ending = 0
        self._held_up = 0
        self._closed = False
        surroundings.folder.mkdir(parents=True, exist_ok=True)
        (surroundings.folder / "sdk-config").write_text(SDK_CONFIG)

    # --- Executor ---

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Run the function once; see `values.Executor`."""
        await self.prepare(invocation.function)
        ticket = Ticket(invocation)
        group = self._admit(ticket)
        alarm = asyncio.get_running_loop().call_later(self._limits.queue_seconds, self._expire, group, ticket)
        try:
            return await asyncio.shield(ticket.outcome)
        except asyncio.CancelledError:
            # What has not begun need not run for nobody; what has begun runs on, as on AWS.
            if not ticket.running:
                group.drop(ticket)
                ticket.outcome.cancel()
            raise
        finally:
            alarm.cancel()

    async def prepare(self, function: Function) -> None:
        """Make ready on this machine what the function's runtime needs there, once; the steps go to the function's log.

        `invoke` does so too, but it is better done when a function is made. Raises `InvalidRuntimeException`, and
        `ResourceConflictException` when it is still under way after `prepare_seconds`.
        """
        self.wake()
        if find_runtime(function.runtime).node is None:
            return
        log = self._log(function.name)
        try:
            await self._node_modules.prepare(
                lambda line: log.write("prepare", [line.encode()]), self._limits.prepare_seconds
            )
        except TimeoutError:
            raise ResourceConflictException(
                "The operation cannot be performed at this time. The function is currently in the following state: "
                "Pending: its runtime is being made ready, as the function's log tells."
            ) from None

    def wake(self) -> None:
        """Start the function host, which the first environment would else wait for."""
        self._host.wake()

    async def retire(self, function: Function) -> None:
        """Let the environments of this version end when they are idle."""
        self._molds.retire(function)
        for key, group in tuple(self._groups.items()):
            if (group.function.arn, group.function.version) == (function.arn, function.version):
                del self._groups[key]
                group.retired = True
                self._rehouse(group)
                group.dismiss()

    async def close(self) -> None:
        """Stop every environment; returns when no process is left."""
        self._closed = True
        await self._node_modules.close()
        for group in self._groups.values():
            while ticket := group.take():
                ticket.refuse(ServiceUnavailable("The server is stopping."))
        for task in self._tasks:
            task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._host.close()
        await self._molds.close()
        for log in self._logs.values():
            log.close()

    # --- admission ---

    def _admit(self, ticket: Ticket) -> Group:
        if self._closed:
            raise ServiceUnavailable("The server is stopping.")
        function = ticket.invocation.function
        find_runtime(function.runtime)
        self._check_reserved(function)
        group = self._groups.setdefault(shape(function), Group(function))
        if len(group.waiting) >= self._limits.queue:
            raise _throttled("ConcurrentInvocationLimitExceeded")
        self._count(function, 1)
        ticket.outcome.add_done_callback(lambda _: self._count(function, -1))
        group.put(ticket)
        self._grow()
        return group

    def _check_reserved(self, function: Function) -> None:
        reserved = function.reserved_concurrency
        if reserved is not None and self._running.get(_name(function), 0) >= reserved:
            raise _throttled("ReservedFunctionConcurrentInvocationLimitExceeded")

    def _count(self, function: Function, change: int) -> None:
        count = self._running.get(_name(function), 0) + change
        if count:
            self._running[_name(function)] = count
        else:
            self._running.pop(_name(function), None)

    def _expire(self, group: Group, ticket: Ticket) -> None:
        if group.starts_for(ticket):
            # It has its place: what it waits for is initialisation, which has a limit of its own.
            asyncio.get_running_loop().call_later(1.0, self._expire, group, ticket)
        elif not ticket.running:
            group.drop(ticket)
            ticket.refuse(_throttled("ConcurrentInvocationLimitExceeded"))

    def _rehouse(self, group: Group) -> None:
        """Move the tickets of a retired group to its successor, which runs them as they were sent."""
        while ticket := group.take():
            ticket.running = False
            self._groups.setdefault(shape(ticket.invocation.function), Group(ticket.invocation.function)).put(ticket)
        self._grow()

    # --- growing and shrinking ---

    def _grow(self) -> None:
        """Start environments for those who wait, the group with the fewest first, as far as the limits allow."""
        while not self._closed and not self._held_up and self._starting < self._limits.starting:
            wanting = self._wanting()
            if not wanting:
                return
            if self._full:
                self._make_room()
                return
            self._open(min(wanting, key=lambda group: group.size))

    @property
    def _full(self) -> bool:
        return self._size >= self._limits.environments

    def _wanting(self) -> list[Group]:
        return [group for group in self._groups.values() if group.wants and group.size < self._limits.per_function]

    def _make_room(self) -> None:
        """End one environment that idles while others wait; its place is free when it has ended."""
        for group in self._groups.values():
            if not self._ending and group.idle and not group.waiting:
                self._ending += 1
                group.idle.pop(0).give(None)

    def _must_yield(self, group: Group) -> bool:
        """Whether an environment should end for another group's sake: all places are taken, and unevenly."""
        if not self._full:
            return False
        demanding = [one for one in self._groups.values() if one.waiting]
        share = max(1, self._limits.environments // max(1, len(demanding) + (group not in demanding)))
        return group.size > share and any(one.size < share for one in demanding if one is not group)

    def _open(self, group: Group) -> None:
        group.size += 1
        group.starting += 1
        self._size += 1
        self._starting += 1
        task = asyncio.get_running_loop().create_task(self._live(group))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _LOGGER.error("an environment's owner failed", exc_info=error)

    def _leave(self, group: Group, *, starting: bool) -> None:
        group.size -= 1
        self._size -= 1
        self._ending = 0
        if starting:
            self._started(group)
        if group.empty and self._groups.get(shape(group.function)) is group:
            del self._groups[shape(group.function)]
        self._grow()

    def _started(self, group: Group) -> None:
        group.starting -= 1
        self._starting -= 1

    # --- one environment ---

    async def _live(self, group: Group) -> None:
        environment: Environment | None = None
        starting = True
        try:
            environment = await self._start(group.function)
            ready = await environment.wait_ready()
            starting = False
            self._started(group)
            if ready:
                # Not before this environment has taken the ticket it was started for.
                asyncio.get_running_loop().call_soon(self._grow)
                await self._work(group, environment)
            elif environment.lost:
                self._again(group)
            else:
                self._report_failed_start(group, environment)
        except HostLostError:
            self._again(group)
        except NodeFullError:
            # Other gateway processes have them: whoever waits here goes on waiting.
            self._held_up += 1
            asyncio.get_running_loop().call_later(_FULL_SECONDS, self._go_on)
        except Exception as error:  # whatever it was, someone waits for this environment
            _LOGGER.warning("an environment of %s failed", group.function.name, exc_info=error)
            if starting and (ticket := group.take()):
                ticket.refuse(ServiceException(f"The function's environment could not start: {error}"))
        finally:
            try:
                if environment is not None:
                    await surely(environment.stop())
            finally:
                self._leave(group, starting=starting)

    async def _start(self, function: Function) -> Environment:
        task_root = self._packages.path(function.package)
        if not task_root.is_dir():
            raise FileNotFoundError(f"the package {function.package} is not in the package store")
        given = self._credentials(function)
        credentials = Credentials(*(await given if inspect.isawaitable(given) else given))
        environment = Environment(
            function,
            runtime=find_runtime(function.runtime),
            task_root=task_root,
            surroundings=self._surroundings,
            limits=self._limits,
            host=self._host,
            log=self._log(function.name),
            clock=self._clock,
        )
        try:
            template = await self._molds.of(function, environment.runtime, task_root, credentials)
            await environment.start(credentials, template)
        except TimeoutError:
            environment.give_up()
        except BaseException:
            await surely(environment.stop())
            raise
        return environment

    def _again(self, group: Group) -> None:
        """Let the invocation whose environment ended with the function host have another: it has not begun."""
        if ticket := group.take():
            if asyncio.get_running_loop().time() - ticket.since < self._limits.queue_seconds:
                self._requeue(group, ticket)
            else:
                ticket.refuse(_throttled("ConcurrentInvocationLimitExceeded"))

    def _go_on(self) -> None:
        self._held_up -= 1
        self._grow()

    def _report_failed_start(self, group: Group, environment: Environment) -> None:
        if ticket := group.take():
            ticket.resolve(environment.fail(ticket.invocation))

    async def _work(self, group: Group, environment: Environment) -> None:
        while ticket := await self._next(group, environment):
            if not environment.alive:
                self._requeue(group, ticket)
                return
            try:
                ticket.resolve(await environment.invoke(ticket.invocation))
            finally:
                ticket.refuse(ServiceException("The function's environment was stopped."))
            if not await self._settle(group, environment) or self._outlived(environment) or self._must_yield(group):
                return

    async def _settle(self, group: Group, environment: Environment) -> bool:
        # The next invocation often comes before the runtime asks for it: that needs no further environment.
        group.settling += 1
        try:
            return await environment.settle()
        finally:
            group.settling -= 1

    async def _next(self, group: Group, environment: Environment) -> Ticket | None:
        """Wait for a ticket; None when the environment has to go."""
        if ticket := group.take():
            return ticket
        if group.retired or (self._full and self._wanting()):
            return None
        seat = group.sit()
        environment.on_end = lambda: seat.give(None)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._limits.idle_seconds, seat.give, None)
        spare = loop.call_later(self._limits.spare_seconds, _spare, group, seat)
        try:
            return await seat.given
        except asyncio.CancelledError:
            if seat.given.done() and not seat.given.cancelled() and (ticket := seat.given.result()):
                ticket.refuse(ServiceUnavailable("The server is stopping."))
            raise
        finally:
            timer.cancel()
            spare.cancel()
            environment.on_end = None
            group.rise(seat)

    def _outlived(self, environment: Environment) -> bool:
        return self._clock.monotonic() - environment.started_at > self._limits.age_seconds

    def _requeue(self, group: Group, ticket: Ticket) -> None:
        group.put_back(ticket)
        if group.retired:
            self._rehouse(group)

    def _log(self, name: str) -> FunctionLog:
        if name not in self._logs:
            if len(self._logs) % _OPEN_LOGS == 0:
                # There is a log for every function that ever ran. Those that are written again open their file again.
                for log in self._logs.values():
                    log.close()
            self._logs[name] = FunctionLog(
                log_folder(self._surroundings.folder, name),
                self._clock,
                max_bytes=self._limits.log_bytes,
                files=self._limits.log_files,
            )
        return self._logs[name]


def _spare(group: Group, seat: Seat) -> None:
    """Let an environment go that was not needed for a while, unless it is the last idle one of its group."""
    if len(group.idle) > 1:
        group.rise(seat)
        seat.give(None)


def _name(function: Function) -> str:
    return f"{function.account}:{function.name}"


def _throttled(reason: str) -> TooManyRequestsException:
    return TooManyRequestsException(headers={"Retry-After": "1"}, Reason=reason)
