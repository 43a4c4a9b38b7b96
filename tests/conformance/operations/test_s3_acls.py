"""Canned ACLs, on a server whose settings give new buckets ACLs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore import UNSIGNED

from support.live import LiveServer, start_server, stop_server
from support.wire import refused


@pytest.fixture(scope="module")
def old_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    live = start_server(tmp_path_factory.mktemp("acls") / "data", env={"OBJECTLENS_ACCOUNT_ACLS": "true"})
    yield live
    assert stop_server(live) == 0


@pytest.fixture
def s3(old_server: LiveServer) -> Any:
    return old_server.client("s3", proxies={})


@pytest.fixture
def nobody(old_server: LiveServer) -> Any:
    return old_server.client("s3", proxies={}, signature_version=UNSIGNED)


def made(s3: Any, acl: str | None = None) -> str:
    name = f"acls-{uuid.uuid4().hex[:20]}"
    location = {"LocationConstraint": s3.meta.region_name}
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=location, **({"ACL": acl} if acl else {}))
    return name


def test_a_bucket_is_private_until_it_is_said(s3: Any, nobody: Any) -> None:
    bucket = made(s3)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"] == [
        {"ObjectOwnership": "ObjectWriter"}
    ]
    for call in (nobody.list_objects_v2, lambda Bucket: nobody.get_object(Bucket=Bucket, Key="k")):
        with refused("AccessDenied", 403):
            call(Bucket=bucket)
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    assert [one["Key"] for one in nobody.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]
    # What the bucket grants are its lists, and not its objects.
    with refused("AccessDenied", 403):
        nobody.get_object(Bucket=bucket, Key="k")
    with refused("NoSuchKey", 404):
        nobody.get_object(Bucket=bucket, Key="missing")
    with refused("AccessDenied", 403):
        nobody.put_object(Bucket=bucket, Key="k", Body=b"y")
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    with refused("AccessDenied", 403):
        nobody.list_objects_v2(Bucket=bucket)


def test_objects_have_acls_of_their_own(s3: Any, nobody: Any) -> None:
    bucket = made(s3)
    s3.put_object(Bucket=bucket, Key="open", Body=b"x", ACL="public-read")
    assert nobody.get_object(Bucket=bucket, Key="open")["Body"].read() == b"x"
    grants = s3.get_object_acl(Bucket=bucket, Key="open")["Grants"]
    assert [one["Permission"] for one in grants] == ["FULL_CONTROL", "READ"]
    acl = s3.get_object_acl(Bucket=bucket, Key="open")
    s3.put_object(Bucket=bucket, Key="other", Body=b"y")
    s3.put_object_acl(Bucket=bucket, Key="other", AccessControlPolicy={"Owner": acl["Owner"], "Grants": acl["Grants"]})
    assert nobody.get_object(Bucket=bucket, Key="other")["Body"].read() == b"y"
    s3.put_object_acl(Bucket=bucket, Key="open", ACL="private")
    with refused("AccessDenied", 403):
        nobody.get_object(Bucket=bucket, Key="open")
    # A copy and what is written over it have the ACL that they are given, and no other.
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "other"})
    with refused("AccessDenied", 403):
        nobody.get_object(Bucket=bucket, Key="copy")
    s3.put_object(Bucket=bucket, Key="users", Body=b"z", ACL="authenticated-read")
    with refused("AccessDenied", 403):
        nobody.get_object(Bucket=bucket, Key="users")


def test_everyone_may_write(s3: Any, nobody: Any) -> None:
    bucket = made(s3, "public-read-write")
    nobody.put_object(Bucket=bucket, Key="k", Body=b"a gift", ACL="public-read")
    assert nobody.get_object(Bucket=bucket, Key="k")["Body"].read() == b"a gift"
    for call in (nobody.get_bucket_acl, nobody.delete_bucket, nobody.get_bucket_policy):
        with refused("AccessDenied", 403):
            call(Bucket=bucket)
    with refused("AccessDenied", 403):
        nobody.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    nobody.delete_object(Bucket=bucket, Key="k")


def test_block_public_access_refuses_and_ignores(s3: Any, nobody: Any) -> None:
    bucket = made(s3, "public-read")
    s3.put_public_access_block(
        Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": True, "IgnorePublicAcls": True}
    )
    with refused("AccessDenied", 403):
        nobody.list_objects_v2(Bucket=bucket)
    with refused("AccessDenied", 403):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
    with refused("AccessDenied", 403):
        s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    with refused("AccessControlListNotSupported", 400):
        s3.put_bucket_acl(Bucket=bucket, GrantRead="id=x")
    with refused("InvalidArgument", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="nonesuch")
