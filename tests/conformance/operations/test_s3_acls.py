"""Canned ACLs: on a server whose settings give new buckets ACLs, and for who asks for them on any other."""

from __future__ import annotations

import json
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


# --- servers of usual settings


@pytest.fixture
def ours(server: LiveServer) -> Any:
    return server.client("s3", proxies={})


@pytest.fixture
def stranger(server: LiveServer) -> Any:
    return server.client("s3", proxies={}, signature_version=UNSIGNED)


def owned(s3: Any, bucket: str) -> str:
    return s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"][0]["ObjectOwnership"]


def give(s3: Any, bucket: str, ownership: str) -> None:
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": ownership}]})


def test_who_makes_a_bucket_with_an_acl_has_one_with_acls(ours: Any, stranger: Any) -> None:
    bucket = made(ours, "public-read")
    assert owned(ours, bucket) == "ObjectWriter"
    ours.put_object(Bucket=bucket, Key="open", Body=b"x", ACL="public-read")
    ours.put_object(Bucket=bucket, Key="shut", Body=b"y")
    assert len(stranger.list_objects_v2(Bucket=bucket)["Contents"]) == 2
    assert stranger.get_object(Bucket=bucket, Key="open")["Body"].read() == b"x"
    with refused("AccessDenied", 403):
        stranger.get_object(Bucket=bucket, Key="shut")
    # Nobody asked for public policies.
    assert ours.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": False,
        "IgnorePublicAcls": False,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }
    everyone = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    with refused("AccessDenied", 403):
        ours.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [everyone]}))


def test_an_acl_that_grants_nothing_changes_nothing(ours: Any) -> None:
    bucket = made(ours, "private")
    assert owned(ours, bucket) == "BucketOwnerEnforced"
    with refused("AccessControlListNotSupported", 400):
        ours.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
    ours.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="bucket-owner-full-control")


def test_ownership_is_changed_and_block_public_access_stays(ours: Any, stranger: Any) -> None:
    bucket = made(ours)
    ours.put_object(Bucket=bucket, Key="k", Body=b"x")
    give(ours, bucket, "BucketOwnerPreferred")
    assert owned(ours, bucket) == "BucketOwnerPreferred"
    with refused("AccessDenied", 403):
        ours.put_bucket_acl(Bucket=bucket, ACL="public-read")
    ours.delete_public_access_block(Bucket=bucket)
    ours.put_bucket_acl(Bucket=bucket, ACL="public-read")
    ours.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    assert stranger.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    with refused("InvalidBucketAclWithObjectOwnership", 400):
        give(ours, bucket, "BucketOwnerEnforced")
    ours.put_bucket_acl(Bucket=bucket, ACL="private")
    give(ours, bucket, "BucketOwnerEnforced")
    assert len(ours.get_object_acl(Bucket=bucket, Key="k")["Grants"]) == 1
    with refused("AccessDenied", 403):
        stranger.get_object(Bucket=bucket, Key="k")
    give(ours, bucket, "ObjectWriter")
    assert stranger.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    ours.delete_bucket_ownership_controls(Bucket=bucket)
    assert owned(ours, bucket) == "BucketOwnerEnforced"
    with refused("AccessDenied", 403):
        stranger.get_object(Bucket=bucket, Key="k")
    with refused("MalformedXML", 400):
        give(ours, bucket, "Mine")


def test_what_the_account_blocks_no_bucket_opens(server: LiveServer, ours: Any, stranger: Any) -> None:
    bucket = made(ours, "public-read")
    assert "Contents" not in stranger.list_objects_v2(Bucket=bucket)
    control = server.client("s3control")
    everything = dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    )
    control.put_public_access_block(AccountId=server.account, PublicAccessBlockConfiguration=everything)
    try:
        with refused("AccessDenied", 403):
            stranger.list_objects_v2(Bucket=bucket)
        with refused("AccessDenied", 403):
            ours.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
        with refused("AccessDenied", 403):
            made(ours, "public-read")
    finally:
        control.delete_public_access_block(AccountId=server.account)


def test_who_may_only_make_buckets_makes_none_public(server: LiveServer) -> None:
    name, iam = f"acls-{uuid.uuid4().hex[:20]}", server.client("iam")
    iam.create_user(UserName=name)
    allowed = {"Effect": "Allow", "Action": "s3:CreateBucket", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName=name, PolicyName="buckets", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    credentials = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    theirs = server.client("s3", proxies={}, credentials=credentials)
    made(theirs)
    for wish in ({"ACL": "public-read"}, {"ObjectOwnership": "ObjectWriter"}):
        with refused("AccessDenied", 403):
            theirs.create_bucket(
                Bucket=f"acls-{uuid.uuid4().hex[:20]}",
                CreateBucketConfiguration={"LocationConstraint": server.region},
                **wish,
            )
