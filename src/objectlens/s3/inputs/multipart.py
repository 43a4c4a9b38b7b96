"""Multipart uploads: create, upload a part, complete, list the parts."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import Element

from objectlens.errors import InvalidPartOrder, InvalidRequest, MalformedXML
from objectlens.http import HttpRequest
from objectlens.s3 import checksums
from objectlens.s3.checksums import FULL_OBJECT_ALGORITHMS, Algorithm, Announced, ChecksumType, parse_announced
from objectlens.s3.inputs.arguments import bad_argument, integer, page_size, parameters, part_number
from objectlens.s3.inputs.checks import check_customer_keys
from objectlens.s3.inputs.writing import Kept, content_md5, payload_length
from objectlens.s3.preconditions import WriteConditions
from objectlens.s3.xml import parse, required_text, text_of

_TYPE: Final = "x-amz-checksum-type"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateMultipartUpload:
    """CreateMultipartUpload. Algorithm and type are both set or both None."""

    kept: Kept
    algorithm: Algorithm | None = None
    checksum_type: ChecksumType | None = None

    @classmethod
    def parse(cls, http: HttpRequest) -> CreateMultipartUpload:
        """Read the request; raises `InvalidRequest` for a type that the algorithm cannot have."""
        named = http.headers.get("x-amz-checksum-algorithm")
        algorithm = checksums.algorithm_named(named) if named else None
        return cls(
            kept=Kept.parse(http.headers),
            algorithm=algorithm,
            checksum_type=_checksum_type(algorithm, http.headers.get(_TYPE)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPart:
    """UploadPart. `length` in bytes."""

    upload_id: str
    part_number: int
    length: int | None
    content_md5: bytes | None = None
    checksum: Announced | None = None

    @classmethod
    def parse(cls, http: HttpRequest) -> UploadPart:
        """Read the request; raises S3's error for the first thing that is wrong with it."""
        query = parameters(http)
        check_customer_keys(http.headers)
        return cls(
            upload_id=upload_id(query),
            part_number=part_number(query.get("partNumber", "")),
            length=payload_length(http),
            content_md5=content_md5(http.headers),
            checksum=parse_announced(http.headers),
        )


@dataclass(frozen=True, slots=True)
class CompletedPart:
    """One part as the client lists it. `etag` without quotes; `checksums` base64 by algorithm."""

    number: int
    etag: str
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteMultipartUpload:
    """CompleteMultipartUpload. `checksum` is the object's; a composite one may come with or without its `-N`."""

    upload_id: str
    parts: tuple[CompletedPart, ...]
    algorithm: Algorithm | None = None
    checksum: str | None = None
    checksum_type: ChecksumType | None = None
    size: int | None = None
    conditions: WriteConditions = field(default_factory=WriteConditions)

    @classmethod
    def parse(cls, http: HttpRequest, body: bytes) -> CompleteMultipartUpload:
        """Read the request and its body; raises `MalformedXML`, `InvalidPartOrder` or `InvalidRequest`."""
        algorithm, value = _object_checksum(http)
        kind = http.headers.get(_TYPE)
        return cls(
            upload_id=upload_id(parameters(http)),
            parts=_parts(body),
            algorithm=algorithm,
            checksum=value,
            checksum_type=_type_named(kind) if kind else None,
            size=_size(http.headers.get("x-amz-mp-object-size")),
            conditions=WriteConditions.parse(http.headers),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListParts:
    """ListParts: the parts with numbers above `part_number_marker`."""

    upload_id: str
    max_parts: int = 1000
    part_number_marker: int = 0

    @classmethod
    def parse(cls, http: HttpRequest) -> ListParts:
        """Read the request; raises `InvalidArgument`."""
        query = parameters(http)
        return cls(
            upload_id=upload_id(query),
            max_parts=page_size("max-parts", query.get("max-parts")),
            part_number_marker=integer("part-number-marker", query.get("part-number-marker"), 0),
        )


def upload_id(query: Mapping[str, str]) -> str:
    """Return the upload's id; raises `InvalidArgument` for an empty one."""
    found = query.get("uploadId", "")
    if not found:
        raise bad_argument("This operation does not accept an empty upload id", "uploadId", "")
    return found


def _size(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise bad_argument("The object's size must be a whole number of bytes", "x-amz-mp-object-size", text)
    return int(text)


def _parts(body: bytes) -> tuple[CompletedPart, ...]:
    root = parse(body, "CompleteMultipartUpload", "CompleteMultipartUploadRequest")
    parts = tuple(_part(one) for one in root.findall("Part"))
    if not 1 <= len(parts) <= 10_000:
        raise MalformedXML
    if any(later.number < earlier.number for earlier, later in itertools.pairwise(parts)):
        raise InvalidPartOrder
    # A client that uploaded a part again may list it again: the last one counts.
    return tuple({part.number: part for part in parts}.values())


def _part(element: Element) -> CompletedPart:
    values = {name: text_of(element, f"Checksum{name}") for name in checksums.ALGORITHMS}
    return CompletedPart(
        part_number(required_text(element, "PartNumber").strip()),
        required_text(element, "ETag").strip().strip('"'),
        {name: value for name, value in values.items() if value},
    )


def _object_checksum(http: HttpRequest) -> tuple[Algorithm | None, str | None]:
    found = [(one, http.headers.get(checksums.header_name(one))) for one in checksums.ALGORITHMS]
    given = [(one, value) for one, value in found if value]
    if len(given) > 1:
        raise InvalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
    if not given:
        return None, None
    algorithm, value = given[0]
    checksums.check_value(algorithm, (value or "").partition("-")[0])
    return algorithm, value


def _checksum_type(algorithm: Algorithm | None, named: str | None) -> ChecksumType | None:
    if algorithm is None:
        if named:
            raise InvalidRequest(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
            )
        return None
    # CRC64NVME is of the full object always, the others composite unless asked otherwise; hashes know only composite.
    kind = _type_named(named) if named else ("FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE")
    possible = algorithm in FULL_OBJECT_ALGORITHMS if kind == "FULL_OBJECT" else algorithm != "CRC64NVME"
    if not possible:
        raise InvalidRequest(
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
        )
    return kind


def _type_named(name: str) -> ChecksumType:
    if name == "COMPOSITE":
        return "COMPOSITE"
    if name == "FULL_OBJECT":
        return "FULL_OBJECT"
    raise InvalidRequest(f"Value for {_TYPE} header is invalid. Use COMPOSITE or FULL_OBJECT.")
