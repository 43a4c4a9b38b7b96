"""Events: invocations that nobody waits for, tried again when they fail.

The rules are those of the Lambda developer guide, "How Lambda handles errors and retries with asynchronous invocation".
They are kept in memory: what was not delivered when the server stops is lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

from objectlens.catalog.entities import Function
from objectlens.clock import Clock
from objectlens.errors import ServiceError, TooManyRequestsException
from objectlens.functions import Executor, Invocation
from objectlens.metering import Tally

_LOGGER = logging.getLogger(__name__)

MAX_RETRIES = 2
MAX_AGE = 6 * 3600
MAX_WAITING = 10_000
# Of one function; the places in the executor's own queue are for those who wait for an answer.
AT_ONCE = 32
# Between the attempts of a function that fails: one minute, then two.
RETRY_DELAYS = (60.0, 120.0)
# While a function is throttled or cannot be run: from one second, doubled, up to five minutes.
FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event on its way. `find` gives the function as it is at the time, None when it is gone.

    It is tried again `retries` times when the function fails, as long as it is not older than `age` seconds.
    `measure` opens the tally of an attempt; raises `TooManyRequestsException` when a budget does not allow it now.
    """

    invocation: Invocation
    find: Callable[[], Awaitable[Function | None]]
    retries: int = MAX_RETRIES
    age: float = MAX_AGE
    measure: Callable[[], Awaitable[Tally | None]] | None = None


class Events:
    """All events that are on their way. `delays` are the waits between attempts, in seconds."""

    def __init__(self, executor: Executor, clock: Clock, delays: Sequence[float] = RETRY_DELAYS) -> None:
        self._executor = executor
        self._clock = clock
        self._delays = delays
        self._waiting = 0
        self._lanes: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def admit(self) -> None:
        """Return when one more may be on its way; raises `TooManyRequestsException`."""
        if self._waiting >= MAX_WAITING:
            raise TooManyRequestsException(headers={"Retry-After": "1"}, Reason="CallerRateLimitExceeded")

    async def deliver(self, event: Event) -> None:
        """Invoke until the function succeeds or the event is given up, which is logged."""
        function = event.invocation.function
        self._waiting += 1
        try:
            reason = await self._attempts(event)
        except Exception:  # nobody waits who could be told
            _LOGGER.exception("event %s of %s is lost", event.invocation.request_id, function.arn)
            return
        finally:
            self._waiting -= 1
        if reason is not None:
            _LOGGER.warning("gave up event %s of %s: %s", event.invocation.request_id, function.arn, reason)

    async def _attempts(self, event: Event) -> str | None:
        """Return why the event is given up, None when it was handled."""
        given_up_at = self._clock.monotonic() + event.age
        failed, backoff = 0, FIRST_BACKOFF
        while True:
            function = await event.find()
            if function is None:
                return "the function was deleted"
            try:
                failure = await self._invoke(event, function)
            except ServiceError as error:
                if error.status < 500 and error.status not in {409, 429}:
                    return str(error)
                failure, delay, backoff = error.code, backoff, min(LONGEST_BACKOFF, 2 * backoff)
            else:
                if failure is None or failed >= event.retries:
                    return failure
                delay = self._delays[failed]
                failed += 1
            if self._clock.monotonic() + delay >= given_up_at:
                return f"it is older than {event.age:g} seconds ({failure})"
            await asyncio.sleep(delay)

    async def _invoke(self, event: Event, function: Function) -> str | None:
        """Invoke once; returns the error type of a function that failed."""
        name = f"{function.account}:{function.name}"
        lane = self._lanes.setdefault(name, asyncio.Semaphore(AT_ONCE))
        async with lane:
            tally = None if event.measure is None else await event.measure()
            try:
                outcome = await self._executor.invoke(replace(event.invocation, function=function, tally=tally))
            finally:
                if tally is not None:
                    tally.leave()
        return None if outcome.failure is None else outcome.failure.type
