"""PutBucketAcl, PutObjectAcl, PutBucketOwnershipControls: what changes nothing is taken, all else refused.

A BucketOwnerEnforced bucket takes "bucket owner full control ACLs, such as the bucket-owner-full-control canned ACL or
an equivalent form of this ACL expressed in the XML format" (S3 API reference). Tools that copy an object's ACL after
the object send just that.
"""

from __future__ import annotations

from objectlens.errors import AccessControlListNotSupported, MalformedXML
from objectlens.http import Headers
from objectlens.s3.inputs.checks import OWNER_ONLY
from objectlens.s3.xml import parse, required_text

BUCKET_OWNER_ENFORCED = "BucketOwnerEnforced"


def check_acl(headers: Headers, body: bytes, owner_id: str) -> None:
    """Raise `AccessControlListNotSupported` unless the owner, by canonical id, has full control and nobody has else.

    Raises `MalformedXML` for a body that is no such document.
    """
    if any(name.startswith("x-amz-grant-") for name in headers.lower()):
        raise AccessControlListNotSupported
    canned = headers.get("x-amz-acl")
    if canned is not None:
        if canned not in OWNER_ONLY:
            raise AccessControlListNotSupported
        return
    if _grants(body) != {(owner_id, "FULL_CONTROL")}:
        raise AccessControlListNotSupported


def _grants(body: bytes) -> set[tuple[str | None, str | None]]:
    if not body.strip():
        return set()
    grants = parse(body, "AccessControlPolicy").find("AccessControlList")
    return {(one.findtext("Grantee/ID"), one.findtext("Permission")) for one in (() if grants is None else grants)}


def check_ownership(body: bytes) -> None:
    """Raise `AccessControlListNotSupported` unless the body asks for the ownership that every bucket has."""
    rules = parse(body, "OwnershipControls").findall("Rule")
    if len(rules) != 1:
        raise MalformedXML
    if required_text(rules[0], "ObjectOwnership").strip() != BUCKET_OWNER_ENFORCED:
        raise AccessControlListNotSupported(
            "Buckets are BucketOwnerEnforced: ACLs are disabled. Use policies to say who may do what."
        )
