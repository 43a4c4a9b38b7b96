"""Buckets: making, finding, listing and removing them."""

from __future__ import annotations

import re

from objectlens import errors
from objectlens.call import Call
from objectlens.catalog import AlreadyExists, InUse
from objectlens.catalog.entities import MANAGED_STORE, AccessPoint, Bucket, PublicAccessBlock
from objectlens.http import HttpResponse
from objectlens.objects.acls import allowed_acl, is_public, usual_ownership
from objectlens.objects.context import Objects, bucket_of, empty, owner, xml
from objectlens.objects.documents import read_document
from objectlens.s3.acl import Ownership
from objectlens.s3.address import valid_bucket_name
from objectlens.s3.inputs import CreateBucket, ListBuckets, new_token
from objectlens.s3.outputs import BucketItem, list_buckets_result
from objectlens.s3.outputs_bucket import location_constraint
from objectlens.stores import Versions

_REGION = re.compile(r"[a-z0-9-]{1,32}")
# The location constraint of the first days of S3, which clients may still send.
_OLD_REGIONS = {"EU": "eu-west-1", "US": "us-east-1"}
_FIRST_REGION = "us-east-1"


async def create_bucket(objects: Objects, call: Call) -> HttpResponse:
    """Make a bucket with a folder of ours behind it."""
    name = call.address.name or ""
    asked = CreateBucket.parse(call.http, await read_document(call))
    if not valid_bucket_name(name):
        raise errors.InvalidBucketName(BucketName=name)
    bucket = Bucket(
        name=name,
        account=call.caller.account,
        region=_region(asked.region, objects.region),
        created_at=objects.clock.now(),
        tags=asked.tags,
        public_access_block=_public_access_block(objects, asked),
        ownership=_ownership(objects, asked),
        acl=asked.acl if is_public(asked.acl) else None,
    )
    await allowed_acl(objects, bucket, asked.acl)
    existing = await objects.catalog.buckets.get(name)
    if existing is None:
        await objects.opener.create(name, bucket.store)
        existing = await _created(objects, bucket)
    if existing is not None and not _made_again(existing, bucket):
        raise _taken(existing, call)
    return empty(200, [("Location", f"/{name}"), ("x-amz-bucket-arn", bucket.arn)])


def _ownership(objects: Objects, asked: CreateBucket) -> Ownership:
    """Return a new bucket's ownership: who asks for an ACL that needs one has asked for it (decision 0025)."""
    if not is_public(asked.acl):
        return asked.ownership or usual_ownership(objects)
    if asked.ownership == "BucketOwnerEnforced":
        raise errors.InvalidBucketAclWithObjectOwnership
    return asked.ownership or "ObjectWriter"


def _public_access_block(objects: Objects, asked: CreateBucket) -> PublicAccessBlock | None:
    """Return a new bucket's settings: they let through the ACL that was asked for, and no public policy."""
    if objects.acls:
        # As S3 made buckets before April 2023.
        return None
    shut = not is_public(asked.acl)
    return PublicAccessBlock(block_public_acls=shut, ignore_public_acls=shut)


async def _created(objects: Objects, bucket: Bucket) -> Bucket | None:
    try:
        await objects.catalog.buckets.create(bucket)
    except AlreadyExists:
        return await objects.catalog.buckets.get(bucket.name)
    return None


def _made_again(existing: Bucket, wanted: Bucket) -> bool:
    """Tell whether S3 says yes once more: in its first region it always did (API reference, CreateBucket)."""
    return (existing.account, existing.region) == (wanted.account, wanted.region) and wanted.region == _FIRST_REGION


def _taken(existing: Bucket, call: Call) -> errors.ServiceError:
    if existing.account == call.caller.account:
        return errors.BucketAlreadyOwnedByYou(BucketName=existing.name)
    return errors.BucketAlreadyExists(BucketName=existing.name)


def _region(asked: str | None, default: str) -> str:
    region = default if asked is None else _OLD_REGIONS.get(asked, asked)
    if not _REGION.fullmatch(region):
        raise errors.IllegalLocationConstraintException(
            f"The location constraint {region!r} is not the name of a region."
        )
    return region


async def head_bucket(objects: Objects, call: Call) -> HttpResponse:
    """Tell that a bucket is there, and where."""
    bucket = bucket_of(call)
    # An ARN becomes a host that names the account; an alias stands where a bucket's name would.
    through_alias = isinstance(call.resource, AccessPoint) and call.address.account is None
    return empty(
        200,
        [
            ("x-amz-bucket-region", bucket.region),
            ("x-amz-access-point-alias", "true" if through_alias else "false"),
            ("x-amz-bucket-arn", bucket.arn),
            ("Content-Type", "application/xml"),
        ],
    )


async def list_buckets(objects: Objects, call: Call) -> HttpResponse:
    """Return one page of the caller's account's buckets."""
    asked = ListBuckets.parse(call.http)
    account = call.caller.account
    found = await objects.catalog.buckets.list(
        account=account, prefix=asked.prefix, after=asked.after, limit=asked.max_buckets + 1
    )
    page = found[: asked.max_buckets]
    token = new_token(page[-1].name) if len(found) > len(page) else None
    items = [
        BucketItem(name=bucket.name, created_at=bucket.created_at, region=bucket.region)
        for bucket in page
        if asked.region in {None, bucket.region}
    ]
    return xml(list_buckets_result(items, owner(account), continuation_token=token, prefix=asked.prefix))


async def delete_bucket(objects: Objects, call: Call) -> HttpResponse:
    """Remove an empty bucket; one with somebody's own folder behind it is only let go of, its files stay."""
    bucket = bucket_of(call)
    if bucket.store != MANAGED_STORE:
        await _forget(objects, bucket)
        await objects.opener.remove(bucket.name, bucket.store)
        return empty(204)
    await _check_empty(objects, bucket)
    await _forget(objects, bucket)
    try:
        # An upload that had begun before may have ended in between.
        await _check_empty(objects, bucket)
    except errors.BucketNotEmpty:
        await objects.catalog.buckets.create(bucket)
        raise
    await objects.opener.remove(bucket.name, bucket.store)
    return empty(204)


async def _forget(objects: Objects, bucket: Bucket) -> None:
    try:
        await objects.catalog.buckets.delete(bucket.name)
    except InUse:
        raise errors.BucketHasAccessPointsAttached(BucketName=bucket.name) from None


async def _check_empty(objects: Objects, bucket: Bucket) -> None:
    store = objects.store(bucket)
    held: bool = bool((await store.list(limit=1)).entries)
    if not held and isinstance(store, Versions):
        # Older versions, and delete markers, count as well. Those are there, too, when versioning is off by now.
        held = bool((await store.versions(limit=1)).versions)
    if held:
        raise errors.BucketNotEmpty(BucketName=bucket.name)


async def get_bucket_location(objects: Objects, call: Call) -> HttpResponse:
    """Return the bucket's region, as S3 writes it."""
    return xml(location_constraint(bucket_of(call).region))
