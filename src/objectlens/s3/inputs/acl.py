"""PutBucketAcl, PutObjectAcl, PutBucketOwnershipControls.

A BucketOwnerEnforced bucket takes "bucket owner full control ACLs, such as the bucket-owner-full-control canned ACL or
an equivalent form of this ACL expressed in the XML format" (S3 API reference). Tools that copy an object's ACL after
the object send just that.
"""

from __future__ import annotations

from objectlens.errors import MalformedXML
from objectlens.http import Headers
from objectlens.s3.acl import OWNERSHIPS, Canned, Ownership, acl_of_document, canned_acl
from objectlens.s3.xml import parse, required_text


def wanted_acl(headers: Headers, body: bytes, owner_id: str) -> Canned:
    """Return the canned ACL that a request puts, in a header or in its body; `owner_id` is the owner's canonical id.

    Raises `MalformedXML`, and `AccessControlListNotSupported` for one that is no canned ACL.
    """
    return canned_acl(headers) or acl_of_document(body, owner_id)


def wanted_ownership(body: bytes) -> Ownership:
    """Return the ownership that an `OwnershipControls` asks for; raises `MalformedXML`."""
    rules = parse(body, "OwnershipControls").findall("Rule")
    named = required_text(rules[0], "ObjectOwnership").strip() if len(rules) == 1 else ""
    if named not in OWNERSHIPS:
        raise MalformedXML
    return OWNERSHIPS[named]
