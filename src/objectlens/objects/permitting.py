"""May the caller do an operation of plain S3? What the table of operations alone can tell."""

from __future__ import annotations

from objectlens.arn import bucket_arn
from objectlens.call import Call
from objectlens.catalog.entities import Resource
from objectlens.errors import AccessDenied, InvalidArgument
from objectlens.objects.context import Objects, key_of
from objectlens.objects.finding import existing_tags, missing, version_of
from objectlens.s3.operations import extra_actions
from objectlens.stores import KeyNotFound


async def permit(objects: Objects, call: Call) -> None:
    """Return when the caller may; raises `AccessDenied`."""
    if call.operation.name in {"DeleteObjects", "PostObject"}:
        # Keys, and of a form the signature, are in the body: they are authorised where that is read.
        return
    target: Resource | str = call.resource or bucket_arn(call.address.name or "*")
    key = call.address.key
    for action in (
        call.operation.action,
        *extra_actions(call.operation, call.http, anonymous=call.caller.kind == "Anonymous"),
    ):
        try:
            await objects.access.authorize(call.caller, action, target, key=key, http=call.http)
        except AccessDenied:
            # Only what is refused is worth a look at the object, whose tags a policy may ask for.
            tags = await existing_tags(objects, call.bucket, key, version_of(call)) if call.bucket and key else {}
            if not tags:
                await _tell_missing(objects, call)
                raise
            await objects.access.authorize(call.caller, action, target, key=key, context=tags, http=call.http)


async def _tell_missing(objects: Objects, call: Call) -> None:
    """Raise `NoSuchKey` to who may list a bucket in which ACLs of objects decide, and reads one that is not there."""
    if call.bucket is None or not call.bucket.has_acls or call.operation.name not in {"GetObject", "HeadObject"}:
        return
    version = version_of(call)
    try:
        await objects.at(call.bucket, version).stat(key_of(call))
    except InvalidArgument:
        return
    except KeyNotFound as gone:
        raise await missing(objects, call, call.resource or call.bucket, gone, version) from None
