"""CopyObject and UploadPartCopy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from support.wire import Wire, refused

ODD = ["plain", "a b+c%41", "ünï/çödé", "a//b", "../x", "/lead", "trail/", "q?x=1", "#h", "日本語"]


@pytest.fixture
def source(s3: Any, bucket: str) -> dict[str, str]:
    s3.put_object(
        Bucket=bucket,
        Key="source",
        Body=b"source",
        ContentType="text/x-source",
        CacheControl="max-age=1",
        Metadata={"m": "source"},
        Tagging="t=source",
    )
    return {"Bucket": bucket, "Key": "source"}


@pytest.mark.parametrize("key", ODD)
def test_odd_keys(s3: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    s3.copy_object(Bucket=bucket, Key=f"copy of {key}", CopySource={"Bucket": bucket, "Key": key})
    assert s3.get_object(Bucket=bucket, Key=f"copy of {key}")["Body"].read() == key.encode()
    s3.copy_object(Bucket=bucket, Key=f"{key}x", CopySource={"Bucket": bucket, "Key": f"copy of {key}"})
    assert s3.get_object(Bucket=bucket, Key=f"{key}x")["Body"].read() == key.encode()


@pytest.mark.parametrize("key", ["x" * 1024, "ü" * 512])
def test_the_longest_keys(s3: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=b"far")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"far"
    with refused("KeyTooLongError", 400):
        s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": f"{key}x"})


def test_all_is_copied(s3: Any, source: dict[str, str]) -> None:
    bucket = source["Bucket"]
    answer = s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    state = s3.head_object(Bucket=bucket, Key="copy")
    assert answer["CopyObjectResult"]["ETag"] == state["ETag"] == s3.head_object(**source)["ETag"]
    assert answer["CopyObjectResult"]["LastModified"].replace(microsecond=0) == state["LastModified"]
    assert (state["ContentType"], state["CacheControl"], state["Metadata"]) == (
        "text/x-source",
        "max-age=1",
        {"m": "source"},
    )
    assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == [{"Key": "t", "Value": "source"}]
    whole = s3.head_object(Bucket=bucket, Key="copy", ChecksumMode="ENABLED")
    assert whole["ChecksumCRC32"] == s3.head_object(**source, ChecksumMode="ENABLED")["ChecksumCRC32"]


def test_what_is_said_without_replace_is_ignored(s3: Any, source: dict[str, str]) -> None:
    bucket = source["Bucket"]
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, ContentType="text/new", Metadata={"m": "new"})
    assert s3.head_object(Bucket=bucket, Key="copy")["ContentType"] == "text/x-source"


def test_replaced(s3: Any, source: dict[str, str]) -> None:
    bucket = source["Bucket"]
    s3.copy_object(
        Bucket=bucket,
        Key="copy",
        CopySource=source,
        MetadataDirective="REPLACE",
        ContentType="text/new",
        Metadata={"n": "new"},
        TaggingDirective="REPLACE",
        Tagging="t=new",
    )
    state = s3.head_object(Bucket=bucket, Key="copy")
    assert (state["ContentType"], state["Metadata"], state.get("CacheControl")) == ("text/new", {"n": "new"}, None)
    assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == [{"Key": "t", "Value": "new"}]
    with refused("InvalidArgument", 400):
        s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, MetadataDirective="OTHER")


def test_onto_itself(s3: Any, source: dict[str, str]) -> None:
    with refused("InvalidRequest", 400):
        s3.copy_object(**source, CopySource=source)
    s3.copy_object(**source, CopySource=source, MetadataDirective="REPLACE", Metadata={"n": "new"})
    answer = s3.get_object(**source)
    assert (answer["Metadata"], answer["Body"].read()) == ({"n": "new"}, b"source")


def test_to_another_bucket(s3: Any, source: dict[str, str], make_bucket: Callable[[], str]) -> None:
    other = make_bucket()
    s3.copy_object(Bucket=other, Key="copy", CopySource=source)
    assert s3.get_object(Bucket=other, Key="copy")["Body"].read() == b"source"


def test_conditions_on_the_source(s3: Any, source: dict[str, str]) -> None:
    state = s3.head_object(**source)
    before, after = (state["LastModified"] + timedelta(hours=hours) for hours in (-1, 1))

    def copy(**conditions: Any) -> None:
        s3.copy_object(Bucket=source["Bucket"], Key="copy", CopySource=source, **conditions)

    copy(CopySourceIfMatch=state["ETag"], CopySourceIfUnmodifiedSince=before)
    copy(CopySourceIfNoneMatch='"x"', CopySourceIfModifiedSince=before)
    copy(CopySourceIfUnmodifiedSince=after)
    for conditions in (
        {"CopySourceIfMatch": '"x"'},
        {"CopySourceIfNoneMatch": state["ETag"]},
        {"CopySourceIfUnmodifiedSince": before},
        {"CopySourceIfModifiedSince": state["LastModified"]},
    ):
        with refused("PreconditionFailed", 412):
            copy(**conditions)


def test_conditions_on_the_target(s3: Any, source: dict[str, str]) -> None:
    bucket = source["Bucket"]
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, IfNoneMatch="*")
    with refused("PreconditionFailed", 412):
        s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, IfNoneMatch="*")
    with refused("PreconditionFailed", 412):
        s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, IfMatch='"x"')


def test_sources_that_are_not_there(s3: Any, wire: Wire, bucket: str) -> None:
    with refused("NoSuchKey", 404):
        s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "none"})
    with refused("NoSuchBucket", 404):
        s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": "no-such-bucket-here", "Key": "none"})
    for wrong in ("nokey", "/", "/bucket/", "arn:aws:s3:::b/k"):
        answer = wire.send("PUT", f"/{bucket}/copy", {"x-amz-copy-source": wrong})
        assert (answer.status, answer.code) == (400, "InvalidArgument"), wrong
    with refused("AccessDenied", 403):
        s3.put_object(Bucket=bucket, Key="k", Body=b"")
        s3.copy_object(
            Bucket=bucket,
            Key="copy",
            CopySource={"Bucket": bucket, "Key": "k"},
            ExpectedSourceBucketOwner="999999999999",
        )


def test_the_source_with_and_without_a_slash_encoded_and_not(s3: Any, wire: Wire, source: dict[str, str]) -> None:
    bucket = source["Bucket"]
    s3.put_object(Bucket=bucket, Key="a b/ü+", Body=b"odd")
    for form in (
        f"{bucket}/a%20b/%C3%BC%2B",
        f"/{bucket}/a%20b/%C3%BC%2B",
        f"{bucket}/a b/ü%2B",
        f"{bucket}%2Fa%20b%2F%C3%BC%2B",
        f"{bucket}/a%20b/%C3%BC%2B?versionId=null",
    ):
        answer = wire.send("PUT", f"/{bucket}/copy", {"x-amz-copy-source": form})
        assert answer.status == 200, (form, answer.body)
        assert answer.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<CopyObjectResult')


def test_a_part_from_a_range(s3: Any, bucket: str) -> None:
    body = bytes(range(256)) * 20480
    s3.put_object(Bucket=bucket, Key="source", Body=body)
    upload = {"Bucket": bucket, "Key": "joined"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    source = {"Bucket": bucket, "Key": "source"}
    first = s3.upload_part_copy(**upload, PartNumber=1, CopySource=source)["CopyPartResult"]
    second = s3.upload_part_copy(**upload, PartNumber=2, CopySource=source, CopySourceRange="bytes=10-99")
    parts = [
        {"PartNumber": 1, "ETag": first["ETag"]},
        {"PartNumber": 2, "ETag": second["CopyPartResult"]["ETag"]},
    ]
    with refused("InvalidRange", 416):
        s3.upload_part_copy(**upload, PartNumber=3, CopySource=source, CopySourceRange="bytes=0-99999999")
    for wrong in ("bytes=5-", "0-5", "bytes=9-3"):
        with refused("InvalidArgument", 400):
            s3.upload_part_copy(**upload, PartNumber=3, CopySource=source, CopySourceRange=wrong)
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=bucket, Key="joined")["Body"].read() == body + body[10:100]
