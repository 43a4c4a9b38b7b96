"""DeleteObject and DeleteObjects."""

from __future__ import annotations

import asyncio

from objectlens import errors
from objectlens.call import Call
from objectlens.http import HttpResponse
from objectlens.objects.context import Objects, bucket_of, check_version, empty, key_of, resource_of, store_errors, xml
from objectlens.objects.documents import read_document
from objectlens.objects.receiving import DEFAULT, Received
from objectlens.s3.inputs import DeleteObject, DeleteObjects, ObjectName
from objectlens.s3.outputs import DeleteFailure, delete_result
from objectlens.s3.preconditions import DeleteConditions
from objectlens.s3.xml import MAX_BYTES
from objectlens.stores import Stat
from objectlens.streams import BytesBody

# How many keys of one request are removed at a time.
_AT_ONCE = 16


async def delete_object(objects: Objects, call: Call) -> HttpResponse:
    """Remove an object; 204 whether there was one or not."""
    asked = DeleteObject.parse(call.http)
    check_version(asked.version_id)
    await _delete(objects, call, key_of(call), asked.conditions)
    return empty(204, [("x-amz-version-id", asked.version_id)] if asked.version_id else ())


async def delete_objects(objects: Objects, call: Call) -> HttpResponse:
    """Remove up to 1,000 objects, each under its own authorisation; failures are told key by key."""
    body = await read_document(call, MAX_BYTES)
    asked = DeleteObjects.parse(call.http, body)
    await _check_body(asked, BytesBody(body, call.body.trailers))
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(name: ObjectName) -> DeleteFailure | None:
        async with places:
            return await _delete_named(objects, call, name)

    results = await asyncio.gather(*map(one, asked.objects))
    failures = [result for result in results if result is not None]
    done = [(name.key, name.version_id) for name, result in zip(asked.objects, results, strict=True) if result is None]
    return xml(delete_result(() if asked.quiet else done, failures))


async def _delete_named(objects: Objects, call: Call, name: ObjectName) -> DeleteFailure | None:
    action = "s3:DeleteObjectVersion" if name.version_id else "s3:DeleteObject"
    try:
        check_version(name.version_id)
        await objects.access.authorize(call.caller, action, resource_of(call), key=name.key, http=call.http)
        with store_errors():
            await _delete(objects, call, name.key, name.conditions)
    except errors.ServiceError as error:
        return DeleteFailure(key=name.key, code=error.code, message=error.message, version_id=name.version_id)
    except ValueError as error:
        return DeleteFailure(key=name.key, code=errors.KeyTooLongError.code, message=str(error))
    return None


async def _delete(objects: Objects, call: Call, key: str, conditions: DeleteConditions) -> None:
    def check(stat: Stat) -> None:
        conditions.check(stat.etag, stat.modified, stat.size)

    await objects.store(bucket_of(call)).delete(key, condition=check if conditions else None)


async def _check_body(asked: DeleteObjects, body: BytesBody) -> None:
    if asked.content_md5 is None and asked.checksum is None:
        return
    algorithm = asked.checksum.algorithm if asked.checksum else DEFAULT
    received = Received(body, algorithm, asked.checksum, asked.content_md5, trailers=lambda: body.trailers)
    async for _ in received:
        pass
    received.checksums()
