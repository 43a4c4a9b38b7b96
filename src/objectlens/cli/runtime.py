"""`objectlens runtime`: what functions need on this machine, put there ahead of time."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import click

from objectlens.cli.options import FUNCTIONS, config_option, data_option, read_settings
from objectlens.functions.installing import InstallError
from objectlens.functions.node import NodeModules
from objectlens.functions.python import OLDEST, Pythons
from objectlens.settings import Settings

_GROUP_EPILOG = """\b
Example:
  objectlens runtime install nodejs
"""
_EPILOG = """\b
Examples:
  objectlens runtime install nodejs
  objectlens runtime install python3.12 --data /srv/objectlens
"""

_PYTHON = re.compile(r"python3\.(\d{1,2})")


@click.group("runtime", epilog=_GROUP_EPILOG)
def command() -> None:
    """Make runtimes of functions ready on this machine."""


@command.command("install", epilog=_EPILOG)
@click.argument("runtime")
@data_option
@config_option
def install(runtime: str, data: Path, config: Path | None) -> None:
    """Install what functions of a RUNTIME find beside their own package.

    For nodejs it is the AWS SDK for JavaScript v3, which needs npm; for python3.9 and newer, a virtual environment of
    that Python with AWS's runtime client and boto3, which needs pip. The server does the same when the first function
    of that runtime is made, or invoked.
    """
    settings = read_settings(data, config)
    match = _PYTHON.fullmatch(runtime)
    if match is None and runtime != "nodejs":
        raise click.UsageError(f"{runtime} needs nothing installed: RUNTIME is nodejs, or python3.9 and newer")
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        if match is None:
            _install_modules(settings)
        else:
            _install_python(settings, int(match[1]))
    except (InstallError, OSError) as error:
        raise click.ClickException(f"{runtime} is not installed: {error}") from error


def _install_modules(settings: Settings) -> None:
    modules = NodeModules(settings.data / FUNCTIONS, settings.functions.node_modules)
    asyncio.run(modules.install(click.echo))
    if modules.link.exists():
        click.echo(f"Node.js functions find {modules.link.resolve()}")
    else:
        click.echo("Node.js functions find no AWS SDK: the setting functions.node_modules is none")


def _install_python(settings: Settings, minor: int) -> None:
    if minor == sys.version_info.minor:
        click.echo(f"python3.{minor} functions run on the server's own Python, with its packages")
        return
    pythons = Pythons(settings.data / FUNCTIONS, settings.functions.pythons)
    found = pythons.find(minor)
    if found is None:
        raise click.ClickException(
            f"no Python 3.{minor} is found, so its functions run on the server's own. Install it, or name it in the "
            f"setting functions.pythons; the oldest that is served is 3.{OLDEST}"
        )
    asyncio.run(pythons.install(found, click.echo))
    click.echo(f"python3.{minor} functions run on Python {found.version}, with {pythons.home(found)}")
