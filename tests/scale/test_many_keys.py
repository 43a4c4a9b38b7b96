"""Many keys in one prefix: listed in full, in S3's order, in memory that does not grow with their number.

`OBJECTLENS_MANY_KEYS` says how many (default 3,000).
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from objectlens.stores import Attributes, FolderStore
from support.live import LiveServer, start_server, stop_server
from support.memory import growth_of

KEYS = int(os.environ.get("OBJECTLENS_MANY_KEYS", "3000"))
FEW = 1_500
MIB = 1024 * 1024
# What is remembered of a folder takes up to 10 MiB, however large it is; the rest is the allocator's.
MOST = 20 * MIB
# Where UTF-8, UTF-16 and the alphabet put letters in different orders; and keys that cannot be paths.
LETTERS = "aAzZ0~-é\uffee\U0001f600\ud7ff日"


def names(count: int) -> list[str]:
    """Return keys below `p/`, of which one in a hundred is no path."""
    pick = random.Random(count)
    found = set()
    while len(found) < count:
        name = "".join(pick.choices(LETTERS, k=3)) + f"{pick.getrandbits(40):x}"
        found.add(f"p/{name}" if pick.random() < 0.99 else f"p//{name}")
    return sorted(found, key=str.encode)


async def fill(folder: Path, keys: list[str]) -> None:
    """Put empty objects, as the server would, without the way over HTTP."""

    async def nothing() -> AsyncIterator[bytes]:
        return
        yield

    store = FolderStore(folder, durable=False)
    try:
        for start in range(0, len(keys), 64):
            await asyncio.gather(*(store.put(key, nothing(), Attributes()) for key in keys[start : start + 64]))
    finally:
        await store.close()


def filled(server: LiveServer, s3: Any, bucket: str, count: int) -> list[str]:
    assert server.data
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": server.region})
    keys = names(count)
    asyncio.run(fill(server.data / "buckets" / bucket, keys))
    return keys


def listed(s3: Any, operation: str, **arguments: Any) -> list[str]:
    pages = s3.get_paginator(operation).paginate(**arguments)
    return [one["Key"] for page in pages for one in page.get("Contents", [])]


@pytest.mark.timeout(120 + KEYS // 100)
def test_all_are_listed_in_order_and_in_bounded_memory(tmp_path: Path) -> None:
    server = start_server(tmp_path / "data")
    try:
        assert server.process
        s3 = server.client("s3", proxies={})
        few, many = filled(server, s3, "few", FEW), filled(server, s3, "many", KEYS)
        # Everything that is made once is made: code that is loaded, threads, connections.
        for _ in range(3):
            assert listed(s3, "list_objects_v2", Bucket="few", Prefix="p/") == few
        with growth_of(server.process.pid) as growth:
            began = time.monotonic()
            assert listed(s3, "list_objects_v2", Bucket="many", Prefix="p/") == many
            took = time.monotonic() - began
            assert listed(s3, "list_objects", Bucket="many", Prefix="p/") == many
            assert listed(s3, "list_objects_v2", Bucket="many", Delimiter="\U0001f600") == [
                key for key in many if "\U0001f600" not in key
            ]
        print(f"{KEYS} keys in {took:.1f} s; memory grew by {growth.bytes / MIB:.1f} MiB")
        assert growth.bytes < MOST
        middle = many[KEYS // 2]
        assert listed(s3, "list_objects_v2", Bucket="many", StartAfter=middle) == many[KEYS // 2 + 1 :]
    finally:
        assert stop_server(server) == 0
