"""How a report's figures came to be, in sentences: each with the numbers that it is made of and where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from objectlens.metering.costs.comparison import Compared, by_cpu_time
from objectlens.metering.costs.library import DEFAULT_HOST
from objectlens.metering.costs.money import divided, money, plain
from objectlens.metering.costs.report import Line, Report
from objectlens.metering.price_books import Price


def explain(report: Report, compared: Sequence[Compared]) -> list[str]:
    """Return the sentences of a report's total, and of what it is compared with."""
    return [
        *_cost(report),
        *_host(report.total, report),
        *_copy(report),
        *_cache(report),
        *_article(report, compared),
    ]


def sources(report: Report) -> list[str]:
    """Return a line for each price that was used: what, how much, where it is printed and since when."""
    amount = report.total.gb_seconds
    passed = sum(one.up_to is not None and amount > one.up_to for one in report.book.tiers)
    used = [*report.book.tiers[: passed + 1]]
    used += [one for one in report.book.prices if one.item not in {"compute", "host", "s3-put"}]
    used += [report.host] if report.host else []
    return [f"{one.host or one.item}: {_printed(one)}" for one in used]


def _printed(one: Price) -> str:
    tier = f" up to {one.up_to:,} a month" if one.up_to is not None else ""
    note = f" ({one.note})" if one.note else ""
    return f"{one}{tier}, {one.region}, {one.date}, {one.source}{note}"


def _cost(report: Report) -> Iterator[str]:
    sums, cost, book = report.total.sums, report.total.cost, report.book
    unit, cpu = report.book.currency, plain(Decimal(sums.cpu_us) / 10**6)
    if core := book.price("core"):
        yield f"Compute: {cpu} CPU seconds / 3,600 x {core} = {money(cost.compute, unit)}. Idle cores are not counted."
    else:
        tiers = book.tiers[0] if len(book.tiers) == 1 else f"{book.tiers[0]} (less beyond the first tier)"
        yield (
            f"Compute: {plain(report.total.gb_seconds)} GB-seconds (milliseconds, each invocation rounded up, x "
            f"MemorySize / 1,024,000) x {tiers} = {money(cost.compute, unit)}."
        )
    if book.tiers and (least := by_cpu_time(sums.cpu_us, book, cost.compute)) > cost.compute:
        yield (
            "On Lambda itself less than 1,769 MB have less than a processor, and the same work takes longer: "
            f"{cpu} CPU seconds x 1,769 / 1,024 GB x {book.tiers[0]} = {money(least, unit)} for computing alone."
        )
    if book.tiers and report.starting:
        yield (
            f"Not in it: new environments took {plain(divided(Decimal(sums.init_us), 10**6))} seconds to initialise, "
            f"{plain(report.starting)} GB-seconds. Lambda bills its own initialisation, which takes other times, since "
            f"August 2025: as much would be {money(report.starting * book.tiers[0].each, unit)} more."
        )
    if power := book.price("power"):
        yield f"Power: {cpu} CPU seconds x {power.watts_per_core} W x {power} = {money(cost.power, unit)}."
    if price := book.price("requests"):
        yield f"Requests: {sums.invocations:,} invocations x {price} = {money(cost.requests, unit)}."
    if (price := book.price("s3-get")) and price.amount:
        yield (
            f"S3 requests: {divided(cost.s3_requests, price.each):,.0f} (the callers' through access points, and one "
            f"by which each invocation reads its source) x {price} = {money(cost.s3_requests, unit)}."
        )
    if price := book.price("data-returned"):
        yield (
            f"Data returned through access points, of {sums.bytes_out:,} bytes in all, / 2^30 x {price} = "
            f"{money(cost.data_returned, unit)}."
        )


def _host(line: Line, report: Report) -> Iterator[str]:
    host = report.host
    if host is None or line.on_host is None:
        return
    idle = " and its GPU waiting" if host.gpus else ""
    yield (
        f"{host.host}: {plain(Decimal(line.sums.cpu_us) / 10**6)} CPU seconds / ({host.vcpus} vCPUs x 3,600) x "
        f"{host} = {money(line.on_host, report.book.currency)}, with all its vCPUs busy{idle}. CPU seconds are those "
        "measured here: the host may take more or fewer."
    )


def _copy(report: Report) -> Iterator[str]:
    price = report.book.price("storage")
    if price is None or report.total.copy_month is None:
        yield f"A copy in storage: the book {report.book.name} has no price for it."
        return
    yield (
        f"A copy in storage: {report.total.copied:,} bytes made by code / 2^30 x {price} = "
        f"{money(report.total.copy_month, report.book.currency)} a month, at most: what was made twice counts twice."
    )


def _cache(report: Report) -> Iterator[str]:
    if report.total.cached and report.total.cache_saved is not None:
        yield (
            f"The cache: {report.total.cached:,} answers took no invocation. At what those cost for which code ran, it "
            f"saved {money(report.total.cache_saved, report.book.currency)}."
        )


def _article(report: Report, compared: Sequence[Compared]) -> Iterator[str]:
    host = report.host
    if host is None or host.host != DEFAULT_HOST:
        return
    there, *elsewhere = compared
    less = [
        f"{_less(one.by_cpu, there.by_cpu)} by {one.where} ({_less(one.cost, there.cost)} with requests and data)"
        for one in elsewhere
        if there.by_cpu and there.cost
    ]
    measured = f" Measured here, the same CPU time costs {' and '.join(less)}." if less else ""
    yield (
        f"The article: functions for an hour cost 0.061 (x86) and 0.049 USD (Arm) beside {host}, up to 90 % less."
        f"{measured}"
    )
    yield (
        "The article's 0.061 and 0.049 USD for an hour of a function of 256 MB fit a whole GB and 5,000 requests; "
        "by the public prices it is 0.0150 (x86) and 0.0120 USD (Arm). See: objectlens cost article."
    )


def _less(amount: Decimal, beside: Decimal) -> str:
    share = 1 - divided(amount, beside)
    return f"{abs(share) * 100:,.0f} % {'more' if share < 0 else 'less'}"
