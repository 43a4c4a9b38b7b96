"""PutBucketAcl, PutObjectAcl, PutBucketOwnershipControls: what changes nothing is taken, all else refused.

A BucketOwnerEnforced bucket takes "bucket owner full control ACLs, such as the bucket-owner-full-control canned ACL or
an equivalent form of this ACL expressed in the XML format" (S3 API reference). Tools that copy an object's ACL after
the object send just that.
"""

from __future__ import annotations

from objectlens.errors import AccessControlListNotSupported, MalformedXML
from objectlens.http import Headers
from objectlens.s3.acl import Canned, acl_of_document, canned_acl
from objectlens.s3.xml import parse, required_text

BUCKET_OWNER_ENFORCED = "BucketOwnerEnforced"
OBJECT_WRITER = "ObjectWriter"


def wanted_acl(headers: Headers, body: bytes, owner_id: str) -> Canned:
    """Return the canned ACL that a request puts, in a header or in its body; `owner_id` is the owner's canonical id.

    Raises `MalformedXML`, and `AccessControlListNotSupported` for one that is no canned ACL.
    """
    return canned_acl(headers) or acl_of_document(body, owner_id)


def check_ownership(body: bytes, present: str) -> None:
    """Raise `AccessControlListNotSupported` unless the body asks for the ownership that the bucket has."""
    rules = parse(body, "OwnershipControls").findall("Rule")
    if len(rules) != 1:
        raise MalformedXML
    if required_text(rules[0], "ObjectOwnership").strip() != present:
        raise AccessControlListNotSupported(
            f"The bucket is {present}, which cannot be changed. Use policies to say who may do what."
        )
