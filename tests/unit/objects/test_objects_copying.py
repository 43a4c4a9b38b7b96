import hashlib
import re
from datetime import UTC, datetime

import pytest

from objectlens import errors
from objectlens.catalog.entities import ObjectLambdaAccessPoint, ObjectLambdaConfiguration

PNG = {"Content_Type": "image/png", "x_amz_meta_k": "v", "x_amz_tagging": "a=b"}


def inside(answer, name):
    return re.findall(f"<{name}>([^<]*)</{name}>", answer.text)


def test_a_copy_is_the_same(play):
    async def scenario(world):
        put = await world("PUT", "/pics/a b/x", b"bytes", **PNG)
        answer = await world("PUT", "/pics/copy", x_amz_copy_source="/pics/a%20b/x")
        assert inside(answer, "ETag") == [put["ETag"].replace('"', "&quot;")]
        assert inside(answer, "ChecksumCRC64NVME") == [put["x-amz-checksum-crc64nvme"]]
        got = await world("GET", "/pics/copy")
        assert got.body == b"bytes"
        assert (got["Content-Type"], got["x-amz-meta-k"], got["x-amz-tagging-count"]) == ("image/png", "v", "1")

    play(scenario)


def test_directives(play):
    async def scenario(world):
        await world("PUT", "/pics/x", b"bytes", **PNG)
        await world(
            "PUT",
            "/pics/y",
            x_amz_copy_source="pics/x",
            x_amz_metadata_directive="REPLACE",
            x_amz_tagging_directive="REPLACE",
            x_amz_meta_new="1",
            x_amz_tagging="c=d&e=f",
        )
        got = await world("GET", "/pics/y")
        assert (got.body, got["Content-Type"], got["x-amz-meta-new"]) == (b"bytes", "binary/octet-stream", "1")
        assert (got["x-amz-tagging-count"], "x-amz-meta-k" in got.headers) == ("2", False)

    play(scenario)


def test_onto_itself(play):
    async def scenario(world):
        await world("PUT", "/pics/x", b"bytes" * 1000, **PNG)
        await world.refused(errors.InvalidRequest, "PUT", "/pics/x", x_amz_copy_source="pics/x")
        await world(
            "PUT", "/pics/x", x_amz_copy_source="pics/x", x_amz_metadata_directive="REPLACE", Content_Type="text/plain"
        )
        got = await world("GET", "/pics/x")
        assert (got.body, got["Content-Type"]) == (b"bytes" * 1000, "text/plain")

    play(scenario)


def test_files_of_others_get_a_real_etag(play):
    async def scenario(world):
        (world.data / "buckets" / "pics" / "f.txt").write_bytes(b"there before")
        answer = await world("PUT", "/pics/g.txt", x_amz_copy_source="pics/f.txt")
        assert hashlib.md5(b"there before").hexdigest() in inside(answer, "ETag")[0]
        got = await world("GET", "/pics/g.txt")
        assert (got.body, got["Content-Type"]) == (b"there before", "text/plain")
        sha = await world("PUT", "/pics/h.txt", x_amz_copy_source="pics/g.txt", x_amz_checksum_algorithm="SHA256")
        assert len(inside(sha, "ChecksumSHA256")) == 1

    play(scenario)


def test_conditions_on_the_source(play):
    async def scenario(world):
        etag = (await world("PUT", "/pics/x", b"bytes"))["ETag"]
        source = {"x_amz_copy_source": "pics/x"}
        await world("PUT", "/pics/y", **source, x_amz_copy_source_if_match=etag)
        for refusing in (
            {"x_amz_copy_source_if_match": '"other"'},
            {"x_amz_copy_source_if_none_match": etag},
            {"x_amz_copy_source_if_unmodified_since": "Mon, 01 Jan 2024 00:00:00 GMT"},
            {"If_None_Match": "*"},
        ):
            await world.refused(errors.PreconditionFailed, "PUT", "/pics/y", **source, **refusing)

    play(scenario)


def test_sources_through_access_points(play):
    async def scenario(world):
        await world("PUT", "/pics/x/y", b"bytes")
        point = await world.access_point("raw", "pics")
        for source in (f"{point.alias}/x/y", f"{point.arn}/object/x/y", f"{point.arn}/object/x/y".replace(":", "%3A")):
            await world("PUT", "/pics/copy", x_amz_copy_source=source)
            assert (await world("GET", "/pics/copy")).body == b"bytes"
            await world("DELETE", "/pics/copy")
        lens = ObjectLambdaAccessPoint(
            name="lens",
            account="123456789012",
            region="us-east-1",
            alias="lens-abc--ol-s3",
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            configuration=ObjectLambdaConfiguration(supporting_access_point=point.arn),
        )
        await world.catalog.object_lambda_access_points.create(lens)
        for source in (f"{lens.arn}/object/x/y", f"{lens.alias}/x/y"):
            await world.refused(errors.InvalidRequest, "PUT", "/pics/copy", x_amz_copy_source=source)

    play(scenario)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("pics/missing", errors.NoSuchKey),
        ("nobucket/x", errors.NoSuchBucket),
        ("pics", errors.InvalidArgument),
        ("pics/x?versionId=vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv", errors.NoSuchVersion),
    ],
)
def test_sources_that_are_not_there(play, source, error):
    async def scenario(world):
        await world("PUT", "/pics/x", b"bytes")
        await world.refused(error, "PUT", "/pics/y", x_amz_copy_source=source)
        assert (await world("PUT", "/pics/y", x_amz_copy_source="pics/x?versionId=null")).status == 200

    play(scenario)


def test_the_source_must_be_readable(play):
    async def scenario(world):
        await world("PUT", "/pics/secret", b"s")
        await world("PUT", "/pics/tagged", b"t", x_amz_tagging="a=b")
        write = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::pics/out"}
        read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::pics/tagged"}
        user = await world.user("user", write, read)
        for source in ("pics/secret", "pics/none"):
            await world.refused(errors.AccessDenied, "PUT", "/pics/out", caller=user, x_amz_copy_source=source)
        await world.refused(errors.AccessDenied, "PUT", "/pics/out", caller=user, x_amz_copy_source="pics/tagged")
        await world("PUT", "/pics/out", caller=user, x_amz_copy_source="pics/tagged", x_amz_tagging_directive="REPLACE")
        await world.refused(
            errors.AccessDenied,
            "PUT",
            "/pics/out",
            x_amz_copy_source="pics/tagged",
            x_amz_source_expected_bucket_owner="000000000000",
        )

    play(scenario)


def test_parts_from_objects(play):
    async def scenario(world):
        big = b"0123456789abcdef" * (6 * 65536)
        await world("PUT", "/pics/src", big)
        upload = inside(await world("POST", "/pics/k?uploads"), "UploadId")[0]
        first = await world(
            "PUT",
            f"/pics/k?partNumber=1&uploadId={upload}",
            x_amz_copy_source="pics/src",
            x_amz_copy_source_range="bytes=1-5242880",
        )
        last = await world("PUT", f"/pics/k?partNumber=2&uploadId={upload}", x_amz_copy_source="pics/src")
        await world.refused(
            errors.InvalidRange,
            "PUT",
            f"/pics/k?partNumber=3&uploadId={upload}",
            x_amz_copy_source="pics/src",
            x_amz_copy_source_range=f"bytes=0-{len(big)}",
        )
        rows = "".join(
            f"<Part><PartNumber>{n}</PartNumber><ETag>{inside(answer, 'ETag')[0]}</ETag></Part>"
            for n, answer in enumerate((first, last), 1)
        )
        await world(
            "POST", f"/pics/k?uploadId={upload}", f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>".encode()
        )
        assert (await world("GET", "/pics/k")).body == big[1:5242881] + big

    play(scenario)


def test_copies_leave_no_file_open(play):
    async def scenario(world):
        await world("PUT", "/pics/x", b"bytes", x_amz_tagging="a=b")
        user = await world.user(
            "u",
            {"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"], "Resource": "arn:aws:s3:::pics/*"},
        )
        before = world.open_files()
        for _ in range(10):
            await world("PUT", "/pics/y", x_amz_copy_source="pics/x")
            await world("PUT", "/pics/y", x_amz_copy_source="pics/x", x_amz_checksum_algorithm="SHA1")
            await world.refused(errors.AccessDenied, "PUT", "/pics/y", caller=user, x_amz_copy_source="pics/x")
            await world.refused(
                errors.PreconditionFailed, "PUT", "/pics/y", x_amz_copy_source="pics/x", If_None_Match="*"
            )
        assert world.open_files() == before

    play(scenario)
