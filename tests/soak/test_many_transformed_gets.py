"""Many transformed GETs of real photographs: all equal, and nothing left behind.

`OBJECTLENS_SOAK_ROUNDS` repeats the run (default 1).
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from support.live import Lens, make_lens_on, start_server, stop_server

EXAMPLES = Path(__file__).parents[2] / "examples"
HANDLER = EXAMPLES / "functions" / "image-normalizer" / "lambda_function.py"
ROUNDS = int(os.environ.get("OBJECTLENS_SOAK_ROUNDS", "1"))
SEQUENTIAL, CONCURRENT, AT_A_TIME = 2000, 500, 16


def photographs() -> list[Path]:
    return sorted(path for path in (EXAMPLES / "photographs").rglob("*") if path.suffix in {".jpg", ".png"})


def expected(path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Return what the handler's own code makes of a photograph, run as plain Python."""
    answers: list[bytes] = []
    fake = SimpleNamespace(write_get_object_response=lambda **members: answers.append(members["Body"]))
    spec = importlib.util.spec_from_file_location("image_normalizer_handler", HANDLER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    source = SimpleNamespace(content=path.read_bytes(), status_code=200, ok=True, raise_for_status=lambda: None)
    monkeypatch.setattr("requests.get", lambda *_, **__: source)
    monkeypatch.setattr("boto3.client", lambda *_, **__: fake)
    context = {"outputRoute": "r", "outputToken": "t", "inputS3Url": "http://localhost/k"}
    module.lambda_handler({"getObjectContext": context, "userRequest": {"url": "", "headers": {}}}, None)
    return bytes(answers[0])


def footprint(process: psutil.Process) -> dict[str, Any]:
    return {
        "processes": len(process.children(recursive=True)),
        "files": process.num_fds(),
        "memory": process.memory_info().rss,
    }


def settled(process: psutil.Process, before: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Wait until processes and files are back, at most so long; return how it is then."""
    deadline = time.monotonic() + seconds
    while True:
        now = footprint(process)
        if now["processes"] <= before["processes"] and now["files"] <= before["files"]:
            return now
        if time.monotonic() > deadline:
            return now
        time.sleep(0.5)


@pytest.mark.timeout(900 * ROUNDS)
def test_every_answer_is_equal_and_nothing_is_left_behind(tmp_path, monkeypatch) -> None:
    paths = photographs()
    wanted = {}
    with monkeypatch.context() as patch:
        for path in paths:
            wanted[path.name] = hashlib.sha256(expected(path, patch)).hexdigest()
    assert len(wanted) >= 8
    live = start_server(tmp_path / "data")
    try:
        lens: Lens = make_lens_on(live, HANDLER.read_text(encoding="utf-8"), memory=512)
        for path in paths:
            lens.put(path.name, path.read_bytes())
        client = live.client("s3", cached=False, max_pool_connections=AT_A_TIME)
        names = sorted(wanted)

        def get(turn: int) -> bool:
            name = names[turn % len(names)]
            body = client.get_object(Bucket=lens.arn, Key=name)["Body"].read()
            return hashlib.sha256(body).hexdigest() == wanted[name]

        assert all(get(turn) for turn in range(100))
        process = psutil.Process(live.process.pid)
        before = footprint(process)
        for _ in range(ROUNDS):
            assert all(get(turn) for turn in range(SEQUENTIAL))
            with ThreadPoolExecutor(AT_A_TIME) as threads:
                assert all(threads.map(get, range(CONCURRENT)))
        # What a burst had started is kept for a minute after it.
        after = settled(process, before, 120)
        assert after["processes"] <= before["processes"], (before, after)
        # One connection of the client may still be open on either side of the count.
        assert after["files"] <= before["files"] + AT_A_TIME, (before, after)
        assert after["memory"] <= before["memory"] + 32 * 1024 * 1024, (before, after)
    finally:
        assert stop_server(live) == 0
