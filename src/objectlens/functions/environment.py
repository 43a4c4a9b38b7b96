"""One environment: a process, the Runtime API it speaks, its output, its private temporary folder.

It handles one invocation at a time and is used by one owner, in this order: `start`, `wait_ready`, then `invoke` and
`settle` in turns, and `stop` in any case.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from objectlens.catalog.entities import Function
from objectlens.clock import Clock
from objectlens.functions.configuration import Credentials, Limits, Surroundings
from objectlens.functions.logs import FunctionLog, LineSplitter, Tail
from objectlens.functions.process import Exit, Process
from objectlens.functions.report import end_lines, failure_of, start_line, timeout_message
from objectlens.functions.runtime_api import Answer, Dispatch, RuntimeApi, fault
from objectlens.functions.runtimes import Runtime, command
from objectlens.functions.states import State
from objectlens.functions.values import Invocation, Outcome
from objectlens.functions.variables import make_variables
from objectlens.functions.watchman import Watchman

READ = 64 * 1024
# Output that is taken before a pause of so many seconds; a line costs more than its bytes. In all about 5 MB/s.
OUTPUT_BUDGET = 256 * 1024
OUTPUT_PAUSE = 0.05
LINE_COST = 64


class Environment:
    """One environment of one function version."""

    def __init__(
        self,
        function: Function,
        *,
        runtime: Runtime,
        task_root: Path,
        surroundings: Surroundings,
        limits: Limits,
        log: FunctionLog,
        watchman: Watchman,
        clock: Clock,
    ) -> None:
        self.function = function
        self._runtime = runtime
        self._task_root = task_root
        self._surroundings = surroundings
        self._limits = limits
        self._log = log
        self._watchman = watchman
        self._clock = clock
        self._api = RuntimeApi(self)
        self._lines = LineSplitter()
        self._tail = Tail()
        self._process: Process | None = None
        self._output = -1
        self._spent = 0
        self._peak_kib = 0
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._polling = asyncio.Event()
        self._init_failure: Answer | None = None
        self._init_ms: float | None = None
        self.on_end: Callable[[], None] | None = None
        self.started_at = clock.monotonic()
        moment = clock.now()
        self.stream = f"{moment:%Y/%m/%d}/[{function.version}]{secrets.token_hex(16)}"
        self._temporary = surroundings.folder / "tmp" / self.stream[-32:]

    @property
    def alive(self) -> bool:
        """Whether it can still take work."""
        return self._api.state is not State.DEAD and not (self._process is not None and self._process.gone)

    @property
    def pid(self) -> int | None:
        """The process, once started."""
        return self._process.pid if self._process else None

    # --- starting ---

    async def start(self, credentials: Credentials) -> None:
        """Start the process; raises `OSError` when the machine refuses."""
        self.started_at = self._clock.monotonic()
        self._say(f"INIT_START Runtime Version: {self._runtime.label}")
        if self._runtime.note:
            self._say(f"[WARN] {self._runtime.note}")
        start = command(self._runtime, self._surroundings.python, self._task_root)
        if start is None:
            message = "exec: no executable named bootstrap in the package's root folder"
            self._fail(fault("Runtime.InvalidEntrypoint", message))
            return
        address = await self._api.listen()
        self._temporary.mkdir(parents=True, mode=0o700)
        variables = make_variables(
            self.function,
            runtime=self._runtime,
            surroundings=self._surroundings,
            credentials=credentials,
            task_root=self._task_root,
            temporary=self._temporary,
            runtime_api=address,
            log_stream=self.stream,
        )
        self._output, output = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._output, False)
        marker = f"AWS_LAMBDA_LOG_STREAM_NAME={self.stream}"
        try:
            self._process = Process.start(start, variables, self._task_root, output, marker)
        finally:
            os.close(output)
        self._watchman.hold(self._process.pid, marker)
        self._listen_to_output()
        self._process.ended.add_done_callback(self._process_ended)

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
            self._fail(fault("Sandbox.Timedout", timeout_message(self.function.timeout)))
        self._init_ms = (self._clock.monotonic() - self.started_at) * 1000
        self._memory_mb()
        return self._init_failure is None

    def fail(self, invocation: Invocation) -> Outcome:
        """Make the outcome of an invocation that initialisation failed."""
        assert self._init_failure is not None
        self._emit([start_line(invocation)])
        return self._finish(invocation, self._init_failure, 0.0)

    # --- working ---

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Run one invocation; raises `states.Forbidden` unless the environment is ready."""
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        self._emit([start_line(invocation)])
        began = self._clock.monotonic()
        timeout = self.function.timeout
        deadline = self._clock.now().timestamp() + timeout
        self._polling.clear()
        self._api.dispatch(_dispatch(invocation, int(deadline * 1000)))
        alarm = loop.call_later(timeout, self._time_out, invocation.request_id)
        try:
            answer = await self._answer
        finally:
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
            self._say(f"{self._clock.now():%Y-%m-%dT%H:%M:%S}.000Z {request_id} {message}")
            self._answer.set_result(fault("Sandbox.Timedout", message))
            self._end()

    def _finish(self, invocation: Invocation, answer: Answer, duration_ms: float) -> Outcome:
        self._drain()
        memory_mb = self._memory_mb()
        init_ms, self._init_ms = self._init_ms, None
        self._emit(end_lines(invocation, duration_ms=duration_ms, memory_mb=memory_mb, init_ms=init_ms))
        payload, failure = failure_of(answer, invocation.request_id)
        return Outcome(
            payload=payload,
            failure=failure,
            duration_ms=duration_ms,
            init_ms=init_ms,
            memory_mb=memory_mb,
            log_tail=self._tail.take(),
            executed_version=invocation.function.version,
        )

    def _memory_mb(self) -> int:
        """Return the peak so far; of a process that is gone, what it was when last looked at."""
        if self._process is not None:
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
        self._polling.set()
        if self.on_end is not None:
            self.on_end()

    # --- output ---

    def _say(self, line: str) -> None:
        self._emit([line.encode()])

    def _emit(self, lines: list[bytes]) -> None:
        self._tail.add(lines)
        self._log.write(self.stream, lines)

    def _listen_to_output(self) -> None:
        if self._output >= 0:
            asyncio.get_running_loop().add_reader(self._output, self._read_output)

    def _read_output(self) -> None:
        """Take output as it comes, but no more than the budget: a flood waits in the pipe and slows its writer."""
        self._spent += self._take_output()
        if self._spent > OUTPUT_BUDGET and self._output >= 0:
            self._spent = 0
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._output)
            loop.call_later(OUTPUT_PAUSE, self._listen_to_output)

    def _take_output(self) -> int:
        """Log one read's worth; returns what it cost."""
        try:
            data = os.read(self._output, READ)
        except BlockingIOError:
            return 0
        if not data:
            self._close_output()
            return 0
        lines = self._lines.feed(data)
        self._emit(lines)
        return len(data) + LINE_COST * len(lines)

    def _drain(self) -> None:
        """Take what was written before the answer, so that it stands before the END line."""
        if self._output >= 0:
            self._take_output()
        self._emit(self._lines.flush())

    def _close_output(self) -> None:
        if self._output >= 0:
            asyncio.get_running_loop().remove_reader(self._output)
            os.close(self._output)
            self._output = -1

    # --- stopping ---

    async def stop(self) -> None:
        """End the process and all it started; returns when they and the temporary folder are gone."""
        patience = 0.0 if self._api.state is State.BUSY or not self.alive else self._limits.kill_seconds
        self._end()
        if self._process is not None:
            await self._process.stop(patience)
            self._watchman.release(self._process.pid)
        self._drain()
        self._close_output()
        await asyncio.to_thread(shutil.rmtree, self._temporary, ignore_errors=True)


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
