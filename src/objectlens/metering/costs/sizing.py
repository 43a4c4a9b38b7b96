"""Whether MemorySize fits: what an environment's memory peaked at, and whether invocations wait or compute."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from objectlens.metering.costs.money import divided, money
from objectlens.metering.costs.report import added
from objectlens.metering.costs.verdicts import Verdict
from objectlens.metering.price_books import PriceBook
from objectlens.metering.rows import Row, Sums

_LEAST = 128
_STEP = 64
_TIGHT = Decimal("0.9")
_ROOMY = Decimal("0.6")
# Beyond this share of its duration an invocation computes rather than waits.
_COMPUTES = Decimal("0.8")


def memory_advice(rows: Iterable[Row], book: PriceBook) -> list[Verdict]:
    """Return a verdict for each function and MemorySize that ran in environments of ours."""
    sizes: dict[tuple[str, int], list[Sums]] = defaultdict(list)
    for row in rows:
        if row.key.runtime == "lambda" and row.key.function and row.key.memory_size:
            sizes[row.key.function, row.key.memory_size].append(row.sums)
    return [
        _verdict(function.rpartition(":")[2], size, added(sums), book)
        for (function, size), sums in sorted(sizes.items())
        if sum(one.duration_us for one in sums)
    ]


def _verdict(name: str, size: int, sums: Sums, book: PriceBook) -> Verdict:
    busy = divided(Decimal(sums.cpu_us), sums.duration_us)
    figures = f"{name} has {size} MB, peaked at {sums.peak_mb} MB and computed for {busy:.0%} of its duration"
    tune = f"measure it: objectlens tune {name} --keys ..."
    if sums.peak_mb >= size * _TIGHT:
        return Verdict("memory", "raise", f"Raise MemorySize: {figures}; a larger object would end it.")
    fits = max(_LEAST, -(-sums.peak_mb * 5 // 4 // _STEP) * _STEP)
    if sums.peak_mb > size * _ROOMY or fits >= size:
        return Verdict("memory", "keep", f"Keep MemorySize: {figures}.")
    if busy >= _COMPUTES:
        text = (
            f"Keep MemorySize unless a measurement says otherwise: {figures}, and on Lambda less memory is less CPU; "
        )
        return Verdict("memory", "keep", text + tune + ".")
    return Verdict(
        "memory", "lower", f"Lower MemorySize to {fits} MB: {figures}; {_saving(size, fits, sums, book)}{tune}."
    )


def _saving(size: int, fits: int, sums: Sums, book: PriceBook) -> str:
    if not book.tiers:
        return ""
    price = book.tiers[0].each
    now = price * sums.gb_seconds
    then = price * divided(Decimal(sums.billed_duration_ms * fits), 1_024_000)
    share = 1 - divided(Decimal(fits), size)
    saved = f"{money(now - then, book.currency)} of {money(now, book.currency)}"
    return f"at the same durations it saves {share:.0%}, {saved}; "
