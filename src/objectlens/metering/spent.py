"""Amounts of what budgets limit."""

from __future__ import annotations

from dataclasses import dataclass

from objectlens.metering.budgets import Measure


@dataclass(slots=True)
class Spent:
    """Amounts by measure."""

    invocations: int = 0
    memory_mb_ms: int = 0
    bytes_out: int = 0

    def add(self, other: Spent) -> None:
        """Add other amounts."""
        self.invocations += other.invocations
        self.memory_mb_ms += other.memory_mb_ms
        self.bytes_out += other.bytes_out

    def less(self, other: Spent) -> Spent:
        """Return what they are more than others."""
        return Spent(
            self.invocations - other.invocations,
            self.memory_mb_ms - other.memory_mb_ms,
            self.bytes_out - other.bytes_out,
        )

    def of(self, measure: Measure) -> int:
        """Return one of them."""
        amount: int = getattr(self, measure)
        return amount
