"""What several commands share: options, and errors as one line."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from objectlens.settings import Settings, SettingsError, load

DEFAULT_DATA = "./objectlens-data"
# Where the service puts things in the data directory.
ENDPOINT_NAME = "endpoint"
FUNCTIONS = "functions"

data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="OBJECTLENS_DATA",
    default=DEFAULT_DATA,
    help="The data directory.  [default: $OBJECTLENS_DATA or ./objectlens-data]",
)
config_option = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="OBJECTLENS_CONFIG",
    help="The settings file.  [default: $OBJECTLENS_CONFIG or objectlens.toml in the data directory]",
)
endpoint_option = click.option(
    "--endpoint", metavar="URL", help="A server elsewhere, with the AWS credentials of the environment."
)
argument_option = click.option(
    "--arg",
    "--args",
    "given",
    metavar="NAME=VALUE",
    multiple=True,
    help="An argument, as a request would give it in its query; repeatable.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def read_settings(data: Path, config: Path | None = None, options: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings; a setting that cannot be used ends the command with its message."""
    try:
        return load(data=data, config=config, environ=os.environ, options=options)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error


def running_endpoint(data: Path) -> str | None:
    """Return the URL that the server running on `data` wrote there, None when none runs."""
    try:
        return (data / ENDPOINT_NAME).read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def print_json(value: object) -> None:
    """Print a value as JSON, for scripts."""
    click.echo(json.dumps(value, indent=2))


def named(given: tuple[str, ...]) -> dict[str, str]:
    """Return arguments given as NAME=VALUE; ends the command at one that is not."""
    pairs = {}
    for one in given:
        name, parted, value = one.partition("=")
        if not parted or not name:
            raise click.ClickException(f"--arg {one!r} is not NAME=VALUE")
        pairs[name] = value
    return pairs
