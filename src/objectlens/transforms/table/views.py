"""Texts and bytes as Arrow's functions take them: most of those have no use for views yet, which Polars writes."""

from __future__ import annotations

from typing import Any

import pyarrow as pa


def without_views(table: pa.Table) -> pa.Table:
    """Return the table with views of texts and bytes made plain, also within lists, structures and dictionaries.

    Raises `pa.ArrowInvalid` for views that point anywhere.
    """
    # Not by their names, which several columns may have.
    seen = [column for column in table.itercolumns() if _has_views(column.type)]
    if not seen:
        return table
    for column in seen:
        for chunk in column.chunks:
            _check(chunk)
    return table.cast(plain(table.schema))


def plain(schema: pa.Schema) -> pa.Schema:
    """Return what the schema of a table is without views."""
    return pa.schema([_field(field) for field in schema], schema.metadata)


def _check(array: Any) -> None:
    """Check the views where there is null as well: `validate` passes them over, and the cast follows them."""
    kind = array.type
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        buffers = [None, *array.buffers()[1:]]
        pa.Array.from_buffers(kind, len(array), buffers, offset=array.offset).validate(full=True)
    elif pa.types.is_dictionary(kind):
        _check(array.dictionary)
    elif pa.types.is_map(kind):
        _check(array.keys)
        _check(array.items)
    elif pa.types.is_struct(kind) or pa.types.is_union(kind):
        for index in range(kind.num_fields):
            _check(array.field(index))
    elif kind.num_fields:
        _check(array.values)


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary_view(kind):
        return pa.large_binary()
    if pa.types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, _plain(kind.value_type), kind.ordered)
    if pa.types.is_struct(kind):
        return pa.struct([_field(kind.field(index)) for index in range(kind.num_fields)])
    if pa.types.is_map(kind):
        return pa.map_(_field(kind.key_field), _field(kind.item_field), kind.keys_sorted)
    if pa.types.is_large_list(kind):
        return pa.large_list(_field(kind.value_field))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_field(kind.value_field), kind.list_size)
    return pa.list_(_field(kind.value_field)) if pa.types.is_list(kind) else kind


def _field(field: Any) -> Any:
    return field.with_type(_plain(field.type)) if _has_views(field.type) else field


def _has_views(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _has_views(kind.value_type)
    within = (kind.field(index).type for index in range(kind.num_fields))
    return pa.types.is_string_view(kind) or pa.types.is_binary_view(kind) or any(map(_has_views, within))
