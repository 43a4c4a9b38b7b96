"""Whether MemorySize fits: the peak of memory with a quarter to spare, and processor enough for what is computed."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from objectlens.metering.costs.article import MB_OF_A_VCPU
from objectlens.metering.costs.costing import added
from objectlens.metering.costs.money import divided, money
from objectlens.metering.costs.verdicts import Verdict
from objectlens.metering.price_books import PriceBook
from objectlens.metering.rows import Row, Sums

_LEAST = 128
_STEP = 64
_TIGHT = Decimal("0.9")


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
    if sums.peak_mb >= size * _TIGHT:
        return Verdict("memory", "raise", f"Raise MemorySize: {figures}; a larger object would end it.")
    computing = _rounded_up(busy * MB_OF_A_VCPU)
    fits = max(_LEAST, _rounded_up(Decimal(sums.peak_mb * 5) / 4), computing)
    tune = f"measure it with: objectlens tune {name} --keys ..."
    if computing > size:
        share = f"{divided(Decimal(size), MB_OF_A_VCPU):.0%}"
        text = f"where MemorySize gives a share of a processor, as on Lambda, this is {share}, and it takes longer"
        return Verdict("memory", "keep", f"Keep MemorySize: {figures}; {text}; {tune}.")
    if fits >= size:
        return Verdict("memory", "keep", f"Keep MemorySize: {figures}.")
    saving = _saving(size, fits, sums, book)
    return Verdict("memory", "lower", f"Lower MemorySize to {fits} MB: {figures}; {saving}{tune}.")


def _rounded_up(size: Decimal) -> int:
    return math.ceil(size / _STEP) * _STEP


def _saving(size: int, fits: int, sums: Sums, book: PriceBook) -> str:
    if not book.tiers:
        return ""
    price = book.tiers[0].each
    now = price * sums.gb_seconds
    then = price * divided(Decimal(sums.billed_duration_ms * fits), 1_024_000)
    share = 1 - divided(Decimal(fits), size)
    saved = f"{money(now - then, book.currency)} of {money(now, book.currency)}"
    return f"at the same durations it saves {share:.0%}, {saved}; "
