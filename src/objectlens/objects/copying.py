"""CopyObject and UploadPartCopy: the source, which the caller must be allowed to read, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from objectlens import errors
from objectlens.call import Call
from objectlens.catalog.entities import AccessPoint, Bucket, ObjectLambdaAccessPoint, Resource
from objectlens.http import HttpResponse
from objectlens.objects import versioning
from objectlens.objects.acls import allowed_acl
from objectlens.objects.context import (
    Objects,
    bucket_of,
    key_of,
    resource_of,
    upload_errors,
    xml,
)
from objectlens.objects.finding import check_tags, missing
from objectlens.objects.multipart import algorithm_of, part_algorithm, upload_of
from objectlens.objects.put import FULL, condition
from objectlens.objects.reading import Chosen, discard, open_chosen
from objectlens.objects.receiving import DEFAULT, Received
from objectlens.s3.acl import Canned
from objectlens.s3.checksums import Algorithm, algorithm_named
from objectlens.s3.inputs import CopyObject, CopySource, UploadPartCopy, check_bucket_owner
from objectlens.s3.outputs import copy_result
from objectlens.stores import Attributes, Copies, KeyNotFound, Late, Marked, Opened, Stat, Store

LARGEST = 5 * 1024**3


@dataclass(frozen=True, slots=True)
class Source:
    """A copy's source that the caller may read: what the request named, and the bucket behind it."""

    resource: Resource
    bucket: Bucket
    key: str


async def copy_object(objects: Objects, call: Call) -> HttpResponse:
    """Write an object that is a copy of another one, or of itself with other metadata."""
    asked = CopyObject.parse(call.http)
    source = await source_of(objects, call, asked.source)
    same = (source.bucket.name, source.key, asked.source.version_id) == (bucket_of(call).name, key_of(call), None)
    if same and not asked.changes_something:
        raise errors.InvalidRequest(
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes."
        )
    acl = await allowed_acl(objects, bucket_of(call), asked.kept.acl)
    there = await _copied_there(objects, call, source, asked, acl=acl)
    stat, original = there or await _copied(objects, call, source, asked, acl=acl)
    kept = stat.attributes
    document = copy_result("CopyObjectResult", stat.etag, stat.modified, kept.checksums, kept.checksum_type)
    return xml(document, [*versioning.of_written(stat), *_source_version(source, original)])


async def upload_part_copy(objects: Objects, call: Call) -> HttpResponse:
    """Keep a run of an object as a part of an upload."""
    asked = UploadPartCopy.parse(call.http)
    store = objects.store(bucket_of(call))
    upload = await upload_of(store, asked.upload_id, key_of(call))
    source = await source_of(objects, call, asked.source)
    opened, _ = await _open(objects, call, source, asked.source, asked.span)
    received = Received(opened.body, part_algorithm(upload))
    try:
        with upload_errors(upload.id):
            part = await store.put_part(upload.id, asked.part_number, received, received.checksums)
    finally:
        await discard(opened.body)
    told = part.checksums if algorithm_of(upload) else {}
    document = copy_result("CopyPartResult", part.etag, part.modified, told)
    return xml(document, _source_version(source, opened.stat))


async def source_of(objects: Objects, call: Call, asked: CopySource) -> Source:
    """Find a copy's source and see that the caller may read it."""
    resource = await objects.catalog.resolve(asked.address)
    if isinstance(resource, ObjectLambdaAccessPoint):
        raise errors.InvalidRequest(
            "An Object Lambda access point cannot be the source of a copy. Copy from its supporting access point, or "
            "read the transformed object and put it."
        )
    bucket = await objects.catalog.buckets.get(resource.bucket) if isinstance(resource, AccessPoint) else resource
    if resource is None or bucket is None or asked.address.key is None:
        raise errors.NoSuchBucket(BucketName=asked.address.name or "")
    check_bucket_owner(call.http.headers, bucket.account, "x-amz-source-expected-bucket-owner")
    action = "s3:GetObjectVersion" if asked.version_id else "s3:GetObject"
    key, context = asked.address.key, _version_context(asked.version_id)
    await objects.access.authorize(call.caller, action, resource, key=key, context=context, http=call.http)
    return Source(resource, bucket, asked.address.key)


def _version_context(version: str | None) -> dict[str, str]:
    return {} if version is None else {"s3:VersionId": version}


def _source_version(source: Source, stat: Stat) -> list[tuple[str, str]]:
    return versioning.of_read(source.bucket, stat, "x-amz-copy-source-version-id")


async def _may_copy_tags(objects: Objects, call: Call, source: Source, stat: Stat) -> None:
    await check_tags(objects, call, stat, action="s3:GetObjectTagging", resource=source.resource)
    target = resource_of(call)
    await objects.access.authorize(call.caller, "s3:PutObjectTagging", target, key=key_of(call), http=call.http)


async def _copied_there(
    objects: Objects, call: Call, source: Source, asked: CopyObject, *, acl: Canned | None
) -> tuple[Stat, Stat] | None:
    """Let a store copy within itself, where it can; return the copy and the original."""
    store = objects.store(source.bucket)
    within = source.bucket.name == bucket_of(call).name and asked.source.version_id is None
    if not within or not isinstance(store, Copies):
        return None
    try:
        original = await store.stat(source.key)
    except KeyNotFound as gone:
        raise await missing(objects, call, source.resource, gone, None) from None
    await _check_source(objects, call, source, asked.source, stat=original)
    if asked.tagging == "COPY" and original.attributes.tags:
        await _may_copy_tags(objects, call, source, original)
    kept = _kept(asked, original, acl)
    stat = await store.copy(
        original, key_of(call), kept, condition=condition(asked.conditions), algorithm=asked.algorithm
    )
    return None if stat is None else (stat, original)


async def _copied(
    objects: Objects, call: Call, source: Source, asked: CopyObject, *, acl: Canned | None
) -> tuple[Stat, Stat]:
    """Copy through here; return the copy and the original."""
    opened, _ = await _open(objects, call, source, asked.source, None)
    try:
        if asked.tagging == "COPY" and opened.stat.attributes.tags:
            await _may_copy_tags(objects, call, source, opened.stat)
    except BaseException:
        await discard(opened.body)
        raise
    return await _write(objects.store(bucket_of(call)), key_of(call), asked, opened, acl), opened.stat


async def _open(
    objects: Objects, call: Call, source: Source, asked: CopySource, span: tuple[int, int] | None
) -> tuple[Opened, Chosen]:
    async def choose(stat: Stat) -> Chosen:
        await _check_source(objects, call, source, asked, stat=stat, span=span)
        return span

    store = objects.at(source.bucket, asked.version_id)
    try:
        return await open_chosen(store, source.key, choose, partial=span is not None)
    except KeyNotFound as gone:
        if isinstance(gone, Marked) and asked.version_id is not None:
            # S3 API reference, CopyObject: a marker that is named is a bad request here, unlike in GetObject.
            raise errors.InvalidRequest(
                "The source of a copy request may not specifically refer to a delete marker by version id."
            ) from None
        raise await missing(objects, call, source.resource, gone, asked.version_id) from None


async def _check_source(
    objects: Objects, call: Call, source: Source, asked: CopySource, *, stat: Stat, span: Chosen = None
) -> None:
    action = "s3:GetObjectVersion" if asked.version_id else "s3:GetObject"
    await check_tags(objects, call, stat, action=action, resource=source.resource)
    asked.conditions.check_source(stat.etag, stat.modified)
    if span is not None and span[1] > stat.size:
        raise errors.InvalidRange(f"Range specified is not valid for source object of size: {stat.size}")
    if (stat.size if span is None else span[1] - span[0]) > LARGEST:
        raise errors.InvalidRequest(
            "The specified copy source is larger than the maximum allowable size for a copy source: "
            f"{LARGEST}. Copy it in parts with UploadPartCopy."
        )


async def _write(store: Store, key: str, asked: CopyObject, opened: Opened, acl: Canned | None) -> Stat:
    algorithm = asked.algorithm or _algorithm(opened.stat.attributes)
    kept = _kept(asked, opened.stat, acl)
    if _is_known(opened.stat, algorithm):
        # Nothing needs to be computed, so the store may copy the bytes in its own way.
        etag = opened.stat.etag
        return await store.put(key, opened.body, kept, etag=etag, condition=condition(asked.conditions))
    received = Received(opened.body, algorithm)
    try:
        return await store.put(
            key,
            received,
            Late(replace(kept, checksums={}), lambda: replace(kept, checksums=received.checksums()), algorithm),
            condition=condition(asked.conditions),
        )
    finally:
        await discard(opened.body)


def _kept(asked: CopyObject, source: Stat, acl: Canned | None) -> Attributes:
    """Return what shall stand beside a copy."""
    there = source.attributes
    headers, metadata = there.headers, there.metadata
    if asked.metadata == "REPLACE":
        headers, metadata = asked.kept.headers, asked.kept.metadata
    tags = there.tags if asked.tagging == "COPY" else asked.kept.tags
    return Attributes(
        headers=headers, metadata=metadata, tags=tags, checksums=there.checksums, checksum_type=FULL, acl=acl
    )


def _algorithm(source: Attributes) -> Algorithm:
    named = next(iter(source.checksums), None)
    return DEFAULT if named is None else algorithm_named(named)


def _is_known(stat: Stat, algorithm: Algorithm) -> bool:
    """Tell whether the source's ETag is its MD5 and its one checksum that of the whole object."""
    attributes = stat.attributes
    return "-" not in stat.etag and attributes.checksum_type == FULL and list(attributes.checksums) == [algorithm]
