"""The pool: environments on demand, shared fairly, none left behind. Our own `Executor`.

Each environment is one owned task (`_live`): it starts the process, takes tickets from its group until it is dismissed,
and ends the process. Everything runs on the event loop's thread; there are no locks.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Hashable
from pathlib import Path

from objectlens.catalog.entities import Function
from objectlens.clock import Clock
from objectlens.errors import (
    InvalidRuntimeException,
    ResourceConflictException,
    ServiceException,
    ServiceUnavailable,
    TooManyRequestsException,
)
from objectlens.functions.configuration import Credentials, CredentialSource, Limits, Surroundings
from objectlens.functions.cpu import wanted_seconds
from objectlens.functions.demand import Cores
from objectlens.functions.environment import STOPPED, Environment, GoneError
from objectlens.functions.figures import Book, Snapshot
from objectlens.functions.holding import Holding
from objectlens.functions.hosting import FunctionHost
from objectlens.functions.installing import InstallError
from objectlens.functions.leased import HostLostError, LeaseError, NodeFullError
from objectlens.functions.logs import FunctionLog, log_folder
from objectlens.functions.molds import Molds
from objectlens.functions.network import network_of
from objectlens.functions.node import NodeModules
from objectlens.functions.owned import surely
from objectlens.functions.packages import PackageStore
from objectlens.functions.python import Pythons
from objectlens.functions.queueing import Group, Place, Seat, Ticket, shape
from objectlens.functions.runtimes import Runtime, find_runtime
from objectlens.functions.starting import Code
from objectlens.functions.throttling import Throttle, throttled
from objectlens.functions.values import Arrangement, Invocation, Outcome, Provision
from objectlens.functions.variables import SDK_CONFIG

_LOGGER = logging.getLogger(__name__)

_OPEN_LOGS = 64
# The pause before a place is asked for again that other gateway processes have.
_FULL_SECONDS = 0.2
# Lambda's word for provisioned environments that do not become ready.
INIT_FAILURE = "FUNCTION_ERROR_INIT_FAILURE"


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
        self._pythons = Pythons(surroundings.folder, surroundings.pythons)
        self._runtimes: dict[str, Runtime] = {}
        self._molds = Molds(host=self._host, surroundings=surroundings, limits=self._limits, clock=clock, log=self._log)
        self._tasks: set[asyncio.Task[None]] = set()
        self._logs: dict[str, FunctionLog] = {}
        self._throttle = Throttle(self._limits.concurrency)
        self._running = self._throttle.running
        self._cores = Cores(self._limits.cores)
        self._holding = Holding(self._groups, self._cores, clock, self._grow)
        self._book = Book(clock)
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
        try:
            return await self._invoke(invocation)
        except TooManyRequestsException:
            self._book.of(invocation.function).throttles += 1
            raise

    async def _invoke(self, invocation: Invocation) -> Outcome:
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
                ticket.cancel()
            raise
        finally:
            alarm.cancel()

    async def prepare(self, function: Function) -> None:
        """Make ready on this machine what the function's runtime needs there, once; the steps go to the function's log.

        `invoke` does so too, but it is better done when a function is made. Raises `InvalidRuntimeException`, and
        `ResourceConflictException` when it is still under way after `prepare_seconds`.
        """
        self.wake()
        runtime = self._runtimes.get(function.runtime) or await self._find_runtime(function)
        if runtime.node is None and runtime.interpreter is None:
            return
        log, seconds = self._log(function.name), self._limits.prepare_seconds

        def say(line: str) -> None:
            log.write("prepare", [line.encode()])

        try:
            if runtime.interpreter is not None:
                await self._pythons.prepare(runtime.interpreter, say, seconds)
            else:
                await self._node_modules.prepare(say, seconds)
        except InstallError as error:
            raise InvalidRuntimeException(f"The runtime {function.runtime} cannot be made ready: {error}.") from error
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

    def arrange(self, arrangement: Arrangement) -> None:
        """Set aside what is reserved and provisioned, in place of what was set aside before."""
        self._throttle.reserved = arrangement.reserved
        wanted: dict[Hashable, int] = {}
        for function, count in arrangement.provisioned:
            key = shape(function)
            wanted[key] = wanted.get(key, 0) + count
            self._group(function)
        room = self._limits.provisionable
        for key, group in tuple(self._groups.items()):
            count = min(wanted.get(key, 0), room)
            room -= count
            group.keep(count, _shortage(self._limits) if count < wanted.get(key, 0) else None)
            self._forget_if_empty(group)
        self._grow()

    def provision(self, function: Function) -> Provision:
        """Return how far the environments of a version are that are to be kept ready."""
        group = self._groups.get(shape(function))
        if group is None:
            return Provision()
        return Provision(ready=sum(place.ready for place in group.provisioned), failure=group.shortage or group.failure)

    async def close(self) -> None:
        """Stop every environment; returns when no process is left."""
        self._closed = True
        self._holding.close()
        await self._node_modules.close()
        await self._pythons.close()
        for group in self._groups.values():
            while ticket := group.pull():
                ticket.refuse(ServiceUnavailable("The server is stopping."))
        for task in self._tasks:
            task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._host.close()
        await self._molds.close()
        for log in self._logs.values():
            log.close()

    def snapshot(self) -> list[Snapshot]:
        """Return what each function version does and has done since the server started."""
        return self._book.snapshot(self._groups.values())

    # --- admission ---

    def _admit(self, ticket: Ticket) -> Group:
        if self._closed:
            raise ServiceUnavailable("The server is stopping.")
        function = ticket.invocation.function
        self._check_network(function)
        self._throttle.check(function, patient=ticket.patient)
        group = self._group(function)
        if len(group.waiting) >= self._limits.queue:
            raise throttled("ConcurrentInvocationLimitExceeded")
        self._throttle.count(function, 1)
        ticket.admit(lambda: self._throttle.count(function, -1))
        group.put(ticket)
        self._grow()
        return group

    def _check_network(self, function: Function) -> None:
        try:
            network = network_of(function.environment)
        except ValueError as error:
            raise ServiceException(str(error)) from None
        if network.open:
            return
        entrances = self._surroundings.entrances
        refusal = entrances.refusal if entrances else "its network policy needs to know this service's addresses"
        if refusal:
            raise ServiceException(f"The function cannot run here: {refusal}")

    def _group(self, function: Function) -> Group:
        key = shape(function)
        if key not in self._groups:
            self._groups[key] = Group(function, self._cores, self._clock)
        return self._groups[key]

    def _expire(self, group: Group, ticket: Ticket) -> None:
        if group.starts_for(ticket):
            # It has its place: what it waits for is initialisation, which has a limit of its own.
            asyncio.get_running_loop().call_later(1.0, self._expire, group, ticket)
        elif not ticket.running:
            group.drop(ticket)
            ticket.refuse(throttled("ConcurrentInvocationLimitExceeded"))

    def _rehouse(self, group: Group) -> None:
        """Move the tickets of a retired group to its successor, which runs them as they were sent.

        Those for which it starts environments stay: otherwise they would begin anew with every change of a function.
        """
        for ticket in group.release():
            if self._closed:
                ticket.refuse(ServiceUnavailable("The server is stopping."))
            else:
                self._group(ticket.invocation.function).put(ticket)
        self._grow()

    # --- growing and shrinking ---

    def _grow(self) -> None:
        """Start environments for those who wait, the group with the fewest first, as far as the limits allow.

        Then those that are to be kept ready.
        """
        if self._closed:
            return
        self._holding.watch()
        while not self._held_up and self._starting < self._limits.starting:
            needy = self._wanting() or [group for group in self._groups.values() if group.lacks]
            if not needy:
                return
            if self._full:
                self._make_room()
                return
            self._open(min(needy, key=lambda group: group.size))

    @property
    def _full(self) -> bool:
        return self._size >= self._limits.environments

    def _wanting(self) -> list[Group]:
        return [group for group in self._groups.values() if group.wants and group.size < self._limits.per_function]

    def _make_room(self) -> None:
        """End one environment that idles while others wait; its place is free when it has ended."""
        idling = [group for group in self._groups.values() if group.surplus_idle]
        if idling and not self._ending:
            self._ending += 1
            max(idling, key=lambda group: group.surplus_idle).idle.pop(0).give(None)

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
        place = Place()
        if group.lacks:
            group.provisioned.add(place)
        task = asyncio.get_running_loop().create_task(self._live(group, place))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _LOGGER.error("an environment's owner failed", exc_info=error)

    def _leave(self, group: Group, place: Place, *, starting: bool) -> None:
        group.size -= 1
        self._size -= 1
        self._ending = 0
        group.provisioned.discard(place)
        if starting:
            self._started(group)
        if group.retired:
            self._rehouse(group)
        self._forget_if_empty(group)
        self._holding.serve()
        self._grow()

    def _forget_if_empty(self, group: Group) -> None:
        if group.empty and self._groups.get(shape(group.function)) is group:
            del self._groups[shape(group.function)]

    def _started(self, group: Group) -> None:
        group.starting -= 1
        self._starting -= 1

    # --- one environment ---

    async def _live(self, group: Group, place: Place) -> None:
        environment: Environment | None = None
        starting = True
        try:
            environment = await self._start(group.function, provisioned=place in group.provisioned)
            ready = await environment.wait_ready()
            starting = False
            self._started(group)
            if ready:
                group.became_ready(place)
                # Not before this environment has taken the ticket it was started for.
                asyncio.get_running_loop().call_soon(self._grow)
                await self._work(group, environment, place)
            elif environment.lost:
                self._again(group)
            else:
                self._put_off(group, place, INIT_FAILURE)
                self._report_failed_start(group, environment)
        except HostLostError:
            self._again(group)
        except NodeFullError:
            # Other gateway processes have them: whoever waits here goes on waiting.
            self._held_up += 1
            asyncio.get_running_loop().call_later(_FULL_SECONDS, self._go_on)
        except Exception as error:  # whatever it was, someone waits for this environment
            told = isinstance(error, LeaseError)  # its message is all that there is to know
            _LOGGER.warning("an environment of %s failed: %s", group.function.name, error, exc_info=not told)
            if starting:
                message = f"The function's environment could not start: {error}"
                self._put_off(group, place, message)
                if ticket := group.pull():
                    ticket.refuse(ServiceException(message))
        finally:
            try:
                if environment is not None:
                    await surely(environment.stop())
            finally:
                self._leave(group, place, starting=starting)

    def _put_off(self, group: Group, place: Place, reason: str) -> None:
        """Let an environment that is to be kept ready, and did not become so, be tried again after a while."""
        if place in group.provisioned:
            asyncio.get_running_loop().call_later(group.could_not_start(reason), self._grow)

    async def _start(self, function: Function, *, provisioned: bool) -> Environment:
        task_root = self._packages.path(function.package)
        if not task_root.is_dir():
            # Of a function that another server over the same database took, as well.
            raise LeaseError("its package is not in this server's data directory: update its code through this server")
        code = Code(task_root=task_root, layers=await self._merged(function))
        given = self._credentials(function)
        credentials = Credentials(*(await given if inspect.isawaitable(given) else given))
        environment = Environment(
            function,
            runtime=self._runtimes.get(function.runtime) or await self._find_runtime(function),
            code=code,
            surroundings=self._surroundings,
            limits=self._limits,
            host=self._host,
            log=self._log(function.name),
            clock=self._clock,
            provisioned=provisioned,
        )
        try:
            template = await self._molds.of(function, environment.runtime, code, credentials)
            await environment.start(credentials, template)
        except TimeoutError:
            environment.give_up()
        except BaseException:
            await surely(environment.stop())
            raise
        return environment

    def _again(self, group: Group) -> None:
        """Let the invocation whose environment ended with the function host have another: it has not begun."""
        if ticket := group.pull():
            if self._clock.monotonic() - ticket.queued_at < self._limits.queue_seconds:
                self._requeue(group, ticket)
            else:
                ticket.refuse(throttled("ConcurrentInvocationLimitExceeded"))

    def _go_on(self) -> None:
        self._held_up -= 1
        self._grow()

    async def _find_runtime(self, function: Function) -> Runtime:
        found = await asyncio.to_thread(find_runtime, function.runtime, self._pythons)
        return self._runtimes.setdefault(function.runtime, found)

    async def _merged(self, function: Function) -> Path | None:
        digests = [one.package for one in function.layers]
        return await asyncio.to_thread(self._packages.merge, digests) if digests else None

    def _report_failed_start(self, group: Group, environment: Environment) -> None:
        if ticket := group.pull():
            outcome = environment.fail(ticket.invocation)
            self._book.of(group.function).count(outcome)
            ticket.resolve(outcome)
            ticket.count(outcome, 0)

    async def _work(self, group: Group, environment: Environment, place: Place) -> None:
        figures = self._book.of(group.function)
        while ticket := await self._next(group, environment, place):
            figures.busy += 1
            try:
                outcome = await self._run(group, environment, ticket)
            except GoneError:
                self._requeue(group, ticket)
                return
            except BaseException as error:
                group.finish(ticket)
                if isinstance(error, asyncio.CancelledError) and (cut := environment.cut(ticket.invocation)):
                    ticket.cut(ServiceException(STOPPED), cut, environment.cpu_us(cut.duration_ms))
                ticket.refuse(ServiceException(STOPPED))
                raise
            finally:
                figures.busy -= 1
            figures.count(outcome)
            ticket.resolve(outcome)
            group.finish(ticket)
            try:
                settled = await self._settle(group, environment)
            finally:
                ticket.count(outcome, environment.cpu_us(outcome.duration_ms))
            if not settled or self._outlived(environment):
                return
            if place not in group.provisioned and self._must_yield(group):
                return

    async def _run(self, group: Group, environment: Environment, ticket: Ticket) -> Outcome:
        """Run a ticket, and every so often measure what it wants of the processors."""
        pid, began = environment.pid, self._clock.monotonic()
        measured = pid is not None and group.demand.asks(began)
        before = wanted_seconds(pid) if measured and pid is not None else 0.0
        self._holding.begun(ticket, group, pid)
        try:
            outcome = await environment.invoke(ticket.invocation)
        finally:
            self._holding.ended(ticket)
        elapsed = self._clock.monotonic() - began
        if measured and pid is not None and environment.alive and elapsed > 0:
            group.demand.learn((wanted_seconds(pid) - before) / elapsed)
        return outcome

    async def _settle(self, group: Group, environment: Environment) -> bool:
        # The next invocation often comes before the runtime asks for it: that needs no further environment.
        group.settling += 1
        try:
            return await environment.settle()
        finally:
            group.settling -= 1

    async def _next(self, group: Group, environment: Environment, place: Place) -> Ticket | None:
        """Wait for a ticket; None when the environment has to go."""
        if len(group.provisioned) > group.minimum:
            group.provisioned.discard(place)  # one like all others from now on
        if group.waiting and self._holding.is_turn_of(group) and (ticket := group.take()):
            return ticket
        provisioned = place in group.provisioned
        if group.retired or (not provisioned and self._full and self._wanting()):
            return None
        seat = group.sit(provisioned=provisioned)
        self._rest(group, environment, seat, self._clock.monotonic())
        environment.on_end = lambda: seat.give(None)
        self._holding.serve()
        try:
            return await seat.given
        except asyncio.CancelledError:
            if seat.given.done() and not seat.given.cancelled() and (ticket := seat.given.result()):
                group.finish(ticket)
                ticket.refuse(ServiceUnavailable("The server is stopping."))
            raise
        finally:
            if seat.timer is not None:
                seat.timer.cancel()
            environment.on_end = None
            group.rise(seat)

    def _rest(self, group: Group, environment: Environment, seat: Seat, since: float) -> None:
        """Look every so often whether an idle environment should end."""
        idle = self._clock.monotonic() - since
        if self._outlived(environment) or (not seat.provisioned and self._is_surplus(group, idle)):
            group.rise(seat)
            seat.give(None)
            return
        delay = self._limits.spare_seconds
        if not seat.provisioned:
            delay = min(delay, self._limits.idle_seconds - idle)
        seat.timer = asyncio.get_running_loop().call_later(delay, self._rest, group, environment, seat, since)

    def _is_surplus(self, group: Group, idle: float) -> bool:
        if idle >= self._limits.idle_seconds:
            return True
        if idle < self._limits.spare_seconds:
            return False
        return group.staying > max(1, group.minimum, group.scaler.kept(self._clock.monotonic()))

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


def _shortage(limits: Limits) -> str:
    return (
        f"At most {limits.provisionable} environments are kept ready on this server, of {limits.environments} in all: "
        "set functions.max_environments higher."
    )
