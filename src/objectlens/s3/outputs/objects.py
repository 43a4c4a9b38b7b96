"""Documents about single objects: copies, deletions, tags, attributes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from objectlens.s3.dates import xml_date
from objectlens.s3.outputs.elements import checksum_elements
from objectlens.s3.xml import document, nest, tag


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteFailure:
    """One key that DeleteObjects could not delete."""

    key: str
    code: str
    message: str
    version_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """One key that was deleted. `version_id` as asked; `marker` is the delete marker that was made or removed."""

    key: str
    version_id: str | None = None
    marker: str | None = None

    def element(self) -> str:
        """Return the element."""
        return nest(
            "Deleted",
            (
                tag("Key", self.key),
                tag("VersionId", self.version_id),
                tag("DeleteMarker", None if self.marker is None else True),
                tag("DeleteMarkerVersionId", self.marker),
            ),
        )


def delete_result(deleted: Iterable[Deleted], failures: Iterable[DeleteFailure]) -> bytes:
    """Return `DeleteResult`; `deleted` is empty when `Quiet` was asked."""
    done = (one.element() for one in deleted)
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
    """Return `Tagging`, sorted by key."""
    found = (nest("Tag", (tag("Key", key), tag("Value", value, empty=True))) for key, value in sorted(tags.items()))
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
    part_checksums: tuple[Mapping[str, str], ...] = ()

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
        # S3 lists single parts only where it kept their checksums (API reference, GetObjectAttributes); their sizes
        # are worth telling as well.
        shown = range(first, last)
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
                            *checksum_elements(self.part_checksums[at] if self.part_checksums else {}),
                        ),
                    )
                    for at in shown
                ),
            ),
        )


def post_response(location: str, bucket: str, key: str, etag: str) -> bytes:
    """Return `PostResponse`; `etag` without quotes."""
    return document(
        "PostResponse",
        (tag("Location", location), tag("Bucket", bucket), tag("Key", key), tag("ETag", f'"{etag}"')),
        namespace=None,
    )
