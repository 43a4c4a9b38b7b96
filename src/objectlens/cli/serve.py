"""`objectlens serve`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click
import uvloop

from objectlens import service
from objectlens.cli.options import config_option, data_option, read_settings
from objectlens.settings import SettingsError

_EPILOG = """\b
Examples:
  objectlens serve
  objectlens serve --data /srv/objectlens --listen 0.0.0.0:9000 --domain lens.example.org --quiet

The root's key is made on first start and kept in DIR/credentials. SIGTERM, Ctrl-C and the end of the terminal let the
requests in work finish. Each request is one line on the standard error, unless --quiet is given.
All settings: docs/settings.md.
"""


@click.command("serve", epilog=_EPILOG)
@data_option
@click.option("--listen", metavar="HOST:PORT", help="Where to listen.  [default: 127.0.0.1:9000]")
@click.option("--domain", "domains", metavar="NAME", multiple=True, help="A host name of this server; may be repeated.")
@click.option("--quiet", is_flag=True, help="Write no line for each request, only what the operator should know.")
@config_option
def command(data: Path, listen: str | None, domains: tuple[str, ...], quiet: bool, config: Path | None) -> None:
    """Run the server on a data directory until it is told to stop."""
    options = {"server.listen": listen, "server.domains": ",".join(domains) or None}
    settings = read_settings(data, config, options)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        sys.exit(uvloop.run(service.serve(settings, None if quiet else sys.stderr)))
    except (service.StartError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        place = f" at {error.filename}" if error.filename else ""
        raise click.ClickException(f"the server cannot run on {data}: {error.strerror or error}{place}") from error
