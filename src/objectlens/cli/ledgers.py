"""The ledger of what was used, for the commands that read it: from the database, with the server running or not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from objectlens.cli.log_filters import moment_of
from objectlens.database import Database, DatabaseTooNew, sqlite_url
from objectlens.errors import ServiceError
from objectlens.metering import Ledger, Row, Selection
from objectlens.settings import Settings


def _moment(_ctx: click.Context, _option: click.Parameter, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return moment_of(text, datetime.now(UTC))
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{text!r} is no time: give 24h or 7d (ago), or 2026-01-31 or 2026-01-31T12:00"
        ) from None


from_option = click.option(
    "--from", "start", callback=_moment, metavar="TIME", help="From then on: 24h or 7d ago, or 2026-01-31T12:00."
)
to_option = click.option("--to", "end", callback=_moment, metavar="TIME", help="Until then, as for --from.")


def read_ledger(settings: Settings, *selections: Selection) -> list[Sequence[Row]]:
    """Return the rows of each selection; ends the command when the database cannot be read."""
    if settings.database.url is None and not (settings.data / "objectlens.db").exists():
        raise click.ClickException(f"nothing was measured in {settings.data}: no server has run there; see --data")
    return asyncio.run(_read(settings, selections))


async def _read(settings: Settings, selections: Sequence[Selection]) -> list[Sequence[Row]]:
    try:
        database = await Database.open(settings.database.url or sqlite_url(settings.data))
    except (OSError, DatabaseTooNew, ValueError, RuntimeError, ServiceError) as error:
        raise click.ClickException(f"cannot open the ledger of {settings.data}: {error}") from error
    try:
        return [await Ledger(database).rows(one) for one in selections]
    except ServiceError as error:
        raise click.ClickException(f"cannot read the ledger of {settings.data}: {error}") from error
    finally:
        await database.close()
