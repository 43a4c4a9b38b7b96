"""Values → the XML documents that S3 answers with.

Element order is S3's. `xml()` of each value returns the whole document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from objectlens.s3.dates import xml_date
from objectlens.s3.xml import document, nest, tag

STANDARD = "STANDARD"


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner by canonical user id; S3 itself stopped sending display names in 2025."""

    id: str
    display_name: str | None = None

    def element(self, name: str = "Owner") -> str:
        """Return the element."""
        return nest(name, (tag("ID", self.id), tag("DisplayName", self.display_name)))


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
                tag("Prefix", write(self.prefix)),
                *(self._paging_v2(write) if self.version == 2 else self._paging_v1(write)),
                tag("MaxKeys", self.max_keys),
                tag("Delimiter", write(self.delimiter) or None),
                tag("EncodingType", self.encoding_type),
                tag("IsTruncated", self.truncated),
                *(item.element(write) for item in self.items),
                *_prefixes(self.common_prefixes, write),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ListVersionsResult:
    """ListObjectVersions of a bucket without versioning: each object is its own version `null`."""

    name: str
    prefix: str = ""
    delimiter: str = ""
    key_marker: str = ""
    version_id_marker: str = ""
    next_key_marker: str | None = None
    max_keys: int = 1000
    encoding_type: str | None = None
    truncated: bool = False
    items: tuple[Item, ...] = ()
    common_prefixes: tuple[str, ...] = ()

    def xml(self) -> bytes:
        """Return the document."""
        write = writer(self.encoding_type)
        version = tag("VersionId", "null") + tag("IsLatest", value=True)
        following = self.next_key_marker
        return document(
            "ListVersionsResult",
            (
                tag("Name", self.name),
                tag("Prefix", write(self.prefix)),
                tag("KeyMarker", write(self.key_marker)),
                tag("VersionIdMarker", self.version_id_marker),
                tag("NextKeyMarker", None if following is None else write(following)),
                tag("NextVersionIdMarker", None if following is None else "null"),
                tag("MaxKeys", self.max_keys),
                tag("Delimiter", write(self.delimiter) or None),
                tag("EncodingType", self.encoding_type),
                tag("IsTruncated", self.truncated),
                *(item.element(write, "Version", version) for item in self.items),
                *_prefixes(self.common_prefixes, write),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteFailure:
    """One key that DeleteObjects could not delete."""

    key: str
    code: str
    message: str
    version_id: str | None = None


def delete_result(deleted: Iterable[tuple[str, str | None]], failures: Iterable[DeleteFailure]) -> bytes:
    """Return `DeleteResult`; `deleted` are (key, version id as asked), none of them when `Quiet` was asked."""
    done = (nest("Deleted", (tag("Key", key), tag("VersionId", version))) for key, version in deleted)
    failed = (
        nest(
            "Error",
            (
                tag("Key", one.key),
                tag("VersionId", one.version_id),
                tag("Code", one.code),
                tag("Message", one.message),
            ),
        )
        for one in failures
    )
    return document("DeleteResult", (*done, *failed))


def copy_result(
    root: str,
    etag: str,
    modified: datetime,
    checksums: Mapping[str, str] | None = None,
    checksum_type: str | None = None,
) -> bytes:
    """Return `CopyObjectResult` or `CopyPartResult`, whichever `root` says."""
    return document(
        root,
        (
            tag("LastModified", xml_date(modified)),
            tag("ETag", f'"{etag}"'),
            *checksum_elements(checksums or {}, checksum_type),
        ),
    )


def tagging(tags: Mapping[str, str]) -> bytes:
    """Return `Tagging`."""
    found = (nest("Tag", (tag("Key", key), tag("Value", value, empty=True))) for key, value in tags.items())
    return document("Tagging", (nest("TagSet", found),))


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectAttributes:
    """GetObjectAttributes: the members that were asked for, None for the others. `parts` are sizes in bytes."""

    etag: str | None = None
    checksums: Mapping[str, str] | None = None
    checksum_type: str | None = None
    parts: tuple[int, ...] | None = None
    part_number_marker: int = 0
    max_parts: int = 1000
    storage_class: str | None = None
    size: int | None = None
    part_checksums: tuple[Mapping[str, str], ...] = field(default=())

    def xml(self) -> bytes:
        """Return the document."""
        checksum = checksum_elements(self.checksums or {}, self.checksum_type)
        return document(
            "GetObjectAttributesResponse",
            (
                tag("ETag", self.etag),
                nest("Checksum", checksum) if checksum else "",
                self._parts(self.parts) if self.parts else "",
                tag("StorageClass", self.storage_class),
                tag("ObjectSize", self.size),
            ),
        )

    def _parts(self, parts: tuple[int, ...]) -> str:
        first, last = self.part_number_marker, min(self.part_number_marker + self.max_parts, len(parts))
        # S3 lists single parts only when it kept their checksums (API reference, GetObjectAttributes).
        shown = range(first, last) if self.part_checksums else ()
        return nest(
            "ObjectParts",
            (
                tag("PartsCount", len(parts)),
                tag("PartNumberMarker", first),
                tag("NextPartNumberMarker", last),
                tag("MaxParts", self.max_parts),
                tag("IsTruncated", last < len(parts)),
                *(
                    nest(
                        "Part",
                        (
                            tag("PartNumber", at + 1),
                            tag("Size", parts[at]),
                            *checksum_elements(self.part_checksums[at]),
                        ),
                    )
                    for at in shown
                ),
            ),
        )


def checksum_elements(checksums: Mapping[str, str], checksum_type: str | None = None) -> tuple[str, ...]:
    """Return `ChecksumCRC32` and its like, with `ChecksumType`; nothing when there are no checksums."""
    found = tuple(tag(f"Checksum{name}", value) for name, value in checksums.items())
    return (*found, tag("ChecksumType", checksum_type)) if found else ()


def writer(encoding_type: str | None) -> Callable[[str], str]:
    """Return how keys are written: percent-encoded but for `/` with `url`, else as they are."""
    return _percent if encoding_type == "url" else _plain


def _percent(text: str) -> str:
    return quote(text, safe="/", errors="replace")


def _plain(text: str) -> str:
    return text


def _prefixes(prefixes: Iterable[str], write: Callable[[str], str]) -> Iterable[str]:
    return (nest("CommonPrefixes", (tag("Prefix", write(one)),)) for one in prefixes)
