"""GetBucketVersioning, PutBucketVersioning, ListObjectVersions; and what answers say of versions."""

from __future__ import annotations

from objectlens import errors
from objectlens.call import Call
from objectlens.catalog.entities import Bucket
from objectlens.http import HttpResponse
from objectlens.objects.context import Objects, bucket_of, change_bucket, empty, owner, xml
from objectlens.objects.documents import read_document
from objectlens.s3.inputs import ListVersions, parse_versioning
from objectlens.s3.outputs import ListVersionsResult, VersionItem
from objectlens.s3.outputs_bucket import versioning_configuration
from objectlens.stores import NULL, Entry, Stat, Version, VersionListing, Versions

VERSION_ID = "x-amz-version-id"
DELETE_MARKER = "x-amz-delete-marker"


async def get_bucket_versioning(_: Objects, call: Call) -> HttpResponse:
    """Tell whether the bucket keeps versions, nothing when nobody ever said."""
    return xml(versioning_configuration(bucket_of(call).versioning))


async def put_bucket_versioning(objects: Objects, call: Call) -> HttpResponse:
    """Have the bucket keep versions, or no more new ones."""
    status = parse_versioning(await read_document(call))
    bucket = bucket_of(call)
    if not isinstance(objects.opener.open(bucket.name, bucket.store), Versions):
        raise errors.NotImplemented(
            "The store behind this bucket keeps its own versions, or none: turn versioning on where the store is."
        )
    await change_bucket(objects, call, versioning=status)
    return empty(200)


async def list_object_versions(objects: Objects, call: Call) -> HttpResponse:
    """Return one page of a bucket's versions and delete markers."""
    asked = ListVersions.parse(call.http)
    bucket = bucket_of(call)
    page = await _page(objects, bucket, asked)
    whose = owner(bucket.account)
    result = ListVersionsResult(
        name=bucket.name,
        prefix=asked.prefix,
        delimiter=asked.delimiter,
        key_marker=asked.key_marker,
        version_id_marker=asked.version_id_marker,
        next_key_marker=page.next_after if page.truncated else None,
        next_version_id_marker=page.next_version if page.truncated else None,
        max_keys=asked.max_keys,
        encoding_type=asked.encoding_type,
        truncated=page.truncated,
        items=tuple(
            VersionItem(
                key=one.key,
                version=one.version,
                latest=one.latest,
                modified=one.modified,
                owner=whose,
                etag=None if one.marker else one.etag,
                size=one.size,
            )
            for one in page.versions
        ),
        common_prefixes=page.prefixes,
    )
    return xml(result.xml())


async def _page(objects: Objects, bucket: Bucket, asked: ListVersions) -> VersionListing:
    store = objects.opener.open(bucket.name, bucket.store)
    if bucket.versioning is not None and isinstance(store, Versions):
        return await store.versions(
            asked.prefix,
            delimiter=asked.delimiter,
            after=asked.key_marker,
            after_version=asked.version_id_marker,
            limit=asked.max_keys,
        )
    page = await store.list(asked.prefix, delimiter=asked.delimiter, after=asked.key_marker, limit=asked.max_keys)
    ends_with_key = page.entries and page.next_after == page.entries[-1].key
    return VersionListing(
        versions=tuple(map(_only, page.entries)),
        prefixes=page.prefixes,
        truncated=page.truncated,
        next_after=page.next_after,
        next_version=NULL if ends_with_key else None,
    )


def _only(entry: Entry) -> Version:
    """Return the one version that a key has without versioning."""
    return Version(key=entry.key, version=NULL, latest=True, modified=entry.modified, size=entry.size, etag=entry.etag)


def of_read(bucket: Bucket, stat: Stat, name: str = VERSION_ID) -> list[tuple[str, str]]:
    """Return the header that tells which version was read, where there can be more than one."""
    return [(name, stat.version)] if bucket.versioning is not None or stat.version != NULL else []


def of_written(stat: Stat) -> list[tuple[str, str]]:
    """Return the header that tells which version was made, where one was."""
    return [(VERSION_ID, stat.version)] if stat.version != NULL else []
