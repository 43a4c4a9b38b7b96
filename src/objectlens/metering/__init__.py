"""What functions and native transforms used, kept by minute; and the budgets that bound it.

What flows through: a `Usage` for each invocation, and for each answer that went out, comes in and is added to the sums
of its minute in memory; every few seconds the sums go to the database (`Ledger`), where minutes become hours and hours
days as they grow old. Rows of sums come out again, and refusals when a `Budget` is used up.

What it is not: it knows no prices (whoever adds those up reads the ledger), and it measures nothing by itself:
durations and processor time come from those who ran the code.
"""

from __future__ import annotations

from objectlens.metering.budgets import BadBudget, Budget
from objectlens.metering.jobs import job_of
from objectlens.metering.ledger import Ledger, Selection
from objectlens.metering.meter import Meter, Rules
from objectlens.metering.rows import DIMENSIONS, OTHER, SUMS, Dimension, Key, Row, Sums
from objectlens.metering.tally import Tally, current
from objectlens.metering.usage import NATIVE_MEMORY_MB, Runtime, Usage
from objectlens.metering.use import BudgetUsedUp

__all__ = [
    "DIMENSIONS",
    "NATIVE_MEMORY_MB",
    "OTHER",
    "SUMS",
    "BadBudget",
    "Budget",
    "BudgetUsedUp",
    "Dimension",
    "Key",
    "Ledger",
    "Meter",
    "Row",
    "Rules",
    "Runtime",
    "Selection",
    "Sums",
    "Tally",
    "Usage",
    "current",
    "job_of",
]
