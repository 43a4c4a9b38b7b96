"""A whole object for another room: the source of a transform, code that is deployed from a bucket."""

from __future__ import annotations

from objectlens import errors
from objectlens.access.values import Caller
from objectlens.call import Call
from objectlens.catalog.entities import AccessPoint, Bucket
from objectlens.objects.context import Objects, bucket_of, key_of, resource_of, store_errors
from objectlens.objects.finding import check_tags, missing, version_of
from objectlens.objects.reading import open_chosen
from objectlens.s3.address import Address
from objectlens.stores import KeyNotFound, Opened, Stat, VersionNotFound
from objectlens.streams import TooLarge, read_all


async def open_whole(objects: Objects, call: Call) -> Opened:
    """Open the object that an authorised call addresses; whoever calls this closes its body.

    Raises `NoSuchKey`, or `AccessDenied` for who may not learn that.
    """
    version = version_of(call)

    async def choose(stat: Stat) -> None:
        await check_tags(objects, call, stat)

    with store_errors():
        try:
            opened, _ = await open_chosen(objects.at(bucket_of(call), version), key_of(call), choose)
        except KeyNotFound as gone:
            raise await missing(objects, call, resource_of(call), gone, version) from None
    return opened


async def read_whole(
    objects: Objects, caller: Caller, bucket: str, key: str, *, version: str | None, limit: int
) -> bytes:
    """Return an object's bytes, read as `caller`; `bucket` may be an access point's alias.

    Raises the S3 error of a caller who may not, of a key that is not there, and `EntityTooLarge` for an object of more
    than `limit` bytes.
    """
    resource = await objects.catalog.resolve(Address("object", name=bucket, key=key))
    if resource is None:
        raise errors.NoSuchBucket(BucketName=bucket)
    action = "s3:GetObject" if version is None else "s3:GetObjectVersion"
    await objects.access.authorize(caller, action, resource, key=key)
    behind = await objects.catalog.buckets.get(resource.bucket) if isinstance(resource, AccessPoint) else resource
    if not isinstance(behind, Bucket):
        raise errors.NoSuchBucket(BucketName=bucket)
    with store_errors():
        try:
            opened = await objects.at(behind, version).open(key)
        except VersionNotFound:
            raise errors.NoSuchVersion(Key=key, VersionId=version or "") from None
        except KeyNotFound:
            raise errors.NoSuchKey(Key=key) from None
        try:
            return await read_all(aiter(opened.body), limit)
        except TooLarge:
            raise errors.EntityTooLarge(f"{key} has {opened.stat.size} bytes; at most {limit} are taken.") from None
