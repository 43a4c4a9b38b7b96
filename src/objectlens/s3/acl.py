"""Canned ACLs, for buckets that have ACLs at all ("Access control list (ACL) overview" in the S3 user guide)."""

from __future__ import annotations

from typing import Final, Literal, get_args
from xml.etree.ElementTree import Element

from objectlens.errors import AccessControlListNotSupported, InvalidArgument
from objectlens.http import Headers
from objectlens.s3.xml import parse

Canned = Literal["private", "public-read", "public-read-write", "authenticated-read"]
Ownership = Literal["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"]

_BY_NAME: Final[dict[str, Canned]] = {one: one for one in get_args(Canned)}
OWNERSHIPS: Final[dict[str, Ownership]] = {one: one for one in get_args(Ownership)}
# The ACLs that give nobody but the owner anything.
OWNER_ONLY: Final = frozenset({"private", "bucket-owner-full-control", "bucket-owner-read"})
_GROUPS: Final = "http://acs.amazonaws.com/groups/global/"
EVERYONE: Final = f"{_GROUPS}AllUsers"
AUTHENTICATED: Final = f"{_GROUPS}AuthenticatedUsers"

Grants = tuple[tuple[str, str], ...]

GRANTS: Final[dict[str, Grants]] = {
    "private": (),
    "public-read": ((EVERYONE, "READ"),),
    "public-read-write": ((EVERYONE, "READ"), (EVERYONE, "WRITE")),
    "authenticated-read": ((AUTHENTICATED, "READ"),),
}
"""What a canned ACL grants to groups, beside the owner's full control."""


def canned_acl(headers: Headers) -> Canned | None:
    """Return the canned ACL that a request asks for, None when it asks for none.

    Raises `InvalidArgument` for one that is none, and `AccessControlListNotSupported` for grants to single grantees.
    """
    if any(name.startswith("x-amz-grant-") for name in headers.lower()):
        raise AccessControlListNotSupported
    named = headers.get("x-amz-acl")
    if named is None:
        return None
    if named in OWNER_ONLY:
        return "private"
    if named in _BY_NAME:
        return _BY_NAME[named]
    raise InvalidArgument("The ACL is none of S3's canned ones.", ArgumentName="x-amz-acl", ArgumentValue=named)


def acl_of_document(body: bytes, owner_id: str) -> Canned:
    """Return the canned ACL that an `AccessControlPolicy` amounts to; raises `MalformedXML`.

    Raises `AccessControlListNotSupported` for one that takes the owner's full control away or names other grantees.
    """
    grants = _grants(body)
    if (owner_id, "FULL_CONTROL") in grants:
        groups = grants - {(owner_id, "FULL_CONTROL")}
        for canned in _BY_NAME.values():
            if groups == set(GRANTS[canned]):
                return canned
    raise AccessControlListNotSupported


def _grants(body: bytes) -> set[tuple[str | None, str | None]]:
    if not body.strip():
        return set()
    grants = parse(body, "AccessControlPolicy").find("AccessControlList")
    return {(_grantee(one), one.findtext("Permission")) for one in (() if grants is None else grants)}


def _grantee(grant: Element) -> str | None:
    return grant.findtext("Grantee/ID") or grant.findtext("Grantee/URI")
