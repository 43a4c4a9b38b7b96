"""CreateBucket and PutPublicAccessBlock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from objectlens import errors
from objectlens.errors import AccessControlListNotSupported, InvalidBucketAclWithObjectOwnership, MalformedXML
from objectlens.http import Headers, HttpRequest
from objectlens.s3.acl import OWNERSHIPS, Canned, Ownership, canned_acl
from objectlens.s3.inputs.tagging import BUCKET_TAGS, checked_tags
from objectlens.s3.xml import parse, required_text, text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateBucket:
    """CreateBucket. `region` is the location constraint; it, the ACL and the ownership are None when not asked for."""

    region: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    acl: Canned | None = None
    ownership: Ownership | None = None

    @classmethod
    def parse(cls, http: HttpRequest, body: bytes) -> CreateBucket:
        """Read the request and its body, which may be empty; raises `MalformedXML`, `NotImplemented`."""
        if (http.headers.get("x-amz-bucket-object-lock-enabled") or "").lower() == "true":
            raise errors.NotImplemented(
                "Object Lock is not offered; leave the header out.", Header="x-amz-bucket-object-lock-enabled"
            )
        acl, ownership = _acl(http.headers), _ownership(http.headers)
        if not body.strip():
            return cls(acl=acl, ownership=ownership)
        root = parse(body, "CreateBucketConfiguration")
        if root.find("Location") is not None or root.find("Bucket") is not None:
            raise errors.NotImplemented("Directory buckets are not offered; use a general purpose bucket.")
        tags = root.find("Tags")
        pairs = () if tags is None else ((required_text(one, "Key"), required_text(one, "Value")) for one in tags)
        return cls(
            region=text_of(root, "LocationConstraint") or None,
            tags=checked_tags(pairs, BUCKET_TAGS),
            acl=acl,
            ownership=ownership,
        )


def _acl(headers: Headers) -> Canned | None:
    try:
        return canned_acl(headers)
    except AccessControlListNotSupported:
        raise InvalidBucketAclWithObjectOwnership from None


def _ownership(headers: Headers) -> Ownership | None:
    named = headers.get("x-amz-object-ownership")
    if named is None:
        return None
    if named not in OWNERSHIPS:
        raise errors.InvalidArgument(
            f"Invalid x-amz-object-ownership header: {named}",
            ArgumentName="x-amz-object-ownership",
            ArgumentValue=named,
        )
    return OWNERSHIPS[named]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicAccessFlags:
    """PutPublicAccessBlock: what is not named is off, as in S3."""

    block_public_acls: bool = False
    ignore_public_acls: bool = False
    block_public_policy: bool = False
    restrict_public_buckets: bool = False

    @classmethod
    def parse(cls, body: bytes) -> PublicAccessFlags:
        """Read a `PublicAccessBlockConfiguration`; raises `MalformedXML`."""
        root = parse(body, "PublicAccessBlockConfiguration")

        def on(name: str) -> bool:
            text = (text_of(root, name) or "false").strip().lower()
            if text not in {"true", "false"}:
                raise MalformedXML
            return text == "true"

        return cls(
            block_public_acls=on("BlockPublicAcls"),
            ignore_public_acls=on("IgnorePublicAcls"),
            block_public_policy=on("BlockPublicPolicy"),
            restrict_public_buckets=on("RestrictPublicBuckets"),
        )
