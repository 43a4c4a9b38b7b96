"""The demo's server: a data directory of its own, any free port, a log file."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from steps import Failed

READY_SECONDS = 60


class Server:
    """`objectlens serve` in a process of its own."""

    def __init__(self, output):
        shutil.rmtree(output, ignore_errors=True)
        (output / "normalized").mkdir(parents=True)
        self.data = Path(tempfile.mkdtemp(prefix="objectlens-demo-"))
        self.log = output / "server.log"
        self.command = "objectlens serve --listen 127.0.0.1:0"
        self.environ = dict(
            os.environ,
            PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            OBJECTLENS_DATA=str(self.data),
            AWS_DEFAULT_REGION="us-west-2",
            AWS_PAGER="",
            # What commands print is shown four columns further to the right.
            COLUMNS=str(shutil.get_terminal_size((120, 24)).columns - 4),
        )
        self.environ.pop("AWS_REGION", None)
        self.process = None
        self.endpoint = None

    def start(self):
        """Start it and wait until it is ready."""
        with self.log.open("wb") as log:
            # A session of its own, so that it can outlive the demo (KEEP=1).
            self.process = subprocess.Popen(
                self.command.split(),
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_SECONDS
        while not self._ready():
            if self.process.poll() is not None:
                raise Failed(f"the server ended with exit code {self.process.returncode}")
            if time.monotonic() > deadline:
                raise Failed(f"the server was not ready within {READY_SECONDS} seconds")
            time.sleep(0.1)

    def _ready(self):
        try:
            self.endpoint = (self.data / "endpoint").read_text().strip()
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"{self.endpoint}/-/health/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def log_tail(self):
        """Return the last lines of its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-30:])

    def stop(self):
        """End it, let it drain, and remove its data directory."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        # The packages of functions are read-only, their folders too.
        for path in self.data.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(self.data)
