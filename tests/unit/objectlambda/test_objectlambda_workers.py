"""The processes of native transforms: real ones, and what becomes of jobs when they end."""

from __future__ import annotations

import asyncio
import io
import json
import operator
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import joblib
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image as Pillow
from PIL import ImageCms
from sklearn.preprocessing import FunctionTransformer

import objectlens
from objectlens.objectlambda.workers import (
    AHEAD,
    Made,
    WorkerCrashed,
    WorkerEnded,
    WorkerOverran,
    Workers,
    WorkerTimeout,
)
from objectlens.streams import FileSlice
from objectlens.transforms.messages import INLINE, memory_file
from objectlens.transforms.terms import Terms
from objectlens.transforms.worker import STARTING, gave_back

SMALL = json.dumps(
    {
        "quality": "exact",
        "pipeline": [{"image.decode": {}}, {"image.grayscale": {}}, {"image.encode": {"format": "png"}}],
    }
)
# Of which one step fits into memory, and the next, of floats, does not.
FAR_TOO_WIDE = {
    "pipeline": [
        "decode",
        {"resize": {"width": 9000, "height": 9000}},
        {"normalize": {"mean": [0], "std": [1]}},
        "to_tensor",
    ]
}
# Many seconds of work: blurs with a wide kernel.
LONG = json.dumps({"pipeline": [{"image.decode": {}}, *[{"image.blur": {"sigma": 100.0}}] * 60, {"image.encode": {}}]})


def run(main: Callable[[Workers], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def whole() -> None:
        workers = Workers(**options)
        try:
            await main(workers)
        finally:
            await workers.close()
        assert not processes()

    asyncio.run(whole())


def processes() -> list[psutil.Process]:
    # Those of servers that other tests have started are further down.
    return [one for one in psutil.Process().children() if "objectlens.transforms.worker" in " ".join(one.cmdline())]


def picture(width: int = 64, height: int = 48) -> bytes:
    noise = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
    return cv2.imencode(".png", noise)[1].tobytes()


async def do(workers: Workers, payload: str, data: bytes, **arguments: str) -> Made:
    file = memory_file(data)
    try:
        head = {"payload": payload, "arguments": arguments, "offset": 0, "length": len(data)}
        return await workers.run({**head, "key": "a.png", "content_type": None}, file)
    finally:
        os.close(file)


def content(made: Made) -> bytes:
    if isinstance(made.body, FileSlice):
        data = os.pread(made.body.fd, made.body.length, made.body.offset)
        made.body.close()
        return data
    return made.body


async def at_work(workers: Workers) -> psutil.Process:
    """Return the only process, once it has a job."""
    for _ in range(3000):
        if workers._crew is not None and workers._crew._places[0] not in (0, STARTING):
            return processes()[0]
        await asyncio.sleep(0.01)
    raise AssertionError("nobody took the job")


def test_results_small_and_large_come_as_they_are() -> None:
    async def main(workers: Workers) -> None:
        for size in ((64, 48), (640, 480)):
            data = picture(*size)
            made = await do(workers, SMALL, data)
            expected = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), 1), cv2.COLOR_BGR2GRAY)
            result = cv2.imdecode(np.frombuffer(content(made), np.uint8), cv2.IMREAD_UNCHANGED)
            assert np.array_equal(result, expected)
            assert made.head["content_type"] == "image/png"
            assert made.cpu_seconds > 0

    run(main, count=1)


# Emphasis that is never ended is made anew in each paragraph: memory grows with the square of their number.
_EMPHASIS = b"".join(b"<p><b a%d>x</p>" % number for number in range(4000))


def _blank(form: str, mode: str = "RGB") -> bytes:
    return saved(Pillow.new(mode, (9000, 9000)), form)


def saved(image: Pillow.Image, form: str) -> bytes:
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def _few_words() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"a": np.zeros(40_000_000)}), file, compression="zstd")
    return file.getvalue()


def _large_film() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as film:
        stream = film.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 7680, 4320, "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.zeros((4320, 7680, 3), np.uint8), format="rgb24")
        for packet in [*(packet for _ in range(8) for packet in stream.encode(picture)), *stream.encode()]:
            film.mux(packet)
    return file.getvalue()


_DECODED = {"quality": "exact", "pipeline": ["decode", {"encode": {"format": "png"}}]}


@pytest.mark.parametrize(
    ("payload", "make"),
    [
        ({"family": "text", "pipeline": [{"text.html": {}}]}, lambda: _EMPHASIS),
        (FAR_TOO_WIDE, picture),
        (
            {"pipeline": ["decode", {"resize": {"width": 9900, "height": 9900}}, {"blur": {"sigma": 9}}, "encode"]},
            picture,
        ),
        (_DECODED, partial(_blank, "PNG")),
        (_DECODED, partial(_blank, "GIF", "P")),
        ({"family": "table", "pipeline": ["table.read", {"table.write": {"format": "csv"}}]}, _few_words),
        ({"family": "video", "pipeline": [{"video.frames": {"fps": 25}}, "video.to_tensor"]}, _large_film),
    ],
    ids=["HTML", "floats", "blurred", "PNG", "GIF", "Parquet", "film"],
)
def test_what_needs_more_memory_than_a_process_may_have(payload: Any, make: Callable[[], bytes]) -> None:
    async def main(workers: Workers) -> None:
        made = await do(workers, json.dumps(payload), make())
        assert made.head["error"] == "limit"
        assert made.head["message"].endswith("than the 520 MiB of the server's setting transforms.memory_mb")
        assert "error" not in (await do(workers, SMALL, picture())).head

    run(main, count=1, terms=Terms(memory_mb=520))


def test_processes_of_a_server_that_was_given_less_memory() -> None:
    """Who is not root cannot raise a hard limit."""
    code = (
        "import os, resource; from objectlens.transforms.worker import bound_memory;"
        "resource.setrlimit(resource.RLIMIT_DATA, (2**30, 2**30));"
        "os.getuid() or os.setuid(65534);"
        "bound_memory(4096); print(resource.getrlimit(resource.RLIMIT_DATA) == (2**30, 2**30))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("True\n", "")


def test_a_process_that_lacked_memory_is_replaced() -> None:
    async def main(workers: Workers) -> None:
        assert "error" not in (await do(workers, SMALL, picture())).head
        (before,) = processes()
        assert (await do(workers, json.dumps(_DECODED), _blank("PNG"))).head["error"] == "limit"
        # What of it was half done, such as an import, would be so for ever.
        assert "error" not in (await do(workers, SMALL, picture())).head
        assert before not in processes()

    run(main, count=1, terms=Terms(memory_mb=512))


def test_what_one_job_leaves_is_not_missing_to_the_next() -> None:
    async def main(workers: Workers) -> None:
        # The allocator keeps what small pieces took; beside that there is no room for what the other takes.
        for step, count in (("html", 650_000), ("decode", 11_500_000)):
            payload = json.dumps({"family": "text", "pipeline": [{f"text.{step}": {}}]})
            made = await do(workers, payload, b"<p>word</p>" * count)
            assert "error" not in made.head
            content(made)

    run(main, count=1, terms=Terms(memory_mb=512))


def test_a_pipeline_longer_than_a_message() -> None:
    steps = [{"text.redact": {"patterns": {f"p{i}": f"x{i}y" + "ü" * 200 for i in range(5)}}} for _ in range(50)]
    payload = json.dumps({"pipeline": steps, "family": "text"}, ensure_ascii=False)
    assert len(json.dumps(payload)) > 2 * INLINE + 4096

    async def main(workers: Workers) -> None:
        made = await do(workers, payload, b"nothing of it")
        assert content(made) == b"nothing of it"

    run(main, count=1)


def test_more_of_long_pipelines_than_the_socket_takes_at_once() -> None:
    steps = [{"text.redact": {"patterns": {f"p{i}": f"x{i}y" + "z" * 200 for i in range(5)}}} for _ in range(50)]
    payload = json.dumps({"pipeline": steps, "family": "text"})

    async def main(workers: Workers) -> None:
        # Ended in the middle of it, so that what lies in the socket is given out again.
        ended = asyncio.ensure_future(do(workers, LONG, picture(1500, 1500)))
        others = [asyncio.ensure_future(do(workers, payload, b"nothing of it")) for _ in range(12)]
        (await at_work(workers)).kill()
        with pytest.raises(WorkerEnded, match="SIGKILL"):
            await ended
        assert {content(made) for made in await asyncio.gather(*others)} == {b"nothing of it"}
        assert not workers._out
        assert not workers._waiting

    run(main, count=1)


def test_what_transforms_report_is_told_by_kind() -> None:
    limited = json.dumps({**json.loads(SMALL), "limits": {"pixels": 10}})

    async def main(workers: Workers) -> None:
        assert (await do(workers, SMALL, b"no picture")).head["error"] == "input"
        assert (await do(workers, limited, picture())).head["error"] == "limit"
        assert (await do(workers, "{}", picture())).head["error"] == "pipeline"

    run(main, count=1)


def test_a_killed_process_costs_its_own_job_alone() -> None:
    async def main(workers: Workers) -> None:
        long = asyncio.ensure_future(do(workers, LONG, picture(1500, 1500)))
        others = [asyncio.ensure_future(do(workers, SMALL, picture())) for _ in range(6)]
        (await at_work(workers)).kill()
        with pytest.raises(WorkerEnded, match="SIGKILL"):
            await long
        assert all("error" not in made.head for made in await asyncio.gather(*others))

    run(main, count=1)


@pytest.mark.parametrize("crash", [signal.SIGSEGV, signal.SIGABRT], ids=["SIGSEGV", "SIGABRT"])
def test_a_crash_is_told_from_a_kill(crash: signal.Signals) -> None:
    async def main(workers: Workers) -> None:
        long = asyncio.ensure_future(do(workers, LONG, picture(1500, 1500)))
        (await at_work(workers)).send_signal(crash)
        with pytest.raises(WorkerCrashed, match=crash.name):
            await long
        assert "error" not in (await do(workers, SMALL, picture())).head

    run(main, count=1)


def test_what_short_jobs_take_of_a_processor_is_counted() -> None:
    async def main(workers: Workers) -> None:
        data = picture(160, 120)
        await do(workers, SMALL, data)
        (process,) = processes()
        before = sum(process.cpu_times()[:2])
        told = sum([(await do(workers, SMALL, data)).cpu_seconds for _ in range(300)])
        # Each is shorter than the kernel's tick. What lies between them is not theirs.
        assert told > 0.5 * (sum(process.cpu_times()[:2]) - before)

    run(main, count=1)


def test_one_that_takes_too_much_of_a_processor_is_ended() -> None:
    limited = json.dumps({**json.loads(LONG), "limits": {"cpu_seconds": 0.5}})
    short = json.dumps({**json.loads(SMALL), "limits": {"cpu_seconds": 0.5}})

    async def main(workers: Workers) -> None:
        with pytest.raises(WorkerOverran):
            await do(workers, limited, picture(1500, 1500))
        first = await do(workers, short, picture())
        process = processes()[0]
        # Jobs do not count together, nor what lies between them.
        while sum(process.cpu_times()[:2]) < 1.0:
            assert content(await do(workers, short, picture(600, 400)))
        assert "error" not in first.head
        assert processes() == [process]

    run(main, count=1)


def test_one_whose_server_has_hung_up_ends_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    left = []

    async def main(workers: Workers) -> None:
        left.append(asyncio.ensure_future(do(workers, SMALL, picture(3000, 3000))))
        await at_work(workers)

    run(main, count=1)
    assert left[0].cancelled()
    assert capfd.readouterr().err == ""


def test_one_that_takes_too_long_is_ended() -> None:
    async def main(workers: Workers) -> None:
        await do(workers, SMALL, picture())
        workers._seconds = 1.0
        with pytest.raises(WorkerTimeout):
            await do(workers, LONG, picture(1500, 1500))
        workers._seconds = 60.0
        assert "error" not in (await do(workers, SMALL, picture())).head

    run(main, count=1)


def test_jobs_that_hang_do_not_let_all_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("objectlens.objectlambda.workers.BUSY_SECONDS", 0.2)
    monkeypatch.setattr("objectlens.objectlambda.workers.IDLE_SECONDS", 0.3)

    async def main(workers: Workers) -> None:
        hanging = [asyncio.ensure_future(do(workers, LONG, picture(3000, 3000)))]
        await at_work(workers)
        assert "error" not in (await do(workers, SMALL, picture())).head
        assert not hanging[0].done()
        # There are no more than twice as many.
        hanging += [asyncio.ensure_future(do(workers, LONG, picture(3000, 3000))) for _ in range(3)]
        await asyncio.sleep(3)
        assert len(processes()) == 2
        for one in hanging:
            one.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        for one in processes():
            one.kill()
        async with asyncio.timeout(30):
            assert "error" not in (await do(workers, SMALL, picture())).head
        await asyncio.sleep(2)
        assert len(processes()) == 1
        assert "error" not in (await do(workers, SMALL, picture())).head

    run(main, count=1)


def test_a_job_that_was_given_out_twice_cannot_hang_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("objectlens.objectlambda.workers.BUSY_SECONDS", 0.2)

    async def main(workers: Workers) -> None:
        await do(workers, SMALL, picture())
        (before,) = processes()
        data = picture(3000, 3000)
        head = {"payload": LONG, "arguments": {}, "offset": 0, "length": len(data), "key": "a", "content_type": None}
        file = memory_file(data)
        assert workers._crew is not None
        assert workers._crew.give(1, head, file)
        os.close(file)
        async with asyncio.timeout(30):
            assert "error" not in (await do(workers, SMALL, picture())).head
        await asyncio.to_thread(before.wait, 10)

    run(main, count=1)


def test_who_goes_away_leaves_nothing_behind() -> None:
    async def main(workers: Workers) -> None:
        await do(workers, SMALL, picture())
        before = len(os.listdir("/proc/self/fd"))
        leaving = [asyncio.ensure_future(do(workers, SMALL, picture(640, 480))) for _ in range(40)]
        await asyncio.sleep(0)
        for one in leaving:
            one.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        await do(workers, SMALL, picture())
        assert len(os.listdir("/proc/self/fd")) == before

    run(main, count=2)


def test_what_nobody_waits_for_any_more_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("objectlens.objectlambda.workers.GRACE_SECONDS", 0.3)

    async def main(workers: Workers) -> None:
        leaving = [asyncio.ensure_future(do(workers, LONG, picture(1500, 1500))) for _ in range(3)]
        before = await at_work(workers)
        for one in leaving:
            one.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        # The second and the third had no process yet; they are ended as well when they get one.
        async with asyncio.timeout(30):
            assert "error" not in (await do(workers, SMALL, picture())).head
        assert not before.is_running()
        assert not workers._out

    run(main, count=1)


def test_what_ends_soon_costs_no_process() -> None:
    async def main(workers: Workers) -> None:
        await do(workers, SMALL, picture())
        before = processes()
        leaving = asyncio.ensure_future(do(workers, SMALL, picture(1500, 1500)))
        await at_work(workers)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        await do(workers, SMALL, picture())
        assert processes() == before

    run(main, count=1)


def test_a_process_that_was_stopped_while_idle_is_replaced() -> None:
    async def main(workers: Workers) -> None:
        await do(workers, SMALL, picture())
        for _ in range(5):
            for one in processes():
                one.send_signal(signal.SIGKILL)
            assert "error" not in (await do(workers, SMALL, picture())).head

    run(main, count=2)


UPGRADED = """
import asyncio, os, signal, sys
from pathlib import Path
import objectlens
from objectlens.objectlambda.workers import NoWorker, Workers
from objectlens.transforms.messages import memory_file

async def main():
    workers = Workers(count=2)
    job = {"payload": sys.argv[1], "arguments": {}, "offset": 0, "length": 3, "key": None, "content_type": None}
    file = memory_file(b"ABC")
    print((await workers.run(job, file)).body, flush=True)
    changed = Path(objectlens.__file__).parent / "transforms" / sys.argv[2]
    changed.write_text(changed.read_text() + sys.argv[3])
    for process, _ in list(workers._crew._processes.values()):
        process.kill()
    for _ in range(2):
        try:
            async with asyncio.timeout(30):
                print((await workers.run(job, file)).body)
        except NoWorker as error:
            print(error)
    await workers.close()

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("changed", "addition", "said"),
    [
        ("values.py", "# newer", "not the one that this server runs; restart the server"),
        ("worker.py", "if", "it ends by status 1 when it is started"),
    ],
)
def test_code_that_was_replaced_is_told_and_does_not_let_jobs_wait(
    tmp_path: Path, changed: str, addition: str, said: str
) -> None:
    shutil.copytree(Path(objectlens.__file__).parent, tmp_path / "objectlens")
    payload = json.dumps({"pipeline": ["text.lower"]})
    command = [sys.executable, "-c", UPGRADED, payload, changed, addition]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=100)
    lines = shown.stdout.splitlines()
    assert lines[0] == "b'abc'"
    assert [said in one for one in lines[1:]] == [True, True]
    assert shown.stderr.count("a process for transforms cannot be started: ") == 1


def test_they_know_none_of_the_servers_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBJECTLENS_ROOT_SECRET_ACCESS_KEY", "sesame")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sesame")

    async def main(workers: Workers) -> None:
        await do(workers, SMALL, picture())
        assert all("sesame" not in one.environ().values() for one in processes())

    run(main, count=1)


def test_memory_falls_back_after_a_large_job() -> None:
    async def main(workers: Workers) -> None:
        grow = json.dumps({"pipeline": ["image.decode", {"image.resize": {"width": 10_000, "height": 9_900}},
                                        {"image.resize": {"width": 8, "height": 8}}, "image.encode"]})  # fmt: skip
        assert content(await do(workers, grow, picture()))
        # The same one when it gave its memory back, and a new one when it could not.
        for _ in range(100):
            await asyncio.sleep(0.05)
            if processes() and processes()[0].memory_info().rss < 600 * 2**20:
                break
        assert processes()[0].memory_info().rss < 600 * 2**20
        assert content(await do(workers, SMALL, picture()))

    run(main, count=1)


def test_what_the_server_holds_is_not_counted_as_a_jobs() -> None:
    async def main(workers: Workers) -> None:
        assert (await do(workers, SMALL, picture())).head["peak_mb"] < 600

    held = b"x" * (700 * 2**20)
    run(main, count=1)
    assert len(held) == 700 * 2**20


class Large:
    """Comes out of a pickle as 600 MiB that stay in use."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[bytes, int]]:
        return operator.mul, (b"x", 600 * 2**20)


def test_a_process_that_keeps_too_much_is_replaced_and_no_job_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = FunctionTransformer()
    model.kept = Large()
    joblib.dump(model, tmp_path / "large.joblib")
    steps = ["image.decode", "image.to_tensor", {"learned.sklearn": {"file": "large.joblib"}}, "tensor.encode"]
    grows = json.dumps({"pipeline": steps})

    async def main(workers: Workers) -> None:
        await do(workers, SMALL, picture())
        (before,) = processes()
        payloads = [SMALL, grows, *[SMALL] * 2 * AHEAD]
        made = await asyncio.gather(*[do(workers, one, picture()) for one in payloads])
        assert [one.head.get("error") for one in made] == [None] * len(made)
        assert made[1].head["peak_mb"] > 600
        # Those that waited behind it were done by another process, which holds nothing of it.
        assert made[2].head["peak_mb"] < 600
        # Where it took a second, another one was started meanwhile to help, and it may still be on its way out.
        for _ in range(1000):
            if before not in processes():
                break
            await asyncio.sleep(0.05)
        assert before not in processes()
        assert not workers._out

    run(main, count=1, terms=Terms(folder=str(tmp_path), trust_pickles=True))
    # It is no accident.
    assert not caplog.records


def test_only_faults_are_told_to_the_servers_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    joblib.dump(FunctionTransformer(operator.itemgetter(99)), tmp_path / "faulty.joblib")
    steps = ["image.decode", "image.to_tensor", {"learned.sklearn": {"file": "faulty.joblib"}}, "tensor.encode"]
    sink = io.BytesIO()
    # libpng prints a line for a profile of colours in a grey picture.
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Pillow.new("L", (8, 8)).save(sink, "PNG", icc_profile=profile)

    async def main(workers: Workers) -> None:
        assert content(await do(workers, SMALL, sink.getvalue()))
        assert (await do(workers, json.dumps({"pipeline": steps}), picture())).head["error"] == "fault"

    run(main, count=1, terms=Terms(folder=str(tmp_path), trust_pickles=True))
    said = capfd.readouterr().err
    assert "IndexError" in said
    assert "libpng" not in said


def test_memory_is_given_back() -> None:
    assert gave_back(10**9)
    assert not gave_back(1)


def test_the_server_does_not_push_while_each_process_has_its_next_job() -> None:
    async def main(workers: Workers) -> None:
        seen = set()
        jobs = [asyncio.ensure_future(do(workers, SMALL, picture())) for _ in range(40)]
        while not all(job.done() for job in jobs):
            seen.add(os.sched_getscheduler(0))
            await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED, timeout=0.001)
        assert os.SCHED_BATCH in seen
        assert os.sched_getscheduler(0) == os.SCHED_OTHER

    run(main, count=2)
