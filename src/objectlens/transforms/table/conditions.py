"""Conditions on rows, as lists: `[["age", ">=", 18], ["country", "in", ["DE", "FR"]]]`; all must hold."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import re
from functools import reduce
from operator import and_
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc

from objectlens.transforms.errors import BadArgument, BadInput
from objectlens.transforms.hints import Bounds
from objectlens.transforms.table.numbers import compared, fits, is_number

# What is behind a time of day to say in which zone it is (ISO 8601).
_ZONE = re.compile(r":\d\d.*(Z|[+-]\d\d(:?\d\d)?)$")
Where = Annotated[list[list[Any]], Bounds(1, 64)]


def expression(where: list[list[Any]], schema: pa.Schema | None = None) -> pc.Expression:
    """Return Arrow's expression for the conditions; raises `BadArgument` for a wrong one.

    Text that is compared with a column of times or decimals in `schema` is read as one.
    Raises `BadInput` for conditions that do not fit the columns.
    """
    if schema is None:
        return reduce(and_, (_one(condition, None) for condition in where))
    return reduce(and_, (_fitting(condition, schema) for condition in where))


def _fitting(condition: list[Any], schema: pa.Schema) -> pc.Expression:
    """Return a condition that was tried on no rows at all."""
    name = str(condition[0])
    if len(schema.get_all_field_indices(name)) != 1:
        there = ", ".join(schema.names[:100])
        raise BadInput(f"a condition needs one column {name!r}; the table has {there}")
    kind = schema.field(name).type
    try:
        found = _one(condition, schema)
        pa.table({name: pa.array([], kind)}).filter(found)
    except (pa.ArrowException, OverflowError) as error:
        said = " ".join(str(error).split())[:200]
        raise BadInput(f"{condition[2]!r:.60} does not fit the column {name!r}, which is {kind}: {said}") from error
    return found


def check(*, where: list[list[Any]]) -> None:
    """Raise `BadArgument` for conditions that are wrong for all tables."""
    try:
        expression(where)
    except (pa.ArrowException, OverflowError, TypeError) as error:
        raise BadArgument(f"where: {error}", "where") from error


def columns_of(where: list[list[Any]]) -> list[str]:
    """Return the columns that the conditions look at."""
    return [str(condition[0]) for condition in where]


def _one(condition: list[Any], schema: pa.Schema | None) -> pc.Expression:
    if len(condition) != 3 or not isinstance(condition[0], str):
        raise BadArgument(f"a condition must be [column, operator, value], not {condition!r}", "where")
    name, operator, value = condition
    field = pc.field(name)
    index = -1 if schema is None else schema.get_field_index(name)
    if schema is not None and index >= 0:
        kind = schema.field(index).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if pa.types.is_integer(kind) and is_number(value):
            found = compared(field, operator, value, kind)
            if found is not None:
                return found
        if pa.types.is_float16(kind):
            # Which Arrow compares with nothing.
            field = field.cast(pa.float32())
        value = _typed(value, kind)
    elif schema is None:
        value = _stand_in(value)
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
        case "in":
            if not isinstance(value, list):
                raise BadArgument(f"in needs a list of values: {condition!r:.60}", "where")
            # To Arrow an empty value is in a list with one.
            values = [one for one in value if one is not None]
            return field.isin(values) if values else pc.scalar(False)
        case "is_null":
            return field.is_null() if value else field.is_valid()
    raise BadArgument(f"there is no operator {operator!r}; there are ==, !=, <, <=, >, >=, in, is_null", "where")


def _stand_in(value: Any) -> Any:
    """Return what a condition is tried with when there is no column to say what kind of numbers it has."""
    said = [one for one in value if one is not None] if isinstance(value, list) else [value]
    if not said or not all(map(is_number, said)):
        return value
    for one in said:
        if type(one) is int and not -(2**63) <= one < 2**64:
            raise BadArgument(f"{one!r:.60} has more than 64 bits; write such numbers as 1e30", "where")
    return [0] if isinstance(value, list) else 0


def _typed(value: Any, kind: pa.DataType) -> Any:
    """Return text as the time or decimal that it says: JSON has neither."""
    if isinstance(value, list):
        said = [one for one in value if one is not None]
        if pa.types.is_integer(kind) and all(map(is_number, said)):
            said = [int(one) for one in said if fits(one, kind)]
        return [_typed(one, kind) for one in said]
    if pa.types.is_integer(kind) and type(value) is int:
        # Arrow would make those of no sign signed, and lose the larger half.
        return pa.scalar(value, kind)
    if pa.types.is_floating(kind) and is_number(value):
        return _rounded(value, kind)
    if pa.types.is_decimal(kind) and type(value) is int:
        # To Arrow every whole number has 19 digits, more than what it makes of both may have.
        return pa.scalar(decimal.Decimal(value))
    if not isinstance(value, str) or not (pa.types.is_temporal(kind) or pa.types.is_decimal(kind)):
        return value
    if pa.types.is_timestamp(kind) and kind.tz is not None and not _ZONE.search(value):
        return pa.scalar(value).cast(pa.timestamp(kind.unit)).cast(kind)
    if pa.types.is_time(kind):
        return _time(value, kind)
    return pa.scalar(value).cast(kind)


def _rounded(value: float, kind: pa.DataType) -> float:
    """Return a number as a column of this precision holds it, as Arrow itself does it for `in` alone."""
    near = float(pa.scalar(float(value), kind).as_py())
    return float(value) if math.isinf(near) else near


def _time(text: str, kind: pa.DataType) -> pa.Scalar:
    """Return a time of day, which Arrow does not read out of text."""
    try:
        return pa.scalar(dt.time.fromisoformat(text), kind)
    except ValueError as error:
        raise pa.ArrowInvalid(str(error)) from error
