"""The group of commands."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from typing import Any

import click

from objectlens import __version__

_COMMANDS = {
    "serve": "objectlens.cli.serve",
    "exec": "objectlens.cli.execute",
    "bucket": "objectlens.cli.bucket",
    "transform": "objectlens.cli.transform",
    "function": "objectlens.cli.function",
    "warm": "objectlens.cli.warm",
    "lineage": "objectlens.cli.lineage",
    "cache": "objectlens.cli.cache",
    "logs": "objectlens.cli.logs",
    "usage": "objectlens.cli.usage",
    "budget": "objectlens.cli.budget",
    "cost": "objectlens.cli.cost",
    "tune": "objectlens.cli.tune",
    "credentials": "objectlens.cli.credentials",
    "runtime": "objectlens.cli.runtime",
    "doctor": "objectlens.cli.doctor",
    "version": "objectlens.cli.version",
}
_ALIASES = {"functions": "function"}


class _Lazy(click.Group):
    """Imports a command when it is used: `exec` must not wait until the whole server is imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the help."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command `command` of the module that the name stands for."""
        cmd_name = _ALIASES.get(cmd_name, cmd_name)
        if cmd_name not in _COMMANDS:
            return None
        command = importlib.import_module(_COMMANDS[cmd_name]).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{_COMMANDS[cmd_name]}.command is not a command")
        return command

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command that the arguments name, and say so in one line when the disk that it prints to is full."""
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            # Errors of files name them, and are told by the commands; this is of what is printed.
            if error.errno not in {errno.ENOSPC, errno.EDQUOT} or error.filename is not None:
                raise
            # What could not be written is written once more at the exit, which would complain again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            click.echo(f"Error: cannot write what is printed: {error.strerror}", err=True)
            sys.exit(1)


@click.command(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with: objectlens serve --data ./objectlens-data",
)
@click.version_option(__version__, prog_name="objectlens", message="%(prog)s %(version)s")
def main() -> None:
    """Your buckets, seen through code: a server that speaks Amazon S3 Object Lambda."""
