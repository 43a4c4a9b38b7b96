"""A whole object for another room: the source of a transform, code that is deployed from a bucket."""

from __future__ import annotations

from objectlens import errors
from objectlens.access.values import Caller
from objectlens.call import Call
from objectlens.catalog.entities import AccessPoint, Bucket
from objectlens.objects.context import Objects, bucket_of, check_version, key_of, resource_of, store_errors
from objectlens.objects.finding import check_tags, missing
from objectlens.objects.reading import open_chosen
from objectlens.s3.address import Address
from objectlens.s3.inputs import version_id
from objectlens.stores import KeyNotFound, Opened, Stat
from objectlens.streams import TooLarge, read_all


async def open_whole(objects: Objects, call: Call) -> Opened:
    """Open the object that an authorised call addresses; whoever calls this closes its body.

    Raises `NoSuchKey`, or `AccessDenied` for who may not learn that.
    """
    check_version(version_id(dict(call.http.parameters())))
    key = key_of(call)

    async def choose(stat: Stat) -> None:
        await check_tags(objects, call, stat)

    with store_errors():
        try:
            opened, _ = await open_chosen(objects.store(bucket_of(call)), key, choose)
        except KeyNotFound:
            raise await missing(objects, call, resource_of(call), key) from None
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
    await objects.access.authorize(caller, "s3:GetObject", resource, key=key)
    behind = await objects.catalog.buckets.get(resource.bucket) if isinstance(resource, AccessPoint) else resource
    if not isinstance(behind, Bucket):
        raise errors.NoSuchBucket(BucketName=bucket)
    check_version(version)
    with store_errors():
        try:
            opened = await objects.store(behind).open(key)
        except KeyNotFound:
            raise errors.NoSuchKey(Key=key) from None
        try:
            return await read_all(aiter(opened.body), limit)
        except TooLarge:
            raise errors.EntityTooLarge(f"{key} has {opened.stat.size} bytes; at most {limit} are taken.") from None
