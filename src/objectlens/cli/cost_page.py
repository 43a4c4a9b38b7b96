"""The cost report as one HTML file: tables, plots within the page, sources. It loads nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from html import escape

from objectlens.cli.charts import Bar, bars
from objectlens.cli.cost_screen import ELSEWHERE, elsewhere, known
from objectlens.metering.costs import Compared, Line, Report
from objectlens.metering.costs.arithmetic import explain, sources
from objectlens.metering.costs.money import plain, shown
from objectlens.metering.costs.plain import name_of

_MOST_BARS = 40
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2328; max-width: 62em; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse; margin: 1em 0 2em } svg { max-width: 100%; height: auto }
td, th { padding: .25em .9em .25em 0; text-align: right; border-bottom: 1px solid #d0d7de }
td:first-child, th:first-child { text-align: left } tfoot td { font-weight: 600 } li { margin: .3em 0 }
"""


def page(report: Report, compared: Sequence[Compared]) -> str:
    """Return the page."""
    span = f"{report.start or 'the beginning'} to {report.end or 'now'}"
    return "".join(
        (
            "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><title>objectlens cost report</title>",
            f"<style>{_STYLE}</style></head><body><h1>Cost report</h1>",
            f"<p>From {escape(str(span))}, by {escape(report.by.replace('_', ' '))}, priced by ",
            f"{escape(report.book.title)}, in {escape(report.book.currency)}.</p>",
            _plots(report, compared),
            "<h2>What was used</h2>",
            _used(report),
            "<h2>The same work elsewhere</h2>",
            _table(ELSEWHERE, [elsewhere(one) for one in compared]),
            _listed("How the figures came to be", explain(report, compared)),
            _listed("Where the prices stand", sources(report)),
            "</body></html>\n",
        )
    )


def _plots(report: Report, compared: Sequence[Compared]) -> str:
    first = bars(
        f"The same CPU time, {report.book.currency}",
        [
            Bar(one.where, float(one.by_cpu), shown(one.by_cpu), int(report.host is not None and index == 0))
            for index, one in enumerate(compared)
        ],
    )
    legend = [f"{report.book.name}: computing, and paler requests and data"]
    legend += [f"CPU time in {report.host.host}"] if report.host else []
    dearest = sorted(report.lines, key=lambda line: line.cost.total, reverse=True)[:_MOST_BARS]
    rows = [bar for line in dearest for bar in _bars(line, report)]
    second = bars(f"By {report.by.replace('_', ' ')}", rows, legend)
    return f"<p>{first}</p><p>{second}</p>" if rows else ""


def _bars(line: Line, report: Report) -> list[Bar]:
    computing, total = line.cost.computing, line.cost.total
    ours = Bar(name_of(line.value, report.by), float(computing), shown(total), more=float(total - computing))
    return [ours] if line.on_host is None else [ours, Bar("", float(line.on_host), shown(line.on_host), 1)]


def _used(report: Report) -> str:
    currency = report.book.currency
    heads = [report.by.replace("_", " "), "answers", "code ran", "errors", "cached", "billed ms", "GB-seconds", "CPU s"]
    heads += ["peak MB", "bytes in", "bytes out", f"cost, {currency}"]
    heads += [f"in {report.host.host if report.host else '-'}", "copy a month", "cache saved"]
    rows = [_cells(name_of(line.value, report.by), line) for line in report.lines]
    return _table(heads, rows, _cells("total", report.total))


def _cells(name: str, line: Line) -> list[str]:
    sums = line.sums
    counts = (sums.requests, sums.invocations, sums.errors, line.cached, sums.billed_duration_ms)
    amounts = (line.cost.total, line.on_host, line.copy_month, line.cache_saved)
    return [
        name,
        *(f"{one:,}" for one in counts),
        plain(line.gb_seconds),
        plain(Decimal(sums.cpu_us) / 10**6),
        *(f"{one:,}" for one in (sums.peak_mb, sums.bytes_in, sums.bytes_out)),
        *map(known, amounts),
    ]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], foot: Sequence[str] = ()) -> str:
    def row(cells: Sequence[str], tag: str = "td") -> str:
        return f"<tr>{''.join(f'<{tag}>{escape(one)}</{tag}>' for one in cells)}</tr>"

    bottom = f"<tfoot>{row(foot)}</tfoot>" if foot else ""
    return f"<table><thead>{row(heads, 'th')}</thead><tbody>{''.join(map(row, rows))}</tbody>{bottom}</table>"


def _listed(title: str, items: Sequence[str]) -> str:
    return f"<h2>{escape(title)}</h2><ul>{''.join(f'<li>{escape(one)}</li>' for one in items)}</ul>"
