"""`objectlens exec`."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

from objectlens.cli.options import ENDPOINT_NAME, config_option, data_option, read_settings, running_endpoint
from objectlens.cli.surroundings import surround
from objectlens.settings import Credentials, Settings, SettingsError, root_credentials

_EPILOG = """\b
Examples:
  objectlens exec -- aws s3 ls
  objectlens exec -- aws s3api get-object --key images/test.png out.jpg \\
    --bucket arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/image-normalizer
  objectlens exec --data /srv/objectlens -- python train.py
  objectlens exec --endpoint http://lens.example.org:9000 -- python train.py

With --data the program has the root's key. With --endpoint it keeps the AWS credentials that it would have without us.
Every plain http:// request of the program passes through the server, which refuses those that are not for it.
"""


@click.command("exec", epilog=_EPILOG, context_settings={"allow_interspersed_args": False})
@data_option
@config_option
@click.option("--endpoint", metavar="URL", help="A server elsewhere, instead of the one running on --data.")
@click.argument("arguments", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
def command(data: Path, config: Path | None, endpoint: str | None, arguments: tuple[str, ...]) -> None:
    """Run a program that uses AWS against this server, with nothing changed in the program."""
    settings = read_settings(data, config)
    url = reachable(endpoint or running(data), "--endpoint" if endpoint else str(data / ENDPOINT_NAME))
    credentials = None if endpoint else root_of(settings)
    environ = surround(os.environ, endpoint=url, region=settings.account.region, credentials=credentials)
    try:
        # The program takes our place: signals and exit codes are its own.
        os.execvpe(arguments[0], arguments, environ)  # noqa: S606  (what the user typed is what runs)
    except OSError as error:
        click.echo(f"Error: cannot run {arguments[0]}: {error.strerror}", err=True)
        # As a shell says it: 127 for no such program, 126 for one that cannot be run.
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)


def root_of(settings: Settings) -> Credentials:
    """Return the root's key; ends the command when it cannot be had."""
    try:
        return root_credentials(settings)
    except (SettingsError, OSError) as error:
        raise click.ClickException(str(error)) from error


def running(data: Path) -> str:
    """Return the URL of the server that runs on `data`; ends the command when none does."""
    endpoint = running_endpoint(data)
    if endpoint is None:
        raise click.ClickException(f"no server runs on {data}: start one with: objectlens serve --data {data}")
    return endpoint


def reachable(url: str, source: str) -> str:
    """Return a server's URL when something answers there; ends the command when not. `source` is who named it."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise click.ClickException(f"{url!r} (from {source}) is not a URL such as http://127.0.0.1:9000")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname, port), timeout=5).close()
    except (OSError, ValueError) as error:
        raise click.ClickException(f"no server answers at {url} (from {source}): {error}") from error
    return url.rstrip("/")
