"""Amazon's S3 connector for PyTorch reads derived objects. `make torch` installs it, some gigabytes, and runs this.

Its client asks for ranges of what HEAD tells, with If-Match; its readers seek.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.managed.conftest import Managed, managed_on
from support.live import start_server, stop_server

PYTHON = os.environ["OBJECTLENS_TORCH_PYTHON"]
SIZES = {"small": 100_001, "large": 40_000_003, "empty": 0}

SCRIPT = """
import random, sys
from pathlib import Path
from s3torchconnector import S3ClientConfig, S3IterableDataset, S3MapDataset, S3ReaderConstructor

alias, endpoint, region, local = sys.argv[1:]
wanted = {path.name: path.read_bytes() for path in Path(local).iterdir()}
config = S3ClientConfig(force_path_style=True, part_size=8 * 2**20)
uris = [f"s3://{alias}/{name}" for name in wanted]
for readers in (S3ReaderConstructor.sequential(), S3ReaderConstructor.range_based()):
    options = dict(region=region, endpoint=endpoint, s3client_config=config, reader_constructor=readers)
    for dataset in (S3MapDataset.from_objects(uris, **options), S3IterableDataset.from_objects(uris, **options)):
        seen = {}
        for reader in dataset:
            data = wanted[reader.key]
            draw = random.Random(1)
            for _ in range(20):
                at, size = draw.randrange(len(data) + 1), draw.randrange(1, 99_999)
                reader.seek(at)
                assert reader.read(size) == data[at : at + size], (reader.key, at, size)
            reader.seek(0)
            seen[reader.key] = reader.read()
        assert seen == wanted
    listed = S3MapDataset.from_prefix(f"s3://{alias}/", **options)
    assert {reader.key: reader.read() for reader in listed} == wanted
print("all equal")
"""


@pytest.fixture
def halves(tmp_path: Path) -> Iterator[Managed]:
    server = start_server(tmp_path / "data")
    try:
        yield managed_on(server)
    finally:
        assert stop_server(server) == 0


def test_the_connectors_readers(halves: Managed, tmp_path: Path) -> None:
    local = tmp_path / "wanted"
    local.mkdir()
    for name, size in SIZES.items():
        data = random.Random(name).randbytes(size)
        halves.put(name, data)
        (local / name).write_bytes(data[::2])
    server = halves.lens.server
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
        "AWS_ACCESS_KEY_ID": server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
    }
    command = [PYTHON, "-c", SCRIPT, halves.alias, server.url, server.region, str(local)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environ)
    assert done.stdout.endswith("all equal\n"), done.stderr
