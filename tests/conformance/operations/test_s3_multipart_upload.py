"""CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload, ListParts, ListMultipartUploads."""

from __future__ import annotations

import hashlib
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from support.wire import Wire, refused

MIN = 5 * 1024 * 1024
PART = random.Random(3).randbytes(MIN)


def begin(s3: Any, bucket: str, key: str = "joined", **arguments: Any) -> dict[str, str]:
    answer = s3.create_multipart_upload(Bucket=bucket, Key=key, **arguments)
    return {"Bucket": bucket, "Key": key, "UploadId": answer["UploadId"]}


def put(s3: Any, upload: dict[str, str], number: int, body: bytes, **arguments: Any) -> dict[str, Any]:
    return {"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=body, **arguments)["ETag"]}


def test_parts_in_any_order_sent_again(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket, ContentType="image/png", Metadata={"m": "1"}, Tagging="t=1")
    last = put(s3, upload, 9, b"end")
    put(s3, upload, 2, b"will be replaced")
    second = put(s3, upload, 2, PART)
    first = put(s3, upload, 1, PART[::-1])
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="joined")
    answer = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [first, second, last]})
    digests = b"".join(hashlib.md5(body).digest() for body in (PART[::-1], PART, b"end"))
    assert answer["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    assert (answer["Bucket"], answer["Key"]) == (bucket, "joined")
    found = s3.get_object(Bucket=bucket, Key="joined")
    assert found["Body"].read() == PART[::-1] + PART + b"end"
    assert (found["ContentType"], found["Metadata"], found["ETag"]) == ("image/png", {"m": "1"}, answer["ETag"])
    assert s3.get_object_tagging(Bucket=bucket, Key="joined")["TagSet"] == [{"Key": "t", "Value": "1"}]
    for number, body in enumerate((PART[::-1], PART, b"end"), 1):
        part = s3.get_object(Bucket=bucket, Key="joined", PartNumber=number)
        assert (part["Body"].read(), part["PartsCount"]) == (body, 3)
        assert s3.head_object(Bucket=bucket, Key="joined", PartNumber=number)["ContentLength"] == len(body)
    with refused("InvalidPart", 400):
        s3.get_object(Bucket=bucket, Key="joined", PartNumber=4)
    attributes = s3.get_object_attributes(Bucket=bucket, Key="joined", ObjectAttributes=["ObjectParts", "ObjectSize"])
    assert attributes["ObjectSize"] == 2 * MIN + 3
    assert attributes["ObjectParts"]["TotalPartsCount"] == 3


def test_completing_again_gives_the_same_answer(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    parts = [put(s3, upload, 1, b"x")]
    first = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    again = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert first["ETag"] == again["ETag"]


def test_parts_that_do_not_fit(s3: Any, wire: Wire, bucket: str) -> None:
    upload = begin(s3, bucket)
    first, second = put(s3, upload, 1, b"small"), put(s3, upload, 2, b"end")

    def complete(*parts: dict[str, Any]) -> None:
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": list(parts)})

    with refused("EntityTooSmall", 400) as found:
        complete(first, second)
    assert (found["Error"]["ProposedSize"], found["Error"]["MinSizeAllowed"]) == ("5", str(MIN))
    with refused("InvalidPart", 400):
        complete(first | {"ETag": '"00000000000000000000000000000000"'})
    with refused("InvalidPart", 400):
        complete(first, {"PartNumber": 3, "ETag": first["ETag"]})
    with refused("InvalidPartOrder", 400):
        complete(second, first)
    with refused("MalformedXML", 400):
        complete()
    answer = wire.send("POST", f"/{bucket}/joined?uploadId={upload['UploadId']}", {}, b"<Complete")
    assert answer.code == "MalformedXML"
    complete(second)
    assert s3.get_object(Bucket=bucket, Key="joined")["Body"].read() == b"end"


def test_part_numbers(s3: Any, wire: Wire, bucket: str) -> None:
    upload = begin(s3, bucket)
    for wrong in ("0", "10001", "-1", "x", ""):
        answer = wire.send("PUT", f"/{bucket}/joined?partNumber={wrong}&uploadId={upload['UploadId']}", {}, b"x")
        assert (answer.status, answer.code) == (400, "InvalidArgument"), wrong
    assert put(s3, upload, 10_000, b"x")


@pytest.mark.parametrize("upload_id", ["none", "../../../etc", "a/b", "%00", "x" * 500])
def test_uploads_that_are_not_there(s3: Any, bucket: str, upload_id: str) -> None:
    upload = {"Bucket": bucket, "Key": "k", "UploadId": upload_id}
    parts = [{"PartNumber": 1, "ETag": '"00000000000000000000000000000000"'}]
    with refused("NoSuchUpload", 404):
        s3.upload_part(**upload, PartNumber=1, Body=b"x")
    with refused("NoSuchUpload", 404):
        s3.list_parts(**upload)
    with refused("NoSuchUpload", 404):
        s3.abort_multipart_upload(**upload)
    with refused("NoSuchUpload", 404):
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})


def test_an_upload_belongs_to_its_key(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket) | {"Key": "another"}
    with refused("NoSuchUpload", 404):
        s3.upload_part(**upload, PartNumber=1, Body=b"x")
    with refused("NoSuchUpload", 404):
        s3.abort_multipart_upload(**upload)


def test_aborted(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    part = put(s3, upload, 1, b"x")
    s3.abort_multipart_upload(**upload)
    with refused("NoSuchUpload", 404):
        s3.upload_part(**upload, PartNumber=2, Body=b"x")
    with refused("NoSuchUpload", 404):
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]})
    with refused("NoSuchUpload", 404):
        s3.abort_multipart_upload(**upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_on_condition(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    parts = {"Parts": [put(s3, upload, 1, b"x")]}
    etag = s3.put_object(Bucket=bucket, Key="joined", Body=b"first")["ETag"]
    with refused("PreconditionFailed", 412):
        s3.complete_multipart_upload(**upload, MultipartUpload=parts, IfNoneMatch="*")
    with refused("PreconditionFailed", 412):
        s3.complete_multipart_upload(**upload, MultipartUpload=parts, IfMatch='"x"')
    s3.complete_multipart_upload(**upload, MultipartUpload=parts, IfMatch=etag)


def test_a_hundred_parts(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    with ThreadPoolExecutor(8) as threads:
        parts = list(threads.map(lambda number: put(s3, upload, number, bytes([number]) * number), range(1, 101)))
    found = []
    for page in s3.get_paginator("list_parts").paginate(**upload, PaginationConfig={"PageSize": 33}):
        assert len(page["Parts"]) <= 33
        found += page["Parts"]
    assert [(one["PartNumber"], one["Size"], one["ETag"]) for one in found] == [
        (one["PartNumber"], one["PartNumber"], one["ETag"]) for one in parts
    ]
    first = s3.list_parts(**upload, MaxParts=1)
    assert (first["IsTruncated"], first["NextPartNumberMarker"], first["StorageClass"]) == (True, 1, "STANDARD")
    assert s3.list_parts(**upload, PartNumberMarker=100).get("Parts", []) == []


def test_uploads_page_by_page(s3: Any, bucket: str) -> None:
    keys = ["a", "a", "a/b", "a/c", "b", "photos/1", "photos/2", "ünï", "x y", "z"]
    begun = sorted((key, begin(s3, bucket, key)["UploadId"]) for key in keys)
    for size in (1, 3, 1000):
        found = []
        for page in s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=bucket, PaginationConfig={"PageSize": size}
        ):
            found += [(one["Key"], one["UploadId"]) for one in page.get("Uploads", [])]
        assert found == sorted(found, key=lambda one: one[0].encode())
        assert sorted(found) == begun
        names: list[str] = []
        for page in s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size}
        ):
            names += [one["Key"] for one in page.get("Uploads", [])]
            names += [one["Prefix"] for one in page.get("CommonPrefixes", [])]
        assert sorted(names) == sorted(["a", "a", "a/", "b", "photos/", "ünï", "x y", "z"])
    answer = s3.list_multipart_uploads(Bucket=bucket, Prefix="photos/")
    assert [one["Key"] for one in answer["Uploads"]] == ["photos/1", "photos/2"]
    with refused("BucketNotEmpty", 409):
        s3.put_object(Bucket=bucket, Key="k", Body=b"")
        s3.delete_bucket(Bucket=bucket)


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        ("CRC32", "COMPOSITE"),
        ("CRC32C", "COMPOSITE"),
        ("SHA1", "COMPOSITE"),
        ("SHA256", "COMPOSITE"),
        ("CRC32", "FULL_OBJECT"),
        ("CRC32C", "FULL_OBJECT"),
        ("CRC64NVME", "FULL_OBJECT"),
    ],
)
def test_checksums(s3: Any, bucket: str, algorithm: str, kind: str) -> None:
    upload = begin(s3, bucket, ChecksumAlgorithm=algorithm, ChecksumType=kind)
    name = f"Checksum{algorithm}"
    parts = []
    for number, body in enumerate((PART, b"end"), 1):
        answer = s3.upload_part(**upload, PartNumber=number, Body=body, ChecksumAlgorithm=algorithm)
        parts.append({"PartNumber": number, "ETag": answer["ETag"], name: answer[name]})
    wrong = [parts[0] | {name: parts[1][name]}, parts[1]]
    with refused("InvalidPart", 400):
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": wrong})
    answer = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert answer["ChecksumType"] == kind
    assert answer[name].endswith("-2") == (kind == "COMPOSITE")
    if kind == "FULL_OBJECT":
        single = s3.put_object(Bucket=bucket, Key="single", Body=PART + b"end", ChecksumAlgorithm=algorithm)
        assert single[name] == answer[name]
    state = s3.head_object(Bucket=bucket, Key="joined", ChecksumMode="ENABLED")
    assert (state[name], state["ChecksumType"]) == (answer[name], kind)


def test_a_wrong_checksum_of_a_part(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket, ChecksumAlgorithm="CRC32")
    with refused("BadDigest", 400):
        s3.upload_part(**upload, PartNumber=1, Body=b"x", ChecksumCRC32="AAAAAA==")
    assert s3.list_parts(**upload).get("Parts", []) == []


def test_sha256_of_a_whole_cannot_be_put_together(s3: Any, bucket: str) -> None:
    with refused("InvalidRequest", 400):
        begin(s3, bucket, ChecksumAlgorithm="SHA256", ChecksumType="FULL_OBJECT")


def test_the_documents(wire: Wire, bucket: str) -> None:
    answer = wire.send("POST", f"/{bucket}/a%20b?uploads")
    assert (answer.status, answer.header("Content-Type")) == (200, "application/xml")
    assert answer.body.startswith(
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<InitiateMultipartUploadResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>'
    )
    assert answer.element("Key") == "a b"
