"""CSV, JSON lines, Parquet and Arrow files to tables and back, by pyarrow."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.json
import pyarrow.parquet

from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadArgument, BadInput, TransformError, reading
from objectlens.transforms.hints import Bounds
from objectlens.transforms.table import arrays
from objectlens.transforms.table.conditions import Where, columns_of, expression
from objectlens.transforms.table.inferred import with_large_numbers, with_times_as_written
from objectlens.transforms.table.lines import json_lines
from objectlens.transforms.table.views import plain, without_views
from objectlens.transforms.values import Result

Format = Literal["auto", "csv", "json", "parquet", "arrow"]
Names = Annotated[list[str], Bounds(1, 10_000)]
# ArithmeticError: decimals that have more digits than their own type.
_FAULTS = (pa.ArrowException, OSError, ValueError, ArithmeticError)
_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.file",
}

# Bytes of a value in memory, of those kinds of Parquet's that have no length of their own (texts have offsets).
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 8, "FLOAT": 4, "DOUBLE": 8, "BYTE_ARRAY": 4}
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# What goes before each message (Arrow columnar format, "Encapsulated message format").
_ARROW_STREAM = b"\xff\xff\xff\xff"
_BLOCK = 1024 * 1024
# Where text has no zero byte, and files of other kinds have some.
_HEAD = 64
_HEADER = 4 * 1024 * 1024
_QUOTED = re.compile(rb'"[^"]*(?:"|$)')
# Text in quotes, which may hold brackets; a line's end within it is an error to the parser. What was matched is
# kept (`+`): to remember where else it could have ended would take many times the memory of a text.
_STRING = re.compile(rb'"(?:[^"\\\n]++|\\[^\n])*+"')
_NO_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))


def _check_delimiter(*, delimiter: str, **_: Any) -> None:
    if not delimiter.isascii() or delimiter in '"\r\n\0':
        raise BadArgument(
            f"table.read: delimiter must be a character of ASCII that is no quote and ends no line, not {delimiter!r}",
            "delimiter",
        )


@transform(family="table", check=_check_delimiter)
def read(
    data: bytes,
    ctx: Context,
    *,
    format: Format = "auto",  # noqa: A002
    delimiter: Annotated[str, Bounds(1, 1)] = ",",
) -> pa.Table:
    """Read CSV with a header line, JSON lines or an array, Parquet or an Arrow file; `auto` looks at how it begins."""
    return read_planned(data, ctx, format=format, delimiter=delimiter)


def read_planned(
    data: bytes,
    ctx: Context,
    *,
    format: str,  # noqa: A002
    delimiter: str,
    columns: list[str] | None = None,
    where: Where | None = None,
) -> pa.Table:
    """Read only these columns, and of Parquet only the row groups that can hold rows for which `where` holds."""
    if data.startswith(_UTF16):
        raise BadInput("the table is UTF-16; begin with text.decode")
    name = _told(data) if format == "auto" else format
    with reading(f"{name} table", *_FAULTS):
        table = _readers(name)(data, ctx, delimiter, columns, where)
        _check_names(table)
    ctx.limits.check("columns", table.num_columns, f"a table of {table.num_columns:,} columns")
    ctx.limits.check("rows", table.num_rows, f"a table of {table.num_rows:,} rows")
    # Few words that are repeated take little room in a Parquet file.
    ctx.limits.check("output_bytes", table.nbytes, f"a table of {table.nbytes:,} bytes, decoded,")
    return table


def _check_names(table: pa.Table) -> None:
    """Decode the names of columns, which Arrow does only when asked for them: better here than in a later step."""
    try:
        str(table.schema)
        table.column_names  # noqa: B018
    except UnicodeDecodeError as error:
        raise BadInput("the names of the columns are not UTF-8; begin with text.decode") from error


@transform(family="table")
def write(
    table: pa.Table,
    ctx: Context,
    *,
    format: Literal["csv", "json", "parquet", "arrow"] = "parquet",  # noqa: A002
    compression: Literal["none", "snappy", "zstd", "gzip", "lz4"] = "snappy",
) -> Result:
    """Write the table; `compression` is for Parquet."""
    sink = pa.BufferOutputStream()
    try:
        if format == "json":
            for line in ctx.limits.counted(json_lines(table), "output_bytes"):
                sink.write(line)
        elif format == "csv":
            pa.csv.write_csv(table, sink)
        elif format == "parquet":
            pa.parquet.write_table(table, sink, compression=compression)
        else:
            # Each group of rows of a Parquet file has its own dictionary, and such a file has place for one.
            options = pa.ipc.IpcWriteOptions(unify_dictionaries=True)
            with pa.ipc.new_file(sink, table.schema, options=options) as writer:
                writer.write_table(table)
    except TransformError:
        raise
    except _FAULTS as error:
        raise BadInput(
            f"the table cannot be written as {format}: {str(error)[:200]}; leave such columns out with select, or "
            "write another format"
        ) from error
    return Result(sink.getvalue().to_pybytes(), _TYPES[format])


def check_columns(wanted: list[str], there: list[str], *, once: bool = False) -> None:
    """Raise `BadInput` that names the columns which a table does not have, or not only `once`."""
    if missing := [name for name in wanted if name not in there]:
        raise BadInput(f"the table has no columns {', '.join(missing)}; it has {', '.join(there[:100])}")
    if twice := sorted(name for name in {*wanted} if once and there.count(name) > 1):
        raise BadInput(f"the table has more than one column {', '.join(twice)}")


def _told(data: bytes) -> str:
    if data[:4] == b"PAR1":
        return "parquet"
    if data[:6] == b"ARROW1":
        return "arrow"
    if data[:4] == _ARROW_STREAM:
        raise BadInput("the table is an Arrow stream, and only files are read; write it with pyarrow.ipc.new_file")
    if b"\0" in data[:_HEAD]:
        # Arrow would take a zip or a workbook for CSV, whose header it is, and find a table without rows.
        raise BadInput(
            "the object is no table of a known format (CSV, JSON, Parquet, Arrow); begin with archive.decompress where "
            "it is compressed, with text.decode where it is UTF-16"
        )
    plain = data.removeprefix(codecs.BOM_UTF8)
    return "json" if plain.lstrip()[:1] == b"{" or arrays.is_array(plain) or arrays.is_of_others(plain) else "csv"


def _readers(name: str) -> Any:
    return {"csv": _csv, "json": _json, "parquet": _parquet, "arrow": _arrow}[name]


def _csv(data: bytes, ctx: Context, delimiter: str, columns: list[str] | None, _: Any) -> pa.Table:
    head = _QUOTED.sub(b"", data[:_HEADER])
    header = re.split(rb"[\r\n]", head, maxsplit=1)[0]
    count = header.count(delimiter.encode()) + 1
    ctx.limits.check("columns", count, f"a CSV header of {count:,} columns or more")
    if len(header) == len(head) and len(data) > _HEADER:
        raise BadInput(f"the header of the CSV file is longer than {_HEADER:,} bytes")
    ends = max(data.count(b"\n"), data.count(b"\r"))
    if ends > ctx.limits.rows:
        rows = _csv_rows(data, delimiter)
        ctx.limits.check("rows", rows, f"a CSV file of {rows:,} rows")
    if not ends:
        # Arrow finds no header in a line that has no end.
        data += b"\n"
    try:
        if columns is not None:
            # Of two columns with one name Arrow would take the first.
            check_columns(columns, _csv_names(data, delimiter), once=True)
        table = _csv_in_blocks(data, delimiter, columns, _BLOCK)
    except pa.ArrowInvalid:
        # A row that is longer than a block, which only one block can hold.
        if len(data) <= _BLOCK:
            raise
        table = _csv_in_blocks(data, delimiter, columns, min(len(data) + 1, 2**31 - 1))
    for field in table.schema:
        if pa.types.is_binary(field.type):
            raise BadInput(f"the column {field.name!r} is not UTF-8; begin with text.decode")
    return table


def _csv_rows(data: bytes, delimiter: str) -> int:
    """Return how many rows are below the header: neither empty lines nor ends of lines in quotes make one."""
    # Only in front of a field do quotes mean something, and two of them within it stand for one.
    quoted = rb'(?<![^\r\n%b])"[^"]*(?:""[^"]*)*"?' % re.escape(delimiter.encode())
    lines = re.sub(quoted, b"-", data.removeprefix(codecs.BOM_UTF8)).replace(b"\r", b"\n")
    while b"\n\n" in lines:
        lines = lines.replace(b"\n\n", b"\n")
    return lines.strip(b"\n").count(b"\n")


def _csv_in_blocks(data: bytes, delimiter: str, columns: list[str] | None, block: int) -> pa.Table:
    def read(schema: pa.Schema) -> pa.Table:
        return pa.csv.read_csv(
            pa.py_buffer(data),
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=block),
            parse_options=_csv_parsing(data, delimiter),
            convert_options=pa.csv.ConvertOptions(column_types=schema, include_columns=schema.names or columns),
        )

    table = read(pa.schema([]))
    _check_names(table)
    return with_large_numbers(data, table, read)


def _csv_parsing(data: bytes, delimiter: str) -> pa.csv.ParseOptions:
    # Otherwise blocks end at any line's end, also at one in quotes, and what is behind it is taken for a row.
    return pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=b'"' in data)


def _csv_names(data: bytes, delimiter: str) -> list[str]:
    read = pa.csv.ReadOptions(use_threads=False, block_size=_HEADER)
    with pa.csv.open_csv(pa.py_buffer(data), read_options=read, parse_options=_csv_parsing(data, delimiter)) as reader:
        names: list[str] = reader.schema.names
    return names


def _json(data: bytes, ctx: Context, _: str, columns: list[str] | None, __: Any) -> pa.Table:
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        # Arrow's reader takes any bytes for text, which nobody could read in what is written of it.
        data.decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"the JSON is not UTF-8 (byte {error.start:,}); begin with text.decode") from error
    # Arrow's reader calls itself once for each level of nesting, and would run out of stack.
    depth, rows = _depth(data)
    ctx.limits.check("nesting", depth, "JSON nested too deeply")
    _check_fields(data, ctx)
    if arrays.is_of_others(data):
        raise BadInput("the table is a JSON array of something else than objects, which would be its rows")
    if arrays.is_array(data):
        data = arrays.lines(data)
        rows = data.count(b"\n")
        if not rows:
            return pa.table({})
    ctx.limits.check("rows", rows, f"a file of {rows:,} JSON objects")
    block = max(_BLOCK, len(max(data.split(b"\n"), key=len, default=b"")) + 1)
    try:
        table = _json_in_blocks(data, block)
    except pa.ArrowNotImplementedError:
        # What has no value in one block has no type there, and cannot become an object or list in the next.
        if len(data) <= block:
            raise
        table = _json_in_blocks(data, len(data) + 1)
    return _only(table, columns)


def _json_in_blocks(data: bytes, block: int) -> pa.Table:
    def read(schema: pa.Schema | None) -> pa.Table:
        return pa.json.read_json(
            pa.py_buffer(data),
            read_options=pa.json.ReadOptions(use_threads=False, block_size=min(block, 2**31 - 1)),
            parse_options=pa.json.ParseOptions(
                explicit_schema=schema, unexpected_field_behavior="infer" if schema is None else "ignore"
            ),
        )

    return with_times_as_written(with_large_numbers(data, read(None), read), read)


def _only(table: pa.Table, columns: list[str] | None) -> pa.Table:
    """Keep the columns of these names; raises `BadInput` as the steps that use them would, which see no others."""
    if columns is None:
        return table
    check_columns(columns, table.column_names, once=True)
    return table.select([place for place, name in enumerate(table.column_names) if name in columns])


def _check_fields(data: bytes, ctx: Context) -> None:
    """Count the names of fields: Arrow makes a column of each, and a place in it for every line."""
    names: set[bytes] = set()
    for part in data.translate(None, b" \t\r").split(b'":')[:-1]:
        # A quote behind an odd number of backslashes is one within a text.
        if not (len(part) - len(part.rstrip(b"\\"))) % 2:
            names.add(part[part.rfind(b'"') + 1 :])
            if len(names) > ctx.limits.columns:
                break
    ctx.limits.check("columns", len(names), f"JSON with {len(names):,} names of fields or more")


def _depth(data: bytes) -> tuple[int, int]:
    """Return how deep objects and lists are nested, and how many are not; Arrow's parser does not mind lines."""
    depth = most = outer = 0
    for byte in _STRING.sub(b"", data).translate(None, _NO_BRACKETS):
        depth = max(0, depth + (1 if byte in b"{[" else -1))
        most = max(most, depth)
        outer += not depth
    return most, outer


def _parquet(data: bytes, ctx: Context, _: str, columns: list[str] | None, where: Where | None) -> pa.Table:
    if data[-4:] != b"PAR1":
        raise BadInput("the Parquet file is cut short")
    buffer, most = pa.BufferReader(pa.py_buffer(data)), len(data) + 1024
    file = pa.parquet.ParquetFile(buffer, thrift_string_size_limit=most, thrift_container_size_limit=most)
    metadata = file.metadata
    ctx.limits.check("columns", metadata.num_columns, f"a table of {metadata.num_columns:,} columns")
    if where is None:
        ctx.limits.check("rows", metadata.num_rows, f"a table of {metadata.num_rows:,} rows")
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    size = sum(group.total_byte_size for group in groups)
    ctx.limits.check("output_bytes", size, f"a table of {size:,} bytes, decompressed,")
    # Arrow would take a name with a dot for a part of a column.
    check_columns(columns or [], file.schema_arrow.names)
    _check_rows(metadata, [group.num_rows for group in groups], ctx, columns, at_once=where is None)
    if where is None:
        return _only(without_views(file.read(columns, use_threads=False)), columns)
    parts = list(_parts(file, columns, where, ctx))
    return _only(pa.concat_tables(parts) if parts else plain(file.schema_arrow).empty_table(), columns)


def _parts(file: Any, columns: list[str] | None, where: Where, ctx: Context) -> Iterator[pa.Table]:
    """Yield the rows for which `where` holds, of each group that has any.

    Groups are told by the columns of the conditions, which behind one that has rows are read with all others at once.
    Their least and greatest values would take less reading, but some corrupt files make Arrow wait for ever
    (`read_table`) or abort (`ColumnChunkMetaData`) when it looks at those.
    """
    filters, needed, size = expression(where, plain(file.schema_arrow)), columns_of(where), 0
    asked: list[str] | None = needed
    for index in range(file.num_row_groups):
        part = _group(file, index, asked).filter(filters)
        if not part.num_rows:
            asked = needed
            continue
        if asked is needed:
            asked = columns
            part = _group(file, index, columns).filter(filters)
        size += part.nbytes
        ctx.limits.check("output_bytes", size, f"a table of {size:,} bytes or more, decoded,")
        yield part


def _group(file: Any, index: int, columns: list[str] | None) -> pa.Table:
    return without_views(file.read_row_group(index, columns, use_threads=False))


def _check_rows(metadata: Any, rows: list[int], ctx: Context, columns: list[str] | None, *, at_once: bool) -> None:
    """Bound what Arrow makes room for before it reads: each group's count of rows, which is what its header says.

    What is filtered is read a group after the other.
    """
    if sum(rows) != metadata.num_rows or min(rows, default=0) < 0:
        raise BadInput("the groups of rows of the Parquet file are not what the file says of them")
    leaves = (metadata.schema.column(index) for index in range(metadata.num_columns))
    width = sum(
        _WIDTHS.get(leaf.physical_type, leaf.length or 4)
        for leaf in leaves
        if columns is None or leaf.path.partition(".")[0] in columns
    )
    size = width * (sum(rows) if at_once else max(rows, default=0))
    ctx.limits.check("output_bytes", size, f"a table of {size:,} bytes, decoded,")


def _arrow(data: bytes, ctx: Context, _: str, columns: list[str] | None, __: Any) -> pa.Table:
    with pa.ipc.open_file(pa.py_buffer(data)) as reader:
        # Of all that the file has, as with the other formats, whatever is left of them.
        count = len(reader.schema)
        ctx.limits.check("columns", count, f"a table of {count:,} columns")
        batches, size = [], 0
        for index in range(reader.num_record_batches):
            batches.append(reader.get_batch(index))
            # Before anything else looks at it: even the sum of its bytes is found by offsets that may point anywhere.
            batches[-1].validate(full=True)
            size += batches[-1].nbytes
            ctx.limits.check("output_bytes", size, f"a table of {size:,} bytes or more")
        table = pa.Table.from_batches(batches, reader.schema)
    return without_views(_only(table, columns))
