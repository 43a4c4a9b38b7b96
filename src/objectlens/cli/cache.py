"""`objectlens cache`: what is kept of derived objects, and forgetting it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Column, Table

from objectlens.cli.options import config_option, data_option, endpoint_option, json_option, print_json
from objectlens.cli.signing import Signer

_GROUP_EPILOG = """\b
Examples:
  objectlens cache stats
  objectlens cache purge --access-point ALIAS --prefix images/
"""
_STATS_EPILOG = """\b
Examples:
  objectlens cache stats
  objectlens cache stats --json | jq .hits
"""
_TOP_EPILOG = """\b
Examples:
  objectlens cache top
  objectlens cache top --limit 100 --json
"""
_PURGE_EPILOG = """\b
Examples:
  objectlens cache purge --access-point ALIAS --prefix images/
  objectlens cache purge --function arn:aws:lambda:us-west-2:123456789012:function:image-normalizer:3
  objectlens cache purge --all

What matches all options is forgotten, and made anew when somebody asks for it. Nothing has to be purged because a
source or a function changed: those are other entries.
"""


@click.group("cache", epilog=_GROUP_EPILOG)
def command() -> None:
    """Show and purge what is kept of derived objects."""


@command.command("stats", epilog=_STATS_EPILOG)
@data_option
@config_option
@endpoint_option
@json_option
def stats(data: Path, config: Path | None, endpoint: str | None, as_json: bool) -> None:
    """Show how much is kept, and how often that helped since the server started."""
    found = json.loads(Signer(data, config, endpoint).read("/-/cache/stats"))
    if as_json:
        print_json(found)
        return
    asked = found["hits"] + found["misses"]
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("kept", f"{found['entries']:,} objects, {decimal(found['bytes'])} of {decimal(found['limit'])}")
    table.add_row("hits", f"{found['hits']:,} of {asked:,} ({found['hits'] / asked:.0%})" if asked else "none yet")
    for name, label in (
        ("fills", "made"),
        ("joined", "shared while made"),
        ("flights", "being made"),
        ("failures", "failed"),
        ("evicted", "given up"),
    ):
        table.add_row(label, f"{found[name]:,}")
    Console().print(table)


@command.command("top", epilog=_TOP_EPILOG)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many.")
@data_option
@config_option
@endpoint_option
@json_option
def top(*, limit: int, data: Path, config: Path | None, endpoint: str | None, as_json: bool) -> None:
    """Show what is used most."""
    found = json.loads(Signer(data, config, endpoint).read(f"/-/cache/top?{urlencode({'limit': limit})}"))["entries"]
    if as_json:
        print_json(found)
        return
    right = [Column(name, justify="right", no_wrap=True) for name in ("hits", "size", "made in")]
    table = Table(
        *right, Column("access point", no_wrap=True), Column("key", overflow="fold"), box=None, pad_edge=False
    )
    for one in found:
        table.add_row(
            f"{one['hits']:,}",
            decimal(one["size"]),
            f"{one['duration_ms']:,} ms",
            escape(one["access_point"].rpartition("/")[2]),
            escape(one["key"]) + (f" [dim]{escape(one['arguments'])}[/]" if one["arguments"] != "{}" else ""),
        )
    if not found:
        table.caption = "Nothing is kept."
    Console().print(table)


@command.command("purge", epilog=_PURGE_EPILOG)
@click.option("--access-point", metavar="ARN|ALIAS", help="What was made behind this Object Lambda access point.")
@click.option("--bucket", help="What was made of this bucket's objects.")
@click.option("--prefix", help="What was made of objects whose keys begin so.")
@click.option("--function", metavar="ARN", help="What this function made; with a version, only that one.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
@data_option
@config_option
@endpoint_option
@json_option
def purge(
    *,
    access_point: str | None,
    bucket: str | None,
    prefix: str | None,
    function: str | None,
    everything: bool,
    data: Path,
    config: Path | None,
    endpoint: str | None,
    as_json: bool,
) -> None:
    """Forget what is kept."""
    chosen: dict[str, Any] = {"access_point": access_point, "bucket": bucket, "prefix": prefix, "function": function}
    asked = {name: value for name, value in chosen.items() if value is not None}
    if everything == bool(asked):
        raise click.ClickException("say what to purge: --access-point, --bucket, --prefix, --function, or --all alone")
    found = json.loads(Signer(data, config, endpoint).read("/-/cache/purge", asked or {"all": True}))
    if as_json:
        print_json(found)
    else:
        click.echo(f"forgot {found['entries']:,} objects, {decimal(found['bytes'])}")
