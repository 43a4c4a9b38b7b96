"""DeleteObject and DeleteObjects."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from objectlens.errors import MalformedXML
from objectlens.http import HttpRequest
from objectlens.s3.checksums import Announced, parse_announced
from objectlens.s3.inputs.arguments import parameters
from objectlens.s3.inputs.reading import version_id
from objectlens.s3.inputs.writing import content_md5
from objectlens.s3.preconditions import DeleteConditions
from objectlens.s3.xml import parse, required_text, text_of

MAX_DELETES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteObject:
    """DeleteObject."""

    version_id: str | None = None
    conditions: DeleteConditions = field(default_factory=DeleteConditions)

    @classmethod
    def parse(cls, http: HttpRequest) -> DeleteObject:
        """Read the request; raises `InvalidArgument`."""
        conditions = DeleteConditions.parse(
            http.headers.get("if-match"),
            http.headers.get("x-amz-if-match-last-modified-time"),
            http.headers.get("x-amz-if-match-size"),
        )
        return cls(version_id=version_id(parameters(http)), conditions=conditions)


@dataclass(frozen=True, slots=True)
class ObjectName:
    """One object to delete."""

    key: str
    version_id: str | None = None
    conditions: DeleteConditions = field(default_factory=DeleteConditions)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteObjects:
    """DeleteObjects: up to 1,000 keys. `quiet` asks for failures only."""

    objects: tuple[ObjectName, ...]
    quiet: bool = False
    content_md5: bytes | None = None
    checksum: Announced | None = None

    @classmethod
    def parse(cls, http: HttpRequest, body: bytes) -> DeleteObjects:
        """Read the request and its body; raises `MalformedXML` for none, too many, or nameless objects."""
        root = parse(body, "Delete")
        objects = tuple(
            ObjectName(required_text(one, "Key"), text_of(one, "VersionId") or None, _conditions(one))
            for one in root.findall("Object")
        )
        if not 1 <= len(objects) <= MAX_DELETES or not all(one.key for one in objects):
            raise MalformedXML
        return cls(
            objects=objects,
            quiet=(text_of(root, "Quiet") or "").strip().lower() == "true",
            content_md5=content_md5(http.headers),
            checksum=parse_announced(http.headers),
        )


def _conditions(element: Element) -> DeleteConditions:
    return DeleteConditions.parse(
        text_of(element, "ETag"), text_of(element, "LastModifiedTime"), text_of(element, "Size")
    )
