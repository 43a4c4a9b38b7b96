"""The object that a call addresses, for callers who may know of it."""

from __future__ import annotations

from collections.abc import Mapping

from objectlens import errors
from objectlens.call import Call
from objectlens.catalog.entities import Bucket, Resource
from objectlens.objects.context import Objects, bucket_of, key_of, resource_of
from objectlens.objects.versioning import DELETE_MARKER, VERSION_ID
from objectlens.s3.dates import http_date
from objectlens.s3.inputs import version_id
from objectlens.s3.inputs.arguments import parameters
from objectlens.stores import KeyNotFound, Marked, Stat, VersionNotFound


async def found(objects: Objects, call: Call) -> Stat:
    """Return the object, or the version of it, that a call addresses."""
    version = version_of(call)
    try:
        stat = await objects.at(bucket_of(call), version).stat(key_of(call))
    except KeyNotFound as gone:
        raise await missing(objects, call, resource_of(call), gone, version) from None
    await check_tags(objects, call, stat)
    return stat


def version_of(call: Call) -> str | None:
    """Return the version that a call asks for, None for what is current."""
    return version_id(parameters(call.http))


async def missing(
    objects: Objects, call: Call, resource: Resource, gone: KeyNotFound, version: str | None
) -> errors.ServiceError:
    """Return the error for a key, or a version, that is not there; `gone` is what the store raised.

    Only who may list the bucket learns that; all others get the answer that they would get for any key (S3 API
    reference, GetObject, "Permissions"). Who names a delete marker knows of it already, and cannot read it (S3 user
    guide, "Working with delete markers").
    """
    key, headers = str(gone), {}
    if isinstance(gone, Marked):
        headers = {DELETE_MARKER: "true", VERSION_ID: gone.version}
        if version is not None:
            headers |= {"Allow": "DELETE", "Last-Modified": http_date(gone.modified)}
            return errors.MethodNotAllowed(headers=headers, Method=call.http.method, ResourceType="DeleteMarker")
    try:
        await objects.access.authorize(call.caller, "s3:ListBucket", resource, http=call.http)
    except errors.AccessDenied as denied:
        return denied
    if isinstance(gone, VersionNotFound):
        return errors.NoSuchVersion(Key=key, VersionId=version or "")
    return errors.NoSuchKey(Key=key, headers=headers)


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


async def existing_tags(objects: Objects, bucket: Bucket, key: str, version: str | None = None) -> Mapping[str, str]:
    """Return the condition keys `s3:ExistingObjectTag/…` of an object, none when there is no such object."""
    try:
        return tag_context((await objects.at(bucket, version).stat(key)).attributes.tags)
    except KeyNotFound:
        return {}


def tag_context(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Return tags as condition keys."""
    return {f"s3:ExistingObjectTag/{name}": value for name, value in tags.items()}
