"""A server for one command alone: on a free port, on a temporary data directory, gone when the command is."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import boto3
import click

from objectlens.cli.bucket import attach
from objectlens.cli.clients import Clients, clients_at
from objectlens.cli.execute import root_of
from objectlens.cli.options import running_endpoint
from objectlens.functions.launch import tie_to
from objectlens.settings import load

_START_SECONDS = 60.0
_STOP_SECONDS = 40.0


@contextmanager
def private_server(source: Path, bucket: str) -> Iterator[tuple[Path, Clients]]:
    """Run a server that has the folder `source` as a bucket; yields its data directory and clients with its root's key.

    It ends with the block, and with this process should that be killed.
    """
    with tempfile.TemporaryDirectory(prefix="objectlens-dev-") as temporary:
        data = Path(temporary) / "data"
        # The user's own settings are for a server that is not to be touched.
        settings = load(data=data, config=None, environ={})
        asyncio.run(attach(settings, bucket, source.resolve().as_uri()))
        process = _start(data)
        try:
            url = _url(data, process)
            root = root_of(settings)
            session = boto3.Session(root.access_key_id, root.secret_access_key)
            yield data, clients_at(url, session, settings.account.region)
        finally:
            _stop(process)


def _start(data: Path) -> subprocess.Popen[bytes]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OBJECTLENS_")}
    command = [sys.executable, "-m", "objectlens", "serve", "--data", str(data), "--listen", "127.0.0.1:0", "--quiet"]
    with _log(data).open("wb") as log:
        # A session of its own: Ctrl-C is for the command, which then stops its server in order.
        return subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=partial(tie_to, os.getpid()),  # noqa: PLW1509  (no threads run yet)
        )


def _url(data: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while (url := running_endpoint(data)) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            said = _log(data).read_text(errors="replace").strip().rpartition("\n")[2]
            raise click.ClickException(f"the private server did not start: {said or 'it said nothing'}")
        time.sleep(0.05)
    return url


def _log(data: Path) -> Path:
    return data.with_name("server.log")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
