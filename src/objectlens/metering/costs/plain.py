"""A report as plain values, for JSON and CSV: counts as numbers, and decimals as text, so that no digit is lost."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from objectlens.metering.costs.arithmetic import explain, sources
from objectlens.metering.costs.comparison import Compared
from objectlens.metering.costs.money import plain
from objectlens.metering.costs.report import Line, Report


def report_value(report: Report, compared: Sequence[Compared]) -> dict[str, Any]:
    """Return the whole report; `rows` add up to `total`, and that to the ledger."""
    return {
        "from": None if report.start is None else report.start.isoformat(),
        "to": None if report.end is None else report.end.isoformat(),
        "by": report.by,
        "price_book": report.book.name,
        "currency": report.book.currency,
        "against": None if report.host is None else report.host.host,
        "rows": [
            {report.by: one.value, "name": name_of(one.value, report.by)} | line(one, report) for one in report.lines
        ],
        "total": line(report.total, report),
        "comparison": [_compared(one, report) for one in compared],
        "arithmetic": explain(report, compared),
        "sources": sources(report),
    }


def line(one: Line, report: Report) -> dict[str, Any]:
    """Return a line of the report, or its total."""
    sums = one.sums
    return {
        "requests": sums.requests,
        "invocations": sums.invocations,
        "errors": sums.errors,
        "from_cache": one.cached,
        "duration_ms": plain(sums.duration_ms),
        "billed_duration_ms": sums.billed_duration_ms,
        "init_ms": plain(Decimal(sums.init_us) / 1000),
        "gb_seconds": plain(one.gb_seconds),
        "cpu_seconds": plain(Decimal(sums.cpu_us) / 10**6),
        "peak_memory_mb": sums.peak_mb,
        "bytes_in": sums.bytes_in,
        "bytes_out": sums.bytes_out,
        "cost": plain(one.cost.total),
        "currency": report.book.currency,
        **{f"cost_{name}": plain(amount) for name, amount in one.cost.parts().items()},
        "on_host": _known(one.on_host),
        "copy_per_month": _known(one.copy_month),
        "cache_saved": _known(one.cache_saved),
    }


def name_of(value: str, by: str) -> str:
    """Return a value for people: the last part of an ARN, and words for what is empty."""
    if not value:
        return {"access_point": "(invoked directly)", "job": "(no job)"}.get(by, "(none)")
    return value.rpartition(":")[2].removeprefix("accesspoint/")


def _compared(one: Compared, report: Report) -> dict[str, Any]:
    return {
        "where": one.where,
        "article_per_hour": _known(one.article),
        "compute": plain(one.compute),
        "compute_by_cpu_time": plain(one.by_cpu),
        "share_of_host": _known(one.of_host),
        "cost": plain(one.cost),
        "per_thousand_answers": _known(one.per_thousand),
        "currency": report.book.currency,
    }


def _known(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)
