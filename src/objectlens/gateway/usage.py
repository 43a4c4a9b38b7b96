"""What was used since the server started, and the budgets, in the text format of Prometheus (see `metrics`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal

from objectlens.metering import Meter, Sums
from objectlens.metering.budgets import MB_MS_OF_A_GB_SECOND, Measure
from objectlens.metering.totals import Label
from objectlens.metering.use import Use

Number = int | Decimal
# Name, what it means, and where it is found: all of them counters.
_SUMS: tuple[tuple[str, str, Callable[[Sums], Number]], ...] = (
    ("requests_total", "Answers that went to clients.", lambda one: one.requests),
    ("invocations_total", "Invocations that have ended, well or not.", lambda one: one.invocations),
    ("errors_total", "Invocations that failed.", lambda one: one.errors),
    ("duration_seconds_total", "How long invocations took.", lambda one: Decimal(one.duration_us) / 1_000_000),
    ("billed_seconds_total", "The same, rounded up to ms.", lambda one: Decimal(one.billed_duration_ms) / 1000),
    ("gb_seconds_total", "Memory size times billed duration.", lambda one: one.gb_seconds),
    ("cpu_seconds_total", "Processor time that invocations took.", lambda one: Decimal(one.cpu_us) / 1_000_000),
    ("read_bytes_total", "Bytes read of the sources.", lambda one: one.bytes_in),
    ("sent_bytes_total", "Bytes that clients were sent.", lambda one: one.bytes_out),
)
_NAMES: Mapping[Measure, str] = {"invocations": "invocations", "memory_mb_ms": "gb_seconds", "bytes_out": "bytes"}


def exposition(meter: Meter) -> bytes:
    """Return the figures as text."""
    more = [(slot.key, sums) for slot, sums in meter.sums.items()]
    lines = [*_usage(meter.totals.with_more(more)), *_budgets(meter.uses)]
    return "".join(f"{line}\n" for line in lines).encode()


def _usage(totals: Mapping[Label, Sums]) -> Iterator[str]:
    for name, meaning, read in _SUMS:
        yield from _head(f"usage_{name}", "counter", meaning)
        for label, sums in totals.items():
            yield f"objectlens_usage_{name}{_labels(label._asdict())} {Decimal(read(sums)):f}"


def _budgets(uses: Sequence[Use]) -> Iterator[str]:
    pairs = [(use, measure, limit) for use in uses for measure, limit in use.budget.limits.items()]
    yield from _head("budget_limit", "gauge", "What may be used in the period.")
    for use, measure, limit in pairs:
        yield f"objectlens_budget_limit{_of(use, measure)} {_amount(measure, limit):f}"
    yield from _head("budget_used", "gauge", "What was used in the period.")
    for use, measure, _ in pairs:
        yield f"objectlens_budget_used{_of(use, measure)} {_amount(measure, use.spent.of(measure)):f}"
    for name, meaning, read in _STATES:
        yield from _head(f"budget_{name}", "counter" if name.endswith("_total") else "gauge", meaning)
        for use in uses:
            yield f"objectlens_budget_{name}{_labels({'budget': use.budget.name})} {read(use)}"


_STATES: tuple[tuple[str, str, Callable[[Use], int]], ...] = (
    ("warning", "1 once the warning threshold of a limit is reached.", lambda use: int(use.warned)),
    ("ends_seconds", "Unix time at which the period ends.", lambda use: use.end),
    ("refusals_total", "Requests that were refused since the server started.", lambda use: use.refusals),
)


def _of(use: Use, measure: Measure) -> str:
    return _labels({"budget": use.budget.name, "measure": _NAMES[measure]})


def _amount(measure: Measure, amount: int) -> Decimal:
    return Decimal(amount) / MB_MS_OF_A_GB_SECOND if measure == "memory_mb_ms" else Decimal(amount)


def _head(name: str, kind: str, meaning: str) -> Iterator[str]:
    yield f"# HELP objectlens_{name} {meaning}"
    yield f"# TYPE objectlens_{name} {kind}"


def _labels(pairs: Mapping[str, str]) -> str:
    # None of these names has anything in it that would have to be escaped.
    return "{" + ",".join(f'{name}="{value}"' for name, value in pairs.items()) + "}"
