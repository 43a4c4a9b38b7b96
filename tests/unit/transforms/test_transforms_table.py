"""Table steps against pyarrow, and hostile files."""

import codecs
import datetime as dt
import io
import json
import struct
import tracemalloc

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet
import pytest

from objectlens.transforms import BadArgument, BadInput, Context, LimitExceeded, Limits, compile_pipeline, transform
from objectlens.transforms import table as steps
from objectlens.transforms.table.files import read_planned
from objectlens.transforms.table.inferred import with_large_numbers

TABLE = pa.table(
    {"id": list(range(1000)), "name": [f"n{i % 7}" for i in range(1000)], "size": [i / 2 for i in range(1000)]}
)


def stored(name: str) -> bytes:
    sink = pa.BufferOutputStream()
    if name == "csv":
        pa.csv.write_csv(TABLE, sink)
    elif name == "parquet":
        pa.parquet.write_table(TABLE, sink, row_group_size=100)
    elif name == "arrow":
        with pa.ipc.new_file(sink, TABLE.schema) as writer:
            writer.write_table(TABLE)
    else:
        return b"".join(json.dumps(row).encode() + b"\n" for row in TABLE.to_pylist())
    return sink.getvalue().to_pybytes()


def loaded(data: bytes, name: str) -> pa.Table:
    if name == "csv":
        return pa.csv.read_csv(io.BytesIO(data))
    if name == "json":
        return pa.json.read_json(io.BytesIO(data))
    return pa.parquet.read_table(io.BytesIO(data)) if name == "parquet" else pa.ipc.open_file(data).read_all()


NAMES = ["csv", "json", "parquet", "arrow"]


@pytest.mark.parametrize("source", NAMES)
@pytest.mark.parametrize("target", NAMES)
def test_every_format_to_every_other(source, target):
    result = (steps.read >> steps.write(format=target))(stored(source))
    assert loaded(result.body, target).equals(TABLE)


@pytest.mark.parametrize("source", NAMES)
@pytest.mark.parametrize("quality", ["fast", "exact"])
def test_plans_come_to_the_same(source, quality):
    pipeline = [
        "read",
        {"filter": {"where": [["id", ">=", 500], ["name", "in", ["n1", "n2"]]]}},
        {"select": {"columns": ["size", "id"]}},
        {"limit": {"rows": 10, "offset": 5}},
        {"write": {"format": "arrow"}},
    ]
    result = compile_pipeline({"family": "table", "quality": quality, "pipeline": pipeline}).run(stored(source))
    mask = [row for row in TABLE.to_pylist() if row["id"] >= 500 and row["name"] in ("n1", "n2")][5:15]
    expected = [{"size": row["size"], "id": row["id"]} for row in mask]
    assert loaded(result.body, "arrow").to_pylist() == expected


def test_the_plan_names_the_columns():
    pipeline = ["read", {"select": {"columns": ["id"]}}, "write"]
    assert "only the columns id" in compile_pipeline({"family": "table", "pipeline": pipeline}).explain()


def test_wrong_columns_and_conditions():
    with pytest.raises(BadInput, match="no columns x"):
        steps.select(TABLE, columns=["x"])
    with pytest.raises(BadArgument, match="operator"):
        steps.where(TABLE, where=[["id", "~", 1]])
    with pytest.raises(BadArgument, match=r"in needs a list of values: .'id', 'in', 5."):
        steps.where(TABLE, where=[["id", "in", 5]])
    with pytest.raises(BadInput):
        steps.where(TABLE, where=[["nothing", "==", 1]])
    assert steps.where(TABLE, where=[["id", "is_null", True]]).num_rows == 0
    for operator, count in (("==", 1), ("!=", 999), ("<", 5), ("<=", 6), (">", 994)):
        assert steps.where(TABLE, where=[["id", operator, 5]]).num_rows == count


@pytest.mark.parametrize("source", ["csv", "json", "parquet", "arrow"])
@pytest.mark.parametrize("quality", ["fast", "exact"])
def test_columns_that_a_file_does_not_have(source, quality):
    def run(*between, columns):
        steps = ["read", *between, {"select": {"columns": columns}}, {"write": {"format": "json"}}]
        return compile_pipeline({"family": "table", "quality": quality, "pipeline": steps}).run(stored(source))

    with pytest.raises(BadInput, match="the table has no columns other; it has id, name, size"):
        run(columns=["id", "other"])
    with pytest.raises(BadInput, match="other"):
        run({"filter": {"where": [["other", "==", 1]]}}, columns=["id"])
    with pytest.raises(BadInput, match="more than one column id"):
        run({"select": {"columns": ["id", "id"]}}, columns=["id"])
    assert list(json.loads(run(columns=["size", "id"]).body.splitlines()[0])) == ["size", "id"]


@pytest.mark.parametrize("between", [[], [{"filter": {"where": [["kind", "!=", "b"]]}}]])
@pytest.mark.parametrize("quality", ["fast", "exact"])
def test_categories_of_several_groups_of_rows_as_arrow(between, quality):
    sink = pa.BufferOutputStream()
    schema = pa.schema({"kind": pa.dictionary(pa.int8(), pa.string())})
    with pa.parquet.ParquetWriter(sink, schema) as writer:
        for kinds in (["a", "b"], ["c", None], ["b", "a"]):
            writer.write_table(pa.table({"kind": pa.array(kinds).dictionary_encode()}).cast(schema))
    steps = ["read", *between, {"write": {"format": "arrow"}}]
    made = compile_pipeline({"family": "table", "quality": quality, "pipeline": steps}).run(
        sink.getvalue().to_pybytes()
    )
    found = loaded(made.body, "arrow")
    assert pa.types.is_dictionary(found.schema.field("kind").type)
    wanted = ["a", "b", "c", None, "b", "a"]
    assert found["kind"].to_pylist() == (["a", "c", "a"] if between else wanted)


def test_functions_on_tables():
    @transform
    def first(table: pa.Table, ctx: Context) -> pa.Table:
        return table.slice(0, 1)

    assert loaded(first(stored("csv")).body, "parquet").num_rows == 1


def test_a_header_of_a_billion_columns_is_refused():
    with pytest.raises(LimitExceeded, match="'columns'"):
        steps.read(b"a" + b",a" * 1_000_000 + b"\n")
    with pytest.raises(LimitExceeded, match="'rows'"):
        steps.read()(b"a\n" + b"1\n" * 100, ctx=Context(limits=Limits(rows=10)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a,b\n1\n",
        b"{]",
        stored("parquet")[:-5],
        b"PAR1" + b"\xff" * 100 + b"PAR1",
        stored("arrow")[:300],
        b'{"a": 1}\n{"a": "x"}\n',
    ],
)
def test_corrupt_tables(data):
    with pytest.raises(BadInput):
        steps.read(data)


def test_arrow_files_whose_offsets_point_anywhere():
    lists = pa.table({"s": pa.array([["a", "b"], None, []])})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, lists.schema) as writer:
        writer.write_table(lists)
    data = sink.getvalue().to_pybytes()
    place = data.index(struct.pack("<iiii", 0, 2, 2, 2))
    # To find out how large that is takes a look at what the offsets point to.
    for start in (place, place + 12):
        with pytest.raises(BadInput, match=r"cannot read the arrow table: .*[Oo]ffset"):
            steps.read(data[:start] + struct.pack("<i", 0x10000000) + data[start + 4 :])


@pytest.mark.parametrize("opening", [b'{"a":', b'{"a}}":', b'{"b":"}}","a":', b'{\n"a":', b'{"a\\"}":'])
def test_deeply_nested_json(opening):
    with pytest.raises(LimitExceeded, match="'nesting'"):
        steps.read(opening * 100_000 + b"1" + b"}" * 100_000)


def test_a_parquet_file_that_grows():
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(pa.table({"a": pa.array([0.5] * 2_000_000)}), sink, use_dictionary=False, compression="zstd")
    with pytest.raises(LimitExceeded, match="'output_bytes'"):
        steps.read()(sink.getvalue().to_pybytes(), ctx=Context(limits=Limits(output_bytes=1_000_000)))


def test_a_group_of_rows_that_says_it_has_more_than_the_file():
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(pa.table({"a": list(range(60))}), sink)
    data = sink.getvalue().to_pybytes()
    size = int.from_bytes(data[-8:-4], "little")
    # 60 and 61 as whole numbers of Thrift's compact protocol; room is made for as many rows as the group says.
    for place in range(len(data) - 8 - size, len(data) - 8):
        changed = data[:place] + b"\x7a" + data[place + 1 :]
        if data[place] != 0x78 or (found := pa.parquet.read_metadata(io.BytesIO(changed))).num_rows != 60:
            continue
        if found.row_group(0).num_rows == 61:
            for columns in (None, ["a"]):
                with pytest.raises(BadInput, match="groups of rows"):
                    read_planned(changed, Context(), format="auto", delimiter=",", columns=columns)
            return
    raise AssertionError("the number of rows was not found")


def test_rows_that_do_not_fit_are_refused_before_room_is_made_for_them():
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(pa.table({"a": pa.array([1.5] * 100_000), "b": pa.nulls(100_000, pa.int8())}), sink)
    data, context = sink.getvalue().to_pybytes(), Context(limits=Limits(output_bytes=500_000))
    assert len(data) < 10_000
    with pytest.raises(LimitExceeded, match="1,200,000 bytes, decoded"):
        steps.read()(data, ctx=context)
    only = read_planned(data, context, format="auto", delimiter=",", columns=["b"])
    assert only.num_rows == 100_000


def test_decimals_that_have_more_digits_than_their_type():
    odd = pa.Array.from_buffers(pa.decimal128(20, 100), 1, [None, pa.py_buffer((5).to_bytes(16, "little"))])
    with pytest.raises(BadInput, match="cannot be written as json"):
        steps.write(pa.table({"d": odd}), format="json")


def as_json(data: bytes, *between) -> list:
    made = compile_pipeline({"family": "table", "pipeline": ["read", *between, {"write": {"format": "json"}}]}).run(
        data
    )
    return list(map(json.loads, made.body.splitlines()))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (["2024-01-02", None], ["2024-01-02", None]),
        (
            ["2024-01-02T03:04:05Z", "2024-01-02T03:04:05+02:00"],
            ["2024-01-02 03:04:05+00:00", "2024-01-02 01:04:05+00:00"],
        ),
        (["2024-01-02T03:04:05", "2024-01-02"], ["2024-01-02 03:04:05", "2024-01-02 00:00:00"]),
        (["2024-01-02T03:04:05", "2024-01-02T03:04:05Z"], ["2024-01-02T03:04:05", "2024-01-02T03:04:05Z"]),
        ([["2024-01-02"], [None]], [["2024-01-02"], [None]]),
        ([{"a": 1, "b": "2024-01-02T03:04:05Z"}, None], [{"a": 1, "b": "2024-01-02T03:04:05Z"}, None]),
    ],
)
def test_times_in_json_keep_their_zone(said, told):
    lines = b"".join(json.dumps({"n": 1, "at": one, "x": 2}).encode() + b"\n" for one in said)
    assert as_json(lines) == [{"n": 1, "at": one, "x": 2} for one in told]


def test_times_in_json_are_compared_as_times():
    lines = b'{"at": "2024-01-02T03:04:05Z"}\n{"at": "2024-01-02T03:04:05+02:00"}\n'
    assert len(as_json(lines, {"filter": {"where": [["at", "<", "2024-01-02 02:00"]]}})) == 1


@pytest.mark.parametrize("source", ["csv", "json"])
def test_whole_numbers_of_64_bits_are_read_back_as_they_were(source):
    ids = pa.table({"x": [0.5, None, 1e19], "id": pa.array([2**64 - 1, None, 2**63 + 1], pa.uint64())})
    data = bytes(steps.write(ids, format=source).body)
    assert as_json(data) == ids.to_pylist()
    assert as_json(data, {"select": {"columns": ["id"]}}, {"limit": {"rows": 1}}) == [{"id": 2**64 - 1}]


def test_large_numbers_within_objects_and_among_others():
    large = 2**64 - 1
    nested = {"a": [{"id": large, "score": 0.5}, {"id": 1, "score": None}], "b": [large], "c": {"id": large}}
    assert as_json(json.dumps(nested).encode()) == [nested]
    assert as_json(
        b"a,b,b\n18446744073709551615,18446744073709551615,0.5\n0.5,1,2\n", {"select": {"columns": ["a"]}}
    ) == [
        {"a": 2.0**64},
        {"a": 0.5},
    ]
    twice = (steps.read >> steps.write(format="csv"))(b"b,b\n18446744073709551615,0.5\n")
    assert twice.body == b'"b","b"\n1.8446744073709552e+19,0.5\n'


def test_very_many_columns_of_large_floats_are_not_each_tried():
    # Arrow takes none of these for whole, and reads all of the object to find out.
    data = json.dumps({f"c{number}": 1e19 for number in range(500)} | {"id": str(2**64 - 1)}).encode()
    floats, reads = pa.json.read_json(io.BytesIO(data)), []

    def read(schema):
        reads.append(schema)
        return pa.json.read_json(io.BytesIO(data), parse_options=pa.json.ParseOptions(explicit_schema=schema))

    assert with_large_numbers(data, floats, read) is floats
    assert len(reads) < 20


@pytest.mark.parametrize("name", ["csv", "parquet"])
@pytest.mark.parametrize("quality", ["fast", "exact"])
def test_times_and_decimals_are_compared_with_text(name, quality):
    rows = pa.table(
        {
            "n": [1, 2, 3],
            "day": pa.array(["2024-01-01", "2024-02-01", None]).cast(pa.date32()),
            "at": pa.array(["2024-01-01T12:00:00Z", "2024-02-01T12:00:00Z", None]).cast(pa.timestamp("s", "UTC")),
            "price": pa.array(["1.10", "2.20", None]).cast(pa.decimal128(5, 2)),
            "opens": pa.array([dt.time(8), dt.time(9, 30), None], pa.time64("us")),
        }
    )
    sink = pa.BufferOutputStream()
    (pa.csv.write_csv if name == "csv" else pa.parquet.write_table)(rows, sink)
    data = sink.getvalue().to_pybytes()

    def kept(*where):
        steps = [
            "read",
            {"filter": {"where": list(where)}},
            {"select": {"columns": ["n"]}},
            {"write": {"format": "json"}},
        ]
        made = compile_pipeline({"family": "table", "quality": quality, "pipeline": steps}).run(data)
        return [json.loads(line)["n"] for line in made.body.splitlines()]

    assert kept(["day", ">", "2024-01-15"]) == [2]
    assert kept(["day", "in", ["2024-01-01", "2024-01-02"]]) == [1]
    assert kept(["at", "<", "2024-01-15"], ["at", ">=", "2024-01-01T13:00:00+01:00"]) == [1]
    if name == "parquet":
        assert kept(["price", "==", "2.20"]) == [2]
        assert kept(["price", ">", 2]) == [2]
        assert kept(["price", "<", 1.5]) == [1]
        assert kept(["price", "in", [3, 2]]) == []
    assert kept(["opens", ">=", "09:30"]) == [2]
    # Of a CSV, a time of day with a fraction is text.
    for column in ("day", "opens") if name == "parquet" else ("day",):
        with pytest.raises(BadInput, match="soon"):
            kept([column, ">", "soon"])


def test_json_arrays():
    written = '[\n  {"a": 1, "b": "x\\ny, ]"},\n  {"a": 2, "b": null}\n]\n'
    assert steps.read.function(written.encode(), Context()).to_pylist() == json.loads(written)
    assert steps.read.function(b"[1,b]\n2,3\n", Context()).column_names == ["[1", "b]"]
    for broken in (b'[{"a": 1}', b'[{"a": 1} {"a": 2}]', b'[{"a": 1}] x', b'[{"a": 1},]', b'[{"a"'):
        with pytest.raises(BadInput):
            steps.read.function(broken, Context())
    with pytest.raises(LimitExceeded, match="'rows'"):
        steps.read.function(b"[" + b"{}," * 99 + b"{}]", Context(limits=Limits(rows=50)))


def test_json_with_a_name_of_its_own_in_each_line():
    ctx = Context(limits=Limits(columns=100))
    for gap in ("", " "):
        lines = "".join(f'{{"k{number}"{gap}: 1}}\n' for number in range(5000))
        with pytest.raises(LimitExceeded, match="'columns'"):
            steps.read.function(lines.encode(), ctx)
    said = "".join(json.dumps({"a": f'"k{number}": 1'}) + "\n" for number in range(5000))
    assert steps.read.function(said.encode(), ctx).num_rows == 5000


def test_words_that_are_repeated_are_counted_as_often():
    sink = pa.BufferOutputStream()
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 50_000), ["x" * 1000])
    pa.parquet.write_table(pa.table({"a": repeated.cast(pa.string())}), sink)
    small = Context(limits=Limits(output_bytes=10_000_000))
    assert sink.tell() < 100_000
    with pytest.raises(LimitExceeded, match="'output_bytes'"):
        steps.read.function(sink.getvalue().to_pybytes(), small)
    with pytest.raises(LimitExceeded, match="'output_bytes'"):
        steps.write.function(pa.table({"a": ["x" * 1000] * 50_000}), small, format="json")


@pytest.mark.parametrize("source", ["csv", "json", "parquet", "arrow"])
@pytest.mark.parametrize("quality", ["fast", "exact"])
def test_the_limit_of_columns_counts_those_of_the_file(source, quality):
    pipeline = ["read", {"select": {"columns": ["id"]}}, "write"]
    program = compile_pipeline(
        {"family": "table", "quality": quality, "pipeline": pipeline, "limits": {"columns": TABLE.num_columns - 1}}
    )
    with pytest.raises(LimitExceeded, match="'columns'"):
        program.run(stored(source))


@pytest.mark.parametrize("quality", ["fast", "exact"])
def test_two_columns_of_one_name(quality):
    def run(*between):
        pipeline = ["read", *between, {"write": {"format": "json"}}]
        return compile_pipeline({"family": "table", "quality": quality, "pipeline": pipeline}).run(b"a,a,b\n1,2,3\n")

    with pytest.raises(BadInput, match="more than one column a"):
        run({"select": {"columns": ["a"]}})
    with pytest.raises(BadInput, match="one column 'a'"):
        run({"filter": {"where": [["a", ">", 0]]}})
    assert run({"select": {"columns": ["b"]}}).body == b'{"b":3}\n'


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        (["s", "in", ["a", None]], [0]),
        (["s", "in", [None]], []),
        (["s", "in", []], []),
        (["n", "in", []], []),
        (["u", "==", 2**64 - 1], [0]),
        (["u", ">=", 2**63], [0]),
        (["f", "!=", 1.5], [1]),
        (["f", "<", 9.0], [0]),
        (["f", "is_null", True], [2]),
    ],
)
def test_conditions_on_empty_and_odd_values(condition, rows):
    table = pa.table(
        {
            "s": ["a", None, "b"],
            "n": pa.nulls(3),
            "u": pa.array([2**64 - 1, 5, None], pa.uint64()),
            "f": [1.5, float("nan"), None],
            "row": [0, 1, 2],
        }
    )
    sink = io.BytesIO()
    pa.parquet.write_table(table, sink)
    pipeline = ["read", {"filter": {"where": [condition]}}, {"write": {"format": "arrow"}}]
    for quality in ("fast", "exact"):
        made = compile_pipeline({"family": "table", "quality": quality, "pipeline": pipeline}).run(sink.getvalue())
        assert loaded(made.body, "arrow").column("row").to_pylist() == rows


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        (["i", ">=", 1.7e9], [0, 2]),
        (["i", ">", 1.5], [0, 1, 2]),
        (["i", ">", 5.0], [0, 2]),
        (["i", ">=", 4.5], [0, 1, 2]),
        (["i", "<", 5.5], [1]),
        (["i", "<=", 5.5], [1]),
        (["i", "<", 5.0], []),
        (["i", "==", 5.0], [1]),
        (["i", "==", 5.5], []),
        (["i", "!=", 5.5], [0, 1, 2]),
        (["i", "!=", 5], [0, 2]),
        (["i", "<", 2.0**70], [0, 1, 2]),
        (["i", ">", -(2.0**70)], [0, 1, 2]),
        (["i", "==", 1e300], []),
        (["i", "in", [5.0, 1.5, 2**60]], [1, 2]),
        (["small", "==", 300], []),
        (["small", "<=", 300], [0, 1, 2]),
        (["u", ">", -1], [0, 1, 2]),
        (["u", "<", -1], []),
        (["u", "in", [-1, 5]], [1]),
        (["u", ">", 2**63 + 0.0], [0]),
        (["word", ">=", 1.5], [1]),
        (["f", ">", 2**60], [2]),
        (["f", "<", 1e30], [0, 1]),
        (["half", ">", 1], [0]),
        (["half", "in", [0.5]], [1]),
        (["half", "==", 0.1], [2]),
        (["single", "==", 0.1], [0]),
        (["single", "!=", 0.1], [1, 2]),
        (["single", "<=", 0.1], [0]),
        (["single", ">", 0.1], [1, 2]),
        (["single", "in", [0.1, 7]], [0]),
        (["single", ">", 1e300], [2]),
    ],
)
def test_numbers_are_compared_as_numbers_whatever_their_kind(condition, rows):
    table = pa.table(
        {
            "i": pa.array([1_700_000_001, 5, 2**60, None], pa.int64()),
            "small": pa.array([1, 2, 3, None], pa.int8()),
            "u": pa.array([2**64 - 1, 5, 2**24 + 1, None], pa.uint64()),
            "word": pa.array([1, 2, None, None], pa.int32()).dictionary_encode(),
            "f": [0.5, 7.0, 1e40, None],
            "half": pa.array([1.5, 0.5, 0.1, None], pa.float16()),
            "single": pa.array([0.1, 0.3, float("inf"), None], pa.float32()),
            "row": [0, 1, 2, 3],
        }
    )
    sink = io.BytesIO()
    pa.parquet.write_table(table, sink)
    pipeline = ["read", {"filter": {"where": [condition]}}, {"write": {"format": "arrow"}}]
    made = compile_pipeline({"family": "table", "pipeline": pipeline}).run(sink.getvalue())
    assert loaded(made.body, "arrow").column("row").to_pylist() == rows
    assert steps.where(table, where=[condition]).column("row").to_pylist() == rows


@pytest.mark.parametrize("source", ["arrow", "parquet"])
@pytest.mark.parametrize("select", [[], [{"select": {"columns": ["id", "text"]}}]])
def test_views_are_texts_like_others(source, select):
    texts = pa.array(["a", "b", None], pa.string_view())
    table = pa.table(
        {
            "id": [1, 2, 3],
            "text": texts,
            "bytes": texts.cast(pa.binary_view()),
            "list": pa.array([["a"], [], None], pa.list_(pa.string_view())),
            "pairs": pa.array([{"a": "x"}, {"a": None}, None], pa.struct([("a", pa.string_view())])),
        }
    )
    if source == "arrow":
        coded = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0], pa.uint32()), texts[:2])
        table = table.append_column("coded", coded)
    data = stored_as(table, source)
    for condition, ids in ((["text", "==", "b"], [2]), (["text", "in", ["a", "z"]], [1]), (["id", ">", 1], [2, 3])):
        steps_of_it = ["read", {"filter": {"where": [condition]}}, *select, {"write": {"format": "arrow"}}]
        made = loaded(compile_pipeline({"family": "table", "pipeline": steps_of_it}).run(data).body, "arrow")
        assert made.column("id").to_pylist() == ids
        assert made.to_pylist() == [row for row in table.select(made.column_names).to_pylist() if row["id"] in ids]
    steps_of_it = ["read", {"select": {"columns": ["text"]}}, {"write": {"format": "csv"}}]
    made = compile_pipeline({"family": "table", "pipeline": steps_of_it}).run(data)
    assert made.body == b'"text"\n"a"\n"b"\n\n'


def test_views_in_columns_of_one_name():
    views = pa.array(["longer than twelve letters", None], pa.string_view())
    table = pa.table([views, pa.array([1, 2]), views], names=["a", "b", "a"])
    steps_of_it = ["read", {"write": {"format": "arrow"}}]
    made = compile_pipeline({"family": "table", "pipeline": steps_of_it}).run(stored_as(table, "arrow"))
    plain = views.cast(pa.large_string())
    assert loaded(made.body, "arrow") == pa.table([plain, table["b"], plain], names=["a", "b", "a"])


@pytest.mark.parametrize("kind", [pa.string_view(), pa.binary_view()])
@pytest.mark.parametrize("length", [-16777216, 1000])
def test_views_that_point_anywhere_where_there_is_null(kind, length):
    views = pa.py_buffer(struct.pack("<i12x", 0) + struct.pack("<i4sii", length, b"....", 0, 2**30))
    bad = pa.Array.from_buffers(kind, 2, [pa.py_buffer(b"\1"), views, pa.py_buffer(b"x" * 40)])
    assert bad.null_count == 1
    ones = pa.array([0, 1], pa.int8())
    for array in (
        bad,
        bad[1:],
        pa.StructArray.from_arrays([bad], ["a"]),
        pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), bad),
        pa.FixedSizeListArray.from_arrays(bad, 2),
        pa.MapArray.from_arrays(pa.array([0, 2], pa.int32()), pa.array([1, 2]), bad),
        pa.DictionaryArray.from_arrays(ones, bad),
        pa.UnionArray.from_sparse(pa.array([0, 0], pa.int8()), [bad]),
    ):
        data = stored_as(pa.table({"a": array}), "arrow")
        with pytest.raises(BadInput, match=r"cannot read the arrow table: View at slot \d"):
            compile_pipeline({"family": "table", "pipeline": ["read", {"write": {"format": "arrow"}}]}).run(data)


@pytest.mark.parametrize("data", [b'{"a": "\xe4"}\n', b'[{"a": "\xe4"}]', b'{"\xe4": 1}\n'])
def test_json_that_is_not_utf_8_is_refused(data):
    with pytest.raises(BadInput, match=r"the JSON is not UTF-8 \(byte \d\); begin with text\.decode"):
        compile_pipeline({"family": "table", "pipeline": ["read", "write"]}).run(data)


def stored_as(table, source):
    sink = pa.BufferOutputStream()
    if source == "parquet":
        pa.parquet.write_table(table, sink)
    else:
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("condition", [["id", "==", "5"], ["name", ">", 1], ["size", "in", ["x"]]])
@pytest.mark.parametrize("source", ["csv", "parquet"])
def test_conditions_that_do_not_fit_name_the_column_and_its_type(condition, source):
    pipeline = ["read", {"filter": {"where": [condition]}}, "write"]
    with pytest.raises(BadInput, match=f"does not fit the column '{condition[0]}', which is (int64|string|double)"):
        compile_pipeline({"family": "table", "pipeline": pipeline}).run(stored(source))


def test_small_and_foreign_tables():
    assert steps.read.function(b"a,b", Context()).column_names == ["a", "b"]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, TABLE.schema) as writer:
        writer.write_table(TABLE)
    with pytest.raises(BadInput, match="Arrow stream"):
        steps.read.function(sink.getvalue().to_pybytes(), Context())


@pytest.mark.parametrize("quality", ["fast", "exact"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_that_end_within_quotes_of_a_large_csv(quality, end):
    # All of them look like rows of two columns.
    texts = [f"1,2{end}{number},4{end}5,6" for number in range(80_000)]
    data = f"a,b{end}" + "".join(f'x{number},"{text}"{end}' for number, text in enumerate(texts))
    pipeline = ["read", {"select": {"columns": ["b", "a"]}}, {"write": {"format": "arrow"}}]
    program = compile_pipeline({"family": "table", "quality": quality, "pipeline": pipeline})
    for source in (data.encode(), iter([data[:100_000].encode(), data[100_000:].encode()])):
        table = loaded(program.run(source).body, "arrow")
        assert table.column("b").to_pylist() == texts
        assert table.column("a").to_pylist() == [f"x{number}" for number in range(80_000)]


def test_a_parquet_file_that_is_filtered_and_whose_statistics_are_corrupt():
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(pa.table({"a": [1, 2, 3]}), sink)
    data = sink.getvalue().to_pybytes()
    # How many values have each level: none of repetition and two of definition, or four of repetition (SizeStatistics).
    said, wrong = b"\x29\x06\x19\x26\x00\x06", b"\x29\x46\x00\x00\x00\x00"
    assert data.count(said) == 1
    pipeline = ["read", {"filter": {"where": [["a", ">", 1]]}}, "write"]
    for quality in ("fast", "exact"):
        with pytest.raises(BadInput, match="histogram size mismatch"):
            compile_pipeline({"family": "table", "quality": quality, "pipeline": pipeline}).run(
                data.replace(said, wrong)
            )


def test_only_groups_of_rows_that_hold_some_are_read():
    groups = pa.table({"id": range(6), "name": list("abcdef")})
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(groups, sink, row_group_size=2, use_dictionary=False)
    data = bytearray(sink.getvalue().to_pybytes())
    page = pa.parquet.read_metadata(io.BytesIO(data)).row_group(0).column(1).data_page_offset
    data[page : page + 10] = b"\xff" * 10
    pipeline = ["read", {"filter": {"where": [["id", ">=", 3]]}}, {"write": {"format": "arrow"}}]
    made = compile_pipeline({"family": "table", "pipeline": pipeline}).run(bytes(data))
    assert loaded(made.body, "arrow").equals(groups.slice(3))
    pipeline[1] = {"filter": {"where": [["id", ">=", 1]]}}
    with pytest.raises(BadInput):
        compile_pipeline({"family": "table", "pipeline": pipeline}).run(bytes(data))


@pytest.mark.parametrize(
    ("first", "then"), [(None, {"a": 1}), (None, [1]), ({"a": None}, {"a": {"b": 1}}), ([], [{"a": 1}])]
)
def test_json_whose_values_are_empty_for_long(first, then):
    rows = [{"number": number, "value": first} for number in range(50_000)] + [{"number": 50_000, "value": then}]
    table = steps.read.function(b"".join(json.dumps(row).encode() + b"\n" for row in rows), Context())
    assert table.num_rows == 50_001
    assert table.column("value")[50_000].as_py() == then


@pytest.mark.parametrize("target", NAMES)
def test_an_empty_json_array_is_an_empty_table(target):
    pipeline = ["read", {"write": {"format": target}}]
    for data in (b"[]", b" [\n]\n", codecs.BOM_UTF8 + b"[]"):
        body = compile_pipeline({"family": "table", "pipeline": pipeline}).run(data).body
        if target in ("csv", "json"):
            assert body == b""
        else:
            assert loaded(body, target).shape == (0, 0)


@pytest.mark.parametrize("data", [b"[1,2,3]", b'["a, ]"]\n', b"[[1, 2], [3]]", b" [ null ]", b"[-1.5e3,\n2]"])
@pytest.mark.parametrize("said", ["auto", "json"])
def test_json_arrays_of_other_things_than_objects(data, said):
    with pytest.raises(BadInput, match="array of something else than objects"):
        steps.read(format=said)(data)
    assert steps.read.function(b"[1,2,3]", Context(), format="csv").column_names == ["[1", "2", "3]"]


@pytest.mark.parametrize(
    "data",
    [
        b"a,b\n" + b"1,2\n" * 100,
        b"a,b\r\n" + b"1,2\r\n" * 99 + b"1,2",
        b"\n\na\n" + b"1\n\n\n" * 100,
        codecs.BOM_UTF8 + b'"a\n",b\n' + b'"1\n,""\n",x"2\n' * 100,
        b'{"a": "}\\n"}\n\n' * 100,
        b'{\n"a":\n[{}]}\n' * 100,
        b"[" + b'{"a": 1},\n\n' * 99 + b'{"a": 1}]',
    ],
)
def test_the_limit_on_rows_counts_rows(data):
    assert steps.read.function(data, Context(limits=Limits(rows=100))).num_rows == 100
    with pytest.raises(LimitExceeded, match="'rows'"):
        steps.read.function(data, Context(limits=Limits(rows=99)))


@pytest.mark.parametrize("wanted", [[1], [1, 25, 99], [20, 21, 22, 35, 36, 80], [], list(range(100))])
@pytest.mark.parametrize("columns", [["id", "a.b"], ["a.b"], ["id"], None])
def test_groups_of_rows_with_and_without_some_that_are_wanted(wanted, columns):
    numbers = range(100)
    rows = pa.table({"a": [{"c": one} for one in numbers], "id": numbers, "a.b": [str(one) for one in numbers]})
    sink = io.BytesIO()
    pa.parquet.write_table(rows, sink, row_group_size=10)
    select = [] if columns is None else [{"select": {"columns": columns}}]
    pipeline = ["read", {"filter": {"where": [["id", "in", wanted]]}}, *select, {"write": {"format": "arrow"}}]
    made = compile_pipeline({"family": "table", "pipeline": pipeline}).run(sink.getvalue())
    expected = rows.take(pa.array(wanted, pa.int64())).select(columns or rows.column_names)
    assert loaded(made.body, "arrow").equals(expected)


@pytest.mark.parametrize(
    "head", [b"PK\x03\x04\x14\0\0\0", b"\x1f\x8b\x08\0\0\0", "a,b\n1,2\n".encode("utf-16-le"), b"FEA1\0\0"]
)
def test_what_is_no_table_is_no_table_without_rows(head):
    with pytest.raises(BadInput, match="no table of a known format"):
        steps.read(head + b"x" * 100)


@pytest.mark.parametrize("piece", [b"x", b'\\"'])
def test_long_texts_of_json_take_little_memory_to_look_through(piece):
    data = b'{"a":"' + piece * 2**20 + b'"}\n'
    tracemalloc.start()
    try:
        table = read_planned(data, Context(), format="json", delimiter=",")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert table.num_rows == 1
    assert peak < 8 * len(data)
