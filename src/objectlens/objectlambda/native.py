"""GetObject and HeadObject by a native transform: no function, no second connection, the bytes stay in this process.

An access point names the built-in function `objectlens-transform` and gives the pipeline, as JSON, for its payload.
What follows from a pipeline's being known is done here: ETag, Last-Modified, conditions, and ranges of the result.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any, TypeVar

from objectlens import errors
from objectlens.arn import NATIVE_FUNCTION, Arn
from objectlens.http import Headers, HttpRequest, HttpResponse
from objectlens.metering import Tally, current
from objectlens.s3.dates import http_date
from objectlens.s3.headers import encode_value
from objectlens.s3.preconditions import ReadConditions
from objectlens.s3.ranges import content_range, parse_range
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
    compile_pipeline,
    parse_header,
)
from objectlens.transforms.process import quiet_codecs

ARGUMENTS_HEADER = "x-objectlens-args"

# Query parameters that are S3's own; every other one is an argument of the pipeline.
_OF_S3 = frozenset({"versionid", "partnumber", "range", "x-id"})
_PREFIXES_OF_S3 = ("x-amz-", "response-")
_END = object()
_PIECE = 8 * 1024 * 1024

_T = TypeVar("_T")


def is_native(function_arn: str) -> bool:
    """Tell whether an ARN names the built-in function."""
    name = Arn.parse(function_arn).named("function")
    return name is not None and name.partition(":")[0] == NATIVE_FUNCTION


def asked_arguments(http: HttpRequest) -> Mapping[str, str]:
    """Return the arguments of a request: those of the header `x-objectlens-args`, and of the query.

    Raises `InvalidArgument` for a name given twice.
    """
    header = http.headers.get(ARGUMENTS_HEADER)
    found = {} if header is None else parse_header(header)
    for name, value in http.parameters():
        lower = name.lower()
        if lower in _OF_S3 or lower.startswith(_PREFIXES_OF_S3):
            continue
        if name in found:
            raise errors.InvalidArgument(f"The argument {name!r} is given twice.", ArgumentName=name)
        found[name] = value
    return found


class Native:
    """Runs pipelines in threads of its own: the codecs let go of Python's lock."""

    def __init__(self, threads: int | None = None) -> None:
        # Pictures run side by side, each on one core; the first one loads the codec, and not the start of the service.
        self._threads = ThreadPoolExecutor(threads or os.cpu_count() or 1, "transform", initializer=quiet_codecs)
        self._compiled: Callable[[str], Program] = lru_cache(maxsize=256)(compile_pipeline)

    async def close(self) -> None:
        """Wait for the threads to end."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    def program(self, payload: str | None) -> Program:
        """Return the compiled pipeline of a payload; raises `LambdaInvocationFailed` with what is wrong with it."""
        try:
            return self._compiled(payload or "")
        except BadPipeline as error:
            raise errors.LambdaInvocationFailed(f"The pipeline of this access point is not valid: {error}") from error

    def arguments(self, program: Program, http: HttpRequest) -> Arguments:
        """Return the checked arguments of a request; raises `InvalidArgument` that names the wrong one."""
        try:
            return program.arguments(asked_arguments(http))
        except BadArgument as error:
            raise errors.InvalidArgument(str(error), ArgumentName=", ".join(error.names)) from error

    async def respond(
        self, program: Program, arguments: Arguments, opened: Opened, http: HttpRequest, *, ranged: bool
    ) -> HttpResponse:
        """Run a program on an opened object and answer with what it makes of it; `ranged` allows `Range`.

        The answer's ETag stands for source, program and arguments together, so conditions are decided without running
        anything. Raises `NotModified`, `PreconditionFailed`, `InvalidRange`, and what is wrong with the object.
        """
        try:
            tag = _checked_etag(opened.stat, program, arguments, http)
        except errors.ServiceError:
            await _discard(opened)
            raise
        result = await self._run(program, arguments, opened)
        return self._answer(result, opened.stat, tag, http, ranged=ranged)

    async def open_and_respond(
        self,
        program: Program,
        arguments: Arguments,
        open_here: Callable[[], Opened],
        http: HttpRequest,
        *,
        ranged: bool,
    ) -> HttpResponse | None:
        """Do all of it in one thread, opening included: what a hop costs is a tenth of a small picture.

        Returns None for an object with tags: policies may ask for those, so whoever calls must look at them first.
        Raises what `respond` and `open_here` raise.
        """

        def work() -> HttpResponse | None:
            opened = open_here()
            body = opened.body
            assert isinstance(body, FileSlice)
            try:
                if opened.stat.attributes.tags:
                    return None
                tag = _checked_etag(opened.stat, program, arguments, http)
                result = _transformed(program, _whole_file, body, arguments, opened.stat)
                return self._answer(result, opened.stat, tag, http, ranged=ranged)
            finally:
                body.close()

        return await self._call(work)

    def _answer(self, result: Result, stat: Stat, tag: str, http: HttpRequest, *, ranged: bool) -> HttpResponse:
        headers = [("ETag", f'"{tag}"'), ("Last-Modified", http_date(stat.modified))]
        if result.content_type is not None:
            headers.append(("Content-Type", result.content_type))
        headers += [(f"x-amz-meta-{name}", encode_value(value)) for name, value in result.metadata.items()]
        if not isinstance(result.body, bytes):
            return HttpResponse(200, Headers(headers), self._stream(result.body))
        wanted = parse_range(http.headers.get("range")) if ranged else None
        if wanted is None:
            return HttpResponse(200, Headers(headers), result.body)
        start, end = wanted.span(len(result.body))
        headers.append(("Content-Range", content_range(start, end, len(result.body))))
        return HttpResponse(206, Headers(headers), result.body[start:end])

    async def _run(self, program: Program, arguments: Arguments, opened: Opened) -> Result:
        body: Any = opened.body
        source: Any = _whole_file if not program.streaming else _file_chunks
        if not isinstance(body, FileSlice):
            # A stream comes in on the event loop; what the program allows of it is gathered first.
            body = b"".join([chunk async for chunk in _bounded(body, program.context.limits.bytes)])
            source = bytes
        # One hop: the thread that transforms reads the file as well.
        return await self._call(partial(_transformed, program, source, body, arguments, opened.stat))

    async def _stream(self, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
        try:
            while True:
                chunk = await self._call(partial(next, chunks, _END))
                if chunk is _END:
                    return
                yield chunk
        except errors.ServiceError as error:
            if (tally := current.get()) is not None:
                tally.failed()
            # The head is out: only a cut connection can still tell that the body is broken.
            raise ConnectionError(f"the transform failed in the middle: {error.message}") from error
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                await asyncio.get_running_loop().run_in_executor(self._threads, close)

    async def _call(self, work: Callable[[], _T]) -> _T:
        tally = current.get()
        timed = work if tally is None else partial(_timed, tally, work)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, timed)
        except LimitExceeded as error:
            raise errors.TransformLimitExceeded(str(error)) from error
        except BadInput as error:
            raise errors.InvalidTransformInput(str(error)) from error
        except BadPipeline as error:
            raise errors.LambdaInvocationFailed(str(error)) from error


def etag(stat: Stat, program: Program, arguments: Arguments) -> str:
    """Return the ETag of a result: the same source, program and arguments always give the same bytes."""
    text = f"{stat.etag}\n{stat.size}\n{program.digest}\n{arguments.canonical}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _checked_etag(stat: Stat, program: Program, arguments: Arguments, http: HttpRequest) -> str:
    tag = etag(stat, program, arguments)
    ReadConditions.parse(http.headers).check(tag, stat.modified)
    return tag


def _timed(tally: Tally, work: Callable[[], _T]) -> _T:
    """Do some work in this thread and add what it took to a tally."""
    began, ran = time.perf_counter_ns(), time.thread_time_ns()
    token = current.set(tally)
    try:
        return work()
    finally:
        current.reset(token)
        tally.duration_ns += time.perf_counter_ns() - began
        tally.cpu_ns += time.thread_time_ns() - ran


def _transformed(program: Program, read: Callable[[Any], Any], body: Any, arguments: Arguments, stat: Stat) -> Result:
    """Run a program on what is read of a body: an invocation, as far as the meter is concerned."""
    if (tally := current.get()) is not None:
        tally.transforms(program.digest[:12], body.length if isinstance(body, FileSlice) else len(body))
    try:
        return program.run(read(body), arguments, **_facts(stat))
    except BaseException:
        if tally is not None:
            tally.failed()
        raise


def _facts(stat: Stat) -> dict[str, str | None]:
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


async def _discard(opened: Opened) -> None:
    if isinstance(opened.body, FileSlice):
        opened.body.close()
    elif (close := getattr(opened.body, "aclose", None)) is not None:
        await close()
