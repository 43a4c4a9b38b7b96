"""The processes in which native transforms run: as many as there are cores, started when the first job comes.

When each of them has had one job for seconds while others wait, another process helps out, and ends when it is idle: up
to as many once more, for jobs that hang are ended only after a minute.

All of them take jobs from one socket, so that none waits for the server to give it the next one, and tell in memory
that is shared which job they have. One that ends in the middle of a job, or takes too long for it, costs that job
alone.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from math import inf
from typing import Any

from objectlens.objectlambda.yielding import Yielding
from objectlens.streams import FileSlice
from objectlens.transforms.edition import edition
from objectlens.transforms.messages import Message, receive, send
from objectlens.transforms.terms import Terms
from objectlens.transforms.worker import OTHER_CODE, PLACE_BYTES, STARTING

_OTHER_CODE_SAID = "the code of objectlens that is installed is not the one that this server runs; restart the server"
_LOGGER = logging.getLogger(__name__)

SECONDS = 60.0
END_SECONDS = 5.0
PAUSE_SECONDS = 0.5
# How long every process may have the same job while others wait, and an additional one may have none.
BUSY_SECONDS = 3.0
IDLE_SECONDS = 10.0
# How long until another is tried where one could not even begin.
AGAIN_SECONDS = 5.0
# How long a job goes on that nobody waits for any more.
GRACE_SECONDS = 2.0
# Jobs that lie in the socket for each process; the others wait here, where they can still be taken back.
AHEAD = 4


class WorkerEnded(Exception):
    """The process ended in the middle of the job; the message says how."""


class WorkerCrashed(WorkerEnded):
    """A library brought the process down."""


class WorkerOverran(WorkerEnded):
    """The job took more processor time than it may."""


class NoWorker(Exception):
    """No process can be started; the message says why."""


class WorkerTimeout(Exception):
    """The job took too long, and its process was ended."""


# Signals that tell more than that it is gone. Whoever kills a process from outside sends others.
_CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT)
_ENDS: Mapping[int, type[WorkerEnded]] = {signal.SIGPROF: WorkerOverran, **dict.fromkeys(_CRASHES, WorkerCrashed)}


@dataclass(frozen=True, slots=True)
class Made:
    """What a job came to: what the worker says of it, its bytes, and the seconds of processor time that it took."""

    head: Mapping[str, Any]
    body: bytes | FileSlice
    cpu_seconds: float


@dataclass(slots=True, eq=False)
class _Job:
    number: int
    head: Mapping[str, Any]
    file: int
    done: asyncio.Future[Made]
    deadline: asyncio.TimerHandle | None = None
    # When it would have been begun if it were still in the socket.
    lost: float = inf


class Workers:
    """Does jobs in the order in which they come. `seconds` is how long one may take from when it was handed out."""

    def __init__(self, count: int | None = None, seconds: float = SECONDS, terms: Terms | None = None) -> None:
        self._count = count or len(os.sched_getaffinity(0))
        self._seconds = seconds
        self._terms = terms or Terms()
        # That of the code which runs: what is on disk may be another one when a process is started.
        self._edition = edition()
        self._numbers = 0
        self._waiting: deque[_Job] = deque()
        self._out: dict[int, _Job] = {}
        self._crew: _Crew | None = None
        self._yielding = Yielding(self._count)
        self._looking: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def count(self) -> int:
        """How many jobs are done side by side."""
        return self._count

    async def run(self, head: Mapping[str, Any], file: int) -> Made:
        """Do a job on an open file, which stays the caller's; raises `WorkerEnded`, `WorkerTimeout` or `NoWorker`.

        Who is cancelled gives the job up: unless it ends soon, its process is ended.
        """
        if self._closed:
            raise WorkerEnded("the server is shutting down")
        self._numbers += 1
        job = _Job(self._numbers, head, file, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._hand_out()
        try:
            return await job.done
        except asyncio.CancelledError:
            if job in self._waiting:
                self._waiting.remove(job)
            elif job.number in self._out:
                # To let it come to its end is cheaper than another process, unless it takes long.
                self._call_later(job, GRACE_SECONDS)
            raise

    async def close(self) -> None:
        """End the processes; jobs that are not done fail."""
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()
        for job in [*self._waiting, *self._out.values()]:
            job.done.cancel()
        self._yielding.close()
        if self._crew is not None:
            await self._crew.close()

    def _hand_out(self) -> None:
        if self._crew is None:
            tell = _Tell(self._answered, self._ended, self._unable, self._yielding.pause)
            self._crew = _Crew(self._count, (str(self._terms), self._edition), tell)
        while self._waiting and len(self._out) < self._count * AHEAD:
            job = self._waiting.popleft()
            if job.done.done():
                continue
            if not self._crew.give(job.number, job.head, job.file):
                self._waiting.appendleft(job)
                break
            self._out[job.number] = job
            if job.deadline is None:
                self._call_later(job, self._seconds)
                job.lost = asyncio.get_running_loop().time() + (AHEAD + 1) * self._seconds
        self._yielding.out(len(self._out))
        if self._out and self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(BUSY_SECONDS, self._look)

    def _look(self) -> None:
        """See whether jobs wait because others hang."""
        self._looking = None
        if self._crew is not None and self._crew.relieve({*self._out, *(job.number for job in self._waiting)}):
            self._looking = asyncio.get_running_loop().call_later(BUSY_SECONDS, self._look)

    def _answered(self, message: Message) -> None:
        job = self._take(message.head.get("job", 0))
        body = _body(message)
        self._yielding.took(message.head.get("ns", 0) / 1e9)
        if job is not None and not job.done.done():
            job.done.set_result(Made(message.head, body, message.head.get("cpu_ns", 0) / 1e9))
        self._hand_out()

    def _ended(self, number: int, how: WorkerEnded) -> None:
        """Take note that a process has ended, in the middle of a job if there is a number."""
        if (job := self._take(number)) is not None and not job.done.done():
            job.done.set_exception(how)
        # It may have taken another out of the socket without having said so. One that is done twice does no harm.
        for left in reversed(list(self._out.values())):
            if self._crew is not None and not self._crew.has(left.number) and not left.done.done():
                self._waiting.appendleft(self._out.pop(left.number))
        self._hand_out()

    def _unable(self, why: str) -> None:
        """Fail all jobs: there is no process, and none can be started."""
        for job in [*self._waiting, *self._out.values()]:
            self._take(job.number)
            if not job.done.done():
                job.done.set_exception(NoWorker(why))
        self._waiting.clear()
        self._yielding.out(0)

    def _expire(self, job: _Job) -> None:
        if not job.done.done():
            job.done.set_exception(WorkerTimeout())
        if self._closed or self._crew is None or self._crew.end_job(job.number):
            return
        # Nobody has begun it: who finds it in the socket does it for nothing, and not for long.
        if asyncio.get_running_loop().time() < job.lost:
            self._call_later(job, GRACE_SECONDS)
        else:
            self._take(job.number)
            self._yielding.out(len(self._out))

    def _call_later(self, job: _Job, seconds: float) -> None:
        if job.deadline is not None:
            job.deadline.cancel()
        job.deadline = asyncio.get_running_loop().call_later(seconds, self._expire, job)

    def _take(self, number: int) -> _Job | None:
        job = self._out.pop(number, None)
        if job is not None and job.deadline is not None:
            job.deadline.cancel()
        return job


@dataclass(frozen=True, slots=True)
class _Tell:
    """What a crew calls: `ended` with the job that a process had when it ended (or 0), and how.

    `unable` is told why there is no process when none can be started. `pause` tells for how many seconds answers may
    lie in the socket.
    """

    answered: Callable[[Message], None]
    ended: Callable[[int, WorkerEnded], None]
    unable: Callable[[str], None]
    pause: Callable[[], float]


class _Crew:
    """The processes, which are given `facts` besides their place, and the socket."""

    def __init__(self, count: int, facts: tuple[str, ...], tell: _Tell) -> None:
        self._facts, self._tell, self._why = facts, tell, ""
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.setblocking(False)
        self._board = os.memfd_create("objectlens-jobs", os.MFD_CLOEXEC)
        # Behind the places of those that are always there are those of additional ones.
        self._count = count
        os.ftruncate(self._board, 2 * count * PLACE_BYTES)
        self._map = mmap.mmap(self._board, 2 * count * PLACE_BYTES)
        self._places = memoryview(self._map).cast("Q")
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._ours, self._readable)
        self._processes: dict[int, tuple[subprocess.Popen[bytes], int]] = {}
        self._before: dict[int, int] = {}
        self._closed = False
        for place in range(count):
            self._start(place)

    def give(self, number: int, head: Mapping[str, Any], file: int) -> bool:
        """Put a job where the next free process finds it; returns False when there is no room.

        A socket takes about 200 KB (unix(7)). What lies in it is taken out, and answered, before long.
        """
        try:
            send(self._ours, {"job": number, **head}, files=[file])
        except BlockingIOError:
            return False
        return True

    def has(self, number: int) -> bool:
        """Tell whether a process has said that it has this job."""
        return number in self._places.tolist()

    def relieve(self, jobs: Set[int]) -> bool:
        """Look for processes that have the job that they had at the last call; returns whether any has one.

        One whose job is none of these, which was given out twice, is ended. If all others are like that, and there are
        more jobs, an additional one is started.
        """
        now = {place: self._places[place] for place in self._processes}
        had, self._before = self._before, now
        same = {place for place, number in now.items() if number not in (0, STARTING) and number == had.get(place)}
        lost = {place for place in same if now[place] not in jobs}
        for place in lost:
            self._processes[place][0].kill()
        free = [place for place in range(self._count, 2 * self._count) if place not in now]
        if not lost and len(same) == len(now) < len(jobs) and free:
            self._start(free[0])
        return bool(jobs) or any(now.values())

    def end_job(self, number: int) -> bool:
        """End the process that has this job; returns whether one has."""
        for place, (process, _) in self._processes.items():
            if self._places[place] == number:
                process.kill()
                return True
        return False

    async def close(self) -> None:
        """End the processes: they see that nobody is at the other end any more."""
        self._closed = True
        self._loop.remove_reader(self._ours)
        self._ours.close()
        self._theirs.close()
        ending = [self._end(place) for place in list(self._processes)]
        await asyncio.gather(*ending)
        self._places.release()
        self._map.close()
        os.close(self._board)

    async def _end(self, place: int) -> None:
        process, pidfd = self._processes.pop(place)
        self._loop.remove_reader(pidfd)
        os.close(pidfd)
        try:
            await asyncio.to_thread(process.wait, END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)

    def _start(self, place: int) -> None:
        files = (self._theirs.fileno(), self._board)
        self._places[place] = STARTING
        command = [sys.executable, "-P", "-m", "objectlens.transforms.worker"]
        arguments = [*map(str, files), str(place), str(os.getpid()), *self._facts]
        if place >= self._count:
            arguments.append(str(IDLE_SECONDS))
        # On this thread, which lives as long as the server: the kernel ends the process with it (prctl(2)).
        try:
            process = subprocess.Popen(
                [*command, *arguments], pass_fds=files, stdin=subprocess.DEVNULL, env=_environment(), close_fds=True
            )
        except OSError as error:
            self._failed(place, f"{sys.executable}: {error.strerror}")
            return
        pidfd = os.pidfd_open(process.pid)
        self._processes[place] = (process, pidfd)
        self._loop.add_reader(pidfd, self._died, place)

    def _died(self, place: int) -> None:
        process, pidfd = self._processes.pop(place)
        self._loop.remove_reader(pidfd)
        os.close(pidfd)
        code = process.wait()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"status {code}"
        number, self._places[place] = self._places[place], 0
        if number == STARTING:
            number = 0
            if code > 0:
                self._failed(place, _OTHER_CODE_SAID if code == OTHER_CODE else f"it ends by {how} when it is started")
                return
        # By status 0 one ends that has grown too large.
        if code or number:
            _LOGGER.warning("a process for transforms ended by %s%s", how, " in the middle of a job" if number else "")
        # What it had sent before lies in the socket.
        self._receive()
        if place < self._count:
            # At once after a job that brought it down; one that ends without having one would do so again and again.
            self._loop.call_later(0 if number else PAUSE_SECONDS, self._restart, place)
        # One that ended by itself between two jobs has taken nothing along.
        if code or number:
            self._tell.ended(number, _ENDS.get(-code, WorkerEnded)(how))

    def _failed(self, place: int, why: str) -> None:
        """Try again later; jobs fail at once when there is no other process."""
        if why != self._why:
            self._why = why
            _LOGGER.error("a process for transforms cannot be started: %s", why)
        if place < self._count:
            self._loop.call_later(AGAIN_SECONDS, self._restart, place)
        self._loop.call_soon(self._tell_unable)

    def _tell_unable(self) -> None:
        if not self._processes and not self._closed:
            self._tell.unable(self._why)

    def _restart(self, place: int) -> None:
        if not self._closed:
            self._start(place)

    def _readable(self) -> None:
        if seconds := self._tell.pause():
            self._loop.remove_reader(self._ours)
            self._loop.call_later(seconds, self._go_on)
        else:
            self._receive()

    def _go_on(self) -> None:
        if not self._closed:
            self._receive()
            self._loop.add_reader(self._ours, self._readable)

    def _receive(self) -> None:
        while True:
            try:
                message = receive(self._ours)
            except BlockingIOError:
                return
            self._tell.answered(message)


def _body(message: Message) -> bytes | FileSlice:
    if not message.files:
        return message.body
    for more in message.files[1:]:
        os.close(more)
    return FileSlice(message.files[0], 0, os.fstat(message.files[0]).st_size)


def _environment() -> dict[str, str]:
    """Return the server's environment without its secrets: hostile files are decoded there."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OBJECTLENS_"))}
