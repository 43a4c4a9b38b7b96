"""`objectlens version`."""

from __future__ import annotations

import platform

import click

from objectlens import __version__
from objectlens.cli.options import json_option, print_json

_EPILOG = """\b
Example:
  objectlens version --json
"""


@click.command("version", epilog=_EPILOG)
@json_option
def command(as_json: bool) -> None:
    """Print the version."""
    if as_json:
        print_json({"objectlens": __version__, "python": platform.python_version(), "platform": platform.platform()})
    else:
        click.echo(f"objectlens {__version__} (Python {platform.python_version()})")
