"""ACLs: the one that a BucketOwnerEnforced bucket has, and canned ones in buckets of other ownership."""

from __future__ import annotations

from dataclasses import replace

from objectlens import errors
from objectlens.call import Call
from objectlens.catalog.entities import Bucket
from objectlens.http import HttpResponse
from objectlens.objects.blocking import block_of
from objectlens.objects.context import Objects, bucket_of, change_bucket, empty, key_of, owner, xml
from objectlens.objects.documents import read_document
from objectlens.objects.finding import found, version_of
from objectlens.s3.acl import GRANTS, Canned, Ownership
from objectlens.s3.inputs import wanted_acl, wanted_ownership
from objectlens.s3.outputs_bucket import acl_document, ownership
from objectlens.stores import Far


async def allowed_acl(objects: Objects, bucket: Bucket, wanted: Canned | None) -> Canned | None:
    """Return the ACL that a new object is to have, None for the owner's full control.

    Raises `AccessControlListNotSupported` where ACLs are disabled, `AccessDenied` where Block Public Access refuses it.
    """
    if not is_public(wanted):
        return None
    if not bucket.has_acls:
        raise errors.AccessControlListNotSupported
    if (await block_of(objects, bucket)).block_public_acls:
        raise errors.AccessDenied(
            "The ACL grants to the public, which Block Public Access of the bucket or its account refuses. Change it "
            "with PutPublicAccessBlock."
        )
    return wanted


def is_public(acl: Canned | None) -> bool:
    """Tell whether an ACL grants anything to others than the owner."""
    return acl not in {None, "private"}


def usual_ownership(objects: Objects) -> Ownership:
    """Return the ownership of buckets for which nobody asks for another one."""
    return "ObjectWriter" if objects.acls else "BucketOwnerEnforced"


async def get_bucket_acl(_: Objects, call: Call) -> HttpResponse:
    """Return the bucket's ACL: its owner has full control."""
    bucket = bucket_of(call)
    return xml(acl_document(owner(bucket.account), GRANTS[_counting(bucket, bucket.acl)]))


async def get_object_acl(objects: Objects, call: Call) -> HttpResponse:
    """Return an object's ACL: its bucket's owner has full control."""
    stat = await found(objects, call)
    bucket = bucket_of(call)
    return xml(acl_document(owner(bucket.account), GRANTS[_counting(bucket, stat.attributes.acl)]))


async def put_bucket_acl(objects: Objects, call: Call) -> HttpResponse:
    """Replace the bucket's ACL; of a BucketOwnerEnforced one, take the ACL that it has anyway."""
    bucket = bucket_of(call)
    asked = wanted_acl(call.http.headers, await read_document(call), owner(bucket.account).id)
    wanted = await allowed_acl(objects, bucket, asked)
    if bucket.acl != wanted and bucket.has_acls:
        await change_bucket(objects, call, acl=wanted)
    return empty(200)


async def put_object_acl(objects: Objects, call: Call) -> HttpResponse:
    """Replace an object's ACL; in a BucketOwnerEnforced bucket, take the ACL that it has anyway."""
    stat = await found(objects, call)
    bucket = bucket_of(call)
    asked = wanted_acl(call.http.headers, await read_document(call), owner(bucket.account).id)
    wanted = await allowed_acl(objects, bucket, asked)
    if stat.attributes.acl != wanted and bucket.has_acls:
        store = objects.at(bucket, version_of(call))
        await store.set_attributes(key_of(call), lambda now: replace(now.attributes, acl=wanted))
    return empty(200)


async def get_bucket_ownership_controls(_: Objects, call: Call) -> HttpResponse:
    """Tell whether the bucket has ACLs."""
    return xml(ownership(bucket_of(call).ownership))


async def put_bucket_ownership_controls(objects: Objects, call: Call) -> HttpResponse:
    """Say whether ACLs count: the bucket's own, and those that its objects have or had."""
    bucket, wanted = bucket_of(call), wanted_ownership(await read_document(call))
    if wanted == "BucketOwnerEnforced" and bucket.acl is not None:
        raise errors.InvalidBucketAclWithObjectOwnership
    if wanted != "BucketOwnerEnforced" and isinstance(objects.store(bucket), Far):
        raise errors.AccessControlListNotSupported("The store behind this bucket keeps no ACLs. Use policies.")
    await change_bucket(objects, call, ownership=wanted)
    return empty(200)


async def delete_bucket_ownership_controls(objects: Objects, call: Call) -> HttpResponse:
    """Give the bucket the ownership of those for which nobody asked for another one."""
    await change_bucket(objects, call, ownership=usual_ownership(objects), acl=None)
    return empty(204)


def _counting(bucket: Bucket, acl: str | None) -> str:
    return acl if acl is not None and bucket.has_acls else "private"
