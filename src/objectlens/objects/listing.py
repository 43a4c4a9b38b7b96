"""ListObjects and ListObjectsV2."""

from __future__ import annotations

from objectlens.call import Call
from objectlens.http import HttpResponse
from objectlens.objects.context import Objects, bucket_of, owner, xml
from objectlens.s3.inputs import ListObjects, new_token
from objectlens.s3.outputs import Item, ListBucketResult, Owner
from objectlens.stores import Entry


async def list_objects(objects: Objects, call: Call) -> HttpResponse:
    """Return one page of a bucket, in the version that was asked for."""
    asked = ListObjects.parse(call.http)
    bucket = bucket_of(call)
    page = await objects.store(bucket).list(
        asked.prefix, delimiter=asked.delimiter, after=asked.after, limit=asked.max_keys
    )
    whose = owner(bucket.account) if asked.fetch_owner else None
    following = page.next_after if page.truncated else None
    result = ListBucketResult(
        version=asked.version,
        name=bucket.name,
        prefix=asked.prefix,
        delimiter=asked.delimiter,
        max_keys=asked.max_keys,
        encoding_type=asked.encoding_type,
        truncated=page.truncated,
        items=tuple(_item(entry, whose) for entry in page.entries),
        common_prefixes=page.prefixes,
        marker=asked.marker,
        # S3 names the next marker only where the last key does not serve as one.
        next_marker=following if asked.delimiter else None,
        start_after=asked.start_after,
        continuation_token=asked.continuation_token,
        next_continuation_token=None if following is None else new_token(following),
    )
    return xml(result.xml(), [("x-amz-bucket-region", bucket.region)])


def _item(entry: Entry, whose: Owner | None) -> Item:
    return Item(key=entry.key, modified=entry.modified, etag=entry.etag, size=entry.size, owner=whose)
