"""What stands around every operation."""

from __future__ import annotations

from objectlens.call import Call
from objectlens.http import HttpResponse
from objectlens.objects.context import Handler, Objects, store_errors
from objectlens.s3.inputs import check_bucket_owner


def guarded(handler: Handler) -> Handler:
    """Return an operation that first checks whose bucket the caller expects, and tells a store's failures S3's way."""

    async def operation(objects: Objects, call: Call) -> HttpResponse:
        if call.bucket is not None:
            check_bucket_owner(call.http.headers, call.bucket.account)
        with store_errors():
            return await handler(objects, call)

    return operation
