"""`objectlens runtime`: what functions need on this machine, put there ahead of time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from objectlens.cli.options import FUNCTIONS, config_option, data_option, read_settings
from objectlens.functions.node import NodeModules
from objectlens.functions.node.npm import NpmError

_EPILOG = """\b
Examples:
  objectlens runtime install nodejs
  objectlens runtime install nodejs --data /srv/objectlens
"""


@click.group("runtime")
def command() -> None:
    """Make runtimes of functions ready on this machine."""


@command.command("install", epilog=_EPILOG)
@click.argument("runtime", type=click.Choice(["nodejs"]))
@data_option
@config_option
def install(runtime: str, data: Path, config: Path | None) -> None:
    """Install what functions of a RUNTIME find beside their own package: for nodejs, the AWS SDK for JavaScript v3.

    It needs npm. The server does the same when the first Node.js function is made, or invoked.
    """
    settings = read_settings(data, config)
    modules = NodeModules(settings.data / FUNCTIONS, settings.functions.node_modules)
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        asyncio.run(modules.install(click.echo))
    except (NpmError, OSError) as error:
        raise click.ClickException(f"the AWS SDK for JavaScript is not installed: {error}") from error
    if modules.link.exists():
        click.echo(f"Node.js functions find {modules.link.resolve()}")
    else:
        click.echo("Node.js functions find no AWS SDK: the setting functions.node_modules is none")
