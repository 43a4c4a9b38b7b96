"""What becomes of requests when the cache's disk or its files do not do what they should."""

from __future__ import annotations

import gzip
import random
import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from conformance.managed.conftest import Managed, managed_on, way
from support.live import LiveServer, start_server, stop_server

BODY = random.Random(7).randbytes(100_000)
HALF = BODY[::2]
LARGE = random.Random(8).randbytes(12_000_000)
StartServer = Callable[..., LiveServer]


def log_of(server: LiveServer) -> str:
    assert server.data is not None
    return (server.data.parent / f"{server.data.name}.log").read_text()


def kept(server: LiveServer, count: int = 1) -> list[Path]:
    """Return the files of the entries, when there are so many."""
    assert server.data is not None
    deadline = time.monotonic() + 10
    while True:
        found = [path for path in (server.data / "cache" / "entries").rglob("*") if path.is_file()]
        if len(found) >= count or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def test_a_corrupted_entry_is_made_again(own_server: StartServer) -> None:
    managed = managed_on(own_server())
    managed.put("k", BODY)
    managed.get("k")["Body"].read()
    (path,) = kept(managed.lens.server)
    for damage in (_flip, _truncate, _empty, _replace):
        damage(path)
        answer = managed.get("k")
        assert (way(answer), answer["Body"].read()) == ("miss", HALF), damage.__name__
        kept(managed.lens.server)
        again = managed.get("k", Range="bytes=-9")
        assert (way(again), again["Body"].read()) == ("hit", HALF[-9:])
    assert log_of(managed.lens.server).count("a cached object is damaged") == 4


def _flip(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(40_000)
        file.write(bytes([HALF[40_000] ^ 1]))


def _truncate(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(30_000)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _replace(path: Path) -> None:
    other = path.with_name("0" * 64)
    shutil.copy(path, other)
    path.write_bytes(other.read_bytes()[:-1] + b"\0")
    other.unlink()


def test_damage_while_the_server_was_down_is_found(own_server: StartServer) -> None:
    server = own_server()
    managed = managed_on(server)
    for key in ("one", "two"):
        managed.put(key, BODY)
        managed.get(key)["Body"].read()
    one, _ = kept(server, 2)
    assert server.data is not None
    assert stop_server(server) == 0
    _flip(one)
    (server.data / "cache" / "index.sqlite").write_bytes(b"no database" * 1000)
    (server.data / "cache" / "drafts" / "left-over").write_bytes(b"x")
    server.process = start_server(server.data).process
    server.url = (server.data / "endpoint").read_text().strip()
    server._clients.clear()
    ways = []
    for key in ("one", "two"):
        answer = managed.get(key)
        assert answer["Body"].read() == HALF
        ways.append(way(answer))
    assert sorted(ways) == ["hit", "miss"]
    assert not (server.data / "cache" / "drafts" / "left-over").exists()


def test_a_removed_directory_comes_back(own_server: StartServer) -> None:
    managed = managed_on(own_server())
    server = managed.lens.server
    managed.put("k", BODY)
    managed.put("large", LARGE)
    managed.get("k")["Body"].read()
    assert server.data is not None
    for there in (1, 2):
        kept(server, there)
        (server.data / "cache").rename(server.data / "gone")
        shutil.rmtree(server.data / "gone")
        for key, whole in (("large", LARGE[::2]), ("k", HALF)):
            answer = managed.get(key)
            assert (way(answer), answer["Body"].read()) == ("miss", whole)
    assert len(kept(server, 2)) == 2
    assert way(managed.get("k")) == "hit"
    assert log_of(server).count("the cache's folder was removed") == 2


def test_a_full_disk_slows_and_breaks_nothing(own_server: StartServer) -> None:
    managed = managed_on(own_server())
    server = managed.lens.server
    managed.put("k", BODY)
    managed.put("large", LARGE)
    managed.put("large.unknown-length", LARGE)
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    # No file of the server's may grow beyond this: larger answers meet the end of the disk in their middle.
    process.rlimit(psutil.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
    for key in ("large", "large.unknown-length"):
        assert managed.get(key)["Body"].read() == LARGE[::2]
        answer = managed.get(key, Range="bytes=3000000-3000009")
        assert answer["Body"].read() == LARGE[::2][3_000_000:3_000_010]
        assert answer["ContentRange"].endswith("/6000000")
        assert managed.head(key)["ContentLength"] == 6_000_000
    assert managed.get("k")["Body"].read() == HALF
    assert log_of(server).count("the cache cannot write") == 1
    process.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    deadline = time.monotonic() + 20
    ways = set()
    while "hit" not in ways and time.monotonic() < deadline:
        answer = managed.get("large")
        assert answer["Body"].read() == LARGE[::2]
        ways.add(way(answer))
        time.sleep(0.2)
    assert "hit" in ways
    assert "the cache works again" in log_of(server)


def test_no_cache_at_all(own_server: StartServer) -> None:
    managed = managed_on(own_server(OBJECTLENS_CACHE_ENABLED="false"))
    managed.put("k", BODY)
    for _ in range(2):
        answer = managed.get("k")
        assert (way(answer), answer["Body"].read()) == ("bypass", HALF)
    assert managed.get("k", Range="bytes=5-9")["Body"].read() == HALF[5:10]
    assert managed.head("k")["ContentLength"] == len(HALF)
    assert managed.invocations() == 4


def test_the_cache_keeps_to_its_bytes(own_server: StartServer) -> None:
    managed = managed_on(own_server(OBJECTLENS_CACHE_BYTES="1048576"))
    for number in range(30):
        managed.put(f"k{number}", BODY)
        assert managed.get(f"k{number}")["Body"].read() == HALF
    files = kept(managed.lens.server, 10)
    assert 10 <= len(files) < 30
    assert sum(path.stat().st_size for path in files) <= 1_048_576
    managed.put("large", LARGE)
    assert managed.get("large")["Body"].read() == LARGE[::2]
    assert managed.get("large", Range="bytes=-3")["Body"].read() == LARGE[::2][-3:]


def test_a_second_level_is_shared(own_server: StartServer, tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    first = managed_on(own_server(OBJECTLENS_CACHE_STORE=f"file://{folder}"))
    first.put("k", BODY)
    first.get("k")["Body"].read()
    deadline = time.monotonic() + 10
    while not any(path.is_file() for path in folder.glob("??/*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    server = first.lens.server
    assert server.data is not None
    # As if it were another server with the same catalog: nothing of the first level is there.
    assert stop_server(server) == 0
    shutil.rmtree(server.data / "cache")
    server.process = start_server(server.data, env={"OBJECTLENS_CACHE_STORE": f"file://{folder}"}).process
    server.url = (server.data / "endpoint").read_text().strip()
    server._clients.clear()
    before = first.invocations()
    answer = first.get("k")
    assert (way(answer), answer["Body"].read()) == ("hit", HALF)
    assert first.invocations() == before


def test_native_answers_are_kept_too(own_server: StartServer) -> None:
    server = own_server()
    managed: Managed = managed_on(server)
    control = server.client("s3control")
    control.put_access_point_configuration_for_object_lambda(
        AccountId=server.account,
        Name=managed.lens.name,
        Configuration={
            "SupportingAccessPoint": managed.lens.access_point_arn,
            "TransformationConfigurations": [
                {
                    "Actions": ["GetObject"],
                    "ContentTransformation": {
                        "AwsLambda": {
                            "FunctionArn": managed.lens.function_arn.rpartition(":")[0] + ":objectlens-transform",
                            "FunctionPayload": '{"pipeline": [{"archive.decompress": {}}]}',
                        }
                    },
                }
            ],
        },
    )
    managed.put("k.gz", gzip.compress(LARGE, 1))
    first = managed.get("k.gz")
    assert (way(first), first["Body"].read()) == ("miss", LARGE)
    kept(server)
    second = managed.get("k.gz", Range="bytes=-99")
    assert (way(second), second["Body"].read()) == ("hit", LARGE[-99:])
