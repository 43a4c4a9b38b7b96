"""What the planner does with tables: reading takes over the selecting and filtering that follow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from objectlens.transforms.bound import Bound
from objectlens.transforms.errors import BadPipeline
from objectlens.transforms.table.conditions import columns_of
from objectlens.transforms.table.files import read_planned


def push_down(steps: Sequence[Bound]) -> Sequence[Bound]:
    """Read only the columns and row groups that the next steps use; those steps stay, on less."""
    index = next((i for i, step in enumerate(steps) if step.name == "table.read"), None)
    if index is None:
        return steps
    columns, conditions = None, []
    for step in steps[index + 1 :]:
        if step.name == "table.filter":
            conditions += step.arguments["where"]
            continue
        if step.name == "table.select":
            columns = list(dict.fromkeys([*step.arguments["columns"], *columns_of(conditions)]))
        break
    if columns is None and not conditions:
        return steps
    read = steps[index]
    call = partial(read_planned, **{**read.arguments, "columns": columns, "where": conditions or None})
    note = " and ".join(
        ([f"only the columns {', '.join(columns)}"] if columns else [])
        + (["row groups by filter"] if conditions else [])
    )
    return (*steps[:index], replace(read, call=call, note=note), *steps[index + 1 :])


def check_steps(steps: Sequence[Bound]) -> None:
    """Raise `BadPipeline` for a step that asks for a column which a `select` before it has left out."""
    there, number = None, 0
    for step in steps:
        number += not step.converts
        if step.name not in ("table.select", "table.filter"):
            there = there if step.name == "table.limit" else None
            continue
        name = "columns" if step.name == "table.select" else "where"
        wanted = step.arguments[name] if name == "columns" else columns_of(step.arguments[name])
        if there is not None and (missing := [one for one in wanted if one not in there]):
            raise BadPipeline(
                f"step {number}, {step.name}: {name} asks for {', '.join(missing)}, and the select before it keeps "
                f"{', '.join(there)} alone"
            )
        there = wanted if name == "columns" else there


RULES = (push_down,)
