"""Azurite, Azure's own emulator of its Blob service, from npm."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from support.seaweed import free_ports

VERSION = "3.37.0"
ACCOUNT = "devstoreaccount1"
# The key that every Azurite has, and that Azure publishes.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_HOME = Path(__file__).parents[2] / "build" / f"azurite-{VERSION}"
_API = "2021-08-06"


class Azurite:
    """The Blob service alone, in memory; gone after `stop`."""

    def __init__(self) -> None:
        program = _installed()
        self.folder = Path(tempfile.mkdtemp(prefix="objectlens-azurite-"))
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}/{ACCOUNT}"
        options = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--silent", "--inMemoryPersistence"]
        options += ["--skipApiVersionCheck", "--disableTelemetry"]
        with (self.folder / "log").open("wb") as log:
            # The script as such: node has no child then.
            self._process = subprocess.Popen(["node", program, *options], stdout=log, stderr=log, cwd=self.folder)
        self._made = 0
        self._wait()

    def container(self) -> str:
        """Make an empty container and return its name."""
        self._made += 1
        name = f"container{self._made}"
        date = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        signed = (
            f"PUT{chr(10) * 12}x-ms-date:{date}\nx-ms-version:{_API}\n/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
        )
        signature = hmac.new(base64.b64decode(KEY), signed.encode(), hashlib.sha256).digest()
        headers = {
            "x-ms-date": date,
            "x-ms-version": _API,
            "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(signature).decode()}",
            "Content-Length": "0",
        }
        request = urllib.request.Request(f"{self.url}/{name}?restype=container", method="PUT", headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 201
        return name

    def stop(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.wait(30)
        shutil.rmtree(self.folder)

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(self.url, timeout=5).close()
            except urllib.error.HTTPError as error:
                error.close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self._process.kill()
                    raise AssertionError((self.folder / "log").read_text()) from None
                time.sleep(0.1)


def _installed() -> str:
    program = _HOME / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    if not program.exists():
        _HOME.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts", f"azurite@{VERSION}"]
        subprocess.run(command, cwd=_HOME, check=True, stdout=subprocess.DEVNULL, env=os.environ, timeout=600)
    return str(program)
