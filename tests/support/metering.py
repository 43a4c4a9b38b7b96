"""A meter over a real database, without a server around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from objectlens.clock import FixedClock
from objectlens.database import Database
from objectlens.metering import Meter, Rules, Tally

T = TypeVar("T")
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
POINT = "arn:aws:s3-object-lambda:us-east-1:123456789012:accesspoint/a"
CALLER = "arn:aws:iam::123456789012:user/ann"


def opened(meter: Meter, **changes: Any) -> Tally:
    named = {"function": f"{FUNCTION}:live", "access_point": POINT, "caller": CALLER, "job": "train"}
    tally = meter.open(**(named | changes))
    assert tally is not None
    return tally


async def let_in(meter: Meter) -> Tally:
    """Open a tally as servers do, which may ask the database for a share of a budget first."""
    await meter.room(CALLER, POINT)
    return opened(meter)


def ran(
    tally: Tally, *, duration_ms: float = 1.2, returned: int = 4, failed: bool = False, init_ms: float | None = None
) -> None:
    tally.begin()
    tally.ended(
        version="7",
        runtime="lambda",
        memory_size=128,
        duration_ms=duration_ms,
        init_ms=init_ms,
        cpu_us=700,
        peak_mb=33,
        failed=failed,
        returned=returned,
    )


def answered(meter: Meter, **changes: Any) -> None:
    tally = opened(meter, **changes)
    ran(tally)
    tally.sent(100)


def story(work: Callable[[], Awaitable[T]]) -> T:
    return asyncio.run(work())


NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


class Place:
    """Where meters live: a database and a folder, which outlive them."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url, self.clock = folder, url, FixedClock(NOON)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        database = await Database.open(self.url)
        try:
            yield database
        finally:
            await database.close()

    @asynccontextmanager
    async def meter(self, *, closing: bool = True, **rules: Any) -> AsyncIterator[Meter]:
        """Open a meter; without `closing` it ends as one that is killed."""
        async with self.database() as database:
            meter = Meter(database, self.clock, self.folder / "budget-uses", Rules(**{"flush_seconds": 3600} | rules))
            await meter.start()
            try:
                yield meter
            finally:
                if closing:
                    await meter.close()
                else:
                    for task in meter._tasks:
                        task.cancel()
                    await asyncio.gather(*meter._tasks, return_exceptions=True)


def pair(url: str, folder: Path) -> list[Place]:
    """Return the places of two servers over one database, each with a folder of its own below `folder`."""
    found = []
    for name in ("one", "two"):
        (folder / name).mkdir()
        found.append(Place(folder / name, url))
    return found
