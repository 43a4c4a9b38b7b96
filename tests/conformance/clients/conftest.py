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
from support.live import LiveServer, start_server, stop_server
from support.seaweed import KEY, SeaweedFS

Run = Callable[..., str]

PROFILE = "elsewhere"
REPOSITORY = Path(__file__).parents[3]
# MiB of the largest file: enough for every client to send it in parts.
LARGE = int(os.environ.get("OBJECTLENS_CLIENTS_LARGE", "20")) * 1024 * 1024 + 11


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


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, seaweed: SeaweedFS) -> Iterator[LiveServer]:
    """A server that may use the S3 server which is none of ours, by a profile of its own."""
    folder = tmp_path_factory.mktemp("clients-server")
    profile = folder / "aws"
    profile.write_text(f"[{PROFILE}]\naws_access_key_id = {KEY[0]}\naws_secret_access_key = {KEY[1]}\n")
    live = start_server(folder / "data", env={"AWS_SHARED_CREDENTIALS_FILE": str(profile)})
    try:
        yield live
    finally:
        code = stop_server(live)
    assert code == 0


@pytest.fixture(params=["embedded", "remote"])
def bucket(request: pytest.FixtureRequest, s3: Any, server: LiveServer, seaweed: SeaweedFS) -> Iterator[str]:
    """A bucket of each kind, emptied and removed afterwards."""
    name = f"clients-{uuid.uuid4().hex[:12]}"
    if request.param == "embedded":
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": server.region})
    else:
        attach(server, name, f"s3://{seaweed.bucket()}/some/prefix?endpoint={seaweed.url}&profile={PROFILE}")
    yield name
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        for one in page.get("Contents", []):
            s3.delete_object(Bucket=name, Key=one["Key"])
    s3.delete_bucket(Bucket=name)


def attach(server: LiveServer, name: str, store: str) -> None:
    """Make a bucket elsewhere the bucket `name`."""
    assert server.data
    environ = os.environ | {"AWS_SHARED_CREDENTIALS_FILE": str(server.data.parent / "aws")}
    command = [sys.executable, "-m", "objectlens", "bucket", "add", name, "--store", store, "--data", str(server.data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environ)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with files of several sizes and names; one is large enough for a multipart upload."""
    folder = tmp_path / "tree"
    for name, size in {
        "a.txt": 10,
        "empty": 0,
        "deep/er/photo ünï.jpg": 70_000,
        "deep/plus+and%41.bin": 3,
        "large.bin": LARGE,
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.Random(name).randbytes(size))
        # S3 tells times in whole seconds: a file made in the second of its upload would look newer than its copy.
        os.utime(path, (time.time() - 60,) * 2)
    return folder


@pytest.fixture(scope="session")
def other_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the dependency group `clients`, of which some need another botocore than we do."""
    folder = tmp_path_factory.mktemp("clients") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=100)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    # Most of what is installed is never imported.
    what = ("--quiet", "--no-compile", "--group", f"{REPOSITORY}/pyproject.toml:clients")
    subprocess.run([*pip, "install", *what], check=True, timeout=300)
    return python


@pytest.fixture(scope="session")
def node_clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which Node.js finds the clients of npm's."""
    folder = tmp_path_factory.mktemp("node-clients")
    quiet = ("--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")
    packages = ("minio@8", "@aws-sdk/client-s3@3", "@aws-sdk/lib-storage@3")
    subprocess.run(["npm", "install", *quiet, "--prefix", str(folder), *packages], check=True, timeout=300)
    return folder


@pytest.fixture
def python(run: Run, other_python: Path) -> Callable[..., str]:
    """Run a Python program with arguments among those clients; it prints `done` at its end."""

    def start(program: str, *arguments: str) -> None:
        assert run(other_python, "-c", program, *arguments) == "done\n"

    return start


@pytest.fixture(scope="session")
def rclone() -> str:
    return debian_program("rclone")


@pytest.fixture(scope="session")
def s3cmd() -> str:
    return debian_program("s3cmd")
