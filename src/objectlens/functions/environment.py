"""One environment: a process, the Runtime API it speaks, its output, its private temporary folder.

It handles one invocation at a time and is used by one owner, in this order: `start`, `wait_ready`, then `invoke` and
`settle` in turns, and `stop` in any case.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable

from objectlens.catalog.entities import Function
from objectlens.clock import Clock
from objectlens.functions.accelerate import OPT_OUT
from objectlens.functions.channel import Channel
from objectlens.functions.configuration import Credentials, Limits, Surroundings
from objectlens.functions.hosts import hosts_file
from objectlens.functions.isolation import Confinement, Isolation
from objectlens.functions.isolation_doors import Doors, Place
from objectlens.functions.logs import FunctionLog
from objectlens.functions.network import network_of
from objectlens.functions.output import Output
from objectlens.functions.peers import Family
from objectlens.functions.process import Exit, Process, Spawned
from objectlens.functions.reception import Reception, reception_for
from objectlens.functions.report import end_lines, failure_of, start_line, timeout_message
from objectlens.functions.runtime_api import Answer, Dispatch, RuntimeApi, fault
from objectlens.functions.runtimes import Runtime
from objectlens.functions.starting import CannotStart, Code, command
from objectlens.functions.states import State
from objectlens.functions.template import Template
from objectlens.functions.values import Door, Invocation, Outcome
from objectlens.functions.variables import make_variables
from objectlens.functions.watchman import Watchman
from objectlens.http import HttpRequest, HttpResponse

# A peak is the highest ever: who looks a little later misses nothing, and looking takes as long as other parts of a
# short invocation.
_LOOK_SECONDS = 0.1


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
        isolation: Isolation,
        log: FunctionLog,
        watchman: Watchman,
        clock: Clock,
        provisioned: bool = False,
    ) -> None:
        self.function = function
        self._initialization = "provisioned-concurrency" if provisioned else "on-demand"
        self.runtime = runtime
        self._code = code
        self._surroundings = surroundings
        self._limits = limits
        self._isolation = isolation
        self._confinement: Confinement | None = None
        self._watchman = watchman
        self._clock = clock
        self._api = RuntimeApi(self)
        self._channel: Channel | None = None
        self._door: Door | None = None
        self._process: Process | None = None
        self._reception: Reception | None = None
        self._doors: Doors | None = None
        self._place: Place | None = None
        self._peak_kib = 0
        self._looked_at = -_LOOK_SECONDS
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._polling = asyncio.Event()
        self._init_failure: Answer | None = None
        self._init_ms: float | None = None
        self.on_end: Callable[[], None] | None = None
        self.started_at = clock.monotonic()
        moment = clock.now()
        self.stream = f"{moment:%Y/%m/%d}/[{function.version}]{secrets.token_hex(16)}"
        self._output = Output(log, self.stream)

    @property
    def alive(self) -> bool:
        """Whether it can still take work."""
        return self._api.state is not State.DEAD and not (self._process is not None and self._process.gone)

    @property
    def pid(self) -> int | None:
        """The process, once started."""
        return self._process.pid if self._process else None

    # --- starting ---

    async def start(self, credentials: Credentials, template: Template | None = None) -> None:
        """Start the process, or fork it from a template; raises `OSError` when the machine refuses."""
        self._output.say(f"INIT_START Runtime Version: {self.runtime.label}".encode())
        if self.runtime.note:
            self._output.say(f"[WARN] {self.runtime.note}".encode())
        reception = self._reception = reception_for(network_of(self.function.environment), self._surroundings.entrances)
        if extensions := self._code.extensions():
            self._output.say(f"[WARN] Extensions are not run here: {', '.join(extensions)}.".encode())
        python = self.runtime.python or self._surroundings.python
        confinement = self._confinement = self._isolation.confine(
            folder=self._surroundings.folder,
            key=self.stream[-32:],
            task_root=self._code.task_root,
            layers=self._code.layers,
            python=python,
            memory_size=self.function.memory_size,
            ephemeral_storage=self.function.ephemeral_storage,
            node=self.runtime.node,
            addresses=None if reception is None else reception.addresses,
            hosts=hosts_file(self.function, self._surroundings),
            java=None if self.runtime.java is None else self.runtime.java.reading,
        )
        try:
            start = command(
                self.function,
                self.runtime,
                self._code,
                python=python,
                opt=confinement.opt,
                parent=confinement.parent,
                orders=confinement.orders,
            )
        except CannotStart as error:
            self._fail(fault("Runtime.InvalidEntrypoint", str(error)))
            return
        if template is not None and template.doors is not None and not template.doors.free:
            template = None
        address = await self._listen(confinement.doors if template is None else template.doors)
        confinement.make_temporary()
        variables = make_variables(
            self.function,
            runtime=self.runtime,
            surroundings=self._surroundings,
            credentials=credentials,
            task_root=self._code.task_root,
            opt=confinement.opt,
            temporary=confinement.temporary,
            runtime_api=address,
            log_stream=self.stream,
            initialization=self._initialization,
        )
        if reception is not None:
            variables = reception.variables | variables
        output = self._output.open()
        marker = f"AWS_LAMBDA_LOG_STREAM_NAME={self.stream}"
        try:
            if template is not None:
                self._process = await self._fork(template, confinement, variables, output, marker)
            if self._process is None:
                if self._place is not None and self._doors is not confinement.doors:
                    variables["AWS_LAMBDA_RUNTIME_API"] = await self._listen(confinement.doors)
                self._process = Spawned.confined(
                    confinement, start, variables, self._code.task_root, output=output, marker=marker
                )
        finally:
            os.close(output)
        self._watchman.hold(self._process.pid, marker)
        await self._admit(Family(self._process.pid, marker))
        self._process.ended.add_done_callback(self._process_ended)

    async def _listen(self, doors: Doors | None) -> str:
        """Return the address of the Runtime API: one on this machine, or in a sandbox that has no network."""
        self._leave_place()
        if doors is None:
            return await self._api.listen()
        place = doors.lend()
        if place is None:
            raise OSError("its sandbox has no place for a further environment")
        self._doors, self._place = doors, place
        return place.address

    async def _admit(self, family: Family) -> None:
        """Serve the Runtime API to the process and what it starts, and to nobody else."""
        if self._doors is not None and self._place is not None:
            if self._place.sock is None and self._reception is not None:
                await self._reception.open(await self._doors.open())
            assert self._place.sock is not None
            await self._api.listen_on(self._place.sock)
        self._api.admit(family.holds)

    def _leave_place(self) -> None:
        if self._doors is not None and self._place is not None:
            self._doors.give_back(self._place)
        self._doors = self._place = None

    async def _fork(
        self, template: Template, confinement: Confinement, variables: dict[str, str], output: int, marker: str
    ) -> Process | None:
        descriptors = [output]
        if variables.get(OPT_OUT) != "0":
            self._channel = Channel(self._api, self._ask)
            descriptors.append(self._channel.theirs.fileno())
        try:
            process = await template.fork(confinement, variables, descriptors, marker)
        except ConnectionError as error:
            self._output.say(f"[WARN] This environment starts from nothing: {error}.".encode())
            return None
        if self._channel is not None:
            self._channel.listen()
        return process

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
        self._output.say(f"[ERROR] Initialisation takes longer than {limit:g} seconds.".encode())
        self._fail(fault("Sandbox.Timedout", timeout_message(self.function.timeout)))

    def fail(self, invocation: Invocation) -> Outcome:
        """Make the outcome of an invocation that initialisation failed."""
        assert self._init_failure is not None
        self._output.say(start_line(invocation))
        return self._finish(invocation, self._init_failure, 0.0)

    # --- working ---

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Run one invocation; raises `states.Forbidden` unless the environment is ready."""
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        if self._channel is not None and invocation.door is not None:
            await self._channel.foresee(invocation.door)
        self._output.say(start_line(invocation))
        began = self._clock.monotonic()
        timeout = self.function.timeout
        deadline = self._clock.now().timestamp() + timeout
        self._polling.clear()
        self._door = invocation.door
        self._api.dispatch(_dispatch(invocation, int(deadline * 1000)))
        alarm = loop.call_later(timeout, self._time_out, invocation.request_id)
        try:
            answer = await self._answer
        finally:
            self._door = None
            alarm.cancel()
        return self._finish(invocation, answer, (self._clock.monotonic() - began) * 1000)

    async def settle(self) -> bool:
        """Wait until the runtime asks for more work; returns whether it did in time and lives."""
        if self.alive and not self._polling.is_set():
            try:
                async with asyncio.timeout(self._limits.settle_seconds):
                    await self._polling.wait()
            except TimeoutError:
                return False
        return self.alive

    def _time_out(self, request_id: str) -> None:
        if not self._answer.done():
            message = timeout_message(self.function.timeout)
            self._output.say(f"{self._clock.now():%Y-%m-%dT%H:%M:%S}.000Z {request_id} {message}".encode())
            self._answer.set_result(fault("Sandbox.Timedout", message))
            self._end()

    def _finish(self, invocation: Invocation, answer: Answer, duration_ms: float) -> Outcome:
        self._output.drain()
        memory_mb = self._memory_mb()
        init_ms, self._init_ms = self._init_ms, None
        self._output.say(*end_lines(invocation, duration_ms=duration_ms, memory_mb=memory_mb, init_ms=init_ms))
        payload, failure = failure_of(answer, invocation.request_id)
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
            self._answer.set_result(answer)

    def init_failed(self, answer: Answer) -> None:
        """Take the error that ended initialisation."""
        self._fail(answer)

    def _process_ended(self, ended: asyncio.Future[Exit]) -> None:
        if ended.cancelled():
            return
        crash = fault("Runtime.ExitError", str(ended.result()))
        if self._confinement is not None and self._confinement.ran_out_of_memory:
            message = f"Runtime ran out of memory: MemorySize is {self.function.memory_size} MB"
            crash = fault("Runtime.OutOfMemory", message)
        if self._api.state is State.STARTING:
            self._fail(crash)
        elif not self._answer.done():
            self._answer.set_result(crash)
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
        """End the process and all it started; returns when they and the temporary folder are gone."""
        patience = 0.0 if self._api.state is State.BUSY or not self.alive else self._limits.kill_seconds
        self._end()
        if self._process is not None:
            await self._process.stop(patience)
            self._watchman.release(self._process.pid)
        self._output.close()
        self._leave_place()
        if self._reception is not None:
            self._reception.close()
        if self._confinement is not None:
            await asyncio.to_thread(self._confinement.close)


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
