"""Real clients through the alias of an access point whose function knows whole objects only.

The function halves objects, so whatever is taken from the source (a size, an ETag, a range) shows. The native transform
that stands for it in turn unpacks them, and knows no length before their end.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs
import pyarrow.parquet as pq
import pytest
from boto3.s3.transfer import TransferConfig

from conformance.managed.conftest import Managed, managed_on
from support.live import LiveServer
from support.trees import files
from support.usage import make_native

Run = Callable[..., str]
SIZES = {"small.bin": 100_001, "deep/er/a b+ü.bin": 11_000_000, "large.bin": 20_000_003, "empty": 0, "one": 1}
OBJECTS = {name: random.Random(name).randbytes(size) for name, size in SIZES.items()}
HALVES = {name: data[::2] for name, data in OBJECTS.items()}
TABLE = "t/table.parquet.gz"


SOURCES = {
    "function": OBJECTS,
    "native": {name: gzip.compress(data, 1) for name, data in HALVES.items()},
}


@pytest.fixture(scope="module", params=list(SOURCES))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def halves(server: LiveServer, kind: str) -> Managed:
    managed = managed_on(server)
    if kind == "native":
        make_native(managed.lens, json.dumps({"pipeline": [{"archive.decompress": {}}]}))
    for name, data in SOURCES[kind].items():
        managed.put(f"in/{name}", data)
    return managed


@pytest.fixture
def aws(run: Run) -> Run:
    program = Path(sys.executable).with_name("aws")
    return lambda *arguments, **options: run(program, *arguments, **options)


def test_aws_s3_cp(aws: Run, halves: Managed, tmp_path: Path) -> None:
    for name in ("small.bin", "large.bin", "empty"):
        aws("s3", "cp", "--quiet", f"s3://{halves.alias}/in/{name}", tmp_path / name)
        assert (tmp_path / name).read_bytes() == HALVES[name], name


def test_aws_s3_sync(aws: Run, halves: Managed, kind: str, tmp_path: Path) -> None:
    back = tmp_path / "back"
    # The first time nothing was made yet, and the listing tells sizes of sources.
    for name, data in SOURCES[kind].items():
        halves.put(f"in/{name}", data, Metadata={"a": "new"})
    aws("s3", "sync", "--quiet", f"s3://{halves.alias}/in", back)
    assert files(back) == HALVES
    (back / "small.bin").write_bytes(b"other")
    changes = aws("s3", "sync", f"s3://{halves.alias}/in", back)
    assert (changes.count("download:"), files(back)) == (1, HALVES)


def test_boto3_download_file_with_threads(halves: Managed, tmp_path: Path) -> None:
    settings = TransferConfig(multipart_threshold=2 * 1024**2, multipart_chunksize=1024**2, max_concurrency=8)
    for name in OBJECTS:
        target = tmp_path / name.replace("/", "-")
        halves.s3.download_file(halves.alias, f"in/{name}", str(target), Config=settings)
        assert target.read_bytes() == HALVES[name], name


def test_rclone_takes_files_and_trees(run: Run, rclone: str, halves: Managed, tmp_path: Path) -> None:
    remote = {
        "RCLONE_CONFIG_LENS_TYPE": "s3",
        "RCLONE_CONFIG_LENS_PROVIDER": "Other",
        "RCLONE_CONFIG_LENS_ENV_AUTH": "true",
        "RCLONE_CONFIG_LENS_ENDPOINT": halves.s3.meta.endpoint_url,
    }
    for name in OBJECTS:
        run(rclone, "copyto", f"lens:{halves.alias}/in/{name}", tmp_path / "files" / name, **remote)
    assert files(tmp_path / "files") == HALVES
    run(rclone, "sync", "--multi-thread-cutoff", "4M", f"lens:{halves.alias}/in", tmp_path / "tree", **remote)
    assert files(tmp_path / "tree") == HALVES
    run(rclone, "check", "--download", f"lens:{halves.alias}/in", tmp_path / "tree", **remote)


S3FS = """
import random, sys
import s3fs

alias, local = sys.argv[1:]
data = open(local, "rb").read()
fs = s3fs.S3FileSystem()
path = f"{alias}/in/large.bin"
assert fs.info(path)["size"] == len(data), fs.info(path)
draw = random.Random(5)
with fs.open(path, "rb", block_size=2**18) as file:
    for _ in range(60):
        at, size = draw.randrange(len(data)), draw.randrange(1, 90_000)
        file.seek(at)
        assert file.read(size) == data[at : at + size]
assert fs.cat_file(path, start=-5) == data[-5:]
assert fs.cat(path) == data
"""


def test_s3fs_seeks(run: Run, other_python: Path, halves: Managed, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(HALVES["large.bin"])
    run(other_python, "-c", S3FS, halves.alias, tmp_path / "large")


CONNECTOR = """
import sys
from s3torchconnectorclient._mountpoint_s3_client import MountpointS3Client

alias, endpoint, region, local = sys.argv[1:]
data = open(local, "rb").read()
client = MountpointS3Client(
    region=region, endpoint=endpoint, force_path_style=True, part_size=5 * 2**20, throughput_target_gbps=10.0
)
key = "in/large.bin"
assert client.head_object(alias, key).size == len(data)
assert b"".join(client.get_object(alias, key)) == data
assert b"".join(client.get_object(alias, key, start=3_000_000, end=9_000_001)) == data[3_000_000:9_000_001]
"""


def test_the_client_below_the_pytorch_connector(run: Run, other_python: Path, halves: Managed, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(HALVES["large.bin"])
    server = halves.lens.server
    run(other_python, "-c", CONNECTOR, halves.alias, server.url, server.region, tmp_path / "large")


@pytest.fixture
def table(halves: Managed) -> pa.Table:
    """A table, in Parquet once it is unpacked."""
    draw = random.Random(6)
    table = pa.table(
        {
            "id": pa.array(range(200_000)),
            "x": pa.array([draw.random() for _ in range(200_000)]),
            "text": pa.array([f"row {number}" for number in range(200_000)]),
        }
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, row_group_size=20_000)
    halves.put(TABLE, gzip.compress(buffer.getvalue(), 1))
    return table


def test_pyarrow_reads_parquet_by_ranges(halves: Managed, kind: str, table: pa.Table) -> None:
    server = halves.lens.server
    store = pyarrow.fs.S3FileSystem(
        access_key=server.access_key_id,
        secret_key=server.secret_access_key,
        region=server.region,
        endpoint_override=server.url.removeprefix("http://"),
        scheme="http",
    )
    path = f"{halves.alias}/{TABLE}"
    before = halves.invocations()
    assert pq.read_table(path, filesystem=store) == table
    with store.open_input_file(path) as file:
        opened = pq.ParquetFile(file)
        assert opened.read_row_group(7, columns=["x"]) == table.select(["x"]).slice(140_000, 20_000)
    found = pq.read_table(path, filesystem=store, columns=["id"], filters=pc.field("id") > 190_000)
    assert found["id"].to_pylist() == list(range(190_001, 200_000))
    assert halves.invocations() == before + (kind == "function")


DUCKDB = """
import os, sys
import duckdb
import duckdb_extension_httpfs
from pathlib import Path
import pyarrow.parquet as pq

url, local = sys.argv[1:]
scheme, _, host = os.environ["AWS_ENDPOINT_URL"].partition("://")
[extension] = Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension")
db = duckdb.connect()
db.execute("set enable_progress_bar = false")
db.load_extension(str(extension))
db.execute(f'''create secret (
    type s3, key_id '{os.environ["AWS_ACCESS_KEY_ID"]}', secret '{os.environ["AWS_SECRET_ACCESS_KEY"]}',
    region '{os.environ["AWS_REGION"]}', endpoint '{host}', url_style 'path', use_ssl {scheme == "https"})''')
wanted = pq.read_table(local)
assert db.execute(f"select * from read_parquet('{url}')").to_arrow_table().cast(wanted.schema) == wanted
some = db.execute(f"select id, text from read_parquet('{url}') where id between 61000 and 61004 order by id").fetchall()
assert some == [(number, f"row {number}") for number in range(61000, 61005)]
assert db.execute(f"select count(*), sum(id) from '{url}'").fetchone() == (200_000, 199_999 * 100_000)
print("done")
"""


def test_duckdb_reads_parquet_by_ranges(
    run: Run, other_python: Path, halves: Managed, table: pa.Table, tmp_path: Path
) -> None:
    pq.write_table(table, tmp_path / "wanted.parquet")
    url = f"s3://{halves.alias}/{TABLE}"
    assert run(other_python, "-c", DUCKDB, url, tmp_path / "wanted.parquet") == "done\n"


POLARS = """
import os, sys
import polars as pl

url, local = sys.argv[1:]
options = {"aws_endpoint_url": os.environ["AWS_ENDPOINT_URL"], "aws_allow_http": "true"}
wanted = pl.read_parquet(local)
lazy = pl.scan_parquet(url, storage_options=options)
assert lazy.collect().equals(wanted)
some = lazy.filter(pl.col("id").is_between(61000, 61004)).select("text").collect()
assert some["text"].to_list() == [f"row {number}" for number in range(61000, 61005)]
print("done")
"""


def test_polars_reads_parquet_by_ranges(
    run: Run, other_python: Path, halves: Managed, table: pa.Table, tmp_path: Path
) -> None:
    pq.write_table(table, tmp_path / "wanted.parquet")
    assert run(other_python, "-c", POLARS, f"s3://{halves.alias}/{TABLE}", tmp_path / "wanted.parquet") == "done\n"
