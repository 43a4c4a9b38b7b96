"""The record of one request while it is here: one small object, to which those who do the work add what it took.

A request and the invocation for it end at different times: a function goes on after its answer, and a client may leave
before the function ends. What was used is counted, once, when both are over.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Protocol

from objectlens.arn import NATIVE_FUNCTION
from objectlens.metering.usage import NATIVE_MEMORY_MB, Runtime, Subject, Usage
from objectlens.metering.use import Use

_NATIVE = f":function:{NATIVE_FUNCTION}"

current: ContextVar[Tally | None] = ContextVar("tally", default=None)
"""The tally of the request whose work is being done. What is begun on its behalf, be it in a task that outlives it,
inherits it."""


class Counter(Protocol):
    """Where usages go."""

    async def room(self, caller: str, access_point: str) -> None:
        """Return when another attempt may begin or is to be refused."""
        ...

    def admit(self, caller: str, access_point: str) -> Sequence[Use]:
        """Let another attempt at a request begin; raises `SlowDown` when a budget is used up."""
        ...

    def hold(self, caller: str, access_point: str) -> Sequence[Use]:
        """Return what counts for work that goes on although its request is over."""
        ...

    def count(self, usage: Usage, uses: Sequence[Use]) -> None:
        """Add a usage of a request that was admitted to budgets, now that it is over."""
        ...

    def kept(self, subject: Subject, bytes_out: int) -> None:
        """Add an answer for which nothing ran, and which no budget counts."""
        ...

    def late(self, change: int) -> None:
        """Take note of one more, or one less, that is answered and not over."""
        ...

    def expect(self, source: str, tally: Tally) -> None:
        """Take note of who will read what a URL with this signature names."""
        ...

    def expect_no_more(self, source: str, tally: Tally) -> None:
        """Take note that it is over."""
        ...


def signature_of(url: str) -> str:
    """Return the signature of a presigned URL, or of its query; empty when it has none."""
    _, found, rest = url.rpartition("X-Amz-Signature=")
    return rest[:64] if found else ""


class Tally:
    """What one request has used so far; or one invocation, when it was not asked for through an access point.

    It is used on the event loop's thread alone, but for what native transforms that stream take, see `took`.
    """

    # What it begins with. Most requests change few of these: none is set before it has to be.
    _late = _tried = _cold = False
    _version = _cache = _source = ""
    _requests = _invocations = _errors = _memory_size = _peak_mb = 0
    _duration_us = _billed_ms = _init_us = _cpu_us = _bytes_out = 0
    bytes_in = _cpu_ns = _duration_ns = 0

    def __init__(
        self,
        counter: Counter,
        *,
        function: str,
        access_point: str,
        caller: str,
        job: str,
        uses: Sequence[Use] = (),
    ) -> None:
        self._counter = counter
        self._function = function
        self._access_point = access_point
        self._caller = caller
        self._job = job
        self._uses = uses
        self._pending = 1
        self._runtime: Runtime = "native" if function.endswith(_NATIVE) else "lambda"

    def _reset(self) -> None:
        """Begin with nothing: what was counted before is over."""
        self._requests = self._invocations = self._errors = self._memory_size = self._peak_mb = 0
        self._duration_us = self._billed_ms = self._init_us = self._cpu_us = self._bytes_out = 0
        self.bytes_in = self._cpu_ns = self._duration_ns = 0

    # --- the request ---

    def sent(self, bytes_out: int, cache: str = "", *, answers: int = 1) -> None:
        """Take note that the answer is out, with so many bytes of body, and what the cache did for it.

        `answers` is 0 when it went to nobody.
        """
        self._requests = answers
        self._bytes_out += bytes_out
        self._cache = cache
        if self._pending == 1:
            self._end()
        else:
            self._go()

    def leave(self) -> None:
        """Take note that nobody waits any more; of an invocation that nobody asked for by S3, there is no answer."""
        if self._pending == 1:
            self._end()
        else:
            self._go()

    def _go(self) -> None:
        self._pending -= 1
        self._late = True
        self._counter.late(1)

    # --- the invocation of a function ---

    def reads(self, url: str) -> None:
        """Take note that the source is at this presigned URL: what is read of it is this invocation's."""
        self._expect_no_more()
        self._source = signature_of(url)
        self._counter.expect(self._source, self)

    def begin(self) -> None:
        """Take note that an invocation begins; `ended` or `refused` follows, or `done` of a native transform."""
        if not self._pending:
            # Nobody waits any more, and what was admitted is settled: this is used all the same.
            self._reset()
            self._uses = self._counter.hold(self._caller, self._access_point)
        self._pending += 1

    async def attempt(self) -> None:
        """Take note of an attempt to make what was asked for; `done` follows.

        The request was let in for the first one. Each other one asks the budgets anew: raises `SlowDown`.
        """
        if self._tried or not self._pending:
            await self._counter.room(self._caller, self._access_point)
        if not self._pending:
            self._reset()
        if self._tried or not self._pending:
            self._uses = (*self._uses, *self._counter.admit(self._caller, self._access_point))
        self._tried = True
        self._pending += 1

    def refused(self) -> None:
        """Take note that it never ran."""
        self._over()

    def ended(
        self,
        *,
        version: str,
        runtime: Runtime,
        memory_size: int,
        duration_ms: float,
        init_ms: float | None,
        cpu_us: int,
        peak_mb: int,
        failed: bool,
        returned: int,
        billed_ms: int | None = None,
    ) -> None:
        """Take note of how it went; `returned` is the size of the return value.

        `billed_ms` is what another platform bills, when that is known; else it is the duration rounded up.
        """
        self._version, self._runtime, self._memory_size = version, runtime, memory_size
        self._invocations += 1
        self._errors += failed
        self._duration_us += round(duration_ms * 1000)
        self._billed_ms += math.ceil(duration_ms) if billed_ms is None else billed_ms
        self._cold = init_ms is not None
        self._init_us += round((init_ms or 0.0) * 1000)
        self._cpu_us += cpu_us
        self._peak_mb = max(self._peak_mb, peak_mb)
        if not self._access_point:
            self._bytes_out += returned
        self._over()

    # --- a native transform ---

    def transforms(self, version: str, size: int) -> None:
        """Take note that a native transform begins on so many bytes; its times are added by who runs it."""
        self._version, self._runtime, self._memory_size = version, "native", NATIVE_MEMORY_MB
        self._invocations += 1
        self.bytes_in += size

    def took(self, duration_ns: int, cpu_ns: int, peak_mb: int = 0) -> None:
        """Add what a part of it took; one thread at a time may do so."""
        self._duration_ns += duration_ns
        self._cpu_ns += cpu_ns
        self._peak_mb = max(self._peak_mb, peak_mb)

    def failed(self) -> None:
        """Take note that it failed."""
        self._errors = self._invocations

    def done(self) -> None:
        """Take note that what `begin` was said of has ended, whether anyone still waited for it or not."""
        self._over()

    # --- the end ---

    def _over(self) -> None:
        if self._pending > 1:
            self._pending -= 1
        else:
            self._end()

    def _end(self) -> None:
        self._pending = 0
        if self._late:
            self._late = False
            self._counter.late(-1)
        if self._source:
            self._expect_no_more()
        if self._uses or self._invocations or self._duration_ns or self.bytes_in:
            uses, self._uses = self._uses, ()
            self._counter.count(self._usage(), uses)
        elif self._requests and self._cache:
            # Most answers of a cache that does its work are such. Any other for which nothing ran gave nobody anything.
            self._counter.kept(self._subject(), self._bytes_out)

    def _subject(self) -> Subject:
        """Return what a usage of it begins with."""
        return (
            self._function,
            self._version,
            self._access_point,
            self._caller,
            self._job,
            self._runtime,
            self._memory_size,
            self._cold,
            self._cache,
        )

    def _expect_no_more(self) -> None:
        """Let go of the source's URL: what is made again is made of another one."""
        if self._source:
            self._counter.expect_no_more(self._source, self)
            self._source = ""

    def _usage(self) -> Usage:
        if self._runtime == "native" and self._duration_ns:
            # What goes on after its request is over is a part of an invocation that was counted with it.
            self._memory_size = NATIVE_MEMORY_MB
            self._duration_us = self._duration_ns // 1000
            self._billed_ms = -(-self._duration_ns // 1_000_000)
            self._cpu_us = self._cpu_ns // 1000
        return Usage(
            *self._subject(),
            self._requests,
            self._invocations,
            self._errors,
            self._duration_us,
            self._billed_ms,
            self._init_us,
            self._cpu_us,
            self._peak_mb,
            self.bytes_in,
            self._bytes_out,
        )
