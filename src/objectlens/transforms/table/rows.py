"""Choosing columns and rows."""

from __future__ import annotations

from typing import Annotated

import pyarrow as pa

from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import reading
from objectlens.transforms.hints import Bounds
from objectlens.transforms.table.conditions import Where, check, expression
from objectlens.transforms.table.files import Names, check_columns

Count = Annotated[int, Bounds(0, 2**62)]


@transform(family="table")
def select(table: pa.Table, ctx: Context, *, columns: Names) -> pa.Table:
    """Keep these columns, in this order (`Table.select`)."""
    check_columns(columns, table.column_names, once=True)
    return table.select(columns)


@transform(family="table", name="filter", check=check)
def where(table: pa.Table, ctx: Context, *, where: Where) -> pa.Table:
    """Keep the rows for which all conditions hold (`Table.filter`); empty values never do, except for `is_null`."""
    with reading("conditions for this table", pa.ArrowException, OverflowError):
        return table.filter(expression(where, table.schema))


@transform(family="table")
def limit(table: pa.Table, ctx: Context, *, rows: Count, offset: Count = 0) -> pa.Table:
    """Keep `rows` rows from `offset` on (`Table.slice`)."""
    return table.slice(offset, rows)
