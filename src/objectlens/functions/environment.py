"""One environment: a process leased from the function host, the Runtime API it speaks, its output.

It handles one invocation at a time and is used by one owner, in this order: `start`, `wait_ready`, then `invoke` and
`settle` in turns, and `stop` in any case.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable
from datetime import datetime

from objectlens.catalog.entities import Function
from objectlens.clock import Clock
from objectlens.functions.accelerate import OPT_OUT
from objectlens.functions.channel import Channel
from objectlens.functions.configuration import Credentials, Limits, Surroundings
from objectlens.functions.hosting import FunctionHost
from objectlens.functions.hosts import hosts_file
from objectlens.functions.leased import Leased
from objectlens.functions.logs import FunctionLog
from objectlens.functions.network import network_of
from objectlens.functions.orders import LIMITS, OPT, PARENT, RUNTIME_API, TEMPORARY, Order
from objectlens.functions.output import Output
from objectlens.functions.peers import Family
from objectlens.functions.process import Exit
from objectlens.functions.reception import Reception, reception_for
from objectlens.functions.report import billed_ms, failure_of, timeout_message
from objectlens.functions.runtime_api import Answer, Dispatch, RuntimeApi, fault
from objectlens.functions.runtimes import Runtime
from objectlens.functions.saying import Used, speech
from objectlens.functions.starting import CannotStart, Code, command
from objectlens.functions.states import State
from objectlens.functions.values import Door, Invocation, Outcome
from objectlens.functions.variables import make_variables
from objectlens.http import HttpRequest, HttpResponse

STOPPED = "The function's environment was stopped."
# A peak is the highest ever: who looks a little later misses nothing, and looking takes as long as other parts of a
# short invocation.
_LOOK_SECONDS = 0.1
# uvloop counts whole milliseconds, and may call before the time is over: nobody is to have less than he was given.
_TICK = 0.001


class GoneError(Exception):
    """The environment ended before it was given the invocation: another can run it."""


class Environment:
    """One environment of one function version."""

    def __init__(
        self,
        function: Function,
        *,
        runtime: Runtime,
        code: Code,
        surroundings: Surroundings,
        limits: Limits,
        host: FunctionHost,
        log: FunctionLog,
        clock: Clock,
        provisioned: bool = False,
    ) -> None:
        self.function = function
        self._initialization = "provisioned-concurrency" if provisioned else "on-demand"
        self.runtime = runtime
        self._code = code
        self._surroundings = surroundings
        self._limits = limits
        self._host = host
        self._clock = clock
        self._api = RuntimeApi(self, clock)
        self._channel: Channel | None = None
        self._door: Door | None = None
        self._process: Leased | None = None
        self._reception: Reception | None = None
        self._peak_kib = 0
        self._looked_at = -_LOOK_SECONDS
        self._began: float | None = None
        self._overran: datetime | None = None
        self._answered_at = 0.0
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._polling = asyncio.Event()
        self._init_failure: Answer | None = None
        self._init_ms: float | None = None
        self.on_end: Callable[[], None] | None = None
        self.started_at = clock.monotonic()
        moment = clock.now()
        self.stream = f"{moment:%Y/%m/%d}/[{function.version}]{secrets.token_hex(16)}"
        self._output = Output(log, self.stream)
        self._speech = speech(function, clock)

    @property
    def alive(self) -> bool:
        """Whether it can still take work."""
        return self._api.state is not State.DEAD and not (self._process is not None and self._process.is_over)

    @property
    def lost(self) -> bool:
        """Whether it ended with the function host, not by itself."""
        return self._process is not None and self._process.lost

    @property
    def pid(self) -> int | None:
        """The process, once started."""
        return self._process.pid if self._process else None

    # --- starting ---

    async def start(self, credentials: Credentials, template: str | None = None) -> None:
        """Have the process started, or forked from the template of that key; raises `LeaseError`, `HostLostError`."""
        self._output.say(*self._speech.init(self.function, self._initialization, self.runtime.label))
        if self.runtime.note:
            self._output.say(*self._speech.note("WARN", self.runtime.note))
        reception = self._reception = reception_for(network_of(self.function.environment), self._surroundings.entrances)
        if extensions := self._code.extensions():
            self._output.say(*self._speech.note("WARN", f"Extensions are not run here: {', '.join(extensions)}."))
        python = self.runtime.python or self._surroundings.python
        opt = OPT if self._code.layers else None
        try:
            start = command(
                self.function, self.runtime, self._code, python=python, opt=opt, parent=PARENT, orders=LIMITS
            )
        except CannotStart as error:
            self._fail(fault(error.kind, str(error)))
            return
        variables = make_variables(
            self.function,
            runtime=self.runtime,
            surroundings=self._surroundings,
            credentials=credentials,
            task_root=self._code.task_root,
            opt=opt,
            temporary=TEMPORARY,
            runtime_api=RUNTIME_API if reception is not None else self._api.listen(),
            log_stream=self.stream,
            initialization=self._initialization,
        )
        if reception is not None:
            variables = reception.variables | variables
        order = Order(
            stream=self.stream,
            command=start,
            python=python,
            variables=variables,
            task_root=self._code.task_root,
            layers=self._code.layers,
            memory_size=self.function.memory_size,
            ephemeral_storage=self.function.ephemeral_storage,
            node=self.runtime.node,
            addresses=None if reception is None else tuple(reception.addresses),
            forks=0,
            hosts=hosts_file(self.function, self._surroundings),
            java=() if self.runtime.java is None else self.runtime.java.reading,
        )
        output = self._output.open()
        try:
            await self._lease(order, template, output)
        finally:
            os.close(output)

    async def _lease(self, order: Order, template: str | None, output: int) -> None:
        files = [output]
        if template is not None and order.variables.get(OPT_OUT) != "0":
            self._channel = Channel(self._api, self._ask, self._clock)
            files.append(self._channel.theirs.fileno())
        self._process = await self._host.lease(order, template, files)
        await self._admit(self._process)
        self._process.ended.add_done_callback(self._process_ended)
        if self._process.note:
            self._output.say(f"[WARN] This environment starts from nothing: {self._process.note}.".encode())
        if self._channel is not None and self._process.note:
            self._channel.close()
            self._channel = None
        elif self._channel is not None:
            self._channel.listen()

    async def _admit(self, process: Leased) -> None:
        """Serve the Runtime API to the process and what it starts, and to nobody else.

        In a sandbox that has no network, also serve what it may reach there.
        """
        if self._reception is not None and process.sockets:  # of one that has ended already, there are none
            # Copied before anything is waited for: when the process ends meanwhile, they are closed.
            runtime_api, *service = [one.dup() for one in process.sockets]
            with runtime_api:
                self._api.listen_on(runtime_api)
            if service:
                await self._reception.open(service)
        self._api.admit(Family(process.pid, process.marker).holds)

    async def _ask(self, http: HttpRequest) -> HttpResponse | None:
        return None if self._door is None else await self._door(http)

    async def wait_ready(self) -> bool:
        """Wait for the end of initialisation; returns whether it went well. `fail` makes an outcome of what did not.

        Initialisation is free for `init_seconds`; what it takes more counts against the function's timeout. (Lambda
        ends it there and begins again within the timeout: the code sees the same time, without doing all twice.)
        """
        limit = self._limits.init_seconds + self.function.timeout
        try:
            async with asyncio.timeout(limit):
                await self._polling.wait()
        except TimeoutError:
            self.give_up()
        self._init_ms = (self._clock.monotonic() - self.started_at) * 1000
        self._memory_mb()
        return self._init_failure is None

    def give_up(self) -> None:
        """End an initialisation that takes too long."""
        limit = self._limits.init_seconds + self.function.timeout
        self._output.say(*self._speech.note("ERROR", f"Initialisation takes longer than {limit:g} seconds."))
        self._fail(fault("Sandbox.Timedout", timeout_message(self.function.timeout)))

    def fail(self, invocation: Invocation) -> Outcome:
        """Make the outcome of an invocation that initialisation failed."""
        assert self._init_failure is not None
        self._output.say(*self._speech.start(invocation))
        return self._finish(invocation, self._init_failure, 0.0)

    # --- working ---

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Run one invocation; raises `GoneError`, and `states.Forbidden` unless the environment is ready."""
        self._began = None
        if self._channel is not None and invocation.door is not None:
            await self._channel.foretell(invocation.door)
            await self._channel.foresee(invocation.door)
        if not self.alive:  # it may have ended while that was read
            raise GoneError
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        self._output.say(*self._speech.start(invocation))
        timeout = self.function.timeout
        deadline = self._clock.now().timestamp() + timeout
        self._polling.clear()
        self._door = invocation.door
        if self._process is not None and self._process.spent is not None:
            self._process.spent.begin()
        began = self._began = self._clock.monotonic()
        self._api.dispatch(_dispatch(invocation, int(deadline * 1000)))
        alarm = loop.call_later(timeout + _TICK, self._time_out)
        try:
            answer = await self._answer
            if self._channel is not None:
                await self._channel.settled()
        finally:
            self._door = None
            alarm.cancel()
        return self._finish(invocation, answer, (self._answered_at - began) * 1000)

    def cut(self, invocation: Invocation) -> Outcome | None:
        """Make the outcome of an invocation that is stopped in the middle of it, None when it had not begun.

        What it took until now was used.
        """
        if self._began is None:
            return None
        elapsed = (self._clock.monotonic() - self._began) * 1000
        return self._finish(invocation, fault("Sandbox.Stopped", STOPPED), elapsed)

    def cpu_us(self, duration_ms: float) -> int:
        """Return the processor time of the last invocation, in microseconds, once it has settled or the process ended.

        While it still hands its answer in, the kernel's count of what runs at this moment may be a tick behind.
        """
        process = self._process
        if process is None or process.spent is None:
            return 0
        if process.ended.done():
            return process.spent.since(int(process.ended.result().cpu * 1e9))
        return process.spent.end(duration_ms)

    async def settle(self) -> bool:
        """Wait until the runtime asks for more work; returns whether it did in time and lives."""
        if not self._polling.is_set() and self.alive:
            try:
                async with asyncio.timeout(self._limits.settle_seconds):
                    await self._polling.wait()
            except TimeoutError:
                return False
        return self.alive

    def _look(self) -> None:
        """Take what the process has said and nobody has read: a loaded server may hear of its end before that."""
        if self._channel is not None:
            self._channel.look()
        self._api.look()

    def _time_out(self) -> None:
        self._look()
        if not self._answer.done():
            self._overran = self._clock.now()
            self._take(fault("Sandbox.Timedout", timeout_message(self.function.timeout)))
            self._end()

    def _finish(self, invocation: Invocation, answer: Answer, duration_ms: float) -> Outcome:
        self._output.drain()
        if self._overran is not None:  # said when all is there that was printed before
            message = timeout_message(self.function.timeout)
            self._output.say(*self._speech.timeout(invocation.request_id, message, self._overran))
        memory_mb = self._memory_mb()
        init_ms, self._init_ms = self._init_ms, None
        billed = billed_ms(duration_ms, self.function.timeout)
        used = Used(duration_ms=duration_ms, billed=billed, memory_mb=memory_mb, init_ms=init_ms)
        payload, failure = failure_of(answer, invocation.request_id)
        self._output.say(
            *self._speech.reason(invocation, answer, failure, managed=self.runtime.managed),
            *self._speech.end(invocation, used, failure),
        )
        return Outcome(
            payload=payload,
            failure=failure,
            duration_ms=duration_ms,
            init_ms=init_ms,
            memory_mb=memory_mb,
            log_tail=self._output.tail.take(),
            executed_version=invocation.function.version,
        )

    def _memory_mb(self) -> int:
        """Return the peak so far; of a process that is gone, what it was when last looked at."""
        now = self._clock.monotonic()
        if self._process is not None and now - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = now
            self._peak_kib = max(self._peak_kib, self._process.peak_kib())
        return -(-self._peak_kib // 1024)

    # --- what the runtime and the process say (runtime_api.Listener) ---

    def ready(self) -> None:
        """Take note that the runtime waits for an invocation."""
        self._polling.set()

    def answered(self, answer: Answer) -> None:
        """Take the answer to the invocation under way."""
        if not self._answer.done():
            self._take(answer)

    def _take(self, answer: Answer) -> None:
        # Whoever waits for it runs when others have had their turn, which is no time that the function took. Nor is
        # that in which it lay there, but no clock that is set meanwhile makes it end before it began.
        self._answered_at = max(self._clock.monotonic() - answer.late, self._began or 0.0)
        self._answer.set_result(answer)

    def init_failed(self, answer: Answer) -> None:
        """Take the error that ended initialisation."""
        self._fail(answer)

    def _process_ended(self, ended: asyncio.Future[Exit]) -> None:
        if ended.cancelled():
            return
        self._look()
        exit_ = ended.result()
        crash = fault("Runtime.ExitError", str(exit_))
        if exit_.out_of_memory:
            message = f"Runtime ran out of memory: MemorySize is {self.function.memory_size} MB"
            crash = fault("Runtime.OutOfMemory", message)
            # Nobody looked while it grew, but so much is what it held.
            self._peak_kib = max(self._peak_kib, self.function.memory_size * 1024)
        if self._api.state is State.STARTING:
            self._fail(crash)
        elif not self._answer.done():
            self._take(crash)
        self._end()

    def _fail(self, answer: Answer) -> None:
        self._init_failure = self._init_failure or answer
        self._end()

    def _end(self) -> None:
        self._api.end()
        if self._channel is not None:
            self._channel.close()
        self._polling.set()
        if self.on_end is not None:
            self.on_end()

    # --- stopping ---

    async def stop(self) -> None:
        """End the process and all it started; returns when they and the temporary folder are gone.

        Raises `HostLostError` when the function host does not answer.
        """
        patience = 0.0 if self._api.state is State.BUSY or not self.alive else self._limits.kill_seconds
        if self._api.state in {State.READY, State.ANSWERED}:
            # Hung up on, runtimes report the failure of their `next` in the function's log.
            self._api.retire()
        else:
            self._end()
        try:
            if self._process is not None:
                await self._host.stop(self._process, patience)
        finally:
            self._end()
            self._output.close()
            if self._reception is not None:
                self._reception.close()


def _dispatch(invocation: Invocation, deadline_ms: int) -> Dispatch:
    root = f"Root=1-{deadline_ms // 1000:08x}-{secrets.token_hex(12)};Parent={secrets.token_hex(8)};Sampled=0"
    return Dispatch(
        request_id=invocation.request_id,
        payload=invocation.payload,
        deadline_ms=deadline_ms,
        invoked_arn=invocation.invoked_arn,
        client_context=invocation.client_context,
        trace_id=invocation.trace_id or root,
    )
