"""Which keys a measurement reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from botocore.exceptions import ClientError

from objectlens.cli.clients import Clients

_MOST_OF_A_PREFIX = 50
_MOST = 1000


def keys_of(clients: Clients, supporting: str, given: Sequence[str]) -> list[str]:
    """Return the keys that are meant, each once; ends the command when one does not exist."""
    found = list(dict.fromkeys(key for one in given for key in _expanded(clients, supporting, one)))
    if not found or len(found) > _MOST:
        raise click.ClickException(f"--keys names {len(found)} keys: give from 1 to {_MOST:,}")
    for key in found:
        try:
            clients.s3.head_object(Bucket=supporting, Key=key)
        except ClientError as error:
            said = error.response["Error"]["Code"]
            raise click.ClickException(f"the key {key!r} cannot be read behind {supporting}: {said}") from error
    return found


def _expanded(clients: Clients, supporting: str, given: str) -> Iterator[str]:
    if given.startswith("@"):
        try:
            lines = Path(given[1:]).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise click.ClickException(f"cannot read keys from {given[1:]}: {error}") from error
        yield from (line for line in lines if line)
        return
    for one in given.split(","):
        if one.endswith("*"):
            yield from _below(clients, supporting, one[:-1])
        elif one:
            yield one


def _below(clients: Clients, supporting: str, prefix: str) -> list[str]:
    page = clients.s3.list_objects_v2(Bucket=supporting, Prefix=prefix, MaxKeys=_MOST_OF_A_PREFIX)
    found = [one["Key"] for one in page.get("Contents", ()) if one["Size"]]
    if not found:
        raise click.ClickException(f"no key behind {supporting} begins with {prefix!r}")
    return found
