"""What `objectlens function dev` shows."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from objectlens.cli import pictures
from objectlens.cli.developing import Answered, Deployed, Project

_KEYS = "r again   n next object   p previous object   q quit"
_LEAST_LOG = 3
# The empty line, the rule, the keys, and one for the cursor.
_FRAME = 4
# What a small terminal goes without, in this order.
_SPARE = ("ARN", "try", "alias", "function")
# ECMA-48: control sequences, strings such as window titles, other escapes, and single control characters but tab and
# line feed. A function may print any of them.
_CONTROLS = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_COLOURS = re.compile(r"\x1b\[[\d;]*m")


@dataclass(slots=True)
class State:
    """What is known at the moment; `doing` is what is under way."""

    doing: str = ""
    deployed: Deployed | None = None
    answered: Answered | None = None


def try_command(project: Project, key: str) -> str | None:
    """Return the command that does the same in another terminal; None before anything is deployed."""
    if not project.alias:
        return None
    data = shlex.quote(str(project.data))
    return (
        f"objectlens exec --data {data} -- aws s3api get-object --bucket {project.alias} --key {shlex.quote(key)} out"
    )


def screen(project: Project, state: State, key: str, console: Console) -> RenderableType:
    """Return all of it, no higher than the terminal: a small one goes without some of the facts, or the picture."""
    rows, drawn = _rows(project, state, key), _picture(state.answered, console)
    facts, picture = next(_fitting(rows, drawn, console))
    used = _height(facts, console) + _height(picture, console) + _FRAME
    log = _log(state.answered, console, max(_LEAST_LOG, console.height - used))
    keys = Text(_KEYS, style="dim", no_wrap=True, overflow="ellipsis")
    return Group(facts, Text(), *picture, Rule("log", style="dim"), log, keys)


def _fitting(rows: dict[str, Text], drawn: Text | None, console: Console) -> Iterator[tuple[Table, list[Text]]]:
    """Yield facts and picture as they fit, what says most first; at last the least, whether that fits or not."""
    for picture in ([drawn], []) if drawn else ([],):
        for left_out in range(len(_SPARE) + 1):
            facts = _grid({name: told for name, told in rows.items() if name not in _SPARE[:left_out]})
            if _height(facts, console) + _height(picture, console) + _FRAME + _LEAST_LOG <= console.height:
                yield facts, picture
    yield facts, []


def _height(shown: Table | list[Text], console: Console) -> int:
    return len(console.render_lines(shown if isinstance(shown, Table) else Group(*shown), pad=False))


def _rows(project: Project, state: State, key: str) -> dict[str, Text]:
    rows: dict[str, Text] = {
        "function": Text(f"{project.plan.name}  ({project.plan.runtime}, {project.plan.handler})"),
        "alias": Text(project.alias or "-"),
        "ARN": Text(project.access_point or "-"),
    }
    if (command := try_command(project, key)) is not None:
        rows["try"] = Text(harmless(command), style="cyan")
    return rows | {"deploy": deploy_line(state.deployed, state.doing), "request": request_line(state.answered)}


def _grid(rows: Mapping[str, Text]) -> Table:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, told in rows.items():
        facts.add_row(name, told)
    return facts


def deploy_line(deployed: Deployed | None, doing: str = "") -> Text:
    """Return how the last deployment went, or what is being done."""
    if doing:
        return Text(doing, style="yellow", overflow="ellipsis", no_wrap=True)
    if deployed is None:
        return Text("-")
    moment = time.strftime("%H:%M:%S", time.localtime(deployed.at))
    if deployed.error is not None:
        return Text(f"{moment} failed, the old code stays: {deployed.error}", style="red")
    kept = ", dependencies from the cache" if deployed.cached else ""
    return Text(f"{moment} in {deployed.seconds:.2f} s, CodeSha256 {deployed.code_sha256}{kept}", style="green")


def request_line(answered: Answered | None) -> Text:
    """Return how the last request went."""
    if answered is None:
        return Text("-")
    good = answered.error is None
    parts = [answered.key, *([str(answered.status)] if answered.status else []), f"{answered.seconds * 1000:.0f} ms"]
    if good:
        parts.append(f"{answered.size:,} bytes {answered.content_type or ''}".strip())
    if answered.function_ms is not None:
        parts.append(f"{'cold' if answered.cold else 'warm'}, {answered.function_ms:.0f} ms in the function")
    if answered.error is not None:
        parts.append(answered.error)
    return Text(harmless("  ".join(parts)), style="green" if good else "red")


def harmless(text: str) -> str:
    """Return text without what would move a terminal's cursor, clear its screen or colour it."""
    return _CONTROLS.sub("", text)


def log_text(lines: Iterable[str]) -> Text:
    """Return what a function printed in its colours, without what would move the cursor or clear the screen."""
    return Text("\n").join(Text.from_ansi(_CONTROLS.sub(_colour, line)) for line in lines)


def _colour(found: re.Match[str]) -> str:
    return found[0] if _COLOURS.fullmatch(found[0]) else ""


def _picture(answered: Answered | None, console: Console) -> Text | None:
    if answered is None or not answered.pictures or console.no_color:
        return None
    try:
        return pictures.blocks(answered.pictures, console.width, max(4, min(20, console.height // 2)))
    except pictures.NotAPicture:  # its head was a picture's, the rest is not
        return None


def _log(answered: Answered | None, console: Console, lines: int) -> Text:
    # Each takes a line at least. All of a long log would take seconds, at every drawing.
    told = log_text(answered.log[-lines:] if answered else ())
    return Text("\n").join(told.wrap(console, console.width)[-lines:])
