"""Conditions on rows, as lists: `[["age", ">=", 18], ["country", "in", ["DE", "FR"]]]`; all must hold."""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import Annotated, Any

import pyarrow.compute as pc

from objectlens.transforms.errors import BadArgument
from objectlens.transforms.hints import Bounds

Where = Annotated[list[list[Any]], Bounds(1, 64)]


def expression(where: list[list[Any]]) -> pc.Expression:
    """Return Arrow's expression for the conditions; raises `BadArgument` for a wrong one."""
    return reduce(and_, (_one(condition) for condition in where))


def columns_of(where: list[list[Any]]) -> list[str]:
    """Return the columns that the conditions look at."""
    return [str(condition[0]) for condition in where]


def _one(condition: list[Any]) -> pc.Expression:
    if len(condition) != 3 or not isinstance(condition[0], str):
        raise BadArgument(f"a condition must be [column, operator, value], not {condition!r}", "where")
    name, operator, value = condition
    field = pc.field(name)
    match operator:
        case "==":
            return field == value
        case "!=":
            return field != value
        case "<":
            return field < value
        case "<=":
            return field <= value
        case ">":
            return field > value
        case ">=":
            return field >= value
        case "in" if isinstance(value, list):
            return field.isin(value)
        case "is_null":
            return field.is_null() if value else field.is_valid()
    raise BadArgument(f"there is no operator {operator!r}; there are ==, !=, <, <=, >, >=, in, is_null", "where")
