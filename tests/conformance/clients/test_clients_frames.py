"""Tables in a bucket: pyarrow, polars and DuckDB."""

from __future__ import annotations

from collections.abc import Callable

Python = Callable[..., None]

PYARROW = """
import os
import sys
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
from pyarrow import fs

bucket = sys.argv[1]
scheme, _, host = os.environ["AWS_ENDPOINT_URL"].partition("://")
s3 = fs.S3FileSystem(endpoint_override=host, scheme=scheme)
with s3.open_output_stream(f"{bucket}/a b/ü+.bin", metadata={"Content-Type": "x/y", "a": "b"}) as stream:
    stream.write(b"hello")
with s3.open_input_file(f"{bucket}/a b/ü+.bin") as file:
    assert file.size() == 5 and file.read_at(2, 1) == b"el"
    assert file.metadata()["Content-Type"] == b"x/y"
big = bytes(range(256)) * 50_000
with s3.open_output_stream(f"{bucket}/big") as stream:
    for start in range(0, len(big), 1_000_000):
        stream.write(big[start : start + 1_000_000])
with s3.open_input_stream(f"{bucket}/big") as stream:
    assert stream.read() == big
s3.copy_file(f"{bucket}/big", f"{bucket}/copy")
s3.move(f"{bucket}/copy", f"{bucket}/moved")
info = s3.get_file_info([f"{bucket}/moved", f"{bucket}/copy", f"{bucket}/a b"])
assert [one.type for one in info] == [fs.FileType.File, fs.FileType.NotFound, fs.FileType.Directory]
s3.create_dir(f"{bucket}/folder/inner")
found = s3.get_file_info(fs.FileSelector(bucket, recursive=True))
assert {one.base_name for one in found} == {"a b", "ü+.bin", "big", "moved", "folder", "inner"}, found
s3.delete_dir(f"{bucket}/folder")

table = pa.table({"n": list(range(10_000)), "kind": [f"k{n % 3}" for n in range(10_000)]})
pa.parquet.write_table(table, f"{bucket}/t.parquet", filesystem=s3, row_group_size=1000)
assert pa.parquet.read_table(f"{bucket}/t.parquet", filesystem=s3, filters=[("n", "<", 1500)]).num_rows == 1500
pa.dataset.write_dataset(
    table, f"{bucket}/set", format="parquet", filesystem=s3, partitioning=["kind"], partitioning_flavor="hive"
)
data = pa.dataset.dataset(f"{bucket}/set", filesystem=s3, partitioning="hive")
assert data.count_rows(filter=pa.dataset.field("kind") == "k1") == 3333
s3.delete_dir_contents(f"{bucket}/set")
assert not [one for one in s3.get_file_info(fs.FileSelector(f"{bucket}/set", allow_not_found=True))]
print("done")
"""


def test_pyarrow(python: Python, bucket: str) -> None:
    python(PYARROW, bucket)


POLARS = """
import os
import sys
import polars as pl

url = f"s3://{sys.argv[1]}"
options = {"aws_endpoint_url": os.environ["AWS_ENDPOINT_URL"], "aws_allow_http": "true"}
frame = pl.DataFrame({"n": range(10_000), "kind": [f"k{n % 3}" for n in range(10_000)]})
frame.write_parquet(f"{url}/one.parquet", storage_options=options, row_group_size=1000)
lazy = pl.scan_parquet(f"{url}/one.parquet", storage_options=options)
assert lazy.filter(pl.col("n") < 1500).select(pl.len()).collect().item() == 1500
lazy.filter(pl.col("kind") == "k1").sink_parquet(f"{url}/many/k 1.parquet", storage_options=options)
lazy.filter(pl.col("kind") != "k1").sink_parquet(f"{url}/many/ü.parquet", storage_options=options)
both = pl.scan_parquet(f"{url}/many/*.parquet", storage_options=options).sort("n").collect()
assert both.equals(frame)
frame.write_csv(f"{url}/one.csv", storage_options=options)
assert pl.scan_csv(f"{url}/one.csv", storage_options=options).sort("n").collect().equals(frame)
print("done")
"""


def test_polars(python: Python, bucket: str) -> None:
    python(POLARS, bucket)


DUCKDB = """
import os
import sys
import duckdb
import duckdb_extension_httpfs
from pathlib import Path

url = f"s3://{sys.argv[1]}"
scheme, _, host = os.environ["AWS_ENDPOINT_URL"].partition("://")
[extension] = Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension")
db = duckdb.connect()
# It shows itself when something takes long.
db.execute("set enable_progress_bar = false")
db.load_extension(str(extension))
db.execute(f'''create secret (
    type s3, key_id '{os.environ["AWS_ACCESS_KEY_ID"]}', secret '{os.environ["AWS_SECRET_ACCESS_KEY"]}',
    region '{os.environ["AWS_REGION"]}', endpoint '{host}', url_style 'path', use_ssl {scheme == "https"})''')
db.execute("create table t as select range as n, 'k' || (range % 3) as kind from range(100000)")
db.execute(f"copy t to '{url}/a b/one.parquet' (format parquet, row_group_size 10000)")
assert db.execute(f"select count(*), sum(n) from '{url}/a b/one.parquet' where n < 1500").fetchone() == (1500, 1124250)
db.execute(f"copy t to '{url}/parts' (format parquet, partition_by (kind))")
parts = f"read_parquet('{url}/parts/*/*.parquet', hive_partitioning=true)"
found = db.execute(f"select count(*) from {parts} where kind = 'k1'")
assert found.fetchone() == (33333,)
assert db.execute(f"select count(*) from glob('{url}/parts/**')").fetchone() == (3,)
# In parts: of random text, so that it does not become small.
db.execute(f"copy (select uuid()::text as u from range(600000)) to '{url}/large.csv'")
assert db.execute(f"select count(distinct u) from '{url}/large.csv'").fetchone() == (600000,)
try:
    db.execute(f"select * from '{url}/none.parquet'")
except (duckdb.HTTPException, duckdb.IOException):
    print("done")
"""


def test_duckdb(python: Python, bucket: str) -> None:
    python(DUCKDB, bucket)
