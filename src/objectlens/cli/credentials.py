"""`objectlens credentials`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from objectlens.cli.options import config_option, data_option, json_option, print_json, read_settings, running_endpoint
from objectlens.settings import SettingsError, root_credentials

_EPILOG = """\b
Examples:
  objectlens credentials
  eval "$(objectlens credentials --secret)"
  objectlens credentials --secret --json
"""


@click.command("credentials", epilog=_EPILOG)
@data_option
@config_option
@click.option("--secret", is_flag=True, help="Print the secret too; without it, everything but the secret.")
@json_option
def command(data: Path, config: Path | None, secret: bool, as_json: bool) -> None:
    """Print the root's key as variables of the environment, for programs that `exec` cannot start.

    With these alone, access points are reached by their alias; their ARNs need `objectlens exec` or wildcard names
    in DNS.
    """
    settings = read_settings(data, config)
    try:
        root = root_credentials(settings)
    except (SettingsError, OSError) as error:
        raise click.ClickException(str(error)) from error
    variables = {
        "AWS_ACCESS_KEY_ID": root.access_key_id,
        "AWS_SECRET_ACCESS_KEY": root.secret_access_key if secret else None,
        "AWS_REGION": settings.account.region,
        "AWS_DEFAULT_REGION": settings.account.region,
        "AWS_ENDPOINT_URL": running_endpoint(settings.data),
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }
    known = {name: value for name, value in variables.items() if value is not None}
    if "AWS_ENDPOINT_URL" not in known:
        # Programs would go to AWS itself with a key that AWS does not know. It is no error: a key may be made ahead.
        note = (
            f"no server runs on {data}, so there is no AWS_ENDPOINT_URL: start one with: objectlens serve --data {data}"
        )
        click.echo(note, err=True)
    if as_json:
        print_json(known)
        return
    for name, value in known.items():
        click.echo(f"export {name}={shlex.quote(value)}")
    if not secret:
        click.echo("# AWS_SECRET_ACCESS_KEY: add --secret to see it")
