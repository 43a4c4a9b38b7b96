"""May the caller do an operation of plain S3? What the table of operations alone can tell."""

from __future__ import annotations

from objectlens.arn import bucket_arn
from objectlens.call import Call
from objectlens.catalog.entities import Resource
from objectlens.errors import AccessDenied
from objectlens.objects.context import Objects
from objectlens.objects.finding import existing_tags, version_of
from objectlens.s3.operations import extra_actions


async def permit(objects: Objects, call: Call) -> None:
    """Return when the caller may; raises `AccessDenied`."""
    if call.operation.name in {"DeleteObjects", "PostObject"}:
        # Keys, and of a form the signature, are in the body: they are authorised where that is read.
        return
    target: Resource | str = call.resource or bucket_arn(call.address.name or "*")
    key = call.address.key
    for action in (call.operation.action, *extra_actions(call.operation, call.http)):
        try:
            await objects.access.authorize(call.caller, action, target, key=key, http=call.http)
        except AccessDenied:
            # Only what is refused is worth a look at the object, whose tags a policy may ask for.
            tags = await existing_tags(objects, call.bucket, key, version_of(call)) if call.bucket and key else {}
            if not tags:
                raise
            await objects.access.authorize(call.caller, action, target, key=key, context=tags, http=call.http)
