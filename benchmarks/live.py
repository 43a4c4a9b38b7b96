"""A server of our own for a benchmark, with lenses in front of one bucket."""

from __future__ import annotations

import configparser
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from load import Orders

ACCOUNT, REGION = "123456789012", "us-east-1"
BUCKET = "photographs"
START_SECONDS = STOP_SECONDS = 60
# On Lambda the share of the processor follows from it; this is one whole one.
MEMORY_MB = 1769


@dataclass(frozen=True, slots=True)
class Server:
    """A running server with one bucket; `folder` is for files that end with it."""

    url: str
    key: tuple[str, str]
    folder: Path
    process: int
    s3: Any
    control: Any
    functions: Any

    def upload(self, files: Iterable[Path]) -> None:
        """Put files into the bucket."""
        for path in files:
            self.s3.upload_file(str(path), BUCKET, path.name)

    def native(self, name: str, pipeline: str) -> str:
        """Make a lens that runs a pipeline; returns its alias."""
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:objectlens-transform"
        return self._lens(name, {"FunctionArn": arn, "FunctionPayload": pipeline})

    def handler(
        self,
        name: str,
        *files: Path,
        entry: str = "lambda_function.lambda_handler",
        variables: Mapping[str, str] | None = None,
        memory: int = MEMORY_MB,
        timeout: int = 60,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Make a lens that runs an unmodified Lambda handler; returns its alias."""
        made = self.functions.create_function(
            FunctionName=name,
            Runtime=f"python3.{sys.version_info.minor}",
            Handler=entry,
            Role=f"arn:aws:iam::{ACCOUNT}:role/measured",
            Timeout=timeout,
            MemorySize=memory,
            Environment={"Variables": dict(variables or {})},
            Code={"ZipFile": _zipped(files)},
            Tags=dict(tags or {}),
        )
        return self._lens(name, {"FunctionArn": made["FunctionArn"]})

    def _lens(self, name: str, function: dict[str, str]) -> str:
        made = self.control.create_access_point_for_object_lambda(
            AccountId=ACCOUNT,
            Name=name,
            Configuration={
                "SupportingAccessPoint": f"arn:aws:s3:{REGION}:{ACCOUNT}:accesspoint/{BUCKET}",
                "TransformationConfigurations": [
                    {"Actions": ["GetObject"], "ContentTransformation": {"AwsLambda": function}}
                ],
            },
        )
        return str(made["Alias"]["Value"])

    def orders(self, bucket: str, files: Iterable[Path], *, clients: int, seconds: float) -> Orders:
        """Return signed GETs of files through a bucket or a lens."""
        return orders(self.url, self.key, bucket, files, clients=clients, seconds=seconds)


def orders(
    url: str, key: tuple[str, str] | None, bucket: str, files: Iterable[Path], *, clients: int, seconds: float
) -> Orders:
    """Return signed GETs of files from a server that speaks S3."""
    at = urlsplit(url)
    paths = [f"/{bucket}/{path.name}" for path in files]
    return Orders(at.hostname or "", at.port or 80, paths, clients, seconds, key, REGION)


@contextmanager
def started(settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Start a server with settings in its environment, make the bucket, and take both down again."""
    folder = Path(tempfile.mkdtemp(prefix="objectlens-bench-"))
    data = folder / "data"
    command = [sys.executable, "-m", "objectlens", "serve", "--data", str(data), "--listen", "127.0.0.1:0"]
    environment = os.environ | dict(settings or {})
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env=environment) as process,
    ):
        try:
            yield _server(folder, _endpoint(data, process), process.pid)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            shutil.rmtree(folder, onerror=_writable)


def _endpoint(data: Path, server: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while not (data / "endpoint").exists():
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not start: see {data.parent / 'log'}")
        time.sleep(0.05)
    return (data / "endpoint").read_text().strip()


def _server(folder: Path, url: str, process: int) -> Server:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(folder / "data" / "credentials")
    root = parser["default"]
    key = (root["aws_access_key_id"], root["aws_secret_access_key"])
    s3, control, functions = clients(url, key, "s3", "s3control", "lambda")
    s3.create_bucket(Bucket=BUCKET)
    control.create_access_point(AccountId=ACCOUNT, Name=BUCKET, Bucket=BUCKET)
    return Server(url, key, folder, process, s3, control, functions)


def clients(url: str, key: tuple[str, str], *services: str) -> list[Any]:
    """Return boto3 clients for a server on this machine."""
    session = boto3.Session(*key, region_name=REGION)
    # The account's label becomes a host name; the server is the proxy that knows it.
    config = Config(signature_version="s3v4", proxies={"http": url}, s3={"addressing_style": "path"})
    return [session.client(one, endpoint_url=url, config=config) for one in services]


def _zipped(files: Iterable[Path]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in files:
            archive.write(path, path.name)
    return buffer.getvalue()


def _writable(function: Any, path: str, _: object) -> None:
    # The packages of functions are read-only, their folders too.
    Path(path).parent.chmod(0o700)
    Path(path).chmod(0o700)
    function(path)
