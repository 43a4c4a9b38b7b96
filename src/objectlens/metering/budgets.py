"""Budgets: what a caller may use, or what may be used through an access point, in a day or a month."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any, Literal, get_args

Kind = Literal["caller", "access-point"]
Period = Literal["day", "month"]
Measure = Literal["invocations", "memory_mb_ms", "bytes_out"]
MEASURES: tuple[Measure, ...] = get_args(Measure)

MOST = 1000
"""So many budgets there may be."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# What fits into every database's integers, with room to add.
_LARGEST = 2**60
_DIGITS = 19
MB_MS_OF_A_GB_SECOND = 1_024_000


class BadBudget(ValueError):
    """A budget that cannot be; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A budget; a limit is None where there is none, and at least one is there.

    `subject` is the ARN of the caller (that of a role stands for all its sessions) or of the Object Lambda access
    point. `memory_mb_ms` is GB-seconds times 1,024,000; `bytes_out` what clients are sent. From `warn_percent` of a
    limit on, use is worth a warning. Raises `BadBudget`.
    """

    name: str
    kind: Kind
    subject: str
    period: Period
    invocations: int | None = None
    memory_mb_ms: int | None = None
    bytes_out: int | None = None
    warn_percent: int = 80

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise BadBudget(
                f"{self.name!r} cannot be a budget's name: up to 64 letters, digits, dots, hyphens and underscores"
            )
        if self.kind not in get_args(Kind) or self.period not in get_args(Period):
            raise BadBudget("a budget is of a caller or an access-point, for a day or a month")
        if not self.subject.startswith("arn:") or len(self.subject) > 2048:
            raise BadBudget(f"{self.subject!r} is no ARN of a caller or an access point")
        if not self.limits:
            raise BadBudget("a budget needs a limit: of invocations, GB-seconds or bytes")
        if not all(0 <= limit <= _LARGEST for limit in self.limits.values()):
            raise BadBudget(f"a limit must be from 0 to {_LARGEST}")
        if not 1 <= self.warn_percent <= 100:
            raise BadBudget("the warning comes at 1 to 100 percent of a limit")

    @property
    def limits(self) -> Mapping[Measure, int]:
        """The limits that there are."""
        return {name: limit for name in MEASURES if (limit := getattr(self, name)) is not None}

    @property
    def payer(self) -> str:
        """Whose use counts: one of the `payers` of a caller or an access point."""
        front, role, name = self.subject.partition(":role/")
        return f"{front}{role}{name.rpartition('/')[2]}"

    @property
    def entry(self) -> str:
        """What its use is kept under: another budget of the same name is another entry."""
        return f"{self.name} {self.payer} {self.period}"


def edited(old: Budget | None, name: str, changes: Mapping[str, str]) -> Budget:
    """Return the budget of a name with changes made to it, or a new one; raises `BadBudget`.

    `changes` are texts by `kind`, `subject`, `period`, `invocations`, `gb_seconds`, `bytes` and `warn_percent`; what is
    not among them stays, or is a month and 80 percent for a new one. A limit may be `none`.
    """
    given: dict[str, Any] = {key: changes[key] for key in ("kind", "subject", "period") if key in changes}
    for key, measure in (("invocations", "invocations"), ("gb_seconds", "memory_mb_ms"), ("bytes", "bytes_out")):
        if key in changes:
            given[measure] = None if changes[key] == "none" else _amount(key, changes[key])
    if "warn_percent" in changes:
        given["warn_percent"] = _amount("warn_percent", changes["warn_percent"])
    if old is not None:
        return replace(old, **given)
    if not {"kind", "subject"} <= given.keys():
        raise BadBudget(f"there is no budget {name}: to make it, say whose it is, a caller's or an access point's")
    return Budget(name=name, **{"period": "month"} | given)


def _amount(key: str, text: str) -> int:
    try:
        number = Decimal(text)
        # Making a whole number of 1e999999 takes minutes, in which the server would do nothing else.
        if number.adjusted() >= _DIGITS:
            raise BadBudget(f"{key} must be below 10^{_DIGITS}, not {text!r}")
        if key == "gb_seconds":
            return memory_mb_ms(number)
        if number != int(number):
            raise BadBudget(f"{key} must be a whole number, not {text!r}")
        return int(number)
    except (ArithmeticError, ValueError) as error:
        if isinstance(error, BadBudget):
            raise
        raise BadBudget(f"{key} must be a number or none, not {text!r}") from None


def payers(arn: str) -> tuple[str, ...]:
    """Return whose budgets the use by a caller, or through an access point, counts against: its own, its role's.

    A role's path is not part of its sessions' ARNs (IAM guide, "IAM identifiers"), so it plays no part.
    """
    front, _, session = arn.partition(":assumed-role/")
    if not session:
        return (arn,)
    return arn, f"{front.replace(':sts:', ':iam:', 1)}:role/{session.partition('/')[0]}"


def span(period: Period, now: datetime) -> tuple[datetime, datetime]:
    """Return when the period began in which a moment lies, and when it ends: midnight UTC, of the first of a month."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return day, day + timedelta(days=1)
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def shown(measure: Measure, amount: int) -> str:
    """Say an amount as people do."""
    unit = {"invocations": "invocations", "memory_mb_ms": "GB-seconds", "bytes_out": "bytes"}[measure]
    return f"{number(measure, amount)} {unit}"


def number(measure: Measure, amount: int) -> str:
    """Say an amount without its unit."""
    if measure == "memory_mb_ms":
        return f"{Decimal(amount) / MB_MS_OF_A_GB_SECOND:,.6f}".rstrip("0").rstrip(".")
    return f"{amount:,}"


def memory_mb_ms(gb_seconds: Decimal) -> int:
    """Return GB-seconds in the unit of the ledger, a fraction of it rounded up."""
    return int((gb_seconds * MB_MS_OF_A_GB_SECOND).to_integral_value(ROUND_CEILING))
