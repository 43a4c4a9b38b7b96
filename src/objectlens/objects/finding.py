"""The object that a call addresses, for callers who may know of it."""

from __future__ import annotations

from collections.abc import Mapping

from objectlens import errors
from objectlens.call import Call
from objectlens.catalog.entities import Bucket, Resource
from objectlens.objects.context import Objects, bucket_of, key_of, resource_of
from objectlens.stores import KeyNotFound, Stat


async def found(objects: Objects, call: Call, version: str | None = None) -> Stat:
    """Return the object that a call addresses, or a version of it."""
    key = key_of(call)
    try:
        stat = await objects.at(bucket_of(call), version).stat(key)
    except KeyNotFound:
        raise await missing(objects, call, resource_of(call), key, version) from None
    await check_tags(objects, call, stat)
    return stat


async def missing(
    objects: Objects, call: Call, resource: Resource, key: str, version: str | None = None
) -> errors.ServiceError:
    """Return the error for a key that is not there.

    Only who may list the bucket learns that; all others get the answer that they would get for any key (S3 API
    reference, GetObject, "Permissions").
    """
    try:
        await objects.access.authorize(call.caller, "s3:ListBucket", resource, http=call.http)
    except errors.AccessDenied as denied:
        return denied
    if version is not None:
        return errors.NoSuchVersion(Key=key, VersionId=version)
    return errors.NoSuchKey(Key=key)


async def check_tags(
    objects: Objects, call: Call, stat: Stat, *, action: str | None = None, resource: Resource | None = None
) -> None:
    """Ask again for an object that has tags: only now can policies that look at them be decided."""
    tags = stat.attributes.tags
    if tags:
        await objects.access.authorize(
            call.caller,
            action or call.operation.action,
            resource or resource_of(call),
            key=stat.key,
            context=tag_context(tags),
            http=call.http,
        )


async def existing_tags(objects: Objects, bucket: Bucket, key: str) -> Mapping[str, str]:
    """Return the condition keys `s3:ExistingObjectTag/…` of an object, none when there is no such object."""
    try:
        return tag_context((await objects.store(bucket).stat(key)).attributes.tags)
    except KeyNotFound:
        return {}


def tag_context(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Return tags as condition keys."""
    return {f"s3:ExistingObjectTag/{name}": value for name, value in tags.items()}
