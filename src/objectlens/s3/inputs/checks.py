"""Headers that many operations share and that can only be checked."""

from __future__ import annotations

import re
from typing import Final

from objectlens import errors
from objectlens.errors import (
    AccessDenied,
    InvalidBucketOwnerAWSAccountID,
    InvalidRequest,
)
from objectlens.http import Headers

_ACCOUNT = re.compile(r"[0-9]{12}")
_ENCRYPTION: Final = "x-amz-server-side-encryption"
CUSTOMER_KEYS: Final = frozenset(f"{_ENCRYPTION}-customer-{name}" for name in ("algorithm", "key", "key-md5"))


def check_bucket_owner(headers: Headers, account: str, name: str = "x-amz-expected-bucket-owner") -> None:
    """Raise `AccessDenied` when the caller expects another owner than `account`.

    The owner of a copy's source is expected in `x-amz-source-expected-bucket-owner`.
    """
    expected = headers.get(name)
    if expected is None:
        return
    if not _ACCOUNT.fullmatch(expected):
        raise InvalidBucketOwnerAWSAccountID
    if expected != account:
        raise AccessDenied


def check_customer_keys(headers: Headers) -> None:
    """Refuse encryption with the customer's own keys; S3 answers 400 where an object was not stored with them."""
    if headers.any_of(CUSTOMER_KEYS):
        raise InvalidRequest(
            "The encryption parameters are not applicable to this object. Leave the customer-key headers out; encrypt "
            "on the client or encrypt the disk instead."
        )


def check_upload(headers: Headers) -> None:
    """Refuse what an upload may ask for and would not get: encryption, Object Lock, redirects."""
    check_customer_keys(headers)
    if headers.get(_ENCRYPTION):
        raise errors.NotImplemented(
            "Encryption at rest is not offered; leave x-amz-server-side-encryption out and encrypt the disk that holds "
            "the data.",
            Header=_ENCRYPTION,
        )
    for name in headers.lower():
        if name.startswith("x-amz-object-lock-"):
            raise InvalidRequest("Bucket is missing Object Lock Configuration")
    if headers.get("x-amz-website-redirect-location"):
        raise errors.NotImplemented(
            "Static websites are not offered; leave x-amz-website-redirect-location out.",
            Header="x-amz-website-redirect-location",
        )
