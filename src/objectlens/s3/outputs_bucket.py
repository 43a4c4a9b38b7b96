"""Values → the XML documents about a bucket itself; and what S3 says of a configuration that was never made.

Many operations read a configuration that no bucket of ours can have (replication, a website). They are answered as S3
answers for a bucket without it, so that tools which read everything before they change anything keep working.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from objectlens import errors
from objectlens.s3.outputs import Owner
from objectlens.s3.xml import document, nest, tag

_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"


def location_constraint(region: str) -> bytes:
    """Return `LocationConstraint`, empty for us-east-1, as S3 does."""
    if region == "us-east-1":
        return document("LocationConstraint", ())
    return document("LocationConstraint", (region,))


def policy_status(*, public: bool) -> bytes:
    """Return `PolicyStatus`."""
    return document("PolicyStatus", (tag("IsPublic", public),))


def public_access_block(
    *, block_public_acls: bool, ignore_public_acls: bool, block_public_policy: bool, restrict_public_buckets: bool
) -> bytes:
    """Return `PublicAccessBlockConfiguration`."""
    return document(
        "PublicAccessBlockConfiguration",
        (
            tag("BlockPublicAcls", block_public_acls),
            tag("IgnorePublicAcls", ignore_public_acls),
            tag("BlockPublicPolicy", block_public_policy),
            tag("RestrictPublicBuckets", restrict_public_buckets),
        ),
    )


def owner_acl(owner: Owner) -> bytes:
    """Return the one ACL there is: the owner has full control."""
    inside = tag("ID", owner.id) + tag("DisplayName", owner.display_name)
    grantee = f'<Grantee xmlns:xsi="{_XSI}" xsi:type="CanonicalUser">{inside}</Grantee>'
    grant = nest("Grant", (grantee, tag("Permission", "FULL_CONTROL")))
    return document("AccessControlPolicy", (owner.element(), nest("AccessControlList", (grant,))))


def versioning_configuration(status: str | None) -> bytes:
    """Return `VersioningConfiguration`, empty for a bucket that was never told to keep versions."""
    return document("VersioningConfiguration", (tag("Status", status),))


def _ownership() -> bytes:
    rule = nest("Rule", (tag("ObjectOwnership", "BucketOwnerEnforced"),))
    return document("OwnershipControls", (rule,))


_UNSET: Final[dict[str, Callable[[], bytes]]] = {
    "GetBucketAccelerateConfiguration": lambda: document("AccelerateConfiguration", ()),
    "GetBucketLogging": lambda: document("BucketLoggingStatus", ()),
    "GetBucketNotificationConfiguration": lambda: document("NotificationConfiguration", ()),
    "GetBucketOwnershipControls": _ownership,
    "GetBucketRequestPayment": lambda: document("RequestPaymentConfiguration", (tag("Payer", "BucketOwner"),)),
}
_NO_LOCK: Final = "Bucket is missing Object Lock Configuration"
_REFUSED: Final[dict[str, Callable[[], errors.ServiceError]]] = {
    "GetBucketEncryption": errors.ServerSideEncryptionConfigurationNotFoundError,
    "GetBucketLifecycleConfiguration": errors.NoSuchLifecycleConfiguration,
    "GetBucketReplication": errors.ReplicationConfigurationNotFoundError,
    "GetBucketWebsite": errors.NoSuchWebsiteConfiguration,
    "GetObjectLockConfiguration": errors.ObjectLockConfigurationNotFoundError,
    "GetObjectLegalHold": lambda: errors.InvalidRequest(_NO_LOCK),
    "PutObjectLegalHold": lambda: errors.InvalidRequest(_NO_LOCK),
    "GetObjectRetention": lambda: errors.InvalidRequest(_NO_LOCK),
    "PutObjectRetention": lambda: errors.InvalidRequest(_NO_LOCK),
    "RestoreObject": errors.InvalidObjectState,
}

UNSET_OPERATIONS: Final = frozenset(_UNSET) | frozenset(_REFUSED)
"""The operations that `unset` answers. Of an object, the caller has made sure that it exists."""


def unset(operation: str, bucket: str) -> bytes:
    """Return the document, or raise the error, with which S3 answers for a bucket that never had the configuration."""
    refused = _REFUSED.get(operation)
    if refused is not None:
        error = refused()
        error.detail.setdefault("BucketName", bucket)
        raise error
    return _UNSET[operation]()
