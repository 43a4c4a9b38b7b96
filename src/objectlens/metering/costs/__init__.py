"""What the ledger's rows come to: under a price book, on a training host, as a copy in storage, without the cache.

Pure arithmetic on decimals: rows and books in, a report and advice out. Nothing here reads the database or prints.
"""

from __future__ import annotations

from objectlens.metering.costs.advice import Facts, advice_selection, advise, facts_of
from objectlens.metering.costs.article import Article, article
from objectlens.metering.costs.comparison import Compared, compare
from objectlens.metering.costs.costing import Cost, price_rows
from objectlens.metering.costs.library import Library, UnknownHost
from objectlens.metering.costs.report import Line, Report, make_report, selection_of
from objectlens.metering.costs.verdicts import Verdict

__all__ = [
    "Article",
    "Compared",
    "Cost",
    "Facts",
    "Library",
    "Line",
    "Report",
    "UnknownHost",
    "Verdict",
    "advice_selection",
    "advise",
    "article",
    "compare",
    "facts_of",
    "make_report",
    "price_rows",
    "selection_of",
]
