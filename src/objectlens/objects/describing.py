"""GetObjectAttributes, the one ACL there is, and what S3 says of features that a bucket does not have."""

from __future__ import annotations

from objectlens.call import Call
from objectlens.http import HttpResponse
from objectlens.objects import versioning
from objectlens.objects.context import (
    Objects,
    bucket_of,
    empty,
    owner,
    xml,
)
from objectlens.objects.documents import read_document
from objectlens.objects.finding import found
from objectlens.s3.dates import http_date
from objectlens.s3.inputs import ReadAttributes, check_acl, check_ownership
from objectlens.s3.outputs import STANDARD, ObjectAttributes
from objectlens.s3.outputs_bucket import owner_acl, unset


async def get_object_attributes(objects: Objects, call: Call) -> HttpResponse:
    """Return what was asked for of an object's ETag, checksum, parts, class and size."""
    asked = ReadAttributes.parse(call.http)
    stat = await found(objects, call)
    attributes, wanted = stat.attributes, asked.wanted
    answer = ObjectAttributes(
        etag=stat.etag if "ETag" in wanted else None,
        checksums=attributes.checksums if "Checksum" in wanted else None,
        checksum_type=attributes.checksum_type if "Checksum" in wanted else None,
        parts=attributes.parts if "ObjectParts" in wanted else None,
        part_number_marker=asked.part_number_marker,
        max_parts=asked.max_parts,
        storage_class=STANDARD if "StorageClass" in wanted else None,
        size=stat.size if "ObjectSize" in wanted else None,
        part_checksums=tuple(dict.fromkeys(attributes.checksums, one) for one in attributes.part_checksums),
    )
    headers = [("Last-Modified", http_date(stat.modified)), *versioning.of_read(bucket_of(call), stat)]
    return xml(answer.xml(), headers)


async def get_object_acl(objects: Objects, call: Call) -> HttpResponse:
    """Return the ACL of every object: its bucket's owner has full control."""
    await found(objects, call)
    return await get_bucket_acl(objects, call)


async def get_bucket_acl(_: Objects, call: Call) -> HttpResponse:
    """Return the ACL of every bucket: its owner has full control."""
    return xml(owner_acl(owner(bucket_of(call).account)))


async def put_acl(objects: Objects, call: Call) -> HttpResponse:
    """Take the ACL that every bucket and every object has anyway."""
    if call.address.level == "object":
        await found(objects, call)
    check_acl(call.http.headers, await read_document(call), owner(bucket_of(call).account).id)
    return empty(200)


async def put_bucket_ownership_controls(_: Objects, call: Call) -> HttpResponse:
    """Take the ownership that every bucket has anyway."""
    check_ownership(await read_document(call))
    return empty(200)


async def not_set(objects: Objects, call: Call) -> HttpResponse:
    """Answer as S3 does for a bucket or an object that never had the configuration."""
    if call.address.level == "object":
        await found(objects, call)
    return xml(unset(call.operation.name, bucket_of(call).name))
