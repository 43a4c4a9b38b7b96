"""`objectlens warm`: derived objects are made before somebody waits for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

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
from objectlens.cli.signing import Signer
from objectlens.cli.tuning_runs import JOB_HEADER

_EPILOG = """\b
Examples:
  objectlens warm arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/image-normalizer --prefix images/
  objectlens warm ALIAS images/a.jpg images/b.jpg --arg width=64
  objectlens warm ALIAS --keys epoch-2.txt --concurrency 16 --job train-42 --json

ACCESS_POINT is the ARN or the alias of an Object Lambda access point whose answers are managed. The server makes what
is not kept yet while nobody else needs its places; Ctrl-C ends it, and what was made stays. The exit code is 1 when a
key failed or was not tried.
"""
# Keys in one request to the server.
_PORTION = 10_000
_SHOWN_ERRORS = 20
_KEPT_ERRORS = 1000


@dataclass(slots=True)
class Score:
    """What came of the keys so far; `left` were not tried, for `reason`."""

    keys: int = 0
    done: int = 0
    errors: int = 0
    bytes: int = 0
    left: int = 0
    seconds: float = 0.0
    reason: str | None = None
    cache: Counter[str] = field(default_factory=Counter)
    failed: list[dict[str, Any]] = field(default_factory=list)

    def take(self, line: dict[str, Any]) -> bool:
        """Count what a line tells; returns whether it was the summary."""
        if (summary := line.get("summary")) is not None:
            self.left += summary["left"]
            self.seconds += summary["seconds"]
            self.reason = summary["reason"]
            return True
        if "key" in line:
            self.done += 1
            self.bytes += line.get("bytes", 0)
            if "error" in line:
                self.errors += 1
                self.failed += [line] if len(self.failed) < _KEPT_ERRORS else []
            elif line["cache"] is not None:
                self.cache[line["cache"]] += 1
        return False


@click.command("warm", epilog=_EPILOG)
@click.argument("access_point")
@click.argument("keys", nargs=-1)
@click.option("--prefix", help="All objects whose keys begin so; '' for all there are.")
@click.option(
    "--keys",
    "file",
    metavar="FILE",
    type=click.File("r", encoding="utf-8"),
    help="A file of one key a line, - is stdin.",
)
@argument_option
@click.option("--concurrency", type=click.IntRange(1, 64), default=8, show_default=True, help="Keys in work at a time.")
@click.option(
    "--deadline", type=click.IntRange(1, 86_400), default=3600, show_default=True, help="Seconds it may take."
)
@click.option("--job", metavar="LABEL", help="What it is for: usage, costs and budgets tell jobs apart by it.")
@click.option("--refresh", is_flag=True, help="Make anew also what is kept.")
@data_option
@config_option
@endpoint_option
@json_option
def command(
    *,
    access_point: str,
    keys: tuple[str, ...],
    prefix: str | None,
    file: Any,
    given: tuple[str, ...],
    concurrency: int,
    deadline: int,
    job: str | None,
    refresh: bool,
    data: Path,
    config: Path | None,
    endpoint: str | None,
    as_json: bool,
) -> None:
    """Have the server make the derived objects of ACCESS_POINT and keep them, while it has nothing better to do."""
    if sum((bool(keys), prefix is not None, file is not None)) != 1:
        raise click.ClickException("say which objects: keys, or --keys FILE, or --prefix PREFIX (one of the three)")
    signer = Signer(data, config, endpoint)
    wanted = iter(keys)
    if file is not None:
        wanted = (key for line in file if (key := line.rstrip("\r\n")))
    elif prefix is not None:
        wanted = _listed(signer, access_point, prefix)
    asked = {
        "access_point": access_point,
        "arguments": named(given),
        "concurrency": concurrency,
        "deadline": deadline,
        "refresh": refresh,
    }
    score = _warmed(signer, asked, wanted, {} if job is None else {JOB_HEADER: job})
    _show(score, as_json=as_json)
    if score.errors or score.left or score.reason:
        raise SystemExit(1)


def _listed(signer: Signer, access_point: str, prefix: str) -> Iterator[str]:
    s3 = clients_at(signer.url, signer.session, signer.region).s3
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=access_point, Prefix=prefix):
            yield from (one["Key"] for one in page.get("Contents", ()))
    except (ClientError, BotoCoreError, ValueError) as error:
        raise click.ClickException(f"the objects of {access_point} cannot be listed: {error}") from error


def _warmed(signer: Signer, asked: dict[str, Any], keys: Iterator[str], headers: dict[str, str]) -> Score:
    score = Score()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        bar = progress.add_task("warming", total=None)
        while score.reason is None and (portion := list(islice(keys, _PORTION))):
            score.keys += len(portion)
            progress.update(bar, total=score.keys)
            whole = False
            # The deadline is for all portions together.
            left = {"deadline": max(1, asked["deadline"] - int(score.seconds))}
            for line in signer.lines("/-/prefetch", {**asked, **left, "keys": portion}, headers):
                whole = score.take(line) or whole
                progress.update(bar, completed=score.done, description=_described(score))
            if not whole:
                raise click.ClickException("the server's answer was cut before its end; what was made so far is kept")
    return score


def _described(score: Score) -> str:
    parts = [f"{count:,} {name}" for name, count in sorted(score.cache.items())]
    return ", ".join([*parts, *([f"[red]{score.errors:,} failed[/]"] if score.errors else [])]) or "warming"


def _show(score: Score, *, as_json: bool) -> None:
    if as_json:
        found = {name: getattr(score, name) for name in ("keys", "done", "errors", "left", "bytes", "reason", "failed")}
        print_json(found | {"seconds": round(score.seconds, 3), "cache": dict(score.cache)})
        return
    console = Console(stderr=True)
    for one in score.failed[:_SHOWN_ERRORS]:
        error = one["error"]
        console.print(
            f"{escape(one['key'])}: [red]{escape(error['code'])}[/] {escape(error['message'])}", highlight=False
        )
    if score.errors > _SHOWN_ERRORS:
        console.print(f"... and {score.errors - _SHOWN_ERRORS:,} more; --json tells them", highlight=False)
    if score.reason == "not cached":
        console.print(
            "Nothing of this access point is kept: its answers are not managed. Tag its function with "
            "objectlens:answers=managed.",
            highlight=False,
        )
    elif score.reason is not None:
        console.print(f"It ended early ({score.reason}): {score.left:,} keys were not tried.", highlight=False)
    parts = ", ".join(f"{count:,} {name}" for name, count in sorted(score.cache.items())) or "none kept"
    click.echo(f"{score.done:,} of {score.keys:,} keys in {score.seconds:.1f} s: {parts}, {score.errors:,} failed")
