"""CopyObject and UploadPartCopy: the source, and what the copy keeps."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import parse_qs, quote

from objectlens.arn import Arn
from objectlens.errors import InvalidArgument, InvalidURI
from objectlens.http import Headers, HttpRequest
from objectlens.s3 import checksums
from objectlens.s3.address import Address, Service, checked_length, decode_path
from objectlens.s3.checksums import Algorithm
from objectlens.s3.inputs.arguments import bad_argument, parameters, part_number
from objectlens.s3.inputs.multipart import upload_id
from objectlens.s3.inputs.writing import Kept
from objectlens.s3.preconditions import ReadConditions, WriteConditions

_HEADER: Final = "x-amz-copy-source"
_OBJECT: Final = re.compile(r"accesspoint[/:]([^/:]+)/object/(.+)", re.DOTALL)
_SPAN: Final = re.compile(r"bytes=([0-9]{1,19})-([0-9]{1,19})")
_SERVICES: Final[dict[str, Service]] = {"s3": "s3-accesspoint", "s3-object-lambda": "s3-object-lambda"}

Directive = Literal["COPY", "REPLACE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopySource:
    """Where a copy comes from: an address at object level, a version, and conditions on the source.

    An address of service `s3-object-lambda` is one that S3 refuses as a source (reference section 4.1).
    """

    address: Address
    version_id: str | None = None
    conditions: ReadConditions = field(default_factory=ReadConditions)

    @classmethod
    def parse(cls, headers: Headers) -> CopySource:
        """Read `x-amz-copy-source` and its conditions; raises `InvalidArgument`, `KeyTooLongError`."""
        raw = headers.get(_HEADER) or ""
        path, _, query = raw.partition("?")
        versions = parse_qs(query).get("versionId", [])
        return cls(
            address=_source_address(path, raw),
            version_id=versions[0] if versions else None,
            conditions=ReadConditions.parse(headers, "x-amz-copy-source-"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyObject:
    """CopyObject. `kept` replaces what the source has where its directive says `REPLACE`."""

    source: CopySource
    kept: Kept
    metadata: Directive = "COPY"
    tagging: Directive = "COPY"
    algorithm: Algorithm | None = None
    conditions: WriteConditions = field(default_factory=WriteConditions)
    changes_storage_class: bool = False

    @classmethod
    def parse(cls, http: HttpRequest) -> CopyObject:
        """Read the request; raises S3's error for the first thing that is wrong with it."""
        headers = http.headers
        named = headers.get("x-amz-checksum-algorithm")
        return cls(
            source=CopySource.parse(headers),
            kept=Kept.parse(headers),
            metadata=_directive(headers, "x-amz-metadata-directive"),
            tagging=_directive(headers, "x-amz-tagging-directive"),
            algorithm=checksums.algorithm_named(named) if named else None,
            conditions=WriteConditions.parse(headers),
            changes_storage_class=bool(headers.get("x-amz-storage-class")),
        )

    @property
    def changes_something(self) -> bool:
        """Tell whether a copy of an object onto itself would be legal."""
        return self.metadata == "REPLACE" or self.changes_storage_class


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPartCopy:
    """UploadPartCopy. `span` is (start, end) with `end` exclusive, None for the whole source."""

    source: CopySource
    upload_id: str
    part_number: int
    span: tuple[int, int] | None = None

    @classmethod
    def parse(cls, http: HttpRequest) -> UploadPartCopy:
        """Read the request; raises `InvalidArgument`."""
        query = parameters(http)
        return cls(
            source=CopySource.parse(http.headers),
            upload_id=upload_id(query),
            part_number=part_number(query.get("partNumber", "")),
            span=_source_span(http.headers.get("x-amz-copy-source-range")),
        )


def _source_address(path: str, raw: str) -> Address:
    try:
        # Non-ASCII text in a header is what the client wrote; in a path it would be bytes.
        text = decode_path(quote(path, safe=string.printable, errors="surrogateescape"))
    except InvalidURI:
        text = ""
    if text.startswith("arn:"):
        return _source_arn(text, raw)
    bucket, _, key = text.removeprefix("/").partition("/")
    if not bucket or not key:
        raise _bad_source(raw)
    return Address("object", bucket, checked_length(key))


def _source_arn(text: str, raw: str) -> Address:
    try:
        arn = Arn.parse(text)
    except ValueError:
        raise _bad_source(raw) from None
    match = _OBJECT.fullmatch(arn.resource)
    service = _SERVICES.get(arn.service)
    if match is None or service is None or not arn.account:
        raise _bad_source(raw)
    return Address("object", match[1], checked_length(match[2]), arn.account, service)


def _bad_source(raw: str) -> InvalidArgument:
    return bad_argument(
        "Copy Source must mention the source bucket and key: sourcebucket/sourcekey, or an access point's "
        "arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME/object/KEY",
        _HEADER,
        raw,
    )


def _directive(headers: Headers, name: str) -> Directive:
    value = headers.get(name) or "COPY"
    if value == "COPY":
        return "COPY"
    if value == "REPLACE":
        return "REPLACE"
    raise bad_argument(f"Unknown {name.removeprefix('x-amz-')}. Use COPY or REPLACE.", name, value)


def _source_span(header: str | None) -> tuple[int, int] | None:
    if header is None:
        return None
    match = _SPAN.fullmatch(header.strip())
    if match is None or int(match[2]) < int(match[1]):
        raise bad_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy",
            "x-amz-copy-source-range",
            header,
        )
    return int(match[1]), int(match[2]) + 1
