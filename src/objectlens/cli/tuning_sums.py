"""What a measurement came to: the client's times beside the ledger's sums, and which setting is best for what."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import click

from objectlens.cli.tuning_runs import Run
from objectlens.cli.tuning_stage import TunedPoint
from objectlens.metering import Row, Selection, Sums
from objectlens.metering.costs import Cost, price_rows
from objectlens.metering.costs.money import divided, plain
from objectlens.metering.price_books import PriceBook

# A server writes its sums when it is asked for them; what is not over by then is a function that goes on.
_SECONDS = 30.0
_PAUSE = 0.5


def wait_for_sums(read: Callable[[Selection], Sequence[Row]], runs: Sequence[Run], began: datetime) -> dict[str, Row]:
    """Return the ledger's row of each run by its job; ends the command when the server does not write them in time."""
    # The server's clock may be another one; jobs have names of their own.
    selection = Selection(start=began - timedelta(days=1), by=("job",))
    deadline = time.monotonic() + _SECONDS
    while True:
        rows = {row.key.job: row for row in read(selection) if row.key.job}
        missing = [run for run in runs if _answers(rows.get(run.job)) < len(run.latencies)]
        if not missing:
            return rows
        if time.monotonic() > deadline:
            raise click.ClickException(
                f"the ledger has nothing of {len(missing)} of {len(runs)} measurements after {_SECONDS:.0f} seconds: "
                "is metering on?"
            )
        time.sleep(_PAUSE)


def _answers(row: Row | None) -> int:
    return 0 if row is None else row.sums.requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """One setting. Times are in milliseconds: `mean_ms`, `p50_ms` and `p95_ms` as clients saw them.

    `billed_ms` and `cpu_ms` are means of invocations. `cost` is for a million reads by a price book, `computing` what
    of it is for code. None where nothing succeeded.
    """

    memory: int
    concurrency: int
    reads: int
    errors: int
    first_error: str | None
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    reads_per_second: float
    invocations: int
    billed_ms: Decimal | None
    cpu_ms: Decimal | None
    peak_mb: int
    computing: Decimal | None
    cost: Decimal | None

    @classmethod
    def of(cls, run: Run, row: Row | None, book: PriceBook) -> Tuned:
        """Put together what the client and the ledger say."""
        sums = Sums() if row is None else row.sums
        ran = sums.invocations
        price = Cost() if row is None else price_rows([row], book)[0][1]
        return cls(
            memory=run.memory,
            concurrency=run.concurrency,
            reads=run.reads,
            errors=run.errors,
            first_error=run.first_error,
            mean_ms=round(sum(run.latencies) / len(run.latencies) * 1000, 3) if run.latencies else None,
            p50_ms=_percentile(run.latencies, 0.5),
            p95_ms=_percentile(run.latencies, 0.95),
            reads_per_second=round(len(run.latencies) / run.seconds, 3) if run.seconds else 0.0,
            invocations=ran,
            billed_ms=divided(Decimal(sums.billed_duration_ms), ran) if ran else None,
            cpu_ms=divided(Decimal(sums.cpu_us), ran * 1000) if ran else None,
            peak_mb=sums.peak_mb,
            computing=divided(price.computing * 10**6, sums.requests) if sums.requests else None,
            cost=divided(price.total * 10**6, sums.requests) if sums.requests else None,
        )


def _percentile(latencies: Sequence[float], share: float) -> float | None:
    """Return the time in milliseconds within which a share of reads was answered; `latencies` are sorted."""
    if not latencies:
        return None
    return round(latencies[min(len(latencies) - 1, int(share * len(latencies)))] * 1000, 3)


@dataclass(frozen=True, slots=True)
class Choice:
    """The best settings: the cheapest, the fastest by the mean, and the one that is nearest to both together."""

    cheapest: Tuned
    fastest: Tuned
    balanced: Tuned


def choose(tuned: Sequence[Tuned]) -> Choice | None:
    """Choose among the settings that answered every read; None when there is none."""
    usable = [
        (one, one.cost, Decimal(str(one.mean_ms))) for one in tuned if not one.errors and one.cost and one.mean_ms
    ]
    if not usable:
        return None
    least_cost, least_time = min(cost for _, cost, _ in usable), min(time for _, _, time in usable)
    return Choice(
        cheapest=min(usable, key=lambda one: (one[1], one[2]))[0],
        fastest=min(usable, key=lambda one: (one[2], one[1]))[0],
        balanced=min(usable, key=lambda one: one[1] / least_cost + one[2] / least_time)[0],
    )


def tuned_value(point: TunedPoint, keys: Sequence[str], tuned: Sequence[Tuned], book: PriceBook) -> dict[str, Any]:
    """Return all of it as plain values, for JSON."""
    choice = choose(tuned)
    names = ("cheapest", "fastest", "balanced")
    return {
        "function": point.function,
        "access_point": point.name,
        "keys": list(keys),
        "price_book": book.name,
        "rows": [_row(one, book) for one in tuned],
        **{name: None if choice is None else _row(getattr(choice, name), book) for name in names},
    }


def _row(one: Tuned, book: PriceBook) -> dict[str, Any]:
    values = {name: plain(value) if isinstance(value, Decimal) else value for name, value in asdict(one).items()}
    computing, cost = values.pop("computing"), values.pop("cost")
    return {**values, "computing_per_million": computing, "cost_per_million": cost, "currency": book.currency}
