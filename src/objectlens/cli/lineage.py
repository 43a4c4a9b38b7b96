"""`objectlens lineage`: what a derived object was made of, by what, and whether it would come out the same again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import click
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from objectlens.cli.clients import clients_at
from objectlens.cli.options import (
    argument_option,
    config_option,
    data_option,
    endpoint_option,
    json_option,
    named,
    print_json,
)
from objectlens.cli.signing import Refused, Signer

_EPILOG = """\b
Examples:
  objectlens lineage arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/image-normalizer images/test.png
  objectlens lineage ALIAS images/test.png --arg width=64 --verify
  objectlens lineage ALIAS images/test.png --json | jq -r .function_digest

--verify gets the object twice, as it is kept and made anew past the cache, and compares the bytes; the exit code is 1
when they differ.
"""
_PREFIX = "x-objectlens-"
_NAMES = ("source-etag", "function", "function-digest", "arguments", "cache", "duration-ms")
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Taken:
    """An object as it came: headers by lower-case name, size in bytes, SHA-256 in hexadecimal digits."""

    headers: Mapping[str, str]
    size: int
    sha256: str

    @property
    def origin(self) -> tuple[str | None, ...]:
        """What the bytes depend on, but for the arguments, which were ours."""
        return tuple(self.headers.get(f"{_PREFIX}{name}") for name in ("source-etag", "function-digest"))


@dataclass(frozen=True, slots=True)
class Lens:
    """One object behind an access point, and the server to ask for it."""

    signer: Signer
    access_point: str
    key: str
    arguments: Mapping[str, str]

    def ask(self, operation: str, headers: Mapping[str, str] | None = None) -> Any:
        """Return the answer to `HeadObject` or `GetObject`; ends the command with the server's reason."""
        client = clients_at(self.signer.url, self.signer.session, self.signer.region).s3

        def add(request: AWSRequest, **_: object) -> None:
            if self.arguments:
                request.url += ("&" if "?" in request.url else "?") + urlencode(self.arguments, quote_via=quote)
            for name, value in (headers or {}).items():
                request.headers[name] = value

        client.meta.events.register_first(f"before-sign.s3.{operation}", add)
        call = client.head_object if operation == "HeadObject" else client.get_object
        try:
            return call(Bucket=self.access_point, Key=self.key)
        except (ClientError, BotoCoreError, ValueError) as error:
            if operation == "HeadObject" and isinstance(error, ClientError):
                # An answer to a HEAD has no room for the reason; that to a GET has, and ends the command with it.
                self.ask("GetObject", headers)["Body"].close()
            raise click.ClickException(f"{self.key} cannot be had through {self.access_point}: {error}") from error


@click.command("lineage", epilog=_EPILOG)
@click.argument("access_point")
@click.argument("key")
@argument_option
@click.option("--verify", is_flag=True, help="Make the object anew and compare it with what is kept.")
@data_option
@config_option
@endpoint_option
@json_option
def command(
    *,
    access_point: str,
    key: str,
    given: tuple[str, ...],
    verify: bool,
    data: Path,
    config: Path | None,
    endpoint: str | None,
    as_json: bool,
) -> None:
    """Print from which version of the source, by which code and with which arguments KEY of ACCESS_POINT was made."""
    lens = Lens(Signer(data, config, endpoint), access_point, key, named(given))
    found = _told(lens)
    if verify:
        found["verified"] = _verified(lens)
    if as_json:
        print_json(found)
    else:
        Console().print(_table(found))
    if verify and not found["verified"]["equal"]:
        raise SystemExit(1)


def _told(lens: Lens) -> dict[str, Any]:
    headers = lens.ask("HeadObject")["ResponseMetadata"]["HTTPHeaders"]
    if f"{_PREFIX}source-etag" not in headers:
        raise click.ClickException(
            f"{lens.access_point} tells no lineage: its answers are not managed. Tag its function with "
            "objectlens:answers=managed."
        )
    lineage = {name.replace("-", "_"): headers.get(_PREFIX + name) for name in _NAMES}
    facts = {"etag": headers.get("etag", "").strip('"') or None, "content_type": headers.get("content-type")}
    facts |= {"bytes": int(headers.get("content-length", 0)), "last_modified": headers.get("last-modified")}
    named_by = {"access_point": lens.access_point, "key": lens.key}
    return named_by | lineage | facts | {"entry": _entry(lens, facts["etag"])}


def _entry(lens: Lens, etag: str | int | None) -> dict[str, Any] | None:
    """Return what the cache says of the object, None when it has none or the caller may not know."""
    asked = {"access_point": lens.access_point, "prefix": lens.key, "after": ""}
    try:
        while True:
            page = json.loads(lens.signer.read(f"/-/cache/entries?{urlencode(asked)}"))
            for one in page["entries"]:
                if one["key"] == lens.key and one["etag"] == etag:
                    return {name: one[name] for name in ("id", "created", "crc32", "size", "duration_ms", "bucket")}
            if page["after"] is None:
                return None
            asked["after"] = page["after"]
    except Refused:
        return None


def _verified(lens: Lens) -> dict[str, Any]:
    kept, anew = _taken(lens, {}), _taken(lens, {"Cache-Control": "no-store"})
    if kept.origin != anew.origin:
        raise click.ClickException(f"{lens.key} or its function changed while it was looked at: try again")
    return {
        "equal": (kept.size, kept.sha256) == (anew.size, anew.sha256),
        "cache": kept.headers.get(f"{_PREFIX}cache"),
        "bytes": kept.size,
        "bytes_anew": anew.size,
        "sha256": kept.sha256,
        "sha256_anew": anew.sha256,
    }


def _taken(lens: Lens, headers: Mapping[str, str]) -> Taken:
    answer = lens.ask("GetObject", headers)
    digest, size = hashlib.sha256(), 0
    try:
        for chunk in answer["Body"].iter_chunks(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    except BotoCoreError as error:
        raise click.ClickException(f"{lens.key} broke off: {error}") from error
    return Taken(answer["ResponseMetadata"]["HTTPHeaders"], size, digest.hexdigest())


def _table(found: Mapping[str, Any]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in found.items():
        if value is None or isinstance(value, dict):
            continue
        table.add_row(name.replace("_", " "), escape(str(value)))
    if (entry := found["entry"]) is not None:
        table.add_row("kept since", f"{entry['created']}, CRC-32 {entry['crc32']}")
    if (verified := found.get("verified")) is not None:
        same = "[green]the same bytes[/]" if verified["equal"] else "[red]other bytes[/]"
        table.add_row("made anew", f"{same} ({verified['bytes_anew']:,}, SHA-256 {verified['sha256_anew']})")
    return table
