"""What Arrow infers of CSV and JSON and would change thereby: times lose their zone, large numbers digits."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

# As Arrow tries the texts of a CSV file.
_TIMES = (pa.date32(), pa.timestamp("s"), pa.timestamp("s", "UTC"))
# Whole numbers of 64 bits without a sign: Arrow looks for those with one, and then for floats.
_PAST_SIGNED = 2**63
# Reading is what it costs to find out of which columns all numbers are whole.
_TRIES = 16
_LARGE = re.compile(rb"(?<![\d.])\d{19,20}(?![\d.eE])")


def with_large_numbers(data: bytes, table: pa.Table, read: Callable[[pa.Schema], pa.Table]) -> pa.Table:
    """Return the table with those columns as whole numbers of 64 bits that have no others, instead of as floats.

    `read` reads some columns anew, of the types that it is given.
    """
    large = [
        typed
        for place, field in enumerate(table.schema)
        # Of two columns with one name Arrow would read the first.
        if len(table.schema.get_all_field_indices(field.name)) == 1
        and (typed := field.with_type(_with_large(table.column(place)))) != field
    ]
    # Looking through all of it takes longer than reading it did.
    if not large or not _LARGE.search(data):
        return table
    for fields in (large, *([one] for one in large[:_TRIES] if len(large) > 1)):
        try:
            found = read(pa.schema(fields))
        except pa.ArrowInvalid:
            # Some of them have other numbers as well.
            continue
        table = _with(table, found)
        if fields == large:
            break
    return table


def _with_large(column: pa.ChunkedArray) -> pa.DataType:
    """Return the type of a column, with whole numbers for floats of which some are past those with a sign."""
    kind = column.type
    if pa.types.is_list(kind):
        return pa.list_(_with_large(pc.list_flatten(column)))
    if pa.types.is_struct(kind):
        parts = enumerate(column.flatten())
        return pa.struct([kind.field(place).with_type(_with_large(part)) for place, part in parts])
    return pa.uint64() if pa.types.is_float64(kind) and (pc.max(column).as_py() or 0) >= _PAST_SIGNED else kind


def _with(table: pa.Table, others: pa.Table) -> pa.Table:
    """Return a table with those columns of others that have the names of its own.

    All at once: to set one column of a table takes as long as the table has columns.
    """
    found = dict(zip(others.column_names, others.columns, strict=True))
    columns = [found.get(name, own) for name, own in zip(table.column_names, table.columns, strict=True)]
    return pa.table(columns, names=table.column_names)


def with_times_as_written(table: pa.Table, read: Callable[[pa.Schema], pa.Table]) -> pa.Table:
    """Return a table of JSON with its times as a CSV file's: days and times with a zone are such, a mixture is text.

    So are times within lists and objects, which no condition looks at. `read` is as above.
    """
    without = [field.with_type(_without_times(field.type)) for field in table.schema]
    texts = pa.schema([text for text, field in zip(without, table.schema, strict=True) if text != field])
    if not texts:
        return table
    found = read(texts)
    columns = (_timed(column) if pa.types.is_string(column.type) else column for column in found.columns)
    return _with(table, pa.table(list(columns), names=found.column_names))


def _timed(column: Any) -> Any:
    for kind in _TIMES:
        try:
            return column.cast(kind)
        except pa.ArrowInvalid:
            continue
    return column


def _without_times(kind: pa.DataType) -> pa.DataType:
    """Return a type as Arrow infers it of JSON, with texts for times."""
    if pa.types.is_list(kind):
        return pa.list_(_without_times(kind.value_type))
    if pa.types.is_struct(kind):
        fields = (kind.field(index) for index in range(kind.num_fields))
        return pa.struct([field.with_type(_without_times(field.type)) for field in fields])
    return pa.string() if pa.types.is_timestamp(kind) else kind
