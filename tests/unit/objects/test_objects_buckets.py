import re

import pytest

from objectlens import errors
from objectlens.catalog.entities import Bucket


def inside(answer, name):
    return re.findall(f"<{name}>([^<]*)</{name}>", answer.text)


def test_making_and_finding(play):
    async def scenario(world):
        made = await world("PUT", "/music")
        assert (made["Location"], made["x-amz-bucket-arn"]) == ("/music", "arn:aws:s3:::music")
        # In its first region S3 says yes again, elsewhere it does not.
        assert (await world("PUT", "/music")).status == 200
        head = await world("HEAD", "/music")
        assert (head.status, head["x-amz-bucket-region"], head["x-amz-access-point-alias"]) == (
            200,
            "us-east-1",
            "false",
        )
        assert head["x-amz-bucket-arn"] == "arn:aws:s3:::music"
        point = await world.access_point("raw", "music")
        assert (await world("HEAD", f"/{point.alias}"))["x-amz-access-point-alias"] == "true"
        assert b"<LocationConstraint" in (await world("GET", "/music?location")).body
        await world.refused(errors.NoSuchBucket, "HEAD", "/nothing")

    play(scenario)


@pytest.mark.parametrize(
    "name", ["ab", "Upper", "under_score", "1.2.3.4", "xn--a", "a--x-s3", "a-s3alias", "a..b", "-"]
)
def test_bad_names(play, name):
    async def scenario(world):
        await world.refused(errors.InvalidBucketName, "PUT", f"/{name}")

    play(scenario)


def test_location_constraints(play):
    async def scenario(world):
        body = "<CreateBucketConfiguration><LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>"
        await world("PUT", "/oregon", body.format("us-west-2").encode())
        assert inside(await world("GET", "/oregon?location"), "LocationConstraint") == []
        assert b">us-west-2<" in (await world("GET", "/oregon?location")).body
        await world("PUT", "/ireland", body.format("EU").encode())
        await world.refused(errors.BucketAlreadyOwnedByYou, "PUT", "/ireland", body.format("EU").encode())
        await world.refused(errors.BucketAlreadyOwnedByYou, "PUT", "/ireland")
        assert (await world("HEAD", "/ireland"))["x-amz-bucket-region"] == "eu-west-1"
        await world.refused(
            errors.IllegalLocationConstraintException, "PUT", "/bad", body.format("no such place").encode()
        )
        await world.refused(errors.MalformedXML, "PUT", "/bad", b"<x>")
        await world.refused(errors.InvalidArgument, "PUT", "/bad", x_amz_object_ownership="Nobody")
        await world.refused(errors.NoSuchBucket, "HEAD", "/bad")

    play(scenario)


def test_listing(play):
    async def scenario(world):
        for name in ("aaa", "bbb-1", "bbb-2", "ccc"):
            await world("PUT", f"/{name}")
        assert inside(await world("GET", "/"), "Name") == ["aaa", "bbb-1", "bbb-2", "ccc"]
        assert inside(await world("GET", "/?prefix=bbb"), "Name") == ["bbb-1", "bbb-2"]
        first = await world("GET", "/?max-buckets=3")
        assert inside(first, "Name") == ["aaa", "bbb-1", "bbb-2"]
        token = inside(first, "ContinuationToken")[0]
        rest = await world("GET", f"/?max-buckets=3&continuation-token={token}")
        assert (inside(rest, "Name"), inside(rest, "ContinuationToken")) == (["ccc"], [])

    play(scenario, bucket=None)


def test_removing(play):
    async def scenario(world):
        await world("PUT", "/pics/a//b", b"x")
        await world.refused(errors.BucketNotEmpty, "DELETE", "/pics")
        await world("DELETE", "/pics/a//b")
        await world("POST", "/pics/k?uploads")
        point = await world.access_point("raw", "pics")
        await world.refused(errors.BucketHasAccessPointsAttached, "DELETE", "/pics")
        assert (await world("HEAD", "/pics")).status == 200
        await world.catalog.access_points.delete(point.account, point.name)
        assert (await world("DELETE", "/pics")).status == 204
        await world.refused(errors.NoSuchBucket, "HEAD", "/pics")
        assert [one.name for one in (world.data / "buckets").iterdir()] == []
        await world("PUT", "/pics")
        assert inside(await world("GET", "/pics?uploads"), "Key") == []

    play(scenario)


def test_an_attached_folder(play, tmp_path_factory):
    folder = tmp_path_factory.mktemp("my photos")
    (folder / "2024").mkdir()
    (folder / "2024" / "cat.jpg").write_bytes(b"cat")

    async def scenario(world):
        bucket = Bucket(
            name="photos",
            account="123456789012",
            region="us-east-1",
            created_at=world.clock.now(),
            store=folder.as_uri(),
        )
        await world.opener.create(bucket.name, bucket.store)
        await world.catalog.buckets.create(bucket)
        assert inside(await world("GET", "/photos?list-type=2"), "Key") == ["2024/cat.jpg"]
        got = await world("GET", "/photos/2024/cat.jpg")
        assert (got.body, got["Content-Type"]) == (b"cat", "image/jpeg")
        await world("PUT", "/photos/2024/dog.jpg", b"dog", Content_Type="image/jpeg")
        assert (folder / "2024" / "dog.jpg").read_bytes() == b"dog"
        assert (await world("DELETE", "/photos")).status == 204
        await world.refused(errors.NoSuchBucket, "GET", "/photos/2024/cat.jpg")
        assert sorted(one.name for one in (folder / "2024").iterdir()) == ["cat.jpg", "dog.jpg"]

    play(scenario)


def test_a_folder_that_went_away(play, tmp_path):
    async def scenario(world):
        await world("PUT", "/pics/k", b"x")
        (tmp_path / "buckets" / "pics").rename(tmp_path / "elsewhere")
        error = await world.refused(errors.InternalStoreError, "GET", "/pics/k")
        assert "the bucket's folder is gone" in error.message
        await world.refused(errors.InternalStoreError, "PUT", "/pics/k", b"x")
        await world.refused(errors.InternalStoreError, "GET", "/pics?list-type=2")
        (tmp_path / "elsewhere").rename(tmp_path / "buckets" / "pics")
        assert (await world("GET", "/pics/k")).body == b"x"

    play(scenario)
