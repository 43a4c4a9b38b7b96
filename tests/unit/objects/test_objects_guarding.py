import pytest

from objectlens import errors
from objectlens.access.values import Caller
from objectlens.call import Call
from objectlens.http import Headers, HttpRequest, HttpResponse
from objectlens.objects.guarding import guarded
from objectlens.s3 import operations
from objectlens.s3.address import parse_address
from objectlens.streams import BytesBody

ROOT = Caller(
    kind="Root",
    account="123456789012",
    arn="arn:aws:iam::123456789012:root",
    principal_id="123456789012",
    access_key_id="AKIAROOT",
)


async def _call(world, method):
    http = HttpRequest(method, "/pics/k", "", Headers([]), "localhost:9000", body=BytesBody(b""))
    address = parse_address(http.host, http.path, ("localhost",))
    bucket = await world.catalog.buckets.get("pics")
    return Call(
        request_id="00000000-0000-4000-8000-000000000000",
        http=http,
        operation=operations.match(http, address),
        caller=ROOT,
        address=address,
        resource=bucket,
        bucket=bucket,
        body=http.body,
    )


def test_a_write_into_a_bucket_that_went_is_told_as_lost(play):
    async def scenario(world):
        call = await _call(world, "PUT")

        async def write(objects, _):
            await objects.catalog.buckets.delete("pics")
            return HttpResponse(200, Headers([]))

        with pytest.raises(errors.NoSuchBucket):
            await guarded(write)(world.objects, call)

    play(scenario)


@pytest.mark.parametrize(("gone", "expected"), [(True, errors.NoSuchBucket), (False, errors.InternalStoreError)])
def test_a_failing_store_of_a_bucket_that_went(play, gone, expected):
    async def scenario(world):
        call = await _call(world, "GET")

        async def fail(objects, _):
            if gone:
                await objects.catalog.buckets.delete("pics")
            raise errors.InternalStoreError("the folder is not there")

        with pytest.raises(expected):
            await guarded(fail)(world.objects, call)

    play(scenario)
