"""What the planner does with tables: reading takes over the selecting and filtering that follow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from objectlens.transforms.bound import Bound
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


RULES = (push_down,)
