"""Many keys in one folder of a bucket elsewhere: all of them, in order, in memory that does not grow with them.

`make keys KEYS=100000` for more; a few in `make test`.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from click.testing import CliRunner

from objectlens.cli.main import main
from support.live import start_server, stop_server
from support.seaweed import KEY, SeaweedFS

KEYS = int(os.environ.get("OBJECTLENS_KEYS", "2500"))
PAGES_AT_ONCE = 32 * 1024 * 1024


@pytest.mark.timeout(3600)
def test_all_keys_are_listed_in_order_in_bounded_memory(tmp_path) -> None:
    seaweed = SeaweedFS()
    there = seaweed.bucket()
    # Names that sort otherwise where folders count.
    names = [f"many/img-{number:06}.jpg" if number % 500 else f"many/img-{number:06}/x" for number in range(KEYS)]
    client = seaweed.client(max_pool_connections=32)
    with ThreadPoolExecutor(32) as pool:
        for _ in pool.map(lambda name: client.put_object(Bucket=there, Key=name, Body=b""), names):
            pass
    environment = {"AWS_ACCESS_KEY_ID": KEY[0], "AWS_SECRET_ACCESS_KEY": KEY[1]}
    data = tmp_path / "data"
    url = f"s3://{there}?endpoint={seaweed.url}"
    shown = CliRunner().invoke(main, ["bucket", "add", "many", "--store", url, "--data", str(data)], env=environment)
    assert shown.exit_code == 0, shown.output
    server = start_server(data, env=environment)
    try:
        pages = server.client("s3").get_paginator("list_objects_v2")
        process = psutil.Process(server.process.pid)
        found: list[str] = []
        before = peak = 0
        for number, page in enumerate(pages.paginate(Bucket="many", Prefix="many/")):
            found += [one["Key"] for one in page["Contents"]]
            held = process.memory_info().rss
            # The first pages bring the code that lists.
            before = held if number < 2 else before
            peak = max(peak, held)
        assert found == sorted(names, key=str.encode)
        assert peak - before < PAGES_AT_ONCE
    finally:
        assert stop_server(server) == 0
        seaweed.stop()
