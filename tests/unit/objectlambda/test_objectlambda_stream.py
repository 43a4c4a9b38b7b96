"""Streams that native transforms make: members in real processes, and threads that come back."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import os
import signal
import tarfile
import threading
import zlib
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

from objectlens import errors
from objectlens.objectlambda.stream import Abandoned, Processes, Stream
from objectlens.objectlambda.workers import Workers
from objectlens.transforms import BadInput, Result, compile_pipeline
from objectlens.transforms.worker import STARTING
from support.tars import tar

PICTURE = cv2.imencode(".png", np.random.default_rng(2).integers(0, 255, (900, 1200, 3), np.uint8))[1].tobytes()
SMALL = {"pipeline": ["image.grayscale", {"image.encode": {"format": "png"}}]}
# Many seconds of work.
LONG = {"pipeline": ["image.decode", *[{"image.blur": {"sigma": 100.0}}] * 60, "image.encode"]}


def shard_program(pipelines: dict[str, Any], **limits: int) -> Any:
    steps = [{"archive.webdataset": {"pipelines": pipelines}}]
    return compile_pipeline(json.dumps({"pipeline": steps, "limits": limits}))


def with_workers(main: Callable[[Workers, Processes], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def whole() -> None:
        workers = Workers(**options)
        try:
            await main(workers, Processes(workers, asyncio.get_running_loop()))
        finally:
            await workers.close()

    asyncio.run(whole())


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(3000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to that")


def test_members_are_made_in_processes_in_their_order() -> None:
    members = {f"{number:02}.png": PICTURE for number in range(5)}
    data = tar({"a.txt": b"one", **members, "b.txt": b"two", "c.tar": tar({"in.txt": b"three"})})
    nested = {"pipeline": [{"archive.member": {"name": "in.txt"}}]}
    program = shard_program({"png": SMALL, "tar": nested})

    async def main(workers: Workers, processes: Processes) -> None:
        made = await asyncio.to_thread(lambda: bytes(program.run(iter((data,)), apart=processes)))
        assert made == bytes(program.run(data))
        assert not workers._out
        with tarfile.open(fileobj=io.BytesIO(made)) as archive:
            assert archive.getnames() == ["a.txt", *members, "b.txt", "c.tar"]

    with_workers(main, count=2)


def test_large_members_are_made_in_processes() -> None:
    long = "".join(f"Line {number} Ü\n" for number in range(300_000))
    program = shard_program({"txt": {"family": "text", "pipeline": ["lower"]}})
    data = tar({"a.txt": long.encode(), "b.txt": b"B"})

    async def main(_: Workers, processes: Processes) -> None:
        made = await asyncio.to_thread(lambda: bytes(program.run(data, apart=processes)))
        with tarfile.open(fileobj=io.BytesIO(made)) as archive:
            assert archive.extractfile("a.txt").read() == long.lower().encode()  # type: ignore[union-attr]
        # One that is cut short leaves no file behind.
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(BadInput, match="unexpected end of data"):
            await asyncio.to_thread(lambda: bytes(program.run(data[:2_000_000], apart=processes)))
        assert len(os.listdir("/proc/self/fd")) == before

    with_workers(main, count=1)


def test_what_is_wrong_with_a_member_names_it() -> None:
    pictures, archives = {"png": SMALL}, {"tar": {"pipeline": [{"archive.member": {"name": "x"}}]}}
    inner = tar({str(number): b"" for number in range(30)})
    cases: list[tuple[Any, dict[str, bytes], type[Exception], str]] = [
        (shard_program(pictures), {"bad.png": b"no picture"}, errors.InvalidTransformInput, r"member 'bad\.png': "),
        # The limits of the pipeline around it hold for its members.
        (shard_program(pictures, pixels=99), {"a.png": PICTURE}, errors.TransformLimitExceeded, r"a\.png.* 99 on"),
        (shard_program(archives, members=20), {"a.tar": inner}, errors.TransformLimitExceeded, "20 on 'members'"),
    ]

    async def main(workers: Workers, processes: Processes) -> None:
        for program, members, kind, said in cases:
            with pytest.raises(kind, match=said):
                await asyncio.to_thread(lambda: bytes(program.run(tar(members), apart=processes)))  # noqa: B023
        # Those of all archives of the shard count together.
        program = shard_program({"tar": {"pipeline": [{"archive.member": {"name": "29"}}]}}, members=80)
        data = tar({f"{number}.tar": inner for number in range(4)})
        with pytest.raises(errors.TransformLimitExceeded, match="80 on 'members'"):
            await asyncio.to_thread(lambda: bytes(program.run(data, apart=processes)))

    with_workers(main, count=1)


@pytest.mark.parametrize(
    ("end", "kind", "said"),
    [
        (signal.SIGKILL, errors.LambdaRuntimeError, "SIGKILL"),
        (signal.SIGSEGV, errors.InvalidTransformInput, r"^member 'a\.png': it brings down .* SIGSEGV"),
    ],
    ids=["SIGKILL", "SIGSEGV"],
)
def test_a_process_that_ends_costs_its_stream_alone(
    end: signal.Signals, kind: type[errors.ServiceError], said: str
) -> None:
    program, data = shard_program({"png": LONG}), tar({"a.png": PICTURE})

    async def main(workers: Workers, processes: Processes) -> None:
        making = asyncio.ensure_future(asyncio.to_thread(lambda: bytes(program.run(data, apart=processes))))
        await until(lambda: workers._crew is not None and workers._crew._places[0] not in (0, STARTING))
        for one in psutil.Process().children():
            if "objectlens.transforms.worker" in " ".join(one.cmdline()):
                one.send_signal(end)
        with pytest.raises(kind, match=said):
            await making
        # Another process has taken its place.
        small = shard_program({"png": SMALL})
        assert await asyncio.to_thread(lambda: bytes(small.run(data, apart=processes)))

    with_workers(main, count=1)


def test_members_that_take_too_much_of_a_processor() -> None:
    program, data = shard_program({"png": LONG}, cpu_seconds=1), tar({"a.png": PICTURE})

    async def main(_: Workers, processes: Processes) -> None:
        with pytest.raises(errors.TransformLimitExceeded, match=r"member 'a\.png': .* limit of 1 on 'cpu_seconds'"):
            await asyncio.to_thread(lambda: bytes(program.run(data, apart=processes)))

    with_workers(main, count=1)


def test_members_that_take_too_long() -> None:
    program, data = shard_program({"png": LONG}), tar({"a.png": PICTURE, "b.png": PICTURE})

    async def main(workers: Workers, processes: Processes) -> None:
        with pytest.raises(errors.LambdaTimeout):
            await asyncio.to_thread(lambda: bytes(program.run(data, apart=processes)))
        # The other member was given up with the stream.
        await until(lambda: not workers._out)

    with_workers(main, count=1, seconds=2.0)


def test_only_so_much_is_begun_before_it_is_read() -> None:
    members = {f"{number:02}.png": PICTURE for number in range(20)}
    program, taken = shard_program({"png": SMALL}), []

    def source() -> Iterator[bytes]:
        data = tar(members)
        for start in range(0, len(data), 100_000):
            taken.append(start)
            yield data[start : start + 100_000]

    async def main(workers: Workers, processes: Processes) -> None:
        body = program.run(source(), apart=processes).body
        assert not isinstance(body, bytes)
        await asyncio.to_thread(next, body)
        assert taken[-1] < 4 * len(PICTURE)
        await asyncio.to_thread(body.close)  # type: ignore[attr-defined]
        await until(lambda: not workers._out)

    with_workers(main, count=2)


ENDLESS = itertools.repeat(b'{"a": 1}\n' * 1000)
NOTHING = {"family": "text", "pipeline": [{"jsonl": {"where": [["a", "==", 2]]}}]}


@pytest.mark.parametrize(
    ("name", "pipeline"),
    [
        ("text", NOTHING),
        ("webdataset", {"pipeline": [{"archive.webdataset": {"pipelines": {"png": SMALL}, "keep_others": False}}]}),
        ("decompress", {"pipeline": [{"archive.decompress": {}}, {"text.jsonl": {"where": [["a", "==", 2]]}}]}),
    ],
)
def test_a_stream_that_comes_to_nothing_gives_its_thread_back(name: str, pipeline: dict[str, Any]) -> None:
    program = compile_pipeline(json.dumps(pipeline))
    entries = tar({"a.txt": bytes(9000)})[: 512 + 9216]
    source = {"text": ENDLESS, "webdataset": itertools.repeat(entries)}.get(name) or packed()

    async def main() -> None:
        with ThreadPoolExecutor(1) as threads:
            stream = Stream(threads, seconds=0.3)
            with pytest.raises(errors.LambdaTimeout, match="without coming to anything"):
                await stream.run(lambda: next(program.run(source, still=stream.still).chunks))

    asyncio.run(main())


def packed() -> Iterator[bytes]:
    engine = zlib.compressobj(wbits=31)
    while True:
        yield engine.compress(b'{"a": "%s"}\n' % os.urandom(5000).hex().encode())


def test_a_stream_that_nobody_waits_for_gives_its_thread_back() -> None:
    program, closed = compile_pipeline(json.dumps(NOTHING)), threading.Event()

    def source() -> Iterator[bytes]:
        try:
            yield from ENDLESS
        finally:
            closed.set()

    async def main() -> None:
        with ThreadPoolExecutor(1) as threads:
            stream = Stream(threads)
            result: Result = program.run(source(), still=stream.still)
            reading = asyncio.ensure_future(stream.run(lambda: next(result.chunks)))
            await asyncio.sleep(0.1)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            await stream.close(result.chunks)
            assert closed.is_set()
            with pytest.raises(Abandoned):
                stream.still()

    asyncio.run(main())


def test_members_that_nobody_waits_for_are_given_up() -> None:
    program, data = shard_program({"png": LONG}), tar({"a.png": PICTURE, "b.png": PICTURE, "c.png": PICTURE})

    async def main(workers: Workers, processes: Processes) -> None:
        with ThreadPoolExecutor(1) as threads:
            stream = Stream(threads, processes)
            result: Result = program.run(data, apart=processes, still=stream.still)
            reading = asyncio.ensure_future(stream.run(lambda: next(result.chunks)))
            await until(lambda: workers._crew is not None and workers._crew._places[0] not in (0, STARTING))
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            await stream.close(result.chunks)
            # The thread is free, although the process has not come to its end.
            assert workers._crew is not None
            assert workers._crew._places[0]
            assert not processes._begun

    with_workers(main, count=1)
