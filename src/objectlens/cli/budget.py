"""`objectlens budget`: what may be used in a day or a month."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from objectlens.catalog import Catalog
from objectlens.cli.ledger import budget_path, in_database, service_of
from objectlens.cli.options import config_option, data_option, json_option, print_json, read_settings
from objectlens.clock import SystemClock
from objectlens.database import Database
from objectlens.gateway.ledger import BUDGETS
from objectlens.gateway.subjects import subject_of
from objectlens.metering import BadBudget
from objectlens.metering.budgets import MEASURES, number, shown, span
from objectlens.metering.storing import Kept, put_budget, read_budgets, remove_budget
from objectlens.settings import Settings

_GROUP_EPILOG = """\b
Examples:
  objectlens budget set training --caller trainer --per day --invocations 100000
  objectlens budget list
"""
_SET_EPILOG = """\b
Examples:
  objectlens budget set training --caller trainer --per day --invocations 100000 --gb-seconds 5000
  objectlens budget set thumbnails --access-point thumbnails --per month --bytes 500000000000 --warn-at 90
  objectlens budget set training --invocations 200000

Of a budget that is there, only what is given changes. Use in the running period counts also from before. When a limit
is reached, GETs are answered 503 SlowDown, and invocations 429, until the period ends (UTC). Callers need
budgets:ModifyBudget.
"""
_LIST_EPILOG = """\b
Example:
  objectlens budget list --json

The state is open, over the percentage from which on is warned, or used up: then requests are refused until the end.
"""
_REMOVE_EPILOG = """\b
Example:
  objectlens budget remove training
"""
endpoint_option = click.option(
    "--endpoint", metavar="URL", help="A server elsewhere, with the AWS credentials of the environment."
)


@click.group("budget", epilog=_GROUP_EPILOG)
def command() -> None:
    """Bound what callers use, or what is used through access points."""


@command.command("set", epilog=_SET_EPILOG)
@click.argument("name")
@click.option("--caller", metavar="WHO", help="An ARN, a user's or a role's name, or root.")
@click.option("--access-point", metavar="WHICH", help="An Object Lambda access point, by name or ARN.")
@click.option("--per", "period", type=click.Choice(["day", "month"]), help="The period.  [default: month]")
@click.option("--invocations", metavar="N", help="So many invocations, or none for no limit.")
@click.option("--gb-seconds", metavar="N", help="So much memory size times billed duration, or none.")
@click.option("--bytes", "bytes_", metavar="N", help="So many bytes sent to clients, or none.")
@click.option("--warn-at", metavar="PERCENT", help="When to warn.  [default: 80]")
@data_option
@config_option
@endpoint_option
def set_(
    *,
    name: str,
    caller: str | None,
    access_point: str | None,
    period: str | None,
    invocations: str | None,
    gb_seconds: str | None,
    bytes_: str | None,
    warn_at: str | None,
    data: Path,
    config: Path | None,
    endpoint: str | None,
) -> None:
    """Make the budget NAME, or change it."""
    if caller is not None and access_point is not None:
        raise click.ClickException("a budget is either a --caller's or an --access-point's: make one for each")
    subject = caller or access_point
    given = {
        "kind": None if subject is None else "caller" if caller is not None else "access-point",
        "subject": subject,
        "period": period,
        "invocations": invocations,
        "gb_seconds": gb_seconds,
        "bytes": bytes_,
        "warn_percent": warn_at,
    }
    changes = {key: value for key, value in given.items() if value is not None}
    service = service_of(data, config, endpoint)
    if service is not None:
        service.ask("PUT", budget_path(name), changes)
    else:
        settings = read_settings(data, config)
        in_database(settings, lambda database: _put(settings, database, name, changes))
    click.echo(f"{name} is in force")


async def _put(settings: Settings, database: Database, name: str, changes: dict[str, str]) -> None:
    clock = SystemClock()
    try:
        if "subject" in changes:
            catalog = Catalog(database, clock)
            changes["subject"] = await subject_of(
                catalog, settings.account.account, changes["kind"], changes["subject"]
            )
        await database.write(lambda connection: put_budget(connection, name, changes, clock.now()))
    except BadBudget as error:
        raise click.ClickException(f"the budget cannot be: {error}") from error


@command.command("list", epilog=_LIST_EPILOG)
@data_option
@config_option
@endpoint_option
@json_option
def list_(data: Path, config: Path | None, endpoint: str | None, as_json: bool) -> None:
    """List all budgets with what is used of them."""
    service = service_of(data, config, endpoint)
    if service is not None:
        found = service.ask("GET", BUDGETS, {})["budgets"]
    else:
        now = SystemClock().now()
        kept = in_database(
            read_settings(data, config), lambda database: database.read(lambda one: read_budgets(one, now))
        )
        found = [_told(one, now) for one in kept]
    if as_json:
        print_json(found)
        return
    Console().print(table(found))


def _told(kept: Kept, now: datetime) -> dict[str, Any]:
    budget = kept.budget
    start, end = (int(one.timestamp()) for one in span(budget.period, now))
    about = {name: getattr(budget, name) for name in ("name", "kind", "subject", "period", *MEASURES, "warn_percent")}
    used = {name: kept.spent.of(name) for name in MEASURES}
    return about | {"used": used, "start": start, "end": end, "warned": kept.warned, "refusals": 0}


def table(found: list[dict[str, Any]]) -> Table:
    """Return budgets as a table for people."""
    heads = (Column(name, no_wrap=True) for name in ("state", "ends"))
    drawn = Table("budget", Column("of", overflow="fold"), "used", "of", *heads, box=None, pad_edge=False)
    for one in found:
        # Midnight UTC, always.
        ends = f"{datetime.fromtimestamp(one['end'], UTC):%Y-%m-%d}"
        for measure in MEASURES:
            if (limit := one[measure]) is not None:
                used = one["used"][measure]
                drawn.add_row(
                    escape(one["name"]),
                    # Without service, region and account, which are the same for most.
                    escape(one["subject"].rpartition(":")[2]),
                    number(measure, used),
                    f"{shown(measure, limit)} a {one['period']}",
                    _state(used, limit, one["warn_percent"]),
                    ends,
                )
    if not found:
        drawn.caption = "There are no budgets."
    return drawn


def _state(used: int, limit: int, warn_percent: int) -> str:
    if used >= limit:
        return "[red]used up[/]"
    return f"[yellow]over {warn_percent} %[/]" if used * 100 >= limit * warn_percent else "open"


@command.command("remove", epilog=_REMOVE_EPILOG)
@click.argument("name")
@data_option
@config_option
@endpoint_option
def remove(name: str, data: Path, config: Path | None, endpoint: str | None) -> None:
    """Remove the budget NAME: what it bounded is bounded no more."""
    service = service_of(data, config, endpoint)
    if service is not None:
        service.ask("DELETE", budget_path(name), {})
    elif not in_database(
        read_settings(data, config), lambda database: database.write(lambda one: remove_budget(one, name))
    ):
        raise click.ClickException(f"there is no budget {name}; see: objectlens budget list")
    click.echo(f"{name} is removed")
