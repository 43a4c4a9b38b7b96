"""DeleteObject and DeleteObjects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from objectlens import errors
from objectlens.call import Call
from objectlens.http import HttpResponse
from objectlens.objects.context import Objects, bucket_of, empty, key_of, resource_of, store_errors, xml
from objectlens.objects.documents import read_document
from objectlens.objects.receiving import DEFAULT, Received
from objectlens.objects.versioning import DELETE_MARKER, VERSION_ID
from objectlens.s3.inputs import DeleteObject, DeleteObjects, ObjectName
from objectlens.s3.outputs import Deleted, DeleteFailure, delete_result
from objectlens.s3.preconditions import DeleteConditions
from objectlens.s3.xml import MAX_BYTES
from objectlens.stores import NULL, KeyNotFound, Stat, VersionNotFound
from objectlens.streams import BytesBody

# How many keys of one request are removed at a time.
_AT_ONCE = 16


async def delete_object(objects: Objects, call: Call) -> HttpResponse:
    """Remove an object; 204 whether there was one or not."""
    asked = DeleteObject.parse(call.http)
    name = ObjectName(key_of(call), asked.version_id, asked.conditions)
    deleted = await _delete(objects, call, name)
    version = deleted.marker or deleted.version_id
    headers = [] if version is None else [(VERSION_ID, version)]
    if deleted.marker is not None:
        headers.append((DELETE_MARKER, "true"))
    return empty(204, headers)


async def delete_objects(objects: Objects, call: Call) -> HttpResponse:
    """Remove up to 1,000 objects, each under its own authorisation; failures are told key by key."""
    body = await read_document(call, MAX_BYTES)
    asked = DeleteObjects.parse(call.http, body)
    await _check_body(asked, BytesBody(body, call.body.trailers))
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(name: ObjectName) -> Deleted | DeleteFailure:
        async with places:
            return await _delete_named(objects, call, name)

    results = await asyncio.gather(*map(one, asked.objects))
    failures = [result for result in results if isinstance(result, DeleteFailure)]
    done = [result for result in results if isinstance(result, Deleted)]
    return xml(delete_result(() if asked.quiet else done, failures))


async def _delete_named(objects: Objects, call: Call, name: ObjectName) -> Deleted | DeleteFailure:
    action, context = "s3:DeleteObject", {}
    if name.version_id is not None:
        action, context = "s3:DeleteObjectVersion", {"s3:VersionId": name.version_id}
    target = resource_of(call)
    try:
        await objects.access.authorize(call.caller, action, target, key=name.key, context=context, http=call.http)
        with store_errors():
            return await _delete(objects, call, name)
    except errors.ServiceError as error:
        return DeleteFailure(key=name.key, code=error.code, message=error.message, version_id=name.version_id)
    except ValueError as error:
        return DeleteFailure(key=name.key, code=errors.KeyTooLongError.code, message=str(error))


async def _delete(objects: Objects, call: Call, name: ObjectName) -> Deleted:
    """Remove an object or a version, or put a delete marker on top; what is gone already is told as deleted."""
    bucket, key, version = bucket_of(call), name.key, name.version_id
    condition = _condition(name.conditions)
    if bucket.versioning is None and version in {None, NULL}:
        await objects.store(bucket).delete(key, condition=condition)
    elif version is None:
        with suppress(KeyNotFound):
            return Deleted(key=key, marker=await objects.keeping(bucket).mark(key, condition=condition))
    else:
        with suppress(VersionNotFound):
            if await objects.version(bucket, version).remove(key, condition=condition):
                return Deleted(key=key, version_id=version, marker=version)
    return Deleted(key=key, version_id=version)


def _condition(conditions: DeleteConditions) -> Callable[[Stat], None] | None:
    return (lambda stat: conditions.check(stat.etag, stat.modified, stat.size)) if conditions else None


async def _check_body(asked: DeleteObjects, body: BytesBody) -> None:
    if asked.content_md5 is None and asked.checksum is None:
        return
    algorithm = asked.checksum.algorithm if asked.checksum else DEFAULT
    received = Received(body, algorithm, asked.checksum, asked.content_md5, trailers=lambda: body.trailers)
    async for _ in received:
        pass
    received.checksums()
