"""ACLs: the one that a BucketOwnerEnforced bucket has, and canned ones where the settings let new buckets have them."""

from __future__ import annotations

from dataclasses import replace

from objectlens import errors
from objectlens.call import Call
from objectlens.catalog.entities import Bucket
from objectlens.http import HttpResponse
from objectlens.objects.context import Objects, bucket_of, change_bucket, empty, key_of, owner, xml
from objectlens.objects.documents import read_document
from objectlens.objects.finding import found, version_of
from objectlens.s3.acl import GRANTS, Canned
from objectlens.s3.inputs import BUCKET_OWNER_ENFORCED, OBJECT_WRITER, check_ownership, wanted_acl
from objectlens.s3.outputs_bucket import acl_document, ownership


def allowed_acl(bucket: Bucket, wanted: Canned | None) -> Canned | None:
    """Return the ACL that a new object is to have, None for the owner's full control.

    Raises `AccessControlListNotSupported` where ACLs are disabled, `AccessDenied` where Block Public Access refuses it.
    """
    if wanted in {None, "private"}:
        return None
    if bucket.acl is None:
        raise errors.AccessControlListNotSupported
    if bucket.public_access_block is not None and bucket.public_access_block.block_public_acls:
        raise errors.AccessDenied(
            "The ACL grants to the public, which the bucket's Block Public Access settings refuse. Change them with "
            "PutPublicAccessBlock."
        )
    return wanted


async def get_bucket_acl(_: Objects, call: Call) -> HttpResponse:
    """Return the bucket's ACL: its owner has full control."""
    bucket = bucket_of(call)
    return xml(acl_document(owner(bucket.account), GRANTS[bucket.acl or "private"]))


async def get_object_acl(objects: Objects, call: Call) -> HttpResponse:
    """Return an object's ACL: its bucket's owner has full control."""
    stat = await found(objects, call)
    return xml(acl_document(owner(bucket_of(call).account), GRANTS[stat.attributes.acl or "private"]))


async def put_bucket_acl(objects: Objects, call: Call) -> HttpResponse:
    """Replace the bucket's ACL; of a BucketOwnerEnforced one, take the ACL that it has anyway."""
    bucket = bucket_of(call)
    wanted = allowed_acl(bucket, wanted_acl(call.http.headers, await read_document(call), owner(bucket.account).id))
    if bucket.acl is not None:
        await change_bucket(objects, call, acl=wanted or "private")
    return empty(200)


async def put_object_acl(objects: Objects, call: Call) -> HttpResponse:
    """Replace an object's ACL; in a BucketOwnerEnforced bucket, take the ACL that it has anyway."""
    stat = await found(objects, call)
    bucket = bucket_of(call)
    wanted = allowed_acl(bucket, wanted_acl(call.http.headers, await read_document(call), owner(bucket.account).id))
    if stat.attributes.acl != wanted:
        store = objects.at(bucket, version_of(call))
        await store.set_attributes(key_of(call), lambda now: replace(now.attributes, acl=wanted))
    return empty(200)


async def get_bucket_ownership_controls(_: Objects, call: Call) -> HttpResponse:
    """Tell whether the bucket has ACLs."""
    return xml(ownership(_ownership(call)))


async def put_bucket_ownership_controls(_: Objects, call: Call) -> HttpResponse:
    """Take the ownership that the bucket has anyway."""
    check_ownership(await read_document(call), _ownership(call))
    return empty(200)


def _ownership(call: Call) -> str:
    return BUCKET_OWNER_ENFORCED if bucket_of(call).acl is None else OBJECT_WRITER
