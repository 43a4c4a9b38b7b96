import base64
import hashlib
import zlib

import pytest

from objectlens import errors

CRC = base64.b64encode(zlib.crc32(b"hello").to_bytes(4, "big")).decode()
SHA = base64.b64encode(hashlib.sha256(b"hello").digest()).decode()
MD5 = base64.b64encode(hashlib.md5(b"hello").digest()).decode()


def test_the_answer_tells_etag_and_checksum(play):
    async def scenario(world):
        answer = await world("PUT", "/pics/k", b"hello")
        assert (answer.status, answer.body) == (200, b"")
        assert answer["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'
        assert answer["x-amz-checksum-crc64nvme"] == "M3eFcAZSQlc="
        assert answer["x-amz-checksum-type"] == "FULL_OBJECT"
        answer = await world("PUT", "/pics/k", b"hello", x_amz_checksum_sha256=SHA, Content_MD5=MD5)
        assert answer["x-amz-checksum-sha256"] == SHA
        assert "x-amz-checksum-crc64nvme" not in answer.headers

    play(scenario)


def test_wrong_digests_leave_what_was_there(play):
    async def scenario(world):
        await world("PUT", "/pics/k", b"old")
        wrong = b"other"
        await world.refused(errors.BadDigest, "PUT", "/pics/k", wrong, x_amz_checksum_crc32=CRC)
        await world.refused(errors.BadDigest, "PUT", "/pics/k", wrong, x_amz_checksum_sha256=SHA)
        await world.refused(errors.BadDigest, "PUT", "/pics/k", wrong, Content_MD5=MD5)
        await world.refused(errors.InvalidDigest, "PUT", "/pics/k", wrong, Content_MD5="x")
        await world.refused(errors.BadDigest, "PUT", "/pics/new", b"x" * 3_000_000, x_amz_checksum_sha256=SHA)
        assert (await world("GET", "/pics/k")).body == b"old"
        assert "<KeyCount>1</KeyCount>" in (await world("GET", "/pics?list-type=2")).text

    play(scenario)


def test_a_checksum_in_the_trailer(play):
    async def scenario(world):
        named = {"x_amz_trailer": "x-amz-checksum-crc32"}
        trailers = {"x-amz-checksum-crc32": CRC}
        answer = await world("PUT", "/pics/k", b"hello", trailers=trailers, **named)
        assert answer["x-amz-checksum-crc32"] == CRC
        await world.refused(errors.BadDigest, "PUT", "/pics/new", b"hellO", trailers=trailers, **named)
        await world.refused(errors.MalformedTrailerError, "PUT", "/pics/new", b"hello", trailers={}, **named)
        await world.refused(errors.NoSuchKey, "GET", "/pics/new")

    play(scenario)


def test_conditional_writes(play):
    async def scenario(world):
        first = await world("PUT", "/pics/k", b"1", If_None_Match="*")
        await world.refused(errors.PreconditionFailed, "PUT", "/pics/k", b"2", If_None_Match="*")
        await world("PUT", "/pics/k", b"2", If_Match=first["ETag"])
        await world.refused(errors.PreconditionFailed, "PUT", "/pics/k", b"3", If_Match=first["ETag"])
        await world.refused(errors.NoSuchKey, "PUT", "/pics/missing", b"3", If_Match=first["ETag"])
        second = (await world("HEAD", "/pics/k"))["ETag"]
        await world.refused(errors.PreconditionFailed, "PUT", "/pics/k", b"3", If_None_Match=second)
        await world("PUT", "/pics/k", b"2", If_None_Match='"x"')
        assert (await world("GET", "/pics/k")).body == b"2"

    play(scenario)


@pytest.mark.parametrize(
    "key", ["a//b", "dir/", "../x", "%2e%2e/x", "%2Flead", "a%00b", ".objectlens/meta/x", "%C3%BC/%E2%82%AC"]
)
def test_any_key(play, key):
    async def scenario(world):
        await world("PUT", f"/pics/{key}", b"x")
        assert (await world("GET", f"/pics/{key}")).body == b"x"
        assert (await world("DELETE", f"/pics/{key}")).status == 204
        await world.refused(errors.NoSuchKey, "GET", f"/pics/{key}")

    play(scenario)


def test_what_is_not_offered_is_refused(play):
    async def scenario(world):
        for error, headers in (
            (errors.NotImplemented, {"x_amz_server_side_encryption": "AES256"}),
            (errors.InvalidRequest, {"x_amz_server_side_encryption_customer_algorithm": "AES256"}),
            (errors.AccessControlListNotSupported, {"x_amz_acl": "public-read"}),
            (errors.InvalidRequest, {"x_amz_object_lock_mode": "GOVERNANCE"}),
            (errors.InvalidTag, {"x_amz_tagging": "a=1&a=2"}),
            (errors.MetadataTooLarge, {"x_amz_meta_long": "x" * 2049}),
        ):
            await world.refused(error, "PUT", "/pics/k", b"x", **headers)
        await world.refused(errors.NoSuchKey, "GET", "/pics/k")

    play(scenario)


def test_tags_need_a_permission_of_their_own(play):
    async def scenario(world):
        writer = await world.user(
            "writer", {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::pics/*"}
        )
        assert (await world("PUT", "/pics/k", b"x", caller=writer)).status == 200
        await world.refused(errors.AccessDenied, "PUT", "/pics/k", b"x", caller=writer, x_amz_tagging="a=b")

    play(scenario)


def test_a_full_disk_is_told(play, monkeypatch):
    import errno
    import os

    async def scenario(world):
        await world("PUT", "/pics/k", b"old")

        def full(*_):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            error = await world.refused(errors.InternalStoreError, "PUT", "/pics/k", b"new")
        assert error.message == "cannot write 'k': No space left on device; free some space or raise the quota"
        assert str(world.data) not in error.message
        assert (await world("GET", "/pics/k")).body == b"old"

    play(scenario)
