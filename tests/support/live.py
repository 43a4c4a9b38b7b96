"""A live server and real AWS clients, for every suite that needs them."""

from __future__ import annotations

import atexit
import configparser
import io
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore.config

ACCOUNT = "123456789012"
REGION = "us-west-2"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/function-role"


@dataclass
class LiveServer:
    """A running server; `client` makes boto3 clients that reach every kind of address."""

    url: str
    access_key_id: str
    secret_access_key: str
    data: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    region: str = REGION
    account: str = ACCOUNT
    _clients: dict[Any, Any] = field(default_factory=dict)

    def client(
        self, service: str, *, cached: bool = True, credentials: dict[str, str] | None = None, **config: Any
    ) -> Any:
        """Return a client. ARN buckets become host names that only a proxy resolves: the server is that proxy."""
        if not cached:
            # For a test that changes its client: nobody else may get it.
            return self._made(service, credentials, config)
        key = (service, repr(sorted(config.items())), repr(credentials))
        if key not in self._clients:
            self._clients[key] = self._made(service, credentials, config)
        return self._clients[key]

    def _made(self, service: str, credentials: dict[str, str] | None, config: dict[str, Any]) -> Any:
        options: dict[str, Any] = {"retries": {"max_attempts": 0}, "proxies": {"http": self.url}} | config
        own = {"aws_access_key_id": self.access_key_id, "aws_secret_access_key": self.secret_access_key}
        return boto3.session.Session().client(
            service,
            endpoint_url=self.url,
            region_name=self.region,
            config=botocore.config.Config(**options),
            **(credentials or own),
        )


def start_server(data: Path, *arguments: str, env: dict[str, str] | None = None, group: bool = False) -> LiveServer:
    """Start a server on a free port, in a process group of its own if wanted, and wait until it is ready."""
    # One that a killed server left behind must not be taken for the new one's.
    (data / "endpoint").unlink(missing_ok=True)
    log = (data.parent / f"{data.name}.log").open("ab")
    process = subprocess.Popen(
        [sys.executable, "-m", "objectlens", "serve", "--data", str(data), "--listen", "127.0.0.1:0", *arguments],
        stdout=log,
        stderr=log,
        env=os.environ | (env or {}),
        process_group=0 if group else None,
    )
    log.close()
    # When a test fails before it stops its server.
    atexit.register(process.kill)
    deadline = time.monotonic() + 60
    while not (data / "endpoint").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError(f"the server did not start:\n{(data.parent / f'{data.name}.log').read_text()}")
        time.sleep(0.05)
    url = (data / "endpoint").read_text().strip()
    with urllib.request.urlopen(f"{url}/-/health/ready", timeout=10) as answer:
        assert answer.status == 200
    parser = configparser.ConfigParser()
    parser.read(data / "credentials")
    key = parser["default"]
    return LiveServer(url, key["aws_access_key_id"], key["aws_secret_access_key"], data, process)


def stop_server(server: LiveServer) -> int:
    """Stop a server as a service manager would; returns its exit code."""
    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)
    try:
        return server.process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        server.process.kill()
        raise


def zipped(source: str | dict[str, str], name: str = "lambda_function.py") -> bytes:
    """Return a deployment package: one module, or several files by name."""
    files = {name: source} if isinstance(source, str) else source
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return buffer.getvalue()


@dataclass
class Lens:
    """An Object Lambda access point over an access point over a bucket, with one function."""

    server: LiveServer
    bucket: str
    access_point: str
    name: str
    function: str
    function_arn: str

    @property
    def arn(self) -> str:
        return f"arn:aws:s3-object-lambda:{self.server.region}:{self.server.account}:accesspoint/{self.name}"

    @property
    def access_point_arn(self) -> str:
        return f"arn:aws:s3:{self.server.region}:{self.server.account}:accesspoint/{self.access_point}"

    @property
    def s3(self) -> Any:
        return self.server.client("s3")

    def put(self, key: str, body: bytes = b"the original", **arguments: Any) -> Any:
        return self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **arguments)

    def get(self, key: str, **arguments: Any) -> Any:
        return self.s3.get_object(Bucket=self.arn, Key=key, **arguments)

    def read(self, key: str, **arguments: Any) -> bytes:
        return self.get(key, **arguments)["Body"].read()


def make_lens_on(
    server: LiveServer,
    source: str | dict[str, str],
    *,
    actions: tuple[str, ...] = ("GetObject",),
    features: tuple[str, ...] = (),
    payload: str | None = None,
    runtime: str = f"python3.{sys.version_info.minor}",
    handler: str = "lambda_function.lambda_handler",
    timeout: int = 10,
    environment: dict[str, str] | None = None,
    package: bytes | None = None,
    memory: int = 256,
    role: str = ROLE,
    tags: dict[str, str] | None = None,
) -> Lens:
    """Set up a bucket, an access point, a function and an Object Lambda access point."""
    name = f"t{uuid.uuid4().hex[:16]}"
    server.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": server.region})
    control = server.client("s3control")
    control.create_access_point(AccountId=server.account, Name=f"{name}-ap", Bucket=name)
    lambdas = server.client("lambda")
    function = lambdas.create_function(
        FunctionName=name,
        Runtime=runtime,
        Handler=handler,
        Role=role,
        Code={"ZipFile": package or zipped(source)},
        Timeout=timeout,
        MemorySize=memory,
        Environment={"Variables": environment or {}},
        Tags=tags or {},
    )
    aws_lambda = {"FunctionArn": function["FunctionArn"]} | ({"FunctionPayload": payload} if payload else {})
    control.create_access_point_for_object_lambda(
        AccountId=server.account,
        Name=f"{name}-ol",
        Configuration={
            "SupportingAccessPoint": f"arn:aws:s3:{server.region}:{server.account}:accesspoint/{name}-ap",
            "AllowedFeatures": list(features),
            "TransformationConfigurations": [
                {"Actions": list(actions), "ContentTransformation": {"AwsLambda": aws_lambda}}
            ],
        },
    )
    return Lens(server, name, f"{name}-ap", f"{name}-ol", name, function["FunctionArn"])
