import json
import re

import pytest

from objectlens import errors
from objectlens.objects import OPERATIONS
from objectlens.s3 import operations

PRIVATE = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"AWS": "123456789012"},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::pics/*",
    },
}
PUBLIC = {**PRIVATE, "Statement": {**PRIVATE["Statement"], "Principal": "*"}}
OPEN = b"<PublicAccessBlockConfiguration></PublicAccessBlockConfiguration>"


def inside(answer, name):
    return re.findall(f"<{name}>([^<]*)</{name}>", answer.text)


def test_every_operation_is_served_or_declined():
    served = {name for name, one in operations.OPERATIONS.items() if one.declined is None}
    assert OPERATIONS.keys() == served - {"WriteGetObjectResponse"}


def test_policies(play):
    async def scenario(world):
        await world.refused(errors.NoSuchBucketPolicy, "GET", "/pics?policy")
        await world.refused(errors.NoSuchBucketPolicy, "GET", "/pics?policyStatus")
        text = json.dumps(PRIVATE, indent=3)
        assert (await world("PUT", "/pics?policy", text.encode())).status == 204
        answer = await world("GET", "/pics?policy")
        assert (answer.text, answer["Content-Type"]) == (text, "application/json")
        assert inside(await world("GET", "/pics?policyStatus"), "IsPublic") == ["false"]
        for bad in (b"", b"{}", b"[]", b"\xff", b'{"Version":"2012-10-17","Statement":[]}', b" " * 30_000):
            await world.refused(errors.MalformedPolicy, "PUT", "/pics?policy", bad)
        assert (await world("DELETE", "/pics?policy")).status == 204
        await world.refused(errors.NoSuchBucketPolicy, "GET", "/pics?policy")

    play(scenario)


@pytest.mark.parametrize("resource", ["arn:aws:s3:::other/*", "arn:aws:s3:::pics2", "arn:aws:s3:::picsx/*"])
def test_a_policy_must_be_about_its_bucket(play, resource):
    async def scenario(world):
        policy = {**PRIVATE, "Statement": {**PRIVATE["Statement"], "Resource": resource}}
        error = await world.refused(errors.MalformedPolicy, "PUT", "/pics?policy", json.dumps(policy).encode())
        assert resource in error.message

    play(scenario)


@pytest.mark.parametrize("action", ["s3-object-lambda:GetObject", ["s3:GetObject", "iam:*"], "*", "S3:Get*"])
def test_a_policy_must_be_about_s3(play, action):
    async def scenario(world):
        policy = {**PRIVATE, "Statement": {**PRIVATE["Statement"], "Action": action}}
        body = json.dumps(policy).encode()
        if action in ("*", "S3:Get*"):
            assert (await world("PUT", "/pics?policy", body)).status == 204
        else:
            error = await world.refused(errors.MalformedPolicy, "PUT", "/pics?policy", body)
            assert error.message.startswith("Policy has invalid action: ")

    play(scenario)


def test_public_policies_and_the_block(play):
    async def scenario(world):
        flags = await world("GET", "/pics?publicAccessBlock")
        assert inside(flags, "BlockPublicPolicy") == ["true"]
        await world.refused(errors.AccessDenied, "PUT", "/pics?policy", json.dumps(PUBLIC).encode())
        assert (await world("PUT", "/pics?publicAccessBlock", OPEN)).status == 200
        assert inside(await world("GET", "/pics?publicAccessBlock"), "BlockPublicPolicy") == ["false"]
        await world("PUT", "/pics?policy", json.dumps(PUBLIC).encode())
        assert inside(await world("GET", "/pics?policyStatus"), "IsPublic") == ["true"]
        assert (await world("DELETE", "/pics?publicAccessBlock")).status == 204
        await world.refused(errors.NoSuchPublicAccessBlockConfiguration, "GET", "/pics?publicAccessBlock")
        await world("PUT", "/pics?policy", json.dumps(PUBLIC).encode())

    play(scenario)


def tagging(*pairs):
    rows = "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in pairs)
    return f"<Tagging><TagSet>{rows}</TagSet></Tagging>".encode()


def test_tags_of_a_bucket(play):
    async def scenario(world):
        await world.refused(errors.NoSuchTagSet, "GET", "/pics?tagging")
        assert (await world("PUT", "/pics?tagging", tagging(("team", "ml"), ("a", "")))).status == 204
        assert inside(await world("GET", "/pics?tagging"), "Key") == ["a", "team"]
        assert (await world("DELETE", "/pics?tagging")).status == 204
        await world.refused(errors.NoSuchTagSet, "GET", "/pics?tagging")

    play(scenario)


def test_tags_of_an_object(play):
    async def scenario(world):
        before = await world("PUT", "/pics/k", b"x", Content_Type="image/png")
        assert inside(await world("GET", "/pics/k?tagging"), "Key") == []
        assert (await world("PUT", "/pics/k?tagging", tagging(("split", "train")))).status == 200
        answer = await world("GET", "/pics/k?tagging&versionId=null")
        assert (inside(answer, "Key"), inside(answer, "Value")) == (["split"], ["train"])
        got = await world("GET", "/pics/k")
        assert (got["x-amz-tagging-count"], got["Content-Type"], got["ETag"]) == ("1", "image/png", before["ETag"])
        assert (await world("DELETE", "/pics/k?tagging")).status == 204
        assert inside(await world("GET", "/pics/k?tagging"), "Key") == []
        for method, body in (("GET", b""), ("PUT", tagging()), ("DELETE", b"")):
            await world.refused(errors.NoSuchKey, method, "/pics/missing?tagging", body)
            await world.refused(
                errors.NoSuchVersion, method, "/pics/k?tagging&versionId=vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv", body
            )
        await world.refused(errors.InvalidTag, "PUT", "/pics/k?tagging", tagging(*((f"k{n}", "") for n in range(11))))

    play(scenario)


def test_acls(play):
    async def scenario(world):
        await world("PUT", "/pics/k", b"x")
        for target in ("/pics?acl", "/pics/k?acl"):
            answer = await world("GET", target)
            assert inside(answer, "Permission") == ["FULL_CONTROL"]
            assert len(set(inside(answer, "ID"))) == 1
            await world.refused(errors.AccessControlListNotSupported, "PUT", target, b"<AccessControlPolicy/>")
            await world.refused(errors.AccessControlListNotSupported, "PUT", target, x_amz_acl="public-read")
            await world.refused(errors.AccessControlListNotSupported, "PUT", target, x_amz_grant_read="id=1")
            for same in (answer.body, b""):
                headers = {} if same else {"x_amz_acl": "bucket-owner-full-control"}
                assert (await world("PUT", target, same, **headers)).status == 200
            other = answer.body.replace(b"FULL_CONTROL", b"READ")
            await world.refused(errors.AccessControlListNotSupported, "PUT", target, other)
        await world.refused(errors.NoSuchKey, "GET", "/pics/missing?acl")
        await world.refused(errors.NoSuchKey, "PUT", "/pics/missing?acl", b"<AccessControlPolicy/>")

    play(scenario)


def test_features_that_a_bucket_does_not_have(play):
    async def scenario(world):
        await world("PUT", "/pics/k", b"x")
        for target, error in (
            ("/pics?cors", errors.NoSuchCORSConfiguration),
            ("/pics?lifecycle", errors.NoSuchLifecycleConfiguration),
            ("/pics?encryption", errors.ServerSideEncryptionConfigurationNotFoundError),
            ("/pics?object-lock", errors.ObjectLockConfigurationNotFoundError),
            ("/pics/k?legal-hold", errors.InvalidRequest),
            ("/pics/k?retention", errors.InvalidRequest),
            ("/pics/missing?retention", errors.NoSuchKey),
        ):
            await world.refused(error, "GET", target)
        assert inside(await world("GET", "/pics?ownershipControls"), "ObjectOwnership") == ["BucketOwnerEnforced"]
        assert (await world("GET", "/pics?notification")).status == 200
        await world.refused(errors.InvalidObjectState, "POST", "/pics/k?restore", b"<RestoreRequest/>")
        await world.refused(errors.NoSuchKey, "POST", "/pics/missing?restore", b"<RestoreRequest/>")

    play(scenario)


def test_attributes(play):
    async def scenario(world):
        put = await world("PUT", "/pics/k", b"hello")
        answer = await world(
            "GET", "/pics/k?attributes", x_amz_object_attributes="ETag,Checksum,ObjectParts,StorageClass,ObjectSize"
        )
        assert inside(answer, "ETag") == [put["ETag"].strip('"')]
        assert inside(answer, "ChecksumCRC64NVME") == [put["x-amz-checksum-crc64nvme"]]
        assert (inside(answer, "ObjectSize"), inside(answer, "StorageClass")) == (["5"], ["STANDARD"])
        assert "ObjectParts" not in answer.text
        assert answer["Last-Modified"].endswith("GMT")
        only = await world("GET", "/pics/k?attributes", x_amz_object_attributes="ObjectSize")
        assert "ETag" not in only.text
        await world.refused(errors.NoSuchKey, "GET", "/pics/missing?attributes", x_amz_object_attributes="ETag")

    play(scenario)
