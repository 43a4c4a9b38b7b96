"""GetBucketCors, PutBucketCors and DeleteBucketCors."""

from __future__ import annotations

from objectlens import errors
from objectlens.call import Call
from objectlens.http import HttpResponse
from objectlens.objects.context import Objects, bucket_of, change_bucket, empty, xml
from objectlens.objects.documents import read_document
from objectlens.s3.cors import parse_rules, render_rules


async def get_bucket_cors(_: Objects, call: Call) -> HttpResponse:
    """Return the bucket's cross-origin rules."""
    bucket = bucket_of(call)
    if not bucket.cors:
        raise errors.NoSuchCORSConfiguration(BucketName=bucket.name)
    return xml(render_rules(bucket.cors))


async def put_bucket_cors(objects: Objects, call: Call) -> HttpResponse:
    """Replace the bucket's cross-origin rules."""
    await change_bucket(objects, call, cors=parse_rules(await read_document(call)))
    return empty(200)


async def delete_bucket_cors(objects: Objects, call: Call) -> HttpResponse:
    """Remove the bucket's cross-origin rules."""
    await change_bucket(objects, call, cors=None)
    return empty(204)
