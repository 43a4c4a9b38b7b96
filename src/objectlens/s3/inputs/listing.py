"""ListBuckets, ListObjects, ListObjectsV2, ListObjectVersions, ListMultipartUploads.

A continuation token is opaque to clients and holds the place to go on after; it is checked for its form only, for it
opens nothing that `start-after` would not.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BadBase64
from dataclasses import dataclass

from objectlens.http import HttpRequest
from objectlens.s3.inputs.arguments import bad_argument, encoding_type, flag, integer, page_size, parameters

_TOKEN_VERSION = b"1"
_MAX_TOKEN = 4096
_MAX_BUCKETS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ListObjects:
    """ListObjects (`version` 1) and ListObjectsV2 (2).

    `after` is where to go on, from the marker, the token or `start-after`, in either version. `marker`, `start_after`
    and `continuation_token` are what the request said, to be repeated in the answer.
    """

    version: int
    prefix: str = ""
    delimiter: str = ""
    max_keys: int = 1000
    encoding_type: str | None = None
    after: str = ""
    marker: str = ""
    start_after: str | None = None
    continuation_token: str | None = None
    fetch_owner: bool = False

    @classmethod
    def parse(cls, http: HttpRequest) -> ListObjects:
        """Read the request; raises `InvalidArgument`."""
        query = parameters(http)
        version = 2 if query.get("list-type") == "2" else 1
        token = query.get("continuation-token") if version == 2 else None
        start_after = query.get("start-after") if version == 2 else None
        marker = query.get("marker", "") if version == 1 else ""
        return cls(
            version=version,
            prefix=query.get("prefix", ""),
            delimiter=query.get("delimiter", ""),
            max_keys=page_size("max-keys", query.get("max-keys")),
            encoding_type=encoding_type(query.get("encoding-type")),
            after=marker or (place_of(token) if token else start_after or ""),
            marker=marker,
            start_after=start_after,
            continuation_token=token,
            fetch_owner=version == 1 or flag("fetch-owner", query.get("fetch-owner")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListVersions:
    """ListObjectVersions."""

    prefix: str = ""
    delimiter: str = ""
    max_keys: int = 1000
    encoding_type: str | None = None
    key_marker: str = ""
    version_id_marker: str = ""

    @classmethod
    def parse(cls, http: HttpRequest) -> ListVersions:
        """Read the request; raises `InvalidArgument`."""
        query = parameters(http)
        version_id_marker = query.get("version-id-marker", "")
        if version_id_marker and not query.get("key-marker"):
            raise bad_argument(
                "A version-id marker cannot be specified without a key marker.", "version-id-marker", version_id_marker
            )
        return cls(
            prefix=query.get("prefix", ""),
            delimiter=query.get("delimiter", ""),
            max_keys=page_size("max-keys", query.get("max-keys")),
            encoding_type=encoding_type(query.get("encoding-type")),
            key_marker=query.get("key-marker", ""),
            version_id_marker=version_id_marker,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUploads:
    """ListMultipartUploads."""

    prefix: str = ""
    delimiter: str = ""
    max_uploads: int = 1000
    encoding_type: str | None = None
    key_marker: str = ""
    upload_id_marker: str = ""

    @classmethod
    def parse(cls, http: HttpRequest) -> ListUploads:
        """Read the request; raises `InvalidArgument`. An upload-id marker without a key marker means nothing."""
        query = parameters(http)
        key_marker = query.get("key-marker", "")
        return cls(
            prefix=query.get("prefix", ""),
            delimiter=query.get("delimiter", ""),
            max_uploads=page_size("max-uploads", query.get("max-uploads")),
            encoding_type=encoding_type(query.get("encoding-type")),
            key_marker=key_marker,
            upload_id_marker=query.get("upload-id-marker", "") if key_marker else "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListBuckets:
    """ListBuckets. `after` is the bucket name to go on after."""

    prefix: str = ""
    max_buckets: int = _MAX_BUCKETS
    after: str = ""
    region: str | None = None

    @classmethod
    def parse(cls, http: HttpRequest) -> ListBuckets:
        """Read the request; raises `InvalidArgument`."""
        query = parameters(http)
        token = query.get("continuation-token")
        return cls(
            prefix=query.get("prefix", ""),
            max_buckets=integer("max-buckets", query.get("max-buckets"), _MAX_BUCKETS, low=1, high=_MAX_BUCKETS),
            after=place_of(token) if token else "",
            region=query.get("bucket-region") or None,
        )


def new_token(after: str) -> str:
    """Return a continuation token for the page after `after`."""
    return urlsafe_b64encode(_TOKEN_VERSION + after.encode("utf-8", "surrogateescape")).decode()


def place_of(token: str) -> str:
    """Return what `new_token` was given; raises `InvalidArgument` for anything else."""
    try:
        data = urlsafe_b64decode(token.encode()) if len(token) <= _MAX_TOKEN else b""
        if data.startswith(_TOKEN_VERSION):
            return data[len(_TOKEN_VERSION) :].decode("utf-8", "surrogateescape")
    except (BadBase64, ValueError):
        pass
    raise bad_argument("The continuation token provided is incorrect", "continuation-token", token)
