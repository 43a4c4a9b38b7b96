"""The cost report for a terminal: tables, a plot of bars, and how the figures came to be."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from objectlens.metering.costs import Compared, Line, Report
from objectlens.metering.costs.arithmetic import explain, sources
from objectlens.metering.costs.money import shown
from objectlens.metering.costs.plain import name_of

_BLOCKS = " ▏▎▍▌▋▊▉█"
_WIDE = 100
_MOST_BARS = 20
_OURS = "green"
_THEIRS = "red"
ELSEWHERE = ("the same work", "article, 1 h", "as billed", "by CPU time", "of host", "with all", "per 1,000")


def screen(report: Report, compared: Sequence[Compared], width: int) -> Group:
    """Return the report for a terminal of so many columns."""
    if not report.lines:
        return Group(Text("Nothing was measured in this time."))
    return Group(
        table(report, width),
        Text(),
        comparison(report, compared, width),
        Text(),
        *plot(report, width),
        Text(),
        *(Text(one) for one in explain(report, compared)),
        Text(),
        *(Text(one, style="dim") for one in sources(report)),
    )


def table(report: Report, width: int = _WIDE) -> Table:
    """Return the lines and their total; on a narrow terminal without the figures that need not stand there."""
    names = [report.by.replace("_", " "), "answers", "code ran", "cached", "GB-s", "CPU s", report.book.currency]
    names += ["on the host"] if report.host else []
    names += ["copy a month", "cache saved"]
    hidden = set() if width >= _WIDE else {"answers", "cached", "CPU s", "cache saved"}
    drawn = Table(box=None, pad_edge=False, header_style="bold", show_footer=True)
    for name, foot in zip(names, _cells("total", report.total, report), strict=True):
        if name not in hidden:
            _add_column(drawn, name, foot)
    for line in report.lines:
        cells = _cells(escape(name_of(line.value, report.by)), line, report)
        drawn.add_row(*(one for name, one in zip(names, cells, strict=True) if name not in hidden))
    return drawn


def _add_column(drawn: Table, name: str, foot: str = "") -> None:
    """Add a column of names first, which may take several lines, and then of figures, which may not."""
    first = not drawn.columns
    drawn.add_column(
        name,
        footer=foot,
        footer_style="bold",
        justify="left" if first else "right",
        no_wrap=not first,
        overflow="fold" if first else "ellipsis",
    )


def _cells(name: str, line: Line, report: Report) -> list[str]:
    sums = line.sums
    cells = [name, f"{sums.requests:,}", f"{sums.invocations:,}", f"{line.cached:,}"]
    cells += [shown(line.gb_seconds), shown(Decimal(sums.cpu_us) / 10**6), shown(line.cost.total)]
    cells += [known(line.on_host)] if report.host else []
    return [*cells, known(line.copy_month), known(line.cache_saved)]


def comparison(report: Report, compared: Sequence[Compared], width: int) -> Table:
    """Return the article's comparison beside that of the measured work."""
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    shown_heads = ELSEWHERE if width >= _WIDE else ELSEWHERE[:-1]
    for name in shown_heads:
        _add_column(drawn, name)
    drawn.add_column("")
    longest = max((one.by_cpu for one in compared), default=Decimal(0))
    room = max(0, min(24, width - 96))
    for index, one in enumerate(compared):
        style = _THEIRS if report.host is not None and index == 0 else _OURS
        cells = map(escape, elsewhere(one)[: len(shown_heads)])
        drawn.add_row(*cells, bar(one.by_cpu, longest, room, style))
    return drawn


def elsewhere(one: Compared) -> list[str]:
    """Return the cells of a place, as `ELSEWHERE` heads them."""
    share = "-" if one.of_host is None else f"{one.of_host:.0%}"
    amounts = (shown(one.compute), shown(one.by_cpu), share, shown(one.cost), known(one.per_thousand))
    return [one.where, known(one.article), *amounts]


def plot(report: Report, width: int) -> list[RenderableType]:
    """Return a bar for what each of the dearest lines cost, and one for the host."""
    lines = sorted(report.lines, key=lambda line: line.cost.total, reverse=True)[:_MOST_BARS]
    longest = max(max(line.cost.total, line.on_host or Decimal(0)) for line in lines)
    names = [name_of(line.value, report.by) for line in lines]
    label = min(24, max(map(len, names)))
    room = max(10, width - label - 26)
    drawn: list[RenderableType] = [_legend(report)]
    for name, line in zip(names, lines, strict=True):
        scale = room / longest if longest else Decimal(0)
        drawn.append(_row(name[:label].ljust(label), line.cost.computing, line.cost.total, scale, _OURS))
        if line.on_host is not None:
            drawn.append(_row(" " * label, line.on_host, line.on_host, scale, _THEIRS))
    return drawn


def _legend(report: Report) -> Text:
    legend = Text.assemble(("█", _OURS), f" {report.book.name}: computing ", ("▒", _OURS), " requests and data  ")
    if report.host is not None:
        legend.append_text(Text.assemble(("█", _THEIRS), f" CPU time in {report.host.host}"))
    return legend


def _row(label: str, computing: Decimal, total: Decimal, scale: Decimal, style: str) -> Text:
    solid = bar(computing, Decimal(1), scale, style)
    rest = "▒" * (int(total * scale) - len(solid))
    return Text.assemble(f"{label} ", solid, (rest, style), f" {shown(total)}", no_wrap=True)


def bar(amount: Decimal, longest: Decimal, room: int | Decimal, style: str) -> Text:
    """Return a bar, `room` characters long for the longest."""
    eighths = int(amount * room * 8 / longest) if longest else 0
    return Text("█" * (eighths // 8) + _BLOCKS[eighths % 8].strip(), style=style)


def known(amount: Decimal | None) -> str:
    """Return an amount for people, a dash for none."""
    return "-" if amount is None else shown(amount)
