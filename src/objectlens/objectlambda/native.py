"""Derived objects by native transforms: no function, no second connection, the bytes stay in this process.

An access point names the built-in function `objectlens-transform` and gives the pipeline, as JSON, for its payload.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any, TypeVar

from objectlens import errors
from objectlens.arn import NATIVE_FUNCTION, Arn
from objectlens.cache import Head, Made
from objectlens.http import HttpRequest
from objectlens.objects.reading import discard
from objectlens.stores import Opened, Stat, state_of
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

# Query parameters that are S3's own; every other one is an argument.
_OF_S3 = frozenset({"versionid", "partnumber", "range", "x-id"})
_PREFIXES_OF_S3 = ("x-amz-", "x-objectlens-", "response-")
_END = object()
_PIECE = 8 * 1024 * 1024

_T = TypeVar("_T")


class SourceMoved(Exception):
    """The source is no more what it was when the request for it was made."""


def is_native(function_arn: str) -> bool:
    """Tell whether an ARN names the built-in function."""
    name = Arn.parse(function_arn).named("function")
    return name is not None and name.partition(":")[0] == NATIVE_FUNCTION


def is_of_s3(parameter: str) -> bool:
    """Tell whether a query parameter is S3's or ours, and no argument."""
    lower = parameter.lower()
    return lower in _OF_S3 or lower.startswith(_PREFIXES_OF_S3)


def asked_arguments(http: HttpRequest) -> Mapping[str, str]:
    """Return the arguments of a request: those of the header `x-objectlens-args`, and of the query.

    Raises `InvalidArgument` for a name given twice.
    """
    header = http.headers.get(ARGUMENTS_HEADER)
    found = {} if header is None else parse_header(header)
    for name, value in http.parameters():
        if is_of_s3(name):
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

    async def make(
        self, program: Program, arguments: Arguments, source: Opened | Callable[[], Opened], state: str
    ) -> Made:
        """Run a program on an object in the state that is meant, opened or by what opens it in the thread that runs.

        One thread does all of it then: what a hop costs is a tenth of a small picture. Raises `SourceMoved` for another
        state, what opening raises, and what is wrong with the object.
        """
        if isinstance(source, Opened):
            return self._made(await self._run(program, arguments, await _in_state(source, state)))

        def work() -> Result:
            opened = source()
            body = opened.body
            assert isinstance(body, FileSlice)
            try:
                if state_of(opened.stat) != state:
                    raise SourceMoved
                return program.run(_whole_file(body), arguments, **_facts(opened.stat))
            finally:
                body.close()

        return self._made(await self._call(work))

    def _made(self, result: Result) -> Made:
        system = () if result.content_type is None else (("Content-Type", result.content_type),)
        head = Head(system=system, metadata=tuple(result.metadata.items()))
        if isinstance(result.body, bytes):
            return Made(head=head, body=result.body, length=len(result.body))
        return Made(head=head, body=self._stream(result.body), length=None)

    async def _run(self, program: Program, arguments: Arguments, opened: Opened) -> Result:
        body = opened.body
        facts = _facts(opened.stat)
        if isinstance(body, FileSlice):
            # One hop: the thread that transforms reads the file as well.
            source: Any = _whole_file if not program.streaming else _file_chunks
            return await self._call(lambda: program.run(source(body), arguments, **facts))
        # A stream comes in on the event loop; what the program allows of it is gathered first.
        data = b"".join([chunk async for chunk in _bounded(body, program.context.limits.bytes)])
        return await self._call(partial(program.run, data, arguments, **facts))

    async def _stream(self, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
        try:
            while True:
                chunk = await self._call(partial(next, chunks, _END))
                if chunk is _END:
                    return
                yield chunk
        except errors.ServiceError as error:
            # The head is out: only a cut connection can still tell that the body is broken.
            raise ConnectionError(f"the transform failed in the middle: {error.message}") from error
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                await asyncio.get_running_loop().run_in_executor(self._threads, close)

    async def _call(self, work: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except LimitExceeded as error:
            raise errors.TransformLimitExceeded(str(error)) from error
        except BadInput as error:
            raise errors.InvalidTransformInput(str(error)) from error
        except BadPipeline as error:
            raise errors.LambdaInvocationFailed(str(error)) from error


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


async def _in_state(opened: Opened, state: str) -> Opened:
    if state_of(opened.stat) == state:
        return opened
    await discard(opened.body)
    raise SourceMoved
