"""Other people's programs, in the surroundings that `objectlens exec` gives them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.debian import debian_program
from support.live import LiveServer

Run = Callable[..., str]


@pytest.fixture
def s3(server: LiveServer) -> Any:
    return server.client("s3", proxies={})


@pytest.fixture
def run(server: LiveServer, tmp_path: Path) -> Run:
    """Run a program through `objectlens exec`; return what it printed, or fail with what it complained of."""
    home = tmp_path / "home"
    home.mkdir()
    # rclone takes no bundle from there, and plain HTTP needs none.
    inherited = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}

    def start(*arguments: str | Path, check: bool = True, **environ: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "objectlens", "exec", "--data", str(server.data), "--", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
            cwd=tmp_path,
            env=inherited | {"HOME": str(home)} | environ,
        )
        assert (done.returncode == 0) is check, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout if check else done.stderr

    return start


@pytest.fixture
def bucket(s3: Any, server: LiveServer) -> Iterator[str]:
    name = f"clients-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": server.region})
    yield name
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        for one in page.get("Contents", []):
            s3.delete_object(Bucket=name, Key=one["Key"])
    s3.delete_bucket(Bucket=name)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with files of several sizes and names; one is large enough for a multipart upload."""
    folder = tmp_path / "tree"
    for name, size in {
        "a.txt": 10,
        "empty": 0,
        "deep/er/photo ünï.jpg": 70_000,
        "deep/plus+and%41.bin": 3,
        "large.bin": 20 * 1024 * 1024 + 11,
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.Random(name).randbytes(size))
        # S3 tells times in whole seconds: a file made in the second of its upload would look newer than its copy.
        os.utime(path, (time.time() - 60,) * 2)
    return folder


@pytest.fixture(scope="session")
def other_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with clients that need other versions of botocore than we do."""
    folder = tmp_path_factory.mktemp("clients") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=100)
    python = folder / "bin" / "python"
    subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "s3fs", "obstore", "s3torchconnectorclient"],
        check=True,
        timeout=300,
    )
    return python


@pytest.fixture(scope="session")
def rclone() -> str:
    return debian_program("rclone")


@pytest.fixture(scope="session")
def s3cmd() -> str:
    return debian_program("s3cmd")
