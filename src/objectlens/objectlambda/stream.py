"""A stream in the making: its pieces come from threads, one at a time, and the members of archives from processes."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from math import inf
from typing import Any, TypeVar

from objectlens import errors
from objectlens.metering import Tally, current
from objectlens.objectlambda.refusals import refusal, worker_errors
from objectlens.objectlambda.workers import SECONDS, Made, WorkerOverran, Workers
from objectlens.streams import CHUNK, FileSlice
from objectlens.transforms import Limits
from objectlens.transforms.context import Members
from objectlens.transforms.messages import memory_file, read_file

_T = TypeVar("_T")


class Abandoned(Exception):
    """Nobody waits for the stream any more."""


class Stream:
    """Runs the pieces of a stream in `threads`; each of them must come to something within `seconds`.

    A thread cannot be ended from outside. So what runs in it asks again and again, by `still`, whether it may go on;
    what it waits for of `apart` is given up.
    """

    def __init__(self, threads: ThreadPoolExecutor, apart: Processes | None = None, seconds: float = SECONDS) -> None:
        self._threads = threads
        self._apart = apart
        self._seconds = seconds
        self._until = inf
        self._abandoned = False
        self._one = threading.Lock()

    def still(self) -> None:
        """Return when the stream may go on; raises `LambdaTimeout` or `Abandoned`."""
        if self._abandoned:
            raise Abandoned
        if time.monotonic() > self._until:
            raise errors.LambdaTimeout(
                f"The transform read on for {self._seconds:g} seconds without coming to anything."
            )

    async def run(self, work: Callable[[], _T]) -> _T:
        """Do some work of the stream in a thread; one that is not waited for any more is told to end."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, work)
        except asyncio.CancelledError:
            self._abandoned = True
            if self._apart is not None:
                self._apart.give_up()
            raise

    async def close(self, chunks: Iterator[bytes]) -> None:
        """Close the iterator of the pieces, once no thread is in it."""
        close = getattr(chunks, "close", None)
        if close is not None:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._closed, close)

    def _run(self, work: Callable[[], _T]) -> _T:
        with self._one:
            self._until = time.monotonic() + self._seconds
            return work()

    def _closed(self, close: Callable[[], None]) -> None:
        with self._one:
            close()


class Processes:
    """Where the members of one stream are made: see `Apart`."""

    def __init__(self, workers: Workers, loop: asyncio.AbstractEventLoop) -> None:
        self._workers = workers
        self._loop = loop
        self._begun: set[Future[Made]] = set()
        self._over = False

    @property
    def places(self) -> int:
        """As many as there are processes: one reader can have them all."""
        return self._workers.count

    def begin(self, pipeline: str, limits: Limits, pieces: Iterable[bytes], *, key: str, members: Members) -> Making:
        """Have a pipeline run on one member; raises `Abandoned`."""
        if self._over:
            raise Abandoned
        # None of it stays in this process.
        opened = memory_file(pieces)
        file = FileSlice(opened, 0, os.fstat(opened).st_size)
        head = {
            "payload": pipeline,
            "limits": asdict(limits),
            "arguments": {},
            "offset": 0,
            "length": file.length,
            "key": key,
            "content_type": None,
            "members": members.count,
        }
        made = asyncio.run_coroutine_threadsafe(_made(self._workers, head, file), self._loop)
        self._begun.add(made)
        made.add_done_callback(self._begun.discard)
        return Making(made, key, limits, members, current.get())

    def give_up(self) -> None:
        """Let nobody wait any more."""
        self._over = True
        for one in list(self._begun):
            one.cancel()


async def _made(workers: Workers, head: dict[str, Any], file: FileSlice) -> Made:
    with closing(file):
        return await workers.run(head, file.fd)


def _pieces(body: FileSlice) -> Iterator[bytes]:
    with closing(body):
        for at in range(0, body.length, CHUNK):
            yield read_file(body.fd, body.offset + at, min(CHUNK, body.length - at))


@dataclass(frozen=True, slots=True)
class Making:
    """A member in the making."""

    made: Future[Made]
    key: str
    limits: Limits
    members: Members
    tally: Tally | None

    def result(self) -> tuple[int, Iterator[bytes]]:
        """Wait for what it comes to, its length and its pieces, for which processes have a deadline.

        Raises what the caller is to see.
        """
        member = f"member {self.key!r}: "
        with worker_errors(self.limits, member):
            try:
                made = self.made.result()
            except WorkerOverran:
                if self.tally is not None:
                    self.tally.took(0, round(self.limits.cpu_seconds * 1e9))
                raise
        head, body = made.head, made.body
        # The time is that of the thread that waits.
        if self.tally is not None:
            self.tally.took(0, round(made.cpu_seconds * 1e9), head["peak_mb"])
        if "error" in head:
            raise refusal(head["error"], f"{member}{head['message']}")
        self.members.count += head["members"]
        if isinstance(body, bytes):
            return len(body), iter((body,))
        return body.length, _pieces(body)

    def cancel(self) -> bool:
        """Say that nobody waits for it any more."""
        return self.made.cancel()
