"""Derived objects by native transforms: no function, no second connection, the bytes stay in this process.

An access point names the built-in function `objectlens-transform` and gives the pipeline, as JSON, for its payload.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, TypeVar

from objectlens import errors
from objectlens.arn import NATIVE_FUNCTION, Arn
from objectlens.cache import Head, Hopeless, Made
from objectlens.http import HttpRequest
from objectlens.metering import Tally, current
from objectlens.objectlambda import workers
from objectlens.objectlambda.refusals import refusal, transform_errors, worker_errors
from objectlens.objectlambda.stream import Processes, Stream
from objectlens.objectlambda.turns import Turns
from objectlens.objectlambda.workers import WorkerOverran, Workers
from objectlens.stores import Opened, Stat
from objectlens.streams import FileSlice
from objectlens.transforms import (
    Arguments,
    BadArgument,
    BadInput,
    BadPipeline,
    LimitExceeded,
    Program,
    Result,
    asked,
)
from objectlens.transforms.messages import memory_file
from objectlens.transforms.terms import Programs, Terms

ARGUMENTS_HEADER = "x-objectlens-args"

_SIGNED_HEADERS = re.compile(r"SignedHeaders=([^,\s]+)")
_PIECE = 8 * 1024 * 1024
# A result in a file that is not longer is handed on in memory.
_SMALL = 1024 * 1024
# What streams goes out in pieces: of so many bytes, or of what was made in so many seconds.
_ENOUGH, _LONG_ENOUGH = 256 * 1024, 0.01

_T = TypeVar("_T")
Facts = dict[str, str | None]


class SourceMoved(Exception):
    """The source is no more what it was when the request for it was made."""


def is_native(function_arn: str) -> bool:
    """Tell whether an ARN names the built-in function."""
    name = Arn.parse(function_arn).named("function")
    return name is not None and name.partition(":")[0] == NATIVE_FUNCTION


def check_signed(http: HttpRequest) -> None:
    """Demand of the header what S3 demands of its own: whoever has a presigned URL may not say more than its maker.

    The signature itself is verified already. Raises `AccessDenied` for a header that is not signed with the rest.
    """
    if ARGUMENTS_HEADER not in http.headers:
        return
    lists = [value for name, value in http.parameters() if name.lower() == "x-amz-signedheaders"]
    lists += _SIGNED_HEADERS.findall(http.headers.get("authorization") or "")
    if any(ARGUMENTS_HEADER not in one.lower().split(";") for one in lists):
        raise errors.AccessDenied(
            "There were headers present in the request which were not signed", HeadersNotSigned=ARGUMENTS_HEADER
        )


class Native:
    """Runs pipelines: in processes of their own; what streams in threads, a chunk at a time, but for members."""

    def __init__(self, terms: Terms | None = None, threads: int | None = None) -> None:
        terms = terms or Terms()
        self._workers = Workers(terms=terms)
        self._turns = Turns(len(os.sched_getaffinity(0)))
        cores = threads or os.cpu_count() or 1
        self._threads = ThreadPoolExecutor(cores, "transform")
        # These mostly wait for what the processes make of members.
        self._shards = ThreadPoolExecutor(4 * cores, "shard")
        self.compiled = Programs(terms)

    async def close(self) -> None:
        """Wait for the threads and processes to end."""
        await self._workers.close()
        for threads in (self._threads, self._shards):
            await asyncio.to_thread(threads.shutdown, cancel_futures=True)

    def program(self, payload: str | None) -> Program:
        """Return the compiled pipeline of a payload; raises `LambdaInvocationFailed` with what is wrong with it."""
        try:
            return self.compiled(payload or "")
        except BadPipeline as error:
            raise errors.LambdaInvocationFailed(f"The pipeline of this access point is not valid: {error}") from error

    def arguments(self, program: Program, http: HttpRequest) -> Arguments:
        """Return the checked arguments of a request; raises `InvalidArgument` that names the wrong one."""
        try:
            check_signed(http)
            return program.arguments(asked(http.parameters(), http.headers.get(ARGUMENTS_HEADER)))
        except BadArgument as error:
            raise errors.InvalidArgument(str(error), ArgumentName=", ".join(error.names)) from error

    async def make(self, program: Program, arguments: Arguments, opened: Opened) -> Made:
        """Run a program on an opened object, which it closes; raises what is wrong with the object."""
        with _under_way():
            made = await self._run(program, arguments, opened)
        system = () if made.content_type is None else (("Content-Type", made.content_type),)
        head = Head(system=system, metadata=tuple(made.metadata.items()))
        body = made.body
        if isinstance(body, FileSlice) and body.length <= _SMALL:
            body = _whole_file(body)  # it is in memory already
        if isinstance(body, bytes):
            return Made(head=head, body=body, length=len(body))
        if isinstance(body, FileSlice):
            return Made(head=head, body=aiter(body), length=body.length)
        return Made(head=head, body=self._stream(*body), length=None)

    async def _run(self, program: Program, arguments: Arguments, opened: Opened) -> _Whole:
        body = opened.body
        facts = _facts(opened.stat)
        if program.streams and program.streaming and isinstance(body, FileSlice):
            return await self._in_thread(program, arguments, _file_chunks, body, facts)
        if not isinstance(body, FileSlice):
            # A stream comes in on the event loop; what the program allows of it is gathered first.
            data = [chunk async for chunk in _bounded(body, program.context.limits.bytes)]
            if program.streams:
                return await self._in_thread(program, arguments, bytes, b"".join(data), facts)
            body = FileSlice(memory_file(data), 0, sum(map(len, data)))
        elif program.streams:
            return await self._in_thread(program, arguments, _whole_file, body, facts)
        with closing(body):
            return await self._work(program, arguments, body, facts)

    async def _in_thread(
        self, program: Program, arguments: Arguments, read: Callable[[Any], Any], body: Any, facts: Facts
    ) -> _Whole:
        apart = Processes(self._workers, asyncio.get_running_loop()) if program.parts else None
        stream = Stream(self._shards if program.parts else self._threads, apart)
        doing = {**facts, "apart": apart, "still": stream.still}
        result = await self._call(stream, partial(_transformed, program, read, body, arguments, doing))
        made = result.body if isinstance(result.body, bytes) else _Pieces(stream, result.body)
        return _Whole(made, result.content_type, result.metadata)

    async def _work(self, program: Program, arguments: Arguments, body: FileSlice, facts: Facts) -> _Whole:
        # What is too long is not even read.
        with transform_errors():
            program.context.limits.check("bytes", body.length, f"an object of {body.length:,} bytes")
        job = {
            "payload": program.text,
            "arguments": dict(arguments.given),
            "offset": body.offset,
            "length": body.length,
            **facts,
        }
        with worker_errors(program.context.limits):
            async with self._turns:
                made = await self._counted(program, job, body)
        if "error" in made.head:
            raise refusal(made.head["error"], made.head["message"])
        return _Whole(made.body, made.head["content_type"], made.head["metadata"])

    async def _counted(self, program: Program, job: Mapping[str, Any], body: FileSlice) -> workers.Made:
        """Have a job done and tell the meter what it took: by the process's own account, by ours when it has none."""
        tally, began = current.get(), time.perf_counter_ns()
        if tally is None:
            return await self._workers.run(job, body.fd)
        tally.transforms(program.digest[:12], body.length)
        try:
            made = await self._workers.run(job, body.fd)
        except BaseException as error:
            # Who is ended for it says no more what it took, but took all that it may.
            ran = program.context.limits.cpu_seconds if isinstance(error, WorkerOverran) else 0
            tally.took(time.perf_counter_ns() - began, round(ran * 1e9))
            tally.failed()
            raise
        tally.took(made.head["ns"], round(made.cpu_seconds * 1e9), made.head["peak_mb"])
        if "error" in made.head:
            tally.failed()
        return made

    async def _stream(self, stream: Stream, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
        try:
            with _under_way():
                ended = False
                while not ended:
                    piece, ended = await self._call(stream, partial(_piece, chunks))
                    if piece:
                        yield piece
        except errors.ServiceError as error:
            if (tally := current.get()) is not None:
                tally.failed()
            # The head is out: only a cut connection can still tell that the body is broken.
            lasts = isinstance(error, (errors.InvalidTransformInput, errors.TransformLimitExceeded))
            cut = Hopeless if lasts else ConnectionError
            raise cut(f"the transform failed in the middle: {error.message}") from error
        finally:
            await stream.close(chunks)

    async def _call(self, stream: Stream, work: Callable[[], _T]) -> _T:
        tally = current.get()
        timed = work if tally is None else partial(_timed, tally, work)
        with transform_errors():
            async with self._turns:
                return await stream.run(timed)


@dataclass(frozen=True, slots=True)
class _Whole:
    """A `Result` that may lie in a file."""

    body: bytes | FileSlice | _Pieces
    content_type: str | None
    metadata: Mapping[str, str]


class _Pieces(NamedTuple):
    """A body that is made while it is sent, and the stream that it is."""

    stream: Stream
    chunks: Iterator[bytes]


@contextmanager
def _under_way() -> Iterator[None]:
    """Keep the tally open: who asked for it may go before it is made."""
    tally = current.get()
    if tally is not None:
        tally.begin()
    try:
        yield
    finally:
        if tally is not None:
            tally.done()


def _timed(tally: Tally, work: Callable[[], _T]) -> _T:
    """Do some work in this thread and add what it took to a tally."""
    began, ran = time.perf_counter_ns(), time.thread_time_ns()
    token = current.set(tally)
    try:
        return work()
    finally:
        current.reset(token)
        tally.took(time.perf_counter_ns() - began, time.thread_time_ns() - ran)


def _transformed(
    program: Program, read: Callable[[Any], Any], body: Any, arguments: Arguments, doing: Mapping[str, Any]
) -> Result:
    """Run a program on what is read of a body: an invocation, as far as the meter is concerned."""
    if (tally := current.get()) is not None:
        tally.transforms(program.digest[:12], body.length if isinstance(body, FileSlice) else len(body))
    try:
        result = program.run(read(body), arguments, **doing)
        return result if isinstance(result.body, bytes) else _begun(result)
    except BaseException:
        if tally is not None:
            tally.failed()
        raise


def _begun(result: Result) -> Result:
    """Make the first piece of a stream before anything is promised: what is wrong mostly shows there."""
    chunks = result.chunks
    first, ended = _piece(chunks)
    return replace(result, body=first if ended else _continued(first, chunks))


def _continued(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _piece(chunks: Iterator[bytes]) -> tuple[bytes, bool]:
    """Return what comes next of a stream, and whether that was all."""
    parts: list[bytes] = []
    size, until = 0, time.perf_counter() + _LONG_ENOUGH
    for chunk in chunks:
        if not chunk:
            # That came to nothing: its time goes on.
            continue
        parts.append(chunk)
        size += len(chunk)
        if size >= _ENOUGH or time.perf_counter() >= until:
            return b"".join(parts), False
    return b"".join(parts), True


def _facts(stat: Stat) -> Facts:
    return {"key": stat.key, "content_type": stat.attributes.headers.get("Content-Type")}


def _whole_file(body: FileSlice) -> bytes:
    try:
        return b"".join(_pieces(body))
    finally:
        body.close()


def _file_chunks(body: FileSlice) -> Iterator[bytes]:
    try:
        yield from _pieces(body)
    finally:
        body.close()


def _pieces(body: FileSlice) -> Iterator[bytes]:
    position, end = body.offset, body.offset + body.length
    while position < end:
        chunk = os.pread(body.fd, min(end - position, _PIECE), position)
        if not chunk:
            raise BadInput("the object became shorter while it was read")
        position += len(chunk)
        yield chunk


async def _bounded(body: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in body:
        size += len(chunk)
        if size > limit:
            raise errors.TransformLimitExceeded(
                str(LimitExceeded("bytes", f"an object of {size:,} bytes or more", limit))
            )
        yield chunk
