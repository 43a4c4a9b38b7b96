"""A server of its own for a benchmark, with one function in front of one bucket."""

from __future__ import annotations

import configparser
import io
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ACCOUNT, REGION = "123456789012", "us-east-1"
START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Target:
    """What is measured; `folder` is for files that end with it."""

    s3: Any
    alias: str
    folder: Path

    def upload(self, files: list[Path]) -> None:
        """Put files into the bucket."""
        for path in files:
            self.s3.put_object(Bucket="photographs", Key=path.name, Body=path.read_bytes())

    def lens_urls(self, files: list[Path]) -> list[str]:
        """Return presigned URLs that go through the function."""
        return [self._url(self.alias, path) for path in files]

    def bucket_urls(self, files: list[Path]) -> list[str]:
        """Return presigned URLs of the originals."""
        return [self._url("photographs", path) for path in files]

    def _url(self, bucket: str, path: Path) -> str:
        return str(self.s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": path.name}, ExpiresIn=86400))


@contextmanager
def started(handler: Path) -> Iterator[Target]:
    """Start a server, deploy a handler, and take both down again."""
    folder = Path(tempfile.mkdtemp(prefix="objectlens-bench-"))
    data = folder / "data"
    command = [sys.executable, "-m", "objectlens", "serve", "--data", str(data), "--listen", "127.0.0.1:0"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            yield _target(folder, _endpoint(data, server), handler)
        finally:
            server.terminate()
            server.wait()
            shutil.rmtree(folder, onerror=_writable)


def _endpoint(data: Path, server: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while not (data / "endpoint").exists():
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not start: see {data.parent / 'log'}")
        time.sleep(0.05)
    return (data / "endpoint").read_text().strip()


def _target(folder: Path, url: str, handler: Path) -> Target:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(folder / "data" / "credentials")
    root = parser["default"]
    session = boto3.Session(root["aws_access_key_id"], root["aws_secret_access_key"], region_name=REGION)
    # The account's label becomes a host name; the server is the proxy that knows it.
    config = Config(signature_version="s3v4", proxies={"http": url})
    s3, control, functions = (session.client(one, endpoint_url=url, config=config) for one in _SERVICES)
    s3.create_bucket(Bucket="photographs")
    control.create_access_point(AccountId=ACCOUNT, Name="photographs", Bucket="photographs")
    function = functions.create_function(
        FunctionName="measured",
        Runtime="python3.11",
        Handler="lambda_function.lambda_handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/measured",
        Timeout=60,
        Code={"ZipFile": _zipped(handler)},
    )
    made = control.create_access_point_for_object_lambda(
        AccountId=ACCOUNT,
        Name="measured",
        Configuration={
            "SupportingAccessPoint": f"arn:aws:s3:{REGION}:{ACCOUNT}:accesspoint/photographs",
            "TransformationConfigurations": [
                {
                    "Actions": ["GetObject"],
                    "ContentTransformation": {"AwsLambda": {"FunctionArn": function["FunctionArn"]}},
                }
            ],
        },
    )
    return Target(s3, made["Alias"]["Value"], folder)


_SERVICES = ("s3", "s3control", "lambda")


def _zipped(handler: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.write(handler, handler.name)
    return buffer.getvalue()


def _writable(function: Any, path: str, _: object) -> None:
    # The packages of functions are read-only, their folders too.
    Path(path).parent.chmod(0o700)
    Path(path).chmod(0o700)
    function(path)
