"""DeleteObject and DeleteObjects."""

from __future__ import annotations

from dataclasses import dataclass, field

from objectlens.errors import MalformedXML
from objectlens.http import HttpRequest
from objectlens.s3.checksums import Announced, parse_announced
from objectlens.s3.inputs.arguments import parameters
from objectlens.s3.inputs.reading import version_id
from objectlens.s3.inputs.writing import content_md5
from objectlens.s3.preconditions import WriteConditions
from objectlens.s3.xml import parse, required_text, text_of

MAX_DELETES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteObject:
    """DeleteObject."""

    version_id: str | None = None
    conditions: WriteConditions = field(default_factory=WriteConditions)

    @classmethod
    def parse(cls, http: HttpRequest) -> DeleteObject:
        """Read the request; raises `InvalidArgument`."""
        return cls(version_id=version_id(parameters(http)), conditions=WriteConditions.parse(http.headers))


@dataclass(frozen=True, slots=True)
class ObjectName:
    """One object to delete. `etag`, when given, is a condition, without quotes."""

    key: str
    version_id: str | None = None
    etag: str | None = None


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
            ObjectName(required_text(one, "Key"), text_of(one, "VersionId") or None, _etag(text_of(one, "ETag")))
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


def _etag(text: str | None) -> str | None:
    return text.strip().strip('"') if text else None
