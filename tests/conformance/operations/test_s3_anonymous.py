"""Requests without a signature: what a bucket policy opens to the world, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore import UNSIGNED

from support.live import Lens, LiveServer
from support.wire import Wire, path_of, refused


@pytest.fixture
def nobody(server: LiveServer) -> Any:
    return server.client("s3", proxies={}, signature_version=UNSIGNED)


def opened(s3: Any, bucket: str, *statements: dict[str, Any], block: bool = False) -> None:
    """Let everyone do something, which Block Public Access forbids until it is told otherwise."""
    if not block:
        s3.delete_public_access_block(Bucket=bucket)
    document = {"Version": "2012-10-17", "Statement": [{"Principal": "*"} | one for one in statements]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))


def allow(action: str, bucket: str, suffix: str = "/*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": f"arn:aws:s3:::{bucket}{suffix}"} | more


def test_nothing_is_open_by_itself(s3: Any, nobody: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for call in (
        lambda: nobody.get_object(Bucket=bucket, Key="k"),
        lambda: nobody.list_objects_v2(Bucket=bucket),
        lambda: nobody.put_object(Bucket=bucket, Key="k", Body=b"y"),
        lambda: nobody.delete_object(Bucket=bucket, Key="k"),
        lambda: nobody.get_bucket_policy(Bucket=bucket),
        lambda: nobody.get_bucket_cors(Bucket=bucket),
        lambda: nobody.delete_bucket(Bucket=bucket),
        lambda: nobody.create_bucket(Bucket=f"{bucket}-2"),
        nobody.list_buckets,
    ):
        with refused("AccessDenied", 403):
            call()
    # Nobody learns what there is.
    with refused("AccessDenied", 403):
        nobody.get_object(Bucket="no-such-bucket-here", Key="k")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_what_a_policy_lets_everyone_read(s3: Any, nobody: Any, wire: Wire, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="open/k", Body=b"for everyone", ContentType="text/plain")
    s3.put_object(Bucket=bucket, Key="closed", Body=b"x")
    opened(s3, bucket, allow("s3:GetObject", bucket, "/open/*"))
    got = nobody.get_object(Bucket=bucket, Key="open/k", Range="bytes=0-2")
    assert (got["Body"].read(), got["ContentType"]) == (b"for", "text/plain")
    assert wire.plain("GET", path_of(bucket, "open/k"), {}, None).body == b"for everyone"
    # Whether a key is there is for those who may list.
    for key in ("closed", "open/missing"):
        with refused("AccessDenied", 403):
            nobody.get_object(Bucket=bucket, Key=key)
    with refused("AccessDenied", 403):
        nobody.put_object(Bucket=bucket, Key="open/k", Body=b"y")
    opened(s3, bucket, allow("s3:GetObject", bucket), allow("s3:ListBucket", bucket, ""))
    assert [one["Key"] for one in nobody.list_objects_v2(Bucket=bucket)["Contents"]] == ["closed", "open/k"]
    with refused("NoSuchKey", 404):
        nobody.get_object(Bucket=bucket, Key="open/missing")


def test_block_public_access_comes_first(s3: Any, nobody: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    with refused("AccessDenied", 403):
        opened(s3, bucket, allow("s3:GetObject", bucket), block=True)
    opened(s3, bucket, allow("s3:GetObject", bucket))
    assert nobody.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
    with refused("AccessDenied", 403):
        nobody.get_object(Bucket=bucket, Key="k")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_what_a_policy_lets_everyone_write(s3: Any, nobody: Any, bucket: str) -> None:
    opened(s3, bucket, allow("s3:PutObject", bucket, "/inbox/*"), allow("s3:DeleteObject", bucket, "/inbox/*"))
    nobody.put_object(Bucket=bucket, Key="inbox/k", Body=b"a gift")
    upload = nobody.create_multipart_upload(Bucket=bucket, Key="inbox/m")["UploadId"]
    part = nobody.upload_part(Bucket=bucket, Key="inbox/m", UploadId=upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    nobody.complete_multipart_upload(Bucket=bucket, Key="inbox/m", UploadId=upload, MultipartUpload=parts)
    done = nobody.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "inbox/m"}, {"Key": "other"}]})
    assert [one["Key"] for one in done["Deleted"]] == ["inbox/m"]
    assert [(one["Key"], one["Code"]) for one in done["Errors"]] == [("other", "AccessDenied")]
    assert s3.get_object(Bucket=bucket, Key="inbox/k")["Body"].read() == b"a gift"


def test_a_deny_and_conditions_hold_for_everyone(s3: Any, nobody: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_object(Bucket=bucket, Key="tagged", Body=b"x", Tagging="open=yes")
    anonymous = {"StringEquals": {"aws:PrincipalType": "Anonymous"}}
    opened(s3, bucket, allow("s3:GetObject", bucket, Condition=anonymous))
    assert nobody.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    opened(s3, bucket, allow("s3:GetObject", bucket, Condition={"StringEquals": {"s3:ExistingObjectTag/open": "yes"}}))
    assert nobody.get_object(Bucket=bucket, Key="tagged")["Body"].read() == b"x"
    with refused("AccessDenied", 403):
        nobody.get_object(Bucket=bucket, Key="k")
    deny = allow("s3:GetObject", bucket, "/k") | {"Effect": "Deny"}
    opened(s3, bucket, allow("s3:GetObject", bucket), deny | {"Principal": {"AWS": "*"}})
    with refused("AccessDenied", 403):
        nobody.get_object(Bucket=bucket, Key="k")
    account = allow("s3:GetObject", bucket) | {"Principal": {"AWS": "123456789012"}}
    opened(s3, bucket, account)
    with refused("AccessDenied", 403):
        nobody.get_object(Bucket=bucket, Key="tagged")


def test_object_lambda_access_points_are_never_open(make_lens: Callable[..., Lens], nobody: Any) -> None:
    lens = make_lens("def lambda_handler(event, context): pass")
    control = lens.server.client("s3control")
    alias = control.get_access_point_for_object_lambda(AccountId=lens.server.account, Name=lens.name)["Alias"]["Value"]
    grant = {"Effect": "Allow", "Action": "s3-object-lambda:*", "Resource": [lens.arn, f"{lens.arn}/*"]}
    named = {"AWS": f"arn:aws:iam::{lens.server.account}:root"}
    document = {"Version": "2012-10-17", "Statement": [grant | {"Principal": named}]}
    control.put_access_point_policy_for_object_lambda(
        AccountId=lens.server.account, Name=lens.name, Policy=json.dumps(document)
    )
    for call in (lambda: nobody.get_object(Bucket=alias, Key="k"), lambda: nobody.list_objects_v2(Bucket=alias)):
        with refused("AccessDenied", 403):
            call()
