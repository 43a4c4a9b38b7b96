"""`objectlens logs`."""

from __future__ import annotations

import errno
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from json import dumps
from pathlib import Path

import click

from objectlens.cli.log_filters import Placed, moment_of, of_request, of_version, place
from objectlens.cli.log_filters import since as lines_since
from objectlens.cli.options import FUNCTIONS, data_option
from objectlens.functions.logs import log_folder, read_log

# What Lambda allows; nothing of it leads out of the folder of logs.
_NAME = re.compile(r"([a-z][a-z0-9]{0,31}\.)?[A-Za-z0-9_-]{1,140}")
_EPILOG = """\b
Examples:
  objectlens logs image-normalizer
  objectlens logs image-normalizer --follow -n 20
  objectlens logs image-normalizer --since 10m --function-version 3
  objectlens logs image-normalizer --request-id 8f3c2a5e
  objectlens logs image-normalizer --json | jq -r .message

START, END and REPORT are Lambda's own: REPORT has the duration, what Lambda would bill, the memory set and the most
that was used, and the time of initialisation when the environment was new.
"""


@click.command("logs", epilog=_EPILOG)
@click.argument("name")
@click.option("--follow", "-f", is_flag=True, help="Keep on printing what is added, until Ctrl-C.")
@click.option("--tail", "-n", type=click.IntRange(0), metavar="N", help="Only the last N lines of what there is.")
@click.option("--since", metavar="TIME", help="From then on: 30s, 10m, 2h, 1d ago, or a time such as 2026-01-31T12:00.")
@click.option("--function-version", "version", metavar="V", help="Only this version, such as 3 or $LATEST.")
@click.option("--request-id", metavar="ID", help="Only this invocation; the beginning of its id will do.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each line.")
@data_option
def command(
    *,
    name: str,
    follow: bool,
    tail: int | None,
    since: str | None,
    version: str | None,
    request_id: str | None,
    as_json: bool,
    data: Path,
) -> None:
    """Print the log of the function NAME: what it wrote, and what became of each invocation.

    That of a function that runs at a remote goes by REMOTE.NAME.
    """
    folder = log_folder(data / FUNCTIONS, name)
    if not _NAME.fullmatch(name):
        raise click.ClickException(f"{name!r} is not the name of a function: letters, digits, hyphens and underscores")
    if not (follow or folder.is_dir()):
        raise click.ClickException(f"no log of a function {name!r} in {data}: it was not invoked yet, or see --data")
    printer = _Printer(tail, as_json=as_json)
    try:
        lines = place(read_log(folder, follow=follow, caught_up=printer.release))
        for one in _wanted(lines, since, version, request_id):
            printer.take(one)
        printer.release()
        if printer.idle:
            click.echo(f"no such lines in the log of {name}", err=True)
    except KeyboardInterrupt:
        return
    except OSError as error:
        if error.errno in {errno.EPIPE, errno.ENOSPC, errno.EDQUOT}:
            raise  # of where this is printed to: `head`, say, or a file on a full disk
        raise click.ClickException(f"cannot read the log of {name}: {error}") from error


def _wanted(
    lines: Iterator[Placed], since: str | None, version: str | None, request_id: str | None
) -> Iterator[Placed]:
    if version is not None:
        lines = of_version(lines, version)
    if request_id is not None:
        lines = of_request(lines, request_id)
    if since is None:
        return lines
    try:
        return lines_since(lines, moment_of(since, datetime.now(UTC)))
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(
            f"{since!r} is neither a time ago, such as 10m, nor one in ISO 8601, such as 2026-01-31T12:00:00Z",
            param_hint="--since",
        ) from error


class _Printer:
    """Prints lines; with a `tail`, not before the end of what there is was reached, and then only the last ones."""

    def __init__(self, tail: int | None, *, as_json: bool) -> None:
        self._held: deque[Placed] | None = None if tail is None else deque(maxlen=tail)
        self._as_json = as_json
        self.idle = True

    def take(self, one: Placed) -> None:
        self.idle = False
        if self._held is None:
            self._print(one)
        else:
            self._held.append(one)

    def release(self) -> None:
        held, self._held = self._held or (), None
        for one in held:
            self._print(one)

    def _print(self, one: Placed) -> None:
        line = one.line
        if self._as_json:
            click.echo(dumps(asdict(line) | {"version": one.version, "request_id": one.request_id}))
        else:
            click.echo(f"{line.time} {line.stream} {line.message}")
