"""The five checksums of SDKs, wherever S3 takes and tells them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from support.sums import FIVE, checksum
from support.wire import refused

PART = 5 * 1024 * 1024
BODIES = (b"a" * PART, b"b" * PART, b"the rest")


@pytest.mark.parametrize("algorithm", FIVE)
def test_of_an_object(s3: Any, bucket: str, algorithm: str) -> None:
    name, value = f"Checksum{algorithm}", checksum(algorithm, b"body")
    thing = {"Bucket": bucket, "Key": "k"}
    # Computed by the SDK, or given.
    assert s3.put_object(**thing, Body=b"body", ChecksumAlgorithm=algorithm)[name] == value
    put = s3.put_object(**thing, Body=b"body", **{name: value})
    assert (put[name], put["ChecksumType"]) == (value, "FULL_OBJECT")
    assert name not in s3.head_object(**thing)
    got = s3.get_object(**thing, ChecksumMode="ENABLED")
    assert got["Body"].read() == b"body"
    for answer in (s3.head_object(**thing, ChecksumMode="ENABLED"), got):
        assert (answer[name], answer["ChecksumType"]) == (value, "FULL_OBJECT")
    assert name not in s3.head_object(**thing, ChecksumMode="ENABLED", Range="bytes=0-1")
    told = s3.get_object_attributes(**thing, ObjectAttributes=["Checksum", "ObjectParts"])
    assert told["Checksum"] == {name: value, "ChecksumType": "FULL_OBJECT"}
    assert "ObjectParts" not in told
    with refused("BadDigest", 400):
        s3.put_object(**thing, Body=b"other", **{name: value})
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource=thing)
    assert copied["CopyObjectResult"][name] == value


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        ("CRC32", "COMPOSITE"),
        ("CRC32", "FULL_OBJECT"),
        ("CRC32C", "COMPOSITE"),
        ("CRC64NVME", "FULL_OBJECT"),
        ("SHA1", "COMPOSITE"),
        ("SHA256", "COMPOSITE"),
    ],
)
def test_of_parts(s3: Any, bucket: str, algorithm: str, kind: str) -> None:
    name = f"Checksum{algorithm}"
    values = [checksum(algorithm, body) for body in BODIES]
    whole = checksum(algorithm, b"".join(BODIES))
    if kind == "COMPOSITE":
        whole = checksum(algorithm, b"".join(map(base64.b64decode, values))) + "-3"
    thing = {"Bucket": bucket, "Key": "joined"}
    begun = s3.create_multipart_upload(**thing, ChecksumAlgorithm=algorithm, ChecksumType=kind)
    assert (begun["ChecksumAlgorithm"], begun["ChecksumType"]) == (algorithm, kind)
    upload = thing | {"UploadId": begun["UploadId"]}
    parts = []
    for number, body in enumerate(BODIES, 1):
        sent = s3.upload_part(**upload, PartNumber=number, Body=body, ChecksumAlgorithm=algorithm)
        assert sent[name] == values[number - 1]
        parts.append({"PartNumber": number, "ETag": sent["ETag"], name: sent[name]})
    listed = s3.list_parts(**upload)
    assert [one[name] for one in listed["Parts"]] == values
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == (algorithm, kind)
    with refused("BadDigest", 400):
        wrong = checksum(algorithm, b"wrong")
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **{name: wrong})
    with refused("InvalidRequest", 400):
        other = "COMPOSITE" if kind == "FULL_OBJECT" else "FULL_OBJECT"
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, ChecksumType=other)
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **{name: whole})
    assert (done[name], done["ChecksumType"]) == (whole, kind)
    told = s3.get_object_attributes(**thing, ObjectAttributes=["Checksum", "ObjectParts"])
    assert told["Checksum"] == {name: whole, "ChecksumType": kind}
    assert told["ObjectParts"]["TotalPartsCount"] == 3
    assert [(one["PartNumber"], one["Size"], one[name]) for one in told["ObjectParts"]["Parts"]] == [
        (number, len(body), values[number - 1]) for number, body in enumerate(BODIES, 1)
    ]
    one = s3.get_object(**thing, PartNumber=3, ChecksumMode="ENABLED")
    assert (one["Body"].read(), one[name], one["ChecksumType"], one["PartsCount"]) == (BODIES[2], values[2], kind, 3)


def test_parts_are_told_page_by_page(s3: Any, bucket: str) -> None:
    thing = {"Bucket": bucket, "Key": "joined"}
    upload = thing | {"UploadId": s3.create_multipart_upload(**thing)["UploadId"]}
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]}
        for number, body in enumerate(BODIES, 1)
    ]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    page = s3.get_object_attributes(**thing, ObjectAttributes=["ObjectParts"], MaxParts=1, PartNumberMarker=1)
    told = page["ObjectParts"]
    assert [one["PartNumber"] for one in told["Parts"]] == [2]
    assert (told["IsTruncated"], told["NextPartNumberMarker"], told["MaxParts"]) == (True, 2, 1)


def test_a_part_listed_twice_counts_once(s3: Any, bucket: str) -> None:
    thing = {"Bucket": bucket, "Key": "k"}
    upload = thing | {"UploadId": s3.create_multipart_upload(**thing)["UploadId"]}
    s3.upload_part(**upload, PartNumber=1, Body=b"first")
    part = s3.upload_part(**upload, PartNumber=1, Body=b"again")
    parts = [{"PartNumber": 1, "ETag": '"0"'}, {"PartNumber": 1, "ETag": part["ETag"]}]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(**thing)["Body"].read() == b"again"
