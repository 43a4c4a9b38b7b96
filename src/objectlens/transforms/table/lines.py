"""Tables as JSON lines: what JSON has no word for becomes text, or null."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from objectlens.transforms.errors import BadInput

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_OFFSET = re.compile(r"(:\d\d(?:\.\d+)?[+-]\d\d)(\d\d)$")


def json_lines(table: pa.Table) -> Iterator[bytes]:
    """Yield a line for each row."""
    if len(set(table.column_names)) < table.num_columns:
        raise BadInput("two columns have the same name, which JSON cannot say; leave them out with select")
    for batch in table.to_batches(max_chunksize=4096):
        yield from map(_json_line, _rows(batch))


def _rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = batch.to_pylist()
    except (ValueError, ArithmeticError):
        # Some value is no Python's: a time to the nanosecond, or of a year that has not four digits.
        columns = [[_value(one) for one in column] for column in batch.columns]
        names = batch.schema.names
        return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    return rows


def _value(scalar: Any) -> Any:
    """Return what a value of Arrow's is in JSON; in words where Python has none of its kind."""
    try:
        return scalar.as_py()
    except (ValueError, ArithmeticError):
        if isinstance(scalar, pa.StructScalar):
            return {name: _value(one) for name, one in scalar.items()}
        if isinstance(scalar, pa.MapScalar):
            return [[_value(one["key"]), _value(one["value"])] for one in scalar.values]
        if isinstance(scalar, pa.ListScalar):
            return [_value(one) for one in scalar.values]
        if isinstance(scalar, pa.DictionaryScalar):
            return _value(scalar.value)
        if not pa.types.is_temporal(scalar.type):
            raise
        return _in_words(scalar)


def _in_words(scalar: Any) -> str:
    """Return a time as Python writes those that it has."""
    if isinstance(scalar, pa.DurationScalar):
        second = _PER_SECOND[scalar.type.unit]
        seconds, rest = divmod(scalar.value, second)
        return f"{dt.timedelta(seconds=seconds)}" + (f".{rest * _PER_SECOND['ns'] // second:09}" if rest else "")
    return _OFFSET.sub(r"\1:\2", scalar.cast(pa.string()).as_py())


def _json_line(row: Any) -> bytes:
    try:
        text = json.dumps(row, ensure_ascii=False, default=_plain, separators=(",", ":"), allow_nan=False)
    except ValueError:
        # JSON has no NaN and no infinity (RFC 8259 section 6).
        text = json.dumps(_finite(row), ensure_ascii=False, default=_plain, separators=(",", ":"), allow_nan=False)
    return text.encode() + b"\n"


def _plain(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
