"""Prefetch: derived objects are made before somebody waits for them.

The GETs of a prefetch are the caller's own, each authorised as one, and begin only while live requests leave room for
them (`sparing`). What became of each key is told line by line, as it happens; the last line sums up. Without that line
an answer was cut.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import dataclass, field

from objectlens.errors import InvalidRequest, ServiceError, ServiceUnavailable
from objectlens.gateway.errands import Errands, Fault, Target
from objectlens.gateway.keys import MAX_KEYS, split
from objectlens.gateway.prefetch_plan import Plan, plan_of
from objectlens.gateway.signed import MAX_BODY, Asked, Page
from objectlens.http import Headers, HttpResponse
from objectlens.streams import FileSlice

_log = logging.getLogger(__name__)

PATH = "/-/prefetch"
CONTENT_TYPE = "application/x-ndjson"
_BUSY = frozenset({"SlowDown"})
_CACHE = "x-objectlens-cache"
# Refusals for want of a place ask to wait for seconds.
_SOON = 60.0
# The code of what was not done because the server stops.
_STOPPED = "ServerStopping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a key: `cache` is what the answer's `x-objectlens-cache` said, None where there was none."""

    key: str
    cache: str | None = None
    size: int = 0
    fault: Fault | None = None

    def line(self) -> bytes:
        """Return the line that tells it."""
        if self.fault is not None:
            return _line({"key": self.key, "error": self.fault.told()})
        return _line({"key": self.key, "cache": self.cache, "bytes": self.size})


@dataclass(slots=True)
class Tally:
    """What has been done of `keys` keys."""

    keys: int
    began: float = field(default_factory=time.monotonic)
    done: int = 0
    errors: int = 0
    size: int = 0
    cache: Counter[str] = field(default_factory=Counter)

    def add(self, result: Result) -> None:
        """Count a key."""
        self.done += 1
        self.size += result.size
        if result.fault is not None:
            self.errors += 1
        elif result.cache is not None:
            self.cache[result.cache] += 1

    def summary(self, reason: str | None) -> bytes:
        """Return the last line; `reason` says why not every key was tried."""
        return _line(
            {
                "summary": {
                    "keys": self.keys,
                    "done": self.done,
                    "errors": self.errors,
                    "left": self.keys - self.done,
                    "cache": dict(sorted(self.cache.items())),
                    "bytes": self.size,
                    "seconds": round(time.monotonic() - self.began, 3),
                    "complete": reason is None,
                    "reason": reason,
                }
            }
        )


class Prefetches:
    """Answers prefetches by `errands`.

    Every `beat` seconds something is said although nothing has ended, for clients and proxies give up on silence. A key
    that found no place is tried again after `pause` seconds.
    """

    def __init__(self, errands: Errands, *, beat: float = 5.0, pause: float = 1.0) -> None:
        self._errands = errands
        self._beat = beat
        self._pause = pause

    @property
    def page(self) -> Page:
        """The page of prefetches."""
        return Page(method="POST", operation="Prefetch", answer=self.answer, long=True)

    async def answer(self, asked: Asked) -> HttpResponse:
        """Answer with lines of JSON, one for each key as it is done, and the summary."""
        plan = plan_of(asked)
        keys = plan.keys if plan.manifest is None else await self._listed(asked, plan.manifest)
        if len(keys) > MAX_KEYS:
            raise InvalidRequest(
                f"A prefetch takes {MAX_KEYS:,} keys at most, and was given {len(keys):,}: send several."
            )
        return HttpResponse(200, Headers([("Content-Type", CONTENT_TYPE)]), self._told(asked, plan, keys))

    async def _listed(self, asked: Asked, manifest: Target) -> tuple[str, ...]:
        """Return the keys of a manifest, read as the caller."""
        async with self._errands.errand(asked.http, asked.caller, manifest) as answer:
            if (fault := Fault.of(answer)) is not None:
                raise InvalidRequest(f"The manifest cannot be read: {fault.code}: {fault.message}")
            body = bytearray()
            async for chunk in _chunks(answer):
                body += chunk
                if len(body) > MAX_BODY:
                    raise InvalidRequest(f"The manifest is longer than {MAX_BODY:,} bytes: use several.")
        return tuple(split(bytes(body)))

    async def _told(self, asked: Asked, plan: Plan, keys: tuple[str, ...]) -> AsyncGenerator[bytes]:
        loop = asyncio.get_running_loop()
        end, tally, rest = loop.time() + plan.deadline, Tally(len(keys)), iter(keys)
        results: asyncio.Queue[Result | None] = asyncio.Queue(plan.concurrency)
        workers = [
            loop.create_task(self._work(asked, plan, rest, results, end))
            for _ in range(min(plan.concurrency, len(keys)))
        ]
        working, reason = len(workers), None
        try:
            while working and reason is None:
                if loop.time() >= end:
                    reason = "deadline"
                    break
                try:
                    result = await asyncio.wait_for(results.get(), max(0.0, min(self._beat, end - loop.time())))
                except TimeoutError:
                    if loop.time() < end:
                        yield _line({"progress": {"done": tally.done, "keys": tally.keys}})
                    continue
                if result is None:
                    working -= 1
                    continue
                if result.fault is not None and result.fault.code == _STOPPED:
                    reason = "server stopping"
                    continue
                tally.add(result)
                yield result.line()
                if result.fault is None and result.cache is None:
                    reason = "not cached"
        finally:
            await _stop(workers)
        yield tally.summary(reason)

    async def _work(
        self, asked: Asked, plan: Plan, keys: Iterator[str], results: asyncio.Queue[Result | None], end: float
    ) -> None:
        for key in keys:
            await results.put(await self._one(asked, plan, key, end))
        await results.put(None)

    async def _one(self, asked: Asked, plan: Plan, key: str, end: float) -> Result:
        while True:
            result = await self._tried(asked, plan, key)
            if result.fault is None or result.fault.code not in _BUSY:
                return result
            if result.fault.retry_after > max(_SOON, end - asyncio.get_running_loop().time()):
                # A budget that is used up until after the deadline: to wait for it would only hide why nothing happens.
                return result
            # Whoever can wait does not insist.
            await asyncio.sleep(self._pause)

    async def _tried(self, asked: Asked, plan: Plan, key: str) -> Result:
        headers = {"Cache-Control": "no-cache"} if plan.refresh else {}
        target = Target(place=plan.place, key=key, arguments=plan.arguments, headers=headers)
        try:
            plan.place.address(key)
            async with self._errands.errand(asked.http, asked.caller, target, spare=True) as answer:
                if (fault := Fault.of(answer)) is not None:
                    return Result(key=key, fault=fault)
                return Result(key=key, cache=answer.headers.get(_CACHE), size=await _drained(answer))
        except ServiceUnavailable as error:
            return Result(key=key, fault=Fault(status=error.status, code=_STOPPED, message=error.message))
        except ServiceError as error:
            return Result(key=key, fault=Fault(status=error.status, code=error.code, message=error.message))
        except OSError as error:
            return Result(key=key, fault=Fault(status=500, code="InternalError", message=f"It broke off: {error}"))
        except Exception:  # noqa: BLE001  (one key must not keep the others from being told)
            _log.exception("the prefetch of %s failed", key)
            return Result(key=key, fault=Fault(status=500, code="InternalError", message="The log has the reason."))


async def _drained(answer: HttpResponse) -> int:
    """Read an answer to its end, which is what keeps it; returns its size in bytes."""
    if isinstance(answer.body, FileSlice):
        return answer.body.length
    if isinstance(answer.body, bytes):
        return len(answer.body)
    size = 0
    async for chunk in answer.body:
        size += len(chunk)
    return size


async def _chunks(answer: HttpResponse) -> AsyncIterator[bytes]:
    if isinstance(answer.body, bytes):
        yield answer.body
        return
    async for chunk in answer.body:
        yield chunk


async def _stop(workers: list[asyncio.Task[None]]) -> None:
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)


def _line(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
