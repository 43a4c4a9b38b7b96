"""Values → the XML documents of multipart uploads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from objectlens.s3.dates import xml_date
from objectlens.s3.outputs import STANDARD, Owner, checksum_elements, prefix_elements, writer
from objectlens.s3.xml import document, nest, tag


def initiate_result(bucket: str, key: str, upload_id: str) -> bytes:
    """Return `InitiateMultipartUploadResult`."""
    return document(
        "InitiateMultipartUploadResult", (tag("Bucket", bucket), tag("Key", key), tag("UploadId", upload_id))
    )


def complete_result(
    *,
    location: str,
    bucket: str,
    key: str,
    etag: str,
    checksums: Mapping[str, str] | None = None,
    checksum_type: str | None = None,
) -> bytes:
    """Return `CompleteMultipartUploadResult`; `etag` without quotes."""
    return document(
        "CompleteMultipartUploadResult",
        (
            tag("Location", location),
            tag("Bucket", bucket),
            tag("Key", key),
            tag("ETag", f'"{etag}"'),
            *checksum_elements(checksums or {}, checksum_type),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PartItem:
    """One uploaded part. `etag` without quotes, `size` in bytes."""

    number: int
    modified: datetime
    etag: str
    size: int
    checksums: Mapping[str, str] = field(default_factory=dict)

    def element(self) -> str:
        """Return the element."""
        return nest(
            "Part",
            (
                tag("PartNumber", self.number),
                tag("LastModified", xml_date(self.modified)),
                tag("ETag", f'"{self.etag}"'),
                tag("Size", self.size),
                *checksum_elements(self.checksums),
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPartsResult:
    """One page of ListParts."""

    bucket: str
    key: str
    upload_id: str
    owner: Owner
    part_number_marker: int = 0
    max_parts: int = 1000
    truncated: bool = False
    parts: tuple[PartItem, ...] = ()
    checksum_algorithm: str | None = None
    checksum_type: str | None = None

    def xml(self) -> bytes:
        """Return the document."""
        last = self.parts[-1].number if self.parts else 0
        return document(
            "ListPartsResult",
            (
                tag("Bucket", self.bucket),
                tag("Key", self.key),
                tag("UploadId", self.upload_id),
                self.owner.element("Initiator"),
                self.owner.element(),
                tag("StorageClass", STANDARD),
                tag("PartNumberMarker", self.part_number_marker),
                tag("NextPartNumberMarker", last),
                tag("MaxParts", self.max_parts),
                tag("IsTruncated", self.truncated),
                tag("ChecksumAlgorithm", self.checksum_algorithm),
                tag("ChecksumType", self.checksum_type),
                *(part.element() for part in self.parts),
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadItem:
    """One upload under way."""

    key: str
    upload_id: str
    initiated: datetime
    checksum_algorithm: str | None = None
    checksum_type: str | None = None

    def element(self, write: Callable[[str], str], owner: Owner) -> str:
        """Return the element."""
        return nest(
            "Upload",
            (
                tag("Key", write(self.key)),
                tag("UploadId", self.upload_id),
                owner.element("Initiator"),
                owner.element(),
                tag("StorageClass", STANDARD),
                tag("Initiated", xml_date(self.initiated)),
                tag("ChecksumAlgorithm", self.checksum_algorithm),
                tag("ChecksumType", self.checksum_type),
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUploadsResult:
    """One page of ListMultipartUploads."""

    bucket: str
    owner: Owner
    prefix: str = ""
    delimiter: str = ""
    key_marker: str = ""
    upload_id_marker: str = ""
    next_key_marker: str = ""
    next_upload_id_marker: str = ""
    max_uploads: int = 1000
    encoding_type: str | None = None
    truncated: bool = False
    uploads: tuple[UploadItem, ...] = ()
    common_prefixes: tuple[str, ...] = ()

    def xml(self) -> bytes:
        """Return the document."""
        write = writer(self.encoding_type)
        return document(
            "ListMultipartUploadsResult",
            (
                tag("Bucket", self.bucket),
                tag("KeyMarker", write(self.key_marker)),
                tag("UploadIdMarker", self.upload_id_marker),
                tag("NextKeyMarker", write(self.next_key_marker)),
                tag("NextUploadIdMarker", self.next_upload_id_marker),
                tag("Delimiter", write(self.delimiter) or None),
                tag("Prefix", write(self.prefix)),
                tag("EncodingType", self.encoding_type),
                tag("MaxUploads", self.max_uploads),
                tag("IsTruncated", self.truncated),
                *(upload.element(write, self.owner) for upload in self.uploads),
                *prefix_elements(self.common_prefixes, write),
            ),
        )
