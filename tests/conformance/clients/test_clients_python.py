"""The boto3 transfer manager, s3fs and obstore."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig

Run = Callable[..., str]
BODY = random.Random(9).randbytes(17 * 1024 * 1024 + 3)


def test_transfer_manager(s3: Any, bucket: str, tmp_path: Path) -> None:
    settings = TransferConfig(multipart_threshold=5 * 1024**2, multipart_chunksize=5 * 1024**2, max_concurrency=4)
    seen: list[int] = []
    s3.upload_fileobj(
        io.BytesIO(BODY),
        bucket,
        "big",
        ExtraArgs={"Metadata": {"a": "b"}, "ContentType": "x/y"},
        Config=settings,
        Callback=seen.append,
    )
    assert sum(seen) == len(BODY)
    s3.download_file(bucket, "big", str(tmp_path / "big"), Config=settings)
    assert (tmp_path / "big").read_bytes() == BODY
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copy", Config=settings)
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == BODY
    state = s3.head_object(Bucket=bucket, Key="copy")
    assert (state["Metadata"], state["ContentType"]) == ({"a": "b"}, "x/y")


S3FS = """
import sys
import s3fs

bucket = sys.argv[1]
fs = s3fs.S3FileSystem()
path = f"{bucket}/folder/a b+ü.txt"
with fs.open(path, "wb") as file:
    file.write(b"hello")
assert fs.cat(path) == b"hello"
assert fs.info(path)["size"] == 5
assert fs.exists(path) and not fs.exists(f"{bucket}/none")
assert fs.ls(f"{bucket}/folder") == [path]
assert fs.isdir(f"{bucket}/folder")
fs.copy(path, f"{bucket}/folder/copy")
big = bytes(range(256)) * 50_000
with fs.open(f"{bucket}/big", "wb", block_size=5 * 2**20) as file:
    file.write(big)
with fs.open(f"{bucket}/big", "rb") as file:
    file.seek(11_000_001)
    assert file.read(9) == big[11_000_001:11_000_010]
assert fs.cat_file(f"{bucket}/big", start=-5) == big[-5:]
fs.pipe({f"{bucket}/many/{number}": str(number).encode() for number in range(50)})
assert len(fs.glob(f"{bucket}/many/*")) == 50
assert fs.cat(f"{bucket}/many/*", recursive=True)[f"{bucket}/many/7"] == b"7"
fs.copy(f"{bucket}/folder/", f"{bucket}/moved", recursive=True)
fs.rm(f"{bucket}/folder", recursive=True)
assert sorted(fs.find(f"{bucket}/moved")) == [f"{bucket}/moved/a b+ü.txt", f"{bucket}/moved/copy"]
fs.rm(f"{bucket}/many", recursive=True)
fs.touch(f"{bucket}/touched")
fs.setxattr(f"{bucket}/touched", author="me")
assert fs.metadata(f"{bucket}/touched") == {"author": "me"}
fs.mkdir(f"{bucket}-fs")
assert f"{bucket}-fs" in fs.ls("")
fs.rmdir(f"{bucket}-fs")
try:
    fs.cat(f"{bucket}/none")
except FileNotFoundError:
    print("done")
"""


def test_s3fs(python: Run, s3: Any, bucket: str) -> None:
    python(S3FS, bucket)
    assert s3.get_object(Bucket=bucket, Key="moved/a b+ü.txt")["Body"].read() == b"hello"


OBSTORE = """
import os
import sys
import obstore
from obstore.store import S3Store

store = S3Store(sys.argv[1], endpoint=os.environ["AWS_ENDPOINT_URL"], client_options={"allow_http": True})
answer = obstore.put(store, "a b/ü+.bin", b"hello", attributes={"Content-Type": "x/y"})
assert obstore.head(store, "a b/ü+.bin")["size"] == 5
got = obstore.get(store, "a b/ü+.bin")
assert got.bytes() == b"hello" and got.attributes["Content-Type"] == "x/y"
assert obstore.get_range(store, "a b/ü+.bin", start=1, end=3) == b"el"
assert [bytes(one) for one in obstore.get_ranges(store, "a b/ü+.bin", starts=[0, 4], ends=[1, 5])] == [b"h", b"o"]
big = bytes(range(256)) * 50_000
obstore.put(store, "big", big, use_multipart=True, chunk_size=5 * 2**20)
assert obstore.get(store, "big").bytes() == big
try:
    obstore.put(store, "big", b"x", mode="create")
    raise SystemExit("overwrote")
except obstore.exceptions.AlreadyExistsError:
    pass
etag = obstore.head(store, "a b/ü+.bin")["e_tag"]
obstore.put(store, "a b/ü+.bin", b"swapped", mode={"e_tag": etag})
try:
    obstore.put(store, "a b/ü+.bin", b"again", mode={"e_tag": etag})
    raise SystemExit("swapped twice")
except obstore.exceptions.PreconditionError:
    pass
obstore.copy(store, "big", "copy")
obstore.rename(store, "copy", "renamed")
names = [one["path"] for page in obstore.list(store) for one in page]
assert sorted(names) == ["a b/ü+.bin", "big", "renamed"], names
assert obstore.list_with_delimiter(store)["common_prefixes"] == ["a b"]
obstore.delete(store, names)
assert [one for page in obstore.list(store) for one in page] == []
print("done")
"""


def test_obstore(python: Run, bucket: str) -> None:
    python(OBSTORE, bucket)


FSSPEC = """
import sys
import fsspec

bucket = sys.argv[1]
with fsspec.open(f"s3://{bucket}/folder/lines.txt.gz", "wt", compression="gzip") as file:
    file.write("one\\ntwo\\n")
with fsspec.open(f"s3://{bucket}/folder/lines.txt.gz", "rt", compression="infer") as file:
    assert file.read() == "one\\ntwo\\n"
view = fsspec.get_mapper(f"s3://{bucket}/map")
view["a/0.0"] = b"chunk"
view["b ü"] = b"x"
assert sorted(view) == ["a/0.0", "b ü"] and view["a/0.0"] == b"chunk" and "none" not in view
del view["b ü"]
assert list(view) == ["a/0.0"]
with fsspec.open(f"simplecache::s3://{bucket}/map/a/0.0") as file:
    assert file.read() == b"chunk"
fs, path = fsspec.url_to_fs(f"s3://{bucket}/folder")
fs.rm(path, recursive=True)
assert not fs.exists(path)
print("done")
"""


def test_fsspec(python: Run, bucket: str) -> None:
    python(FSSPEC, bucket)
