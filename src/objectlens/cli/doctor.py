"""`objectlens doctor`: what this machine has, and what it lacks, said as it is."""

from __future__ import annotations

import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import botocore.session
import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from objectlens.cli.options import (
    ENDPOINT_NAME,
    FUNCTIONS,
    config_option,
    data_option,
    json_option,
    print_json,
    read_settings,
    running_endpoint,
)
from objectlens.errors import InvalidRuntimeException
from objectlens.functions.isolation_finding import find_isolation
from objectlens.functions.python import NEWEST, OLDEST, Pythons
from objectlens.functions.runtimes import find_runtime
from objectlens.settings import RemoteSettings, Settings, SettingsError
from objectlens.settings.credentials import read_credentials

_EPILOG = """\b
Examples:
  objectlens doctor
  objectlens doctor --data /srv/objectlens --json

Exits with 1 when something that the server needs is missing.
"""

_HANDLER_PACKAGES = ("boto3", "requests", "numpy", "opencv-python-headless", "pillow")
_INSTALL = "objectlens runtime install python3."
_MARKS = {"ok": "[green]ok[/]", "note": "[yellow]--[/]", "bad": "[red]!![/]"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `bad` keeps the server from working, `note` is for the user to know."""

    state: Literal["ok", "note", "bad"]
    what: str
    detail: str


@click.command("doctor", epilog=_EPILOG)
@data_option
@config_option
@json_option
def command(data: Path, config: Path | None, as_json: bool) -> None:
    """Look at this machine and say what works, what does not, and why."""
    findings = list(examine(read_settings(data, config)))
    if as_json:
        print_json([asdict(one) for one in findings])
    else:
        table = Table("", "", Column(overflow="fold"), box=None, show_header=False, pad_edge=False)
        for one in findings:
            table.add_row(_MARKS[one.state], escape(one.what), escape(one.detail))
        Console().print(table)
    sys.exit(any(one.state == "bad" for one in findings))


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything, without changing anything."""
    yield Finding("ok", "Python", f"{platform.python_version()} at {sys.executable}")
    yield from _packages()
    yield _data(settings.data)
    yield _credentials(settings)
    yield _port(settings)
    yield from _runtimes(settings)
    yield from _isolation(settings)
    yield from (_remote(name, remote) for name, remote in settings.remote.items())


def _packages() -> Iterator[Finding]:
    for name in _HANDLER_PACKAGES:
        try:
            yield Finding("ok", name, f"{version(name)}, importable by Python functions")
        except PackageNotFoundError:
            yield Finding("note", name, "not installed: functions must bring it, or install objectlens[all]")
    yield _area()


def _area() -> Finding:
    try:
        import cv2  # noqa: PLC0415  (an extra)

        from objectlens.area import is_as, is_built  # noqa: PLC0415  (needs NumPy, of an extra)
    except ImportError:
        return Finding("note", "scaling by area", "not there: install objectlens[image]")
    if not is_built():
        detail = "by OpenCV, slowly: install a C compiler (apt install gcc), and objectlens once more"
        return Finding("note", "scaling by area", detail)
    if not is_as(cv2.resize, cv2.INTER_AREA):
        return Finding("note", "scaling by area", "by OpenCV, slowly: this one rounds as no other way here does")
    return Finding("ok", "scaling by area", "compiled, with the pixels of OpenCV")


def _data(data: Path) -> Finding:
    place = next(one for one in (data, *data.parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            free = shutil.disk_usage(place).free // 2**20
    except OSError as error:
        return Finding("bad", "data directory", f"cannot write to {place}: {error.strerror}")
    made = "" if place == data else ", made on first start"
    return Finding("ok", "data directory", f"{data}{made}, {free} MiB free")


def _credentials(settings: Settings) -> Finding:
    if settings.root.access_key_id:
        return Finding("ok", "root's key", f"{settings.root.access_key_id}, from the settings")
    try:
        kept = read_credentials(settings.data)
    except SettingsError as error:
        return Finding("bad", "root's key", str(error))
    return Finding(
        "ok", "root's key", f"{kept.access_key_id}, kept in {settings.data}" if kept else "made on first start"
    )


def _port(settings: Settings) -> Finding:
    if endpoint := running_endpoint(settings.data):
        return _running(endpoint, settings.data)
    listen = settings.server.listen
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return Finding("bad", "address", f"cannot listen on {listen}: {error.strerror}; choose another with --listen")
    return Finding("ok", "address", f"{listen} is free")


def _running(endpoint: str, data: Path) -> Finding:
    parts = urlsplit(endpoint)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), timeout=5).close()
    except (OSError, ValueError) as error:
        detail = f"{data / ENDPOINT_NAME} names {endpoint}, where nobody answers ({error}): the server was killed"
        return Finding("note", "address", detail)
    return Finding("ok", "address", f"the server of this data directory answers at {endpoint}")


def _runtimes(settings: Settings) -> Iterator[Finding]:
    pythons = Pythons(settings.data / FUNCTIONS, settings.functions.pythons)
    yield from _pythons(pythons)
    for kind, name in (("nodejs", "nodejs20.x"), ("java", "java17")):
        try:
            yield Finding("ok", f"runtime {kind}", f"runs on {find_runtime(name, pythons).label}")
        except InvalidRuntimeException as error:
            yield Finding("note", f"runtime {kind}", error.message)
    yield Finding("ok", "runtime provided", "an executable named bootstrap in the package or in a layer")


def _pythons(pythons: Pythons) -> Iterator[Finding]:
    own = sys.version_info.minor
    yield Finding("ok", f"runtime python3.{own}", f"runs on this Python {platform.python_version()}")
    for minor in (number for number in range(OLDEST, NEWEST + 1) if number != own):
        if found := pythons.find(minor):
            ready = pythons.home(found).is_dir()
            state = "ready" if ready else f"made ready with the first function, or by: {_INSTALL}{minor}"
            yield Finding("ok", f"runtime python3.{minor}", f"runs on Python {found.version} at {found.path}, {state}")
    yield Finding("ok", "other python3.x", f"run on this Python {platform.python_version()}, as their logs tell")


def _isolation(settings: Settings) -> Iterator[Finding]:
    yield Finding("ok", "own process", "active: every environment is a process of its own, ended with its children")
    yield Finding("ok", "time limit", "active: a function that runs over its timeout is killed")
    yield Finding("ok", "open files", "active: 1024 for each environment")
    found = find_isolation(settings.functions.isolation, settings.functions.processors)
    found.close()
    for one in found.features:
        state: Literal["ok", "bad", "note"] = "ok" if one.active else "bad" if found.refusal else "note"
        yield Finding(state, one.name, f"{'active' if one.active else 'not active'}: {one.detail}")


def _remote(name: str, remote: RemoteSettings) -> Finding:
    """Look for what can be seen from here; whether the credentials may invoke, only the first invocation tells."""
    what, where = f"remote {name}", remote.endpoint or "AWS Lambda"
    if remote.signed and remote.profile and remote.profile not in botocore.session.Session().available_profiles:
        return Finding("note", what, f"no profile {remote.profile} in the AWS configuration files: {where} will refuse")
    if remote.endpoint is not None:
        parts = urlsplit(remote.endpoint)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            socket.create_connection((parts.hostname or "", port), timeout=5).close()
        except OSError as error:
            return Finding("note", what, f"{where} cannot be reached: {error}")
    return Finding("ok", what, f"{where}, for {', '.join(remote.functions)}")
