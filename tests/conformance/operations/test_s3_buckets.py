"""Buckets: names, making, listing, removing, and the configurations they have or never had."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from support.live import LiveServer
from support.wire import Wire, refused


def test_create(s3: Any, wire: Wire, server: LiveServer, bucket: str) -> None:
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == server.region
    answer = wire.send("HEAD", f"/{bucket}")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.header("x-amz-bucket-region") == server.region
    with refused("BucketAlreadyOwnedByYou", 409):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": server.region})


def test_without_a_configuration(wire: Wire, s3: Any) -> None:
    name = f"plain-{uuid.uuid4().hex[:12]}"
    answer = wire.send("PUT", f"/{name}")
    assert (answer.status, answer.header("Location"), answer.body) == (200, f"/{name}", b"")
    s3.delete_bucket(Bucket=name)


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "a" * 64,
        "Upper",
        "under_score",
        "-dash",
        "dash-",
        "dot..dot",
        "192.168.1.1",
        "xn--a",
        "sp%20ace",
        "a-s3alias",
    ],
)
def test_names_that_are_none(wire: Wire, name: str) -> None:
    answer = wire.send("PUT", f"/{name}")
    assert (answer.status, answer.code) == (400, "InvalidBucketName")


def test_a_location_that_is_none(wire: Wire, s3: Any) -> None:
    with refused("IllegalLocationConstraintException", 400):
        s3.create_bucket(Bucket="somewhere-else", CreateBucketConfiguration={"LocationConstraint": "No Such Place"})
    answer = wire.send("PUT", "/somewhere-else", {}, b"<CreateBucketConfiguration><Loc")
    assert (answer.status, answer.code) == (400, "MalformedXML")
    with refused("404", 404):
        s3.head_bucket(Bucket="somewhere-else")


def test_list(s3: Any, wire: Wire, server: LiveServer, make_bucket: Callable[[], str]) -> None:
    made = sorted(make_bucket() for _ in range(5))
    answer = s3.list_buckets()
    names = [one["Name"] for one in answer["Buckets"]]
    assert names == sorted(names)
    assert set(made) <= set(names)
    assert len(answer["Owner"]["ID"]) == 64
    found = []
    for page in s3.get_paginator("list_buckets").paginate(Prefix="ops-", PaginationConfig={"PageSize": 2}):
        assert len(page["Buckets"]) <= 2
        assert page["Prefix"] == "ops-"
        found += [one["Name"] for one in page["Buckets"]]
    assert [name for name in found if name in made] == made
    by_region = s3.list_buckets(Prefix="ops-", BucketRegion=server.region)["Buckets"]
    assert {one["BucketRegion"] for one in by_region} == {server.region}
    for wrong in ("0", "10001", "x"):
        assert wire.send("GET", f"/?max-buckets={wrong}").code == "InvalidArgument"


def test_delete(s3: Any, wire: Wire, server: LiveServer) -> None:
    name = f"gone-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": server.region})
    s3.put_object(Bucket=name, Key="k", Body=b"")
    with refused("BucketNotEmpty", 409) as found:
        s3.delete_bucket(Bucket=name)
    assert found["Error"]["BucketName"] == name
    s3.delete_object(Bucket=name, Key="k")
    answer = wire.send("DELETE", f"/{name}")
    assert (answer.status, answer.body) == (204, b"")
    for operation in (s3.delete_bucket, s3.list_objects_v2, s3.get_bucket_location):
        with refused("NoSuchBucket", 404):
            operation(Bucket=name)
    with refused("404", 404):
        s3.head_bucket(Bucket=name)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": server.region})
    assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 0
    s3.delete_bucket(Bucket=name)


def test_policy(s3: Any, server: LiveServer, bucket: str) -> None:
    with refused("NoSuchBucketPolicy", 404):
        s3.get_bucket_policy(Bucket=bucket)
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": f"arn:aws:s3:::{bucket}/secret/*",
            }
        ],
    }
    s3.put_object(Bucket=bucket, Key="secret/k", Body=b"x")
    s3.put_object(Bucket=bucket, Key="open", Body=b"x")
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == policy
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False
    with refused("AccessDenied", 403):
        s3.get_object(Bucket=bucket, Key="secret/k")
    with refused("403", 403):
        s3.head_object(Bucket=bucket, Key="secret/k")
    with refused("AccessDenied", 403):
        s3.get_object(Bucket=bucket, Key="secret/none")
    assert s3.get_object(Bucket=bucket, Key="open")["Body"].read() == b"x"
    for wrong in ("{", "[]", '{"Version":"2012-10-17","Statement":[{"Effect":"Allow"}]}'):
        with refused("MalformedPolicy", 400):
            s3.put_bucket_policy(Bucket=bucket, Policy=wrong)
    other = json.dumps(policy).replace(bucket, "another-bucket")
    with refused("MalformedPolicy", 400):
        s3.put_bucket_policy(Bucket=bucket, Policy=other)
    s3.delete_bucket_policy(Bucket=bucket)
    assert s3.get_object(Bucket=bucket, Key="secret/k")["Body"].read() == b"x"


def test_tags(s3: Any, bucket: str) -> None:
    with refused("NoSuchTagSet", 404):
        s3.get_bucket_tagging(Bucket=bucket)
    tags = [{"Key": "a", "Value": "1"}, {"Key": "ü", "Value": ""}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    with refused("InvalidTag", 400):
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [tags[0], tags[0]]})
    s3.delete_bucket_tagging(Bucket=bucket)
    with refused("NoSuchTagSet", 404):
        s3.get_bucket_tagging(Bucket=bucket)


def test_tags_of_objects(s3: Any, wire: Wire, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"", Tagging="a=1&b%20c=%C3%BC&empty=")
    first = [{"Key": "a", "Value": "1"}, {"Key": "b c", "Value": "ü"}, {"Key": "empty", "Value": ""}]
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == first
    assert s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 3
    etag = s3.head_object(Bucket=bucket, Key="k")["ETag"]
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "n", "Value": "v"}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "n", "Value": "v"}]
    assert s3.head_object(Bucket=bucket, Key="k")["ETag"] == etag
    eleven = [{"Key": str(number), "Value": ""} for number in range(11)]
    for wrong, code in ((eleven, "InvalidTag"), ([{"Key": "k" * 129, "Value": ""}], "InvalidTag")):
        with refused(code, 400):
            s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": wrong})
    assert wire.send("DELETE", f"/{bucket}/k?tagging").status == 204
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    assert "TagCount" not in s3.head_object(Bucket=bucket, Key="k")
    with refused("NoSuchKey", 404):
        s3.get_object_tagging(Bucket=bucket, Key="none")


def test_public_access_block(s3: Any, bucket: str) -> None:
    flags = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=flags)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == flags
    public = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
        ],
    }
    with refused("AccessDenied", 403):
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(public))
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=flags | {"BlockPublicPolicy": False})
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(public))
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    s3.delete_public_access_block(Bucket=bucket)


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("get_bucket_cors", "NoSuchCORSConfiguration"),
        ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("get_bucket_website", "NoSuchWebsiteConfiguration"),
        ("get_bucket_replication", "ReplicationConfigurationNotFoundError"),
        ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
    ],
)
def test_configurations_that_were_never_made(s3: Any, bucket: str, operation: str, code: str) -> None:
    with refused(code, 404):
        getattr(s3, operation)(Bucket=bucket)


def test_settings_that_never_change(s3: Any, bucket: str) -> None:
    def get(operation: str) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(s3, operation)(Bucket=bucket)
        del answer["ResponseMetadata"]
        return answer

    assert get("get_bucket_versioning") == {}
    assert get("get_bucket_logging") == {}
    assert get("get_bucket_notification_configuration") == {}
    assert get("get_bucket_accelerate_configuration") == {}
    assert get("get_bucket_request_payment") == {"Payer": "BucketOwner"}
    rules = get("get_bucket_ownership_controls")["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    acl = get("get_bucket_acl")
    assert [one["Permission"] for one in acl["Grants"]] == ["FULL_CONTROL"]
    assert acl["Grants"][0]["Grantee"]["ID"] == acl["Owner"]["ID"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert s3.get_object_acl(Bucket=bucket, Key="k")["Owner"] == acl["Owner"]


DECLINED = [
    ("GET", "?inventory", "ListBucketInventoryConfigurations"),
    ("GET", "?inventory&id=1", "GetBucketInventoryConfiguration"),
    ("PUT", "?lifecycle", "PutBucketLifecycleConfiguration"),
    ("PUT", "?encryption", "PutBucketEncryption"),
    ("PUT", "?website", "PutBucketWebsite"),
    ("PUT", "?notification", "PutBucketNotificationConfiguration"),
    ("PUT", "?replication", "PutBucketReplication"),
    ("PUT", "?logging", "PutBucketLogging"),
    ("GET", "?session", "CreateSession"),
    ("GET", "/k?torrent", "GetObjectTorrent"),
    ("POST", "/k?select&select-type=2", "SelectObjectContent"),
    ("PUT", "/k?renameObject", "RenameObject"),
]


@pytest.mark.parametrize(("method", "target", "name"), DECLINED)
def test_declined_by_name(wire: Wire, bucket: str, method: str, target: str, name: str) -> None:
    answer = wire.send(method, f"/{bucket}{target}", {}, b"<x/>" if method != "GET" else b"")
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert name in answer.body.decode()
    assert wire.plain(method, f"/{bucket}{target}", {}, b"").status == 403


@pytest.mark.parametrize(
    ("method", "target"), [("POST", "/k"), ("PATCH", "/k"), ("PUT", "/k?select"), ("DELETE", "?location"), ("LOCK", "")]
)
def test_what_nothing_is_called(wire: Wire, bucket: str, method: str, target: str) -> None:
    answer = wire.send(method, f"/{bucket}{target}")
    assert (answer.status, answer.code) == (405, "MethodNotAllowed")


def test_acls_are_disabled(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    for operation, arguments in ((s3.put_bucket_acl, {}), (s3.put_object_acl, {"Key": "k"})):
        with refused("AccessControlListNotSupported", 400):
            operation(Bucket=bucket, ACL="public-read", **arguments)


def test_the_acl_that_is_there_is_taken(s3: Any, wire: Wire, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    acl = s3.get_object_acl(Bucket=bucket, Key="k")
    policy = {"Owner": acl["Owner"], "Grants": acl["Grants"]}
    s3.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy=policy)
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="bucket-owner-full-control")
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    everyone = {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"}
    policy["Grants"] = [*acl["Grants"], {"Grantee": everyone, "Permission": "READ"}]
    with refused("AccessControlListNotSupported", 400):
        s3.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy=policy)
    with refused("AccessControlListNotSupported", 400):
        s3.put_object_acl(Bucket=bucket, Key="k", GrantRead="id=x")
    with refused("NoSuchKey", 404):
        s3.put_object_acl(Bucket=bucket, Key="none", ACL="private")
    answer = wire.send("PUT", f"/{bucket}?acl", {}, b"<AccessControlPolicy>")
    assert (answer.status, answer.code) == (400, "MalformedXML")


def test_a_new_bucket_has_no_acl(s3: Any, bucket: str) -> None:
    location = {"LocationConstraint": s3.meta.region_name}
    for wish in ({"ACL": "public-read", "ObjectOwnership": "BucketOwnerEnforced"}, {"GrantRead": "id=x"}):
        with refused("InvalidBucketAclWithObjectOwnership", 400):
            s3.create_bucket(Bucket=f"{bucket}-2", CreateBucketConfiguration=location, **wish)
    with refused("404", 404):
        s3.head_bucket(Bucket=f"{bucket}-2")


def test_the_first_region_says_yes_again(server: LiveServer, bucket: str) -> None:
    s3 = server.client("s3", proxies={})
    first = f"{bucket}-1"
    s3.create_bucket(Bucket=first, CreateBucketConfiguration={"LocationConstraint": "us-east-1"})
    s3.put_object(Bucket=first, Key="k", Body=b"x")
    s3.create_bucket(Bucket=first, CreateBucketConfiguration={"LocationConstraint": "us-east-1"})
    assert s3.get_object(Bucket=first, Key="k")["Body"].read() == b"x"
    s3.delete_object(Bucket=first, Key="k")
    s3.delete_bucket(Bucket=first)
    with refused("BucketAlreadyOwnedByYou", 409):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": server.region})
