"""Many writers at once: one winner where a condition says so, never a mix, never a half."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

THREADS = 16


@pytest.fixture
def clients(server: Any) -> Any:
    return server.client("s3", proxies={}, max_pool_connections=2 * THREADS)


def _status(call: Any, **arguments: Any) -> int:
    try:
        return int(call(**arguments)["ResponseMetadata"]["HTTPStatusCode"])
    except ClientError as error:
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def test_one_creates_and_all_others_are_told(clients: Any, bucket: str) -> None:
    with ThreadPoolExecutor(THREADS) as threads:
        for turn in range(5):
            start = threading.Barrier(THREADS)

            def create(number: int, turn: int = turn, start: threading.Barrier = start) -> int:
                start.wait()
                return _status(
                    clients.put_object, Bucket=bucket, Key=f"new/{turn}", Body=str(number).encode(), IfNoneMatch="*"
                )

            statuses = list(threads.map(create, range(THREADS)))
            assert sorted(statuses) == [200] + [412] * (THREADS - 1) or set(statuses) == {200, 409, 412}
            assert statuses.count(200) == 1
            winner = clients.get_object(Bucket=bucket, Key=f"new/{turn}")["Body"].read()
            assert statuses[int(winner)] == 200


def test_compare_and_swap_loses_no_update(clients: Any, bucket: str) -> None:
    clients.put_object(Bucket=bucket, Key="counter", Body=b"0")

    def increment(_: int) -> None:
        while True:
            found = clients.get_object(Bucket=bucket, Key="counter")
            number = int(found["Body"].read()) + 1
            if (
                _status(
                    clients.put_object, Bucket=bucket, Key="counter", Body=str(number).encode(), IfMatch=found["ETag"]
                )
                == 200
            ):
                return

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(increment, range(40)))
    assert clients.get_object(Bucket=bucket, Key="counter")["Body"].read() == b"40"


def test_readers_never_see_a_mix(clients: Any, bucket: str) -> None:
    size = 300_000
    bodies = {bytes([65 + number]) * (size + number) for number in range(4)}
    clients.put_object(Bucket=bucket, Key="k", Body=bytes([65]) * size, Metadata={"writer": "A"})
    done = threading.Event()

    def write(number: int) -> None:
        for _ in range(25):
            clients.put_object(
                Bucket=bucket,
                Key="k",
                Body=bytes([65 + number]) * (size + number),
                Metadata={"writer": chr(65 + number)},
            )

    def read(_: int) -> int:
        count = 0
        while not done.is_set():
            found = clients.get_object(Bucket=bucket, Key="k")
            body = found["Body"].read()
            assert body in bodies
            assert found["ContentLength"] == len(body)
            assert found["Metadata"] == {"writer": chr(body[0])}
            entry = clients.list_objects_v2(Bucket=bucket)["Contents"]
            assert [one["Key"] for one in entry] == ["k"]
            assert size <= entry[0]["Size"] < size + 4
            count += 1
        return count

    with ThreadPoolExecutor(8) as threads:
        readers = [threads.submit(read, number) for number in range(3)]
        list(threads.map(write, range(4)))
        done.set()
        assert all(reader.result() for reader in readers)


def test_writers_and_deleters(clients: Any, bucket: str) -> None:
    def work(number: int) -> set[int]:
        key = f"shared/{number % 3}/x"
        return {
            _status(clients.put_object, Bucket=bucket, Key=key, Body=b"x"),
            _status(clients.delete_object, Bucket=bucket, Key=key),
            _status(clients.put_object, Bucket=bucket, Key=f"shared/{number % 3}", Body=b"y"),
            _status(clients.delete_object, Bucket=bucket, Key=f"shared/{number % 3}"),
        }

    with ThreadPoolExecutor(8) as threads:
        found = set().union(*threads.map(work, range(100)))
    assert found == {200, 204}
    assert clients.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_one_upload_is_completed_once(clients: Any, bucket: str) -> None:
    upload = {"Bucket": bucket, "Key": "joined"}
    upload["UploadId"] = clients.create_multipart_upload(**upload)["UploadId"]
    etag = clients.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    with ThreadPoolExecutor(8) as threads:
        statuses = list(
            threads.map(lambda _: _status(clients.complete_multipart_upload, **upload, MultipartUpload=parts), range(8))
        )
    assert set(statuses) == {200}
    assert clients.get_object(Bucket=bucket, Key="joined")["Body"].read() == b"x"


def test_a_bucket_is_made_once(clients: Any, server: Any) -> None:
    with ThreadPoolExecutor(8) as threads:
        statuses = list(
            threads.map(
                lambda _: _status(
                    clients.create_bucket,
                    Bucket="made-once-only",
                    CreateBucketConfiguration={"LocationConstraint": server.region},
                ),
                range(8),
            )
        )
    assert sorted(statuses) == [200] + [409] * 7
    clients.delete_bucket(Bucket="made-once-only")


def test_a_bucket_is_removed_only_when_empty(clients: Any, server: Any) -> None:
    for turn in range(10):
        name = f"removed-{turn}-while-written"
        clients.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": server.region})
        with ThreadPoolExecutor(2) as threads:
            put = threads.submit(_status, clients.put_object, Bucket=name, Key="k", Body=b"x")
            gone = threads.submit(_status, clients.delete_bucket, Bucket=name)
            statuses = (put.result(), gone.result())
        assert statuses in {(200, 409), (404, 204)}, statuses
        if statuses[0] == 200:
            assert clients.get_object(Bucket=name, Key="k")["Body"].read() == b"x"
            clients.delete_object(Bucket=name, Key="k")
            clients.delete_bucket(Bucket=name)
