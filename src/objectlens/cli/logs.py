"""`objectlens logs`."""

from __future__ import annotations

import re
from dataclasses import asdict
from json import dumps
from pathlib import Path

import click

from objectlens.cli.options import FUNCTIONS, data_option
from objectlens.functions.logs import LogLine, log_folder, read_log

# What Lambda allows; nothing of it leads out of the folder of logs.
_NAME = re.compile(r"([a-z][a-z0-9]{0,31}\.)?[A-Za-z0-9_-]{1,140}")
_EPILOG = """\b
Examples:
  objectlens logs image-normalizer
  objectlens logs image-normalizer --follow
  objectlens logs image-normalizer --json | jq -r .message
"""


@click.command("logs", epilog=_EPILOG)
@click.argument("name")
@click.option("--follow", "-f", is_flag=True, help="Keep on printing what is added, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each line.")
@data_option
def command(name: str, follow: bool, as_json: bool, data: Path) -> None:
    """Print the log of the function NAME: what it wrote, and what became of each invocation.

    That of a function that runs at a remote goes by REMOTE.NAME.
    """
    folder = log_folder(data / FUNCTIONS, name)
    if not _NAME.fullmatch(name):
        raise click.ClickException(f"{name!r} is not the name of a function: letters, digits, hyphens and underscores")
    if not (follow or folder.is_dir()):
        raise click.ClickException(f"no log of a function {name!r} in {data}: it was not invoked yet, or see --data")
    try:
        for line in read_log(folder, follow=follow):
            click.echo(dumps(asdict(line)) if as_json else _shown(line))
    except KeyboardInterrupt:
        return
    except OSError as error:
        raise click.ClickException(f"cannot read the log of {name}: {error}") from error


def _shown(line: LogLine) -> str:
    return f"{line.time} {line.stream} {line.message}"
