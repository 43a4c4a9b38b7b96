"""What `objectlens function dev` shows."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from objectlens.cli import pictures
from objectlens.cli.developing import Answered, Deployed, Project

_KEYS = "r again   n next object   p previous object   q quit"
_LEAST_LOG = 3


@dataclass(slots=True)
class State:
    """What is known at the moment; `doing` is what is under way."""

    doing: str = ""
    deployed: Deployed | None = None
    answered: Answered | None = None


def try_command(project: Project, key: str) -> str:
    """Return the command that does the same in another terminal."""
    data = shlex.quote(str(project.data))
    return (
        f"objectlens exec --data {data} -- aws s3api get-object --bucket {project.alias} --key {shlex.quote(key)} out"
    )


def screen(project: Project, state: State, key: str, console: Console) -> RenderableType:
    """Return all of it, no higher than the terminal."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("function", Text(f"{project.plan.name}  ({project.plan.runtime}, {project.plan.handler})"))
    facts.add_row("alias", Text(project.alias or "-"))
    facts.add_row("ARN", Text(project.access_point or "-"))
    if project.alias:
        facts.add_row("try", Text(try_command(project, key), style="cyan"))
    facts.add_row("deploy", deploy_line(state.deployed, state.doing))
    facts.add_row("request", request_line(state.answered))
    drawn = _picture(state.answered, console)
    used = len(console.render_lines(facts, pad=False)) + (len(drawn.plain.splitlines()) if drawn else 0) + 4
    log = _log(state.answered, console, max(_LEAST_LOG, console.height - used))
    return Group(facts, Text(), *((drawn,) if drawn else ()), Rule("log", style="dim"), log, Text(_KEYS, style="dim"))


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
    parts = [answered.key, str(answered.status or "cut"), f"{answered.seconds * 1000:.0f} ms"]
    if good:
        parts.append(f"{answered.size:,} bytes {answered.content_type or ''}".strip())
    if answered.function_ms is not None:
        parts.append(f"{'cold' if answered.cold else 'warm'}, {answered.function_ms:.0f} ms in the function")
    if answered.error is not None:
        parts.append(answered.error)
    return Text("  ".join(parts), style="green" if good else "red")


def _picture(answered: Answered | None, console: Console) -> Text | None:
    if answered is None or not answered.pictures:
        return None
    try:
        return pictures.blocks(answered.pictures, console.width, max(4, min(20, console.height // 2)))
    except pictures.NotAPicture:  # its head was a picture's, the rest is not
        return None


def _log(answered: Answered | None, console: Console, lines: int) -> Text:
    told = Text("\n".join(answered.log if answered else ()))
    return Text("\n").join(told.wrap(console, console.width)[-lines:])
