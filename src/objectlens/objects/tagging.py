"""Tags of objects and of buckets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from objectlens import errors
from objectlens.call import Call
from objectlens.http import HttpResponse
from objectlens.objects import versioning
from objectlens.objects.context import (
    Objects,
    bucket_of,
    change_bucket,
    empty,
    key_of,
    xml,
)
from objectlens.objects.documents import read_document
from objectlens.objects.finding import found, version_of
from objectlens.s3 import outputs
from objectlens.s3.inputs import parse_tagging
from objectlens.s3.inputs.tagging import BUCKET_TAGS


async def get_object_tagging(objects: Objects, call: Call) -> HttpResponse:
    """Return an object's tags."""
    stat = await found(objects, call)
    return xml(outputs.tagging(stat.attributes.tags), versioning.of_read(bucket_of(call), stat))


async def put_object_tagging(objects: Objects, call: Call) -> HttpResponse:
    """Replace an object's tags."""
    return empty(200, await _set_tags(objects, call, parse_tagging(await read_document(call))))


async def delete_object_tagging(objects: Objects, call: Call) -> HttpResponse:
    """Remove an object's tags."""
    return empty(204, await _set_tags(objects, call, {}))


async def _set_tags(objects: Objects, call: Call, tags: Mapping[str, str]) -> list[tuple[str, str]]:
    await found(objects, call)
    store = objects.at(bucket_of(call), version_of(call))
    stat = await store.set_attributes(key_of(call), lambda stat: replace(stat.attributes, tags=tags))
    return versioning.of_read(bucket_of(call), stat)


async def get_bucket_tagging(objects: Objects, call: Call) -> HttpResponse:
    """Return a bucket's tags."""
    bucket = bucket_of(call)
    if not bucket.tags:
        raise errors.NoSuchTagSet(BucketName=bucket.name)
    return xml(outputs.tagging(bucket.tags))


async def put_bucket_tagging(objects: Objects, call: Call) -> HttpResponse:
    """Replace a bucket's tags."""
    tags = parse_tagging(await read_document(call), BUCKET_TAGS)
    await change_bucket(objects, call, tags=tags)
    return empty(204)


async def delete_bucket_tagging(objects: Objects, call: Call) -> HttpResponse:
    """Remove a bucket's tags."""
    await change_bucket(objects, call, tags={})
    return empty(204)
