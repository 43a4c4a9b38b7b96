"""Functions that run elsewhere: an `Executor` that calls the Lambda Invoke API.

Each invocation in work is one owned task and one thread, which botocore blocks while the function works. A thread
cannot be ended: one whose answer nobody awaits any more keeps its place until the answer, or the timeout, comes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from objectlens.catalog.entities import Function
from objectlens.clock import Clock
from objectlens.errors import RequestTooLargeException, ResourceNotFoundException, ServiceError, ServiceUnavailable
from objectlens.functions.configuration import Limits
from objectlens.functions.invoke_api import CONNECT_SECONDS, MAX_PAYLOAD, InvokeApi, Reply
from objectlens.functions.logs import FunctionLog, log_folder
from objectlens.functions.refusing import refusal_of, throttled, timed_out
from objectlens.functions.remote_log import figures_of, lines_of
from objectlens.functions.remotes import Remote, Remotes, log_name
from objectlens.functions.threads import in_thread
from objectlens.functions.values import Invocation, Outcome
from objectlens.metering.tally import Tally

_LOGGER = logging.getLogger(__name__)


class Line:
    """The way to one remote: so many in work, so many waiting."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self.api = InvokeApi(remote)
        self._places = asyncio.Semaphore(remote.concurrency)
        self._waiting = 0

    async def enter(self) -> None:
        """Take a place, which needs one `leave`; raises `TooManyRequestsException` when there is none in time."""
        if self._waiting >= self.remote.queue:
            raise throttled("ConcurrentInvocationLimitExceeded")
        self._waiting += 1
        try:
            async with asyncio.timeout(self.remote.queue_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise throttled("ConcurrentInvocationLimitExceeded") from None
        finally:
            self._waiting -= 1

    def leave(self) -> None:
        """Give the place back."""
        self._places.release()


class RemoteExecutor:
    """Runs the functions of the configured remotes; see `values.Executor` for what its methods promise.

    `folder` is the runtime's folder, where logs are.
    """

    def __init__(self, remotes: Remotes, *, folder: Path, clock: Clock, limits: Limits | None = None) -> None:
        self._lines = {remote.name: Line(remote) for remote in remotes}
        self._folder = folder
        self._clock = clock
        self._limits = limits or Limits()
        self._tasks: set[asyncio.Task[Outcome]] = set()
        self._closed = False

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Have the function run once.

        Raises, beside what every executor does, `ResourceNotFoundException` for what the remote does not know,
        `RequestTooLargeException`, and `LambdaInvocationFailed` for a remote that refuses or is not there.
        """
        line = self._lines.get(invocation.remote or "")
        if line is None:
            raise ResourceNotFoundException(f"Function not found: {invocation.invoked_arn}")
        if len(invocation.payload) > MAX_PAYLOAD:
            raise RequestTooLargeException(f"{len(invocation.payload)} byte payload is over {MAX_PAYLOAD} bytes.")
        if self._closed:
            raise ServiceUnavailable("The server is stopping.")
        await line.enter()
        task = asyncio.get_running_loop().create_task(self._run(line, invocation))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        try:
            # What has begun runs on, as on AWS, also when nobody waits any more.
            async with asyncio.timeout(CONNECT_SECONDS + line.remote.timeout_seconds + 1.0):
                return await asyncio.shield(task)
        except TimeoutError:
            raise timed_out(line.remote) from None

    async def retire(self, function: Function) -> None:
        """Do nothing: what runs elsewhere is looked after there."""

    async def close(self) -> None:
        """Stop waiting for remotes. Threads that still do end with the process, their answers are nobody's."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for line in self._lines.values():
            await asyncio.to_thread(line.api.close)

    def _ended(self, task: asyncio.Task[Outcome]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # told in the log, and to whoever still waits

    async def _run(self, line: Line, invocation: Invocation) -> Outcome:
        tally, began = invocation.tally, self._clock.monotonic()
        if tally is not None:
            tally.begin()
        working = in_thread(lambda: line.api.invoke(invocation))
        working.add_done_callback(lambda done: _left(line, done))
        try:
            reply = await asyncio.shield(working)
        except Exception as error:  # botocore lets errors of many kinds through
            if tally is not None:
                tally.refused()
            refusal = refusal_of(error, line.remote, invocation.invoked_arn)
            self._log_refusal(line.remote, invocation, refusal, error)
            raise refusal from error
        duration_ms = (self._clock.monotonic() - began) * 1000
        figures = figures_of(reply.log_tail)
        outcome = Outcome(
            payload=reply.payload,
            failure=reply.failure,
            duration_ms=duration_ms,
            init_ms=figures.get(b"Init Duration"),
            memory_mb=int(figures.get(b"Max Memory Used", 0)),
            log_tail=reply.log_tail,
            executed_version=reply.version or invocation.function.version,
        )
        if tally is not None:
            _count(tally, outcome, figures)
        self._log(line.remote, invocation, lines_of(invocation, reply, outcome))
        return outcome

    def _log_refusal(self, remote: Remote, invocation: Invocation, refusal: ServiceError, cause: Exception) -> None:
        _LOGGER.warning("the remote %s did not run %s: %s", remote.name, invocation.invoked_arn, cause)
        self._log(remote, invocation, [f"[ERROR] RequestId: {invocation.request_id} {refusal.message}".encode()])

    def _log(self, remote: Remote, invocation: Invocation, lines: list[bytes]) -> None:
        folder = log_folder(self._folder, log_name(remote.name, invocation.function.name))
        log = FunctionLog(folder, self._clock, max_bytes=self._limits.log_bytes, files=self._limits.log_files)
        log.write(remote.name, lines)
        log.close()


def _count(tally: Tally, outcome: Outcome, figures: Mapping[bytes, float]) -> None:
    """Tell what a run used: by the remote's own figures where it tells them, its processor time nobody knows here."""
    billed = figures.get(b"Billed Duration")
    tally.ended(
        version=outcome.executed_version,
        runtime="remote",
        memory_size=int(figures.get(b"Memory Size", 0)),
        duration_ms=figures.get(b"Duration", outcome.duration_ms),
        init_ms=outcome.init_ms,
        cpu_us=0,
        peak_mb=outcome.memory_mb,
        failed=outcome.failure is not None,
        returned=len(outcome.payload),
        billed_ms=None if billed is None else int(billed),
    )


def _left(line: Line, working: asyncio.Future[Reply]) -> None:
    line.leave()
    if not working.cancelled():
        working.exception()  # nobody may wait for it any more
