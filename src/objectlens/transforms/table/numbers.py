"""Comparing whole numbers with any number, exactly: Arrow makes floats of both, and refuses those that do not fit."""

from __future__ import annotations

import math
from typing import Any, TypeGuard

import pyarrow as pa
import pyarrow.compute as pc

# Past all that Arrow's whole numbers can say.
_FAR = 2**65


def is_number(value: Any) -> TypeGuard[float]:
    """Tell whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def compared(field: pc.Expression, operator: str, value: float, kind: pa.DataType) -> pc.Expression | None:
    """Return what `field operator value` means for a column of this kind of whole numbers, None for other operators."""
    if math.isnan(value):
        return field.is_valid() if operator == "!=" else pc.scalar(False)
    near = min(max(value, -_FAR), _FAR)
    down, up = math.floor(near), math.ceil(near)
    match operator:
        case ">":
            return _between(field, down + 1, _FAR, kind)
        case ">=":
            return _between(field, up, _FAR, kind)
        case "<":
            return _between(field, -_FAR, up - 1, kind)
        case "<=":
            return _between(field, -_FAR, down, kind)
        case "==":
            return _between(field, up, down, kind)
        case "!=":
            return field != pa.scalar(up, kind) if fits(value, kind) else field.is_valid()
    return None


def fits(value: float, kind: pa.DataType) -> bool:
    """Tell whether a column of this kind of whole numbers can have this value."""
    least, most = _range(kind)
    return math.isfinite(value) and value == math.floor(value) and least <= value <= most


def _between(field: pc.Expression, first: int, last: int, kind: pa.DataType) -> pc.Expression:
    """Return the expression for whole numbers from `first` to `last`, both included."""
    least, most = _range(kind)
    if first > last or first > most or last < least:
        return pc.scalar(False)
    found = field.is_valid()
    if first > least:
        found &= field >= pa.scalar(first, kind)
    if last < most:
        found &= field <= pa.scalar(last, kind)
    return found


def _range(kind: pa.DataType) -> tuple[int, int]:
    bits = kind.bit_width
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if pa.types.is_signed_integer(kind) else (0, 2**bits - 1)
