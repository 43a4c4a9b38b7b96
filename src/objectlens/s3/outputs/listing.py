"""Pages of ListBuckets, ListObjects, ListObjectsV2 and ListObjectVersions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from objectlens.s3.dates import xml_date
from objectlens.s3.outputs.elements import STANDARD, Owner, prefix_elements, writer
from objectlens.s3.xml import document, nest, tag


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One object of a listing. `etag` without quotes, `size` in bytes."""

    key: str
    modified: datetime | None
    etag: str | None
    size: int
    storage_class: str | None = STANDARD
    owner: Owner | None = None
    checksum_algorithms: tuple[str, ...] = ()
    checksum_type: str | None = None

    def element(self, write: Callable[[str], str], name: str = "Contents", inner: str = "") -> str:
        """Return the element; `write` encodes the key, `inner` follows it."""
        return nest(
            name,
            (
                tag("Key", write(self.key)),
                inner,
                tag("LastModified", xml_date(self.modified) if self.modified else None),
                tag("ETag", None if self.etag is None else f'"{self.etag}"'),
                *(tag("ChecksumAlgorithm", one) for one in self.checksum_algorithms),
                tag("ChecksumType", self.checksum_type),
                tag("Size", self.size),
                self.owner.element() if self.owner else "",
                tag("StorageClass", self.storage_class),
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListBucketResult:
    """One page of ListObjects (`version` 1) or ListObjectsV2 (2).

    Members that the asked version does not have are left out. `encoding_type` `url` percent-encodes keys and prefixes,
    unless `encoded` tells that they come so.
    """

    version: int
    name: str
    prefix: str = ""
    delimiter: str = ""
    max_keys: int = 1000
    encoding_type: str | None = None
    encoded: bool = False
    truncated: bool = False
    items: tuple[Item, ...] = ()
    common_prefixes: tuple[str, ...] = ()
    marker: str = ""
    next_marker: str | None = None
    start_after: str | None = None
    continuation_token: str | None = None
    next_continuation_token: str | None = None
    key_count: int | None = None

    def xml(self) -> bytes:
        """Return the document."""
        write = writer(None if self.encoded else self.encoding_type)
        return document(
            "ListBucketResult",
            (
                tag("Name", self.name),
                tag("Prefix", self.prefix if self.version == 1 and _reads_alike(self.prefix) else write(self.prefix)),
                *(self._paging_v2(write) if self.version == 2 else self._paging_v1(write)),
                tag("MaxKeys", self.max_keys),
                tag("Delimiter", write(self.delimiter) or None),
                tag("EncodingType", self.encoding_type),
                tag("IsTruncated", self.truncated),
                *(item.element(write) for item in self.items),
                *prefix_elements(self.common_prefixes, write),
            ),
        )

    def _paging_v1(self, write: Callable[[str], str]) -> tuple[str, ...]:
        return (
            tag("Marker", write(self.marker)),
            tag("NextMarker", None if self.next_marker is None else write(self.next_marker)),
        )

    def _paging_v2(self, write: Callable[[str], str]) -> tuple[str, ...]:
        count = len(self.items) + len(self.common_prefixes) if self.key_count is None else self.key_count
        return (
            tag("StartAfter", None if self.start_after is None else write(self.start_after)),
            tag("ContinuationToken", self.continuation_token),
            tag("NextContinuationToken", self.next_continuation_token),
            tag("KeyCount", count),
        )


def _reads_alike(text: str) -> bool:
    """Tell whether a text means the same to who decodes it and who does not; of a version 1 prefix, boto3 does not."""
    return not set(text) & {"%", "+"} and all(char >= " " or char in "\t\n\r" for char in text)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionItem:
    """One version of a listing, or a delete marker, which has no ETag. `etag` without quotes, `size` in bytes."""

    key: str
    version: str
    latest: bool
    modified: datetime
    owner: Owner
    etag: str | None = None
    size: int = 0

    def element(self, write: Callable[[str], str]) -> str:
        """Return the element; `write` encodes the key."""
        identity = tag("VersionId", self.version) + tag("IsLatest", self.latest)
        if self.etag is not None:
            item = Item(key=self.key, modified=self.modified, etag=self.etag, size=self.size, owner=self.owner)
            return item.element(write, "Version", identity)
        modified = tag("LastModified", xml_date(self.modified))
        return nest("DeleteMarker", (tag("Key", write(self.key)), identity, modified, self.owner.element()))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListVersionsResult:
    """One page of ListObjectVersions. A page that ends with a common prefix names no version to go on after."""

    name: str
    prefix: str = ""
    delimiter: str = ""
    key_marker: str = ""
    version_id_marker: str = ""
    next_key_marker: str | None = None
    next_version_id_marker: str | None = None
    max_keys: int = 1000
    encoding_type: str | None = None
    truncated: bool = False
    items: tuple[VersionItem, ...] = ()
    common_prefixes: tuple[str, ...] = ()

    def xml(self) -> bytes:
        """Return the document."""
        write = writer(self.encoding_type)
        following = self.next_key_marker
        return document(
            "ListVersionsResult",
            (
                tag("Name", self.name),
                tag("Prefix", write(self.prefix)),
                tag("KeyMarker", write(self.key_marker)),
                tag("VersionIdMarker", self.version_id_marker),
                tag("NextKeyMarker", None if following is None else write(following)),
                tag("NextVersionIdMarker", self.next_version_id_marker),
                tag("MaxKeys", self.max_keys),
                tag("Delimiter", write(self.delimiter) or None),
                tag("EncodingType", self.encoding_type),
                tag("IsTruncated", self.truncated),
                *(item.element(write) for item in self.items),
                *prefix_elements(self.common_prefixes, write),
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketItem:
    """One bucket of ListBuckets."""

    name: str
    created_at: datetime
    region: str | None = None


def list_buckets_result(
    buckets: Iterable[BucketItem], owner: Owner, *, continuation_token: str | None = None, prefix: str | None = None
) -> bytes:
    """Return `ListAllMyBucketsResult`; the token is that of the next page."""
    found = (
        nest(
            "Bucket",
            (
                tag("Name", one.name),
                tag("CreationDate", xml_date(one.created_at)),
                tag("BucketRegion", one.region),
            ),
        )
        for one in buckets
    )
    return document(
        "ListAllMyBucketsResult",
        (
            owner.element(),
            nest("Buckets", found),
            tag("ContinuationToken", continuation_token),
            tag("Prefix", prefix or None),
        ),
    )
