"""What stands around every operation."""

from __future__ import annotations

import asyncio
from typing import Final

from objectlens import errors
from objectlens.call import Call
from objectlens.http import HttpResponse
from objectlens.objects.context import Handler, Objects, store_errors
from objectlens.s3.inputs import check_bucket_owner

# A DeleteBucket that finds what was just written gives the bucket its name back.
_LOOKS: Final = (0, 0.25)
_WRITES: Final = frozenset({"PutObject", "CopyObject", "CompleteMultipartUpload", "PostObject"})


def guarded(handler: Handler) -> Handler:
    """Return an operation that first checks whose bucket the caller expects, and tells a store's failures S3's way."""

    async def operation(objects: Objects, call: Call) -> HttpResponse:
        if call.bucket is not None:
            check_bucket_owner(call.http.headers, call.bucket.account)
        try:
            with store_errors():
                response = await handler(objects, call)
        except errors.InternalStoreError:
            await _check_still_there(objects, call)
            raise
        if call.operation.name in _WRITES:
            # DeleteBucket looks for objects once more after it took the bucket's name away. A write that still finds
            # the name was seen by that look; one that does not may be lost, and must not be told as done.
            await _check_still_there(objects, call)
        return response

    return operation


async def _check_still_there(objects: Objects, call: Call) -> None:
    """Raise `NoSuchBucket` when the call's bucket was removed while the call was under way."""
    if call.bucket is None:
        return
    for pause in _LOOKS:
        await asyncio.sleep(pause)
        found = await objects.catalog.buckets.get(call.bucket.name)
        if found is not None and found.created_at == call.bucket.created_at:
            return
    raise errors.NoSuchBucket(BucketName=call.bucket.name)
