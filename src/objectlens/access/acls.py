"""Canned ACLs as the policies that they amount to, for buckets that have ACLs.

"Mapping of ACL permissions and access policy permissions" in the S3 user guide. What an object's own ACL says comes as
the condition key below, from whoever has looked at the object.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

OBJECT_ACL: Final = "objectlens:ObjectAcl"
"""The condition key that holds the canned ACL of an object; no request can bring it along."""

_LISTS = ("s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads")
_WRITES = ("s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject")
_READS = ("s3:GetObject", "s3:GetObjectVersion")
_NOT_ANONYMOUS = {"StringNotEquals": {"aws:PrincipalType": "Anonymous"}}


def _allow(actions: Sequence[str], **condition: Any) -> dict[str, Any]:
    granted = {"Effect": "Allow", "Principal": "*", "Action": list(actions), "Resource": "*"}
    return granted | ({"Condition": condition} if condition else {})


_OF_OBJECTS = (
    _allow(_READS, StringEquals={OBJECT_ACL: ["public-read", "public-read-write"]}),
    _allow(_READS, StringEquals={OBJECT_ACL: "authenticated-read"}, **_NOT_ANONYMOUS),
)
_OF_BUCKETS: dict[str, tuple[dict[str, Any], ...]] = {
    "private": (),
    "public-read": (_allow(_LISTS),),
    "public-read-write": (_allow(_LISTS + _WRITES),),
    "authenticated-read": (_allow(_LISTS, **_NOT_ANONYMOUS),),
}
POLICIES: Final = {
    acl: json.dumps({"Version": "2012-10-17", "Statement": [*statements, *_OF_OBJECTS]})
    for acl, statements in _OF_BUCKETS.items()
}
"""The policy that each canned ACL of a bucket amounts to."""
