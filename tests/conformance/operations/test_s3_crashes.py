"""SIGKILL in the middle of uploads, and what the next start finds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.live import LiveServer, start_server, stop_server
from support.wire import UNSIGNED, Wire, head

BODY = random.Random(4).randbytes(3_000_000)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[LiveServer]:
    server = start_server(tmp_path / "data")
    yield server
    if server.process and server.process.poll() is None:
        server.process.kill()
        server.process.wait()


def test_what_was_answered_is_there_and_nothing_else(own: LiveServer) -> None:
    s3 = own.client("s3", proxies={})
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": own.region})
    s3.put_object(Bucket="kept", Key="done", Body=BODY, Metadata={"a": "b"})
    s3.put_object(Bucket="kept", Key="over", Body=b"before")
    upload = {"Bucket": "kept", "Key": "joined"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    part = s3.upload_part(**upload, PartNumber=1, Body=BODY)
    wire = Wire(own)
    with wire.connection() as new, wire.connection() as over, wire.connection() as second:
        targets = (
            (new, "/kept/new"),
            (over, "/kept/over"),
            (second, f"/kept/joined?partNumber=2&uploadId={upload['UploadId']}"),
        )
        for opened, path in targets:
            headers = wire.signed("PUT", path, None, None, sha256=UNSIGNED)
            opened.sendall(head("PUT", path, headers | {"Content-Length": str(len(BODY))}) + BODY[:-1])
        assert own.process
        assert own.data
        own.process.kill()
        own.process.wait()
    (own.data / "endpoint").unlink(missing_ok=True)
    again = start_server(own.data)
    try:
        s3 = again.client("s3", proxies={})
        listed = {one["Key"]: one["Size"] for one in s3.list_objects_v2(Bucket="kept")["Contents"]}
        assert listed == {"done": len(BODY), "over": 6}
        answer = s3.get_object(Bucket="kept", Key="done")
        assert (answer["Body"].read(), answer["Metadata"]) == (BODY, {"a": "b"})
        assert s3.get_object(Bucket="kept", Key="over")["Body"].read() == b"before"
        parts = s3.list_parts(**upload)["Parts"]
        assert [(one["PartNumber"], one["Size"]) for one in parts] == [(1, len(BODY))]
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        assert s3.get_object(Bucket="kept", Key="joined")["Body"].read() == BODY
        for key in ("done", "over", "joined"):
            s3.delete_object(Bucket="kept", Key=key)
        s3.delete_bucket(Bucket="kept")
        left = [path for path in (own.data / "buckets").rglob("*") if path.is_file()]
        assert left == []
    finally:
        assert stop_server(again) == 0
