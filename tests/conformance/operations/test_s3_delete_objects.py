"""DeleteObject and DeleteObjects."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from typing import Any

from support.wire import Wire, refused


def test_one_object(s3: Any, wire: Wire, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    answer = wire.send("DELETE", f"/{bucket}/k")
    assert (answer.status, answer.reason, answer.body) == (204, "No Content", b"")
    assert answer.header("Content-Length") is None
    assert wire.send("DELETE", f"/{bucket}/k").status == 204
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="k")
    with refused("NoSuchBucket", 404):
        s3.delete_object(Bucket="no-such-bucket-here", Key="k")


def test_on_condition(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    with refused("PreconditionFailed", 412):
        s3.delete_object(Bucket=bucket, Key="k", IfMatch='"other"')
    assert s3.delete_object(Bucket=bucket, Key="k", IfMatch=etag)["ResponseMetadata"]["HTTPStatusCode"] == 204
    # What is gone already is not in a state that the caller does not want.
    assert s3.delete_object(Bucket=bucket, Key="k", IfMatch=etag)["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_on_conditions_of_time_and_size(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    earlier = modified - timedelta(days=1)
    for condition in ({"IfMatchLastModifiedTime": earlier}, {"IfMatchSize": 2}):
        with refused("PreconditionFailed", 412):
            s3.delete_object(Bucket=bucket, Key="k", **condition)
    for condition in ({"ETag": '"x"'}, {"LastModifiedTime": earlier}, {"Size": 2}):
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"} | condition]})
        assert [one["Code"] for one in answer["Errors"]] == ["PreconditionFailed"]
    named = {"Key": "k", "LastModifiedTime": modified, "Size": 1}
    assert s3.delete_objects(Bucket=bucket, Delete={"Objects": [named]})["Deleted"] == [{"Key": "k"}]
    s3.delete_object(Bucket=bucket, Key="k", IfMatchLastModifiedTime=modified, IfMatchSize=1)


def test_a_thousand_objects(s3: Any, bucket: str) -> None:
    keys = [f"{number % 7}/{number:04}" for number in range(50)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    missing = [f"missing/{number}" for number in range(950)]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys + missing]})
    assert [one["Key"] for one in answer["Deleted"]] == keys + missing
    assert "Errors" not in answer
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_more_than_a_thousand_are_refused(s3: Any, bucket: str) -> None:
    with refused("MalformedXML", 400):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": str(number)} for number in range(1001)]})


def test_quiet_tells_failures_only(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a b+c%41&<ü", Body=b"")
    etag = s3.put_object(Bucket=bucket, Key="kept", Body=b"")["ETag"]
    s3.put_object(Bucket=bucket, Key="matched", Body=b"")
    objects = [
        {"Key": "a b+c%41&<ü"},
        {"Key": "kept", "ETag": '"other"'},
        {"Key": "matched", "ETag": etag},
        {"Key": "x" * 1025},
        # What was never there is gone, as S3 has it.
        {"Key": "v", "VersionId": "3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo"},
    ]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    assert "Deleted" not in answer
    codes = {one["Key"][:9]: one["Code"] for one in answer["Errors"]}
    assert codes == {"kept": "PreconditionFailed", "x" * 9: "KeyTooLongError"}
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["kept"]


def test_the_body_is_checked(wire: Wire, bucket: str) -> None:
    body = b"<Delete><Object><Key>k</Key></Object></Delete>"
    path = f"/{bucket}?delete"
    right = base64.b64encode(hashlib.md5(body).digest()).decode()
    wrong = base64.b64encode(hashlib.md5(b"x").digest()).decode()
    # The signed payload proves the body as well as Content-MD5, which S3 itself demands.
    assert wire.send("POST", path, {}, body).status == 200
    bad = wire.send("POST", path, {"Content-MD5": wrong}, body)
    assert (bad.status, bad.code) == (400, "BadDigest")
    assert wire.send("POST", path, {"Content-MD5": right}, body).status == 200
    for malformed in (b"<Delete>", b"<Delete></Delete>", b"<Other/>", b"", b'<!DOCTYPE x [<!ENTITY e "x">]><Delete/>'):
        digest = base64.b64encode(hashlib.md5(malformed).digest()).decode()
        answer = wire.send("POST", path, {"Content-MD5": digest}, malformed)
        assert (answer.status, answer.code) == (400, "MalformedXML"), malformed
