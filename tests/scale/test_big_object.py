"""A big object: in by multipart, out by ranges, through little memory.

`OBJECTLENS_BIG_SIZE` says how big, as `5GiB` (default `128MiB`). It takes twice as much of the disk meanwhile, for its
parts become one file. With `OBJECTLENS_BIG_STORE=seaweedfs` the bucket is on a SeaweedFS.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from objectlens.cli.main import main
from support.live import LiveServer, start_server, stop_server
from support.memory import growth_of
from support.seaweed import KEY as SEAWEED_KEY
from support.seaweed import SeaweedFS

MIB = 1024 * 1024
UNITS = {"MiB": MIB, "GiB": 1024 * MIB}
MOST = 64 * MIB
PART = 16 * MIB
AT_A_TIME = 4
KEY = {"Bucket": "big", "Key": "folder/big"}
NOISE = random.Random(1).randbytes(PART + 100_003)


def size_of(text: str) -> int:
    match = re.fullmatch(r"(\d+)(MiB|GiB)", text)
    assert match, f"OBJECTLENS_BIG_SIZE is {text!r}; a size is written as 128MiB or 5GiB"
    return int(match[1]) * UNITS[match[2]]


# Ends within a part.
SIZE = size_of(os.environ.get("OBJECTLENS_BIG_SIZE", "128MiB")) - 12_345


def expected(start: int, end: int) -> bytes:
    """Return a run of the object, each part of which is noise from another place on."""
    pieces = []
    while start < end:
        number, at = divmod(start, PART)
        length = min(PART - at, end - start)
        shift = number * 37 % 100_003
        pieces.append(NOISE[shift + at : shift + at + length])
        start += length
    return b"".join(pieces)


def upload(s3: Any) -> None:
    place = KEY | {"UploadId": s3.create_multipart_upload(**KEY)["UploadId"]}

    def send(number: int) -> dict[str, Any]:
        body = expected((number - 1) * PART, min(number * PART, SIZE))
        return {"PartNumber": number, "ETag": s3.upload_part(**place, PartNumber=number, Body=body)["ETag"]}

    with ThreadPoolExecutor(AT_A_TIME) as threads:
        parts = list(threads.map(send, range(1, -(-SIZE // PART) + 1)))
    s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})


def download(s3: Any) -> None:
    # Of a length that has nothing to do with that of the parts.
    length = 23_456_789

    def fetch(start: int) -> bool:
        end = min(start + length, SIZE)
        answer = s3.get_object(**KEY, Range=f"bytes={start}-{end - 1}")
        return answer["ContentRange"] == f"bytes {start}-{end - 1}/{SIZE}" and answer["Body"].read() == expected(
            start, end
        )

    with ThreadPoolExecutor(AT_A_TIME) as threads:
        assert all(threads.map(fetch, range(0, SIZE, length)))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    """A server with the bucket `big`."""
    free = shutil.disk_usage(tmp_path).free
    assert free > 2.5 * SIZE, f"{SIZE / MIB:.0f} MiB in need of {2.5 * SIZE / MIB:.0f}; {free / MIB:.0f} MiB are free"
    data, elsewhere = tmp_path / "data", os.environ.get("OBJECTLENS_BIG_STORE") == "seaweedfs"
    seaweed = SeaweedFS() if elsewhere else None
    environment = {"AWS_ACCESS_KEY_ID": SEAWEED_KEY[0], "AWS_SECRET_ACCESS_KEY": SEAWEED_KEY[1]} if elsewhere else {}
    try:
        if seaweed:
            url = f"s3://{seaweed.bucket()}?endpoint={seaweed.url}"
            adding = ["bucket", "add", "big", "--store", url, "--data", str(data)]
            shown = CliRunner().invoke(main, adding, env=environment)
            assert shown.exit_code == 0, shown.output
        live = start_server(data, env=environment)
        if not seaweed:
            live.client("s3", proxies={}).create_bucket(
                Bucket="big", CreateBucketConfiguration={"LocationConstraint": live.region}
            )
        yield live
        assert stop_server(live) == 0
    finally:
        if seaweed:
            seaweed.stop()
        shutil.rmtree(data)


@pytest.mark.timeout(120 + SIZE // (5 * MIB))
def test_in_by_multipart_and_out_by_ranges_through_little_memory(server: LiveServer) -> None:
    assert server.process
    s3 = server.client("s3", proxies={}, max_pool_connections=AT_A_TIME, read_timeout=600)
    s3.put_object(Bucket="big", Key="small", Body=b"x")
    began = time.monotonic()
    with growth_of(server.process.pid) as growth_in:
        upload(s3)
    between = time.monotonic()
    with growth_of(server.process.pid) as growth_out:
        download(s3)
    took_in, took_out = between - began, time.monotonic() - between
    print(f"{SIZE / MIB:.0f} MiB in {took_in:.0f} s in, {took_out:.0f} s out; memory grew by "
          f"{growth_in.bytes / MIB:.1f} MiB, then by {growth_out.bytes / MIB:.1f} MiB")  # fmt: skip
    assert growth_in.bytes + growth_out.bytes < MOST
    assert s3.head_object(**KEY)["ContentLength"] == SIZE
    s3.delete_object(**KEY)
