"""Finding Node.js on this machine, and the command that serves a function with it."""

from __future__ import annotations

import ipaddress
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

FOLDER = Path(__file__).parent
BOOTSTRAP = str(FOLDER / "bootstrap.mjs")
CAPTURE = str(FOLDER / "capture.cjs")
OLDEST = 18

_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Node:
    """A Node.js of this machine: where it is, and its version, `20.11.1`."""

    path: str
    version: str

    @property
    def major(self) -> int:
        """The first number of the version."""
        return int(self.version.partition(".")[0])


@cache
def find_node(major: int) -> Node:
    """Return the Node.js of that major version, else another that is new enough, from the server's `PATH`.

    Raises `LookupError` with the cause and the remedy. What was found is remembered until the server ends.
    """
    found = [node for name in (f"node{major}", f"node-{major}", "node", "nodejs") if (node := _look_at(name))]
    usable = [node for node in found if node.major >= OLDEST]
    if not usable:
        seen = f"; what is there is {found[0].version} at {found[0].path}" if found else ""
        raise LookupError(f"Node.js {OLDEST} or newer is not on the server's PATH{seen}: install it")
    return next((node for node in usable if node.major == major), usable[0])


def _look_at(name: str) -> Node | None:
    path = shutil.which(name)
    if path is None:
        return None
    try:
        shown = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None  # it does not run: then there is none
    match = _VERSION.match(shown)
    return Node(path, ".".join(match.groups())) if match else None


def node_command(node: str) -> list[str]:
    """Return the command of an environment; the capture is loaded first, in worker threads and forks as well."""
    return [node, "--require", CAPTURE, BOOTSTRAP]


def sdk_endpoint(url: str, environment: Mapping[str, str]) -> str:
    """Return the endpoint that the SDK of a function with this environment is told, `url` being the service's own.

    An address in numbers is replaced by `localhost`, which `capture.cjs` leads to it: SDKs put labels before the host,
    and `label.127.0.0.1` is not a host in a URL (WHATWG URL Standard, "ends in a number"). Without the capture no label
    is of use, and the address stays.
    """
    parts = urlsplit(url)
    if environment.get("OBJECTLENS_CAPTURE") == "0" or not _is_address(parts.hostname or ""):
        return url
    return parts._replace(netloc=f"localhost:{parts.port}" if parts.port else "localhost").geturl()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
