import base64
import hashlib

import pytest

from objectlens import errors
from objectlens.objects import existing_tags


def put(world, key="k", body=b"0123456789", **headers):
    return world("PUT", f"/pics/{key}", body, **headers)


def test_what_was_put_comes_back(play):
    async def scenario(world):
        await put(
            world,
            "a/b.png",
            Content_Type="image/png",
            Cache_Control="no-store",
            x_amz_meta_Camera="X1",
            x_amz_tagging="a=1&b=2",
        )
        for method, body in (("GET", b"0123456789"), ("HEAD", b"")):
            answer = await world(method, "/pics/a/b.png")
            assert (answer.status, answer.body, answer.length) == (200, body, 10)
            assert answer["ETag"] == f'"{hashlib.md5(b"0123456789").hexdigest()}"'
            assert answer["Content-Type"] == "image/png"
            assert answer["Cache-Control"] == "no-store"
            assert answer["x-amz-meta-camera"] == "X1"
            assert answer["x-amz-tagging-count"] == "2"
            assert answer["Accept-Ranges"] == "bytes"
            assert answer["Last-Modified"].endswith(" GMT")
            assert "x-amz-checksum-crc64nvme" not in answer.headers

    play(scenario)


def test_an_object_without_a_type_is_binary(play):
    async def scenario(world):
        await put(world, "x.png")
        assert (await world("HEAD", "/pics/x.png"))["Content-Type"] == "binary/octet-stream"

    play(scenario)


def test_a_file_that_was_there_before_is_an_object(play):
    async def scenario(world):
        folder = world.data / "buckets" / "pics" / "sub"
        folder.mkdir()
        (folder / "cat.webp").write_bytes(b"meow")
        answer = await world("GET", "/pics/sub/cat.webp")
        assert answer.body == b"meow"
        assert answer["Content-Type"] == "image/webp"
        assert answer["ETag"].endswith('-1"')

    play(scenario)


@pytest.mark.parametrize(
    ("header", "body", "told"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=4-", b"456789", "bytes 4-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=8-100", b"89", "bytes 8-9/10"),
        ("bytes=-100", b"0123456789", "bytes 0-9/10"),
    ],
)
def test_ranges(play, header, body, told):
    async def scenario(world):
        await put(world)
        answer = await world("GET", "/pics/k", Range=header, x_amz_checksum_mode="ENABLED")
        assert (answer.status, answer.body, answer.length) == (206, body, len(body))
        assert answer["Content-Range"] == told
        assert "x-amz-checksum-crc64nvme" not in answer.headers
        head = await world("HEAD", "/pics/k", Range=header)
        assert (head.status, head.body, head.length, head["Content-Range"]) == (206, b"", len(body), told)

    play(scenario)


def test_ranges_that_cannot_be(play):
    async def scenario(world):
        await put(world)
        await put(world, "empty", b"")
        error = await world.refused(errors.InvalidRange, "GET", "/pics/k", Range="bytes=10-")
        assert error.headers == {"Content-Range": "bytes */10"}
        await world.refused(errors.InvalidRange, "GET", "/pics/empty", Range="bytes=0-")
        for ignored in ("bytes=5-2", "bytes=0-1,3-4", "lines=1-2", "bytes=a-b"):
            answer = await world("GET", "/pics/k", Range=ignored)
            assert (answer.status, answer.body) == (200, b"0123456789")

    play(scenario)


def test_part_numbers_of_an_object_in_one_piece(play):
    async def scenario(world):
        await put(world)
        answer = await world("GET", "/pics/k?partNumber=1")
        assert (answer.status, answer.body, answer["Content-Range"]) == (206, b"0123456789", "bytes 0-9/10")
        assert "x-amz-mp-parts-count" not in answer.headers
        await world.refused(errors.InvalidPart, "GET", "/pics/k?partNumber=2")
        await world.refused(errors.InvalidRequest, "GET", "/pics/k?partNumber=1", Range="bytes=0-1")
        await put(world, "empty", b"")
        assert (await world("GET", "/pics/empty?partNumber=1")).status == 200

    play(scenario)


def test_conditions(play):
    async def scenario(world):
        etag = (await put(world))["ETag"]
        modified = (await world("HEAD", "/pics/k"))["Last-Modified"]
        old, later = "Mon, 01 Jan 2024 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
        for method in ("GET", "HEAD"):
            assert (await world(method, "/pics/k", If_Match=etag)).status == 200
            assert (await world(method, "/pics/k", If_None_Match='"other"')).status == 200
            assert (await world(method, "/pics/k", If_None_Match="")).status == 200
            assert (await world(method, "/pics/k", If_Modified_Since=old)).status == 200
            assert (await world(method, "/pics/k", If_Unmodified_Since=modified)).status == 200
            assert (await world(method, "/pics/k", If_Match=etag, If_Unmodified_Since=old)).status == 200
            await world.refused(errors.PreconditionFailed, method, "/pics/k", If_Match='"other"')
            await world.refused(errors.PreconditionFailed, method, "/pics/k", If_Unmodified_Since=old)
            unchanged = await world.refused(errors.NotModified, method, "/pics/k", If_None_Match=etag)
            assert unchanged.headers == {"ETag": etag, "Last-Modified": modified}
            await world.refused(errors.NotModified, method, "/pics/k", If_Modified_Since=later)

    play(scenario)


def test_overrides_and_checksums(play):
    async def scenario(world):
        crc = base64.b64encode((0xA684C7C6).to_bytes(4, "big")).decode()
        await put(world, x_amz_checksum_crc32=crc, x_amz_sdk_checksum_algorithm="CRC32")
        answer = await world(
            "GET", "/pics/k?response-content-type=text%2Fhtml&response-expires=never", x_amz_checksum_mode="ENABLED"
        )
        assert answer["Content-Type"] == "text/html"
        assert answer["Expires"] == "never"
        assert answer["x-amz-checksum-crc32"] == crc
        assert answer["x-amz-checksum-type"] == "FULL_OBJECT"

    play(scenario)


def test_what_a_caller_without_permission_learns(play):
    async def scenario(world):
        await put(world, "there")
        reader = await world.user(
            "reader", {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::pics/*"}
        )
        lister = await world.user(
            "lister",
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::pics/*"},
            {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::pics"},
        )
        nobody = await world.user("nobody", {"Effect": "Deny", "Action": "*", "Resource": "*"})
        for method in ("GET", "HEAD"):
            assert (await world(method, "/pics/there", caller=reader)).status == 200
            await world.refused(errors.AccessDenied, method, "/pics/missing", caller=reader)
            await world.refused(errors.NoSuchKey, method, "/pics/missing", caller=lister)
            there = await world.refused(errors.AccessDenied, method, "/pics/there", caller=nobody)
            missing = await world.refused(errors.AccessDenied, method, "/pics/missing", caller=nobody)
            assert there.message.replace("there", "KEY") == missing.message.replace("missing", "KEY")

    play(scenario)


def test_policies_that_look_at_tags(play):
    async def scenario(world):
        await put(world, "open", x_amz_tagging="class=public")
        await put(world, "closed", x_amz_tagging="class=secret")
        user = await world.user(
            "user",
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
            {
                "Effect": "Deny",
                "Action": "s3:*",
                "Resource": "*",
                "Condition": {"StringEquals": {"s3:ExistingObjectTag/class": "secret"}},
            },
        )
        for method, query in (("GET", ""), ("HEAD", ""), ("GET", "?tagging"), ("GET", "?acl"), ("DELETE", "?tagging")):
            assert (await world(method, f"/pics/open{query}", caller=user)).status < 300
            await world.refused(errors.AccessDenied, method, f"/pics/closed{query}", caller=user)
        await world.refused(errors.AccessDenied, "GET", "/pics/closed", caller=user, If_None_Match="*")
        await world.refused(errors.AccessDenied, "PUT", "/pics/x", caller=user, x_amz_copy_source="pics/closed")
        assert (await world("GET", "/pics/closed")).status == 200
        bucket = await world.catalog.buckets.get("pics")
        assert await existing_tags(world.objects, bucket, "closed") == {"s3:ExistingObjectTag/class": "secret"}
        assert await existing_tags(world.objects, bucket, "missing") == {}

    play(scenario)


def test_versions_owners_and_customer_keys(play):
    async def scenario(world):
        await put(world)
        assert (await world("GET", "/pics/k?versionId=null")).status == 200
        await world.refused(errors.NoSuchVersion, "GET", "/pics/k?versionId=vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv")
        await world.refused(errors.InvalidArgument, "GET", "/pics/k?versionId=abc")
        assert (await world("GET", "/pics/k", x_amz_expected_bucket_owner="123456789012")).status == 200
        await world.refused(errors.AccessDenied, "GET", "/pics/k", x_amz_expected_bucket_owner="000000000000")
        for method in ("GET", "HEAD"):
            await world.refused(
                errors.InvalidRequest, method, "/pics/k", x_amz_server_side_encryption_customer_algorithm="AES256"
            )

    play(scenario)


def test_no_file_stays_open(play):
    async def scenario(world):
        await put(world)
        before = world.open_files()
        for _ in range(20):
            await world("GET", "/pics/k", Range="bytes=1-2")
            await world("GET", "/pics/k")
            await world("HEAD", "/pics/k")
            await world.refused(errors.NotModified, "GET", "/pics/k", If_None_Match="*")
            await world.refused(errors.InvalidRange, "GET", "/pics/k", Range="bytes=50-")
            await world.refused(errors.NoSuchKey, "GET", "/pics/missing")
        assert world.open_files() == before

    play(scenario)
