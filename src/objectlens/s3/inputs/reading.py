"""GetObject, HeadObject, GetObjectAttributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from objectlens.errors import InvalidRequest
from objectlens.http import HttpRequest
from objectlens.s3.headers import response_overrides
from objectlens.s3.inputs.arguments import bad_argument, integer, page_size, parameters, part_number
from objectlens.s3.inputs.checks import CUSTOMER_KEYS, check_customer_keys
from objectlens.s3.preconditions import NONE, ReadConditions
from objectlens.s3.ranges import ByteRange, parse_range

# In the URLs that functions read sources with: the digest of the one state that may be read (see `stores.Stat.state`).
STATE_PARAMETER = "x-objectlens-state"

# What a request may say in headers beside the address.
_SAID = CUSTOMER_KEYS | {
    *("range", "if-range", "x-amz-checksum-mode"),
    *("if-match", "if-none-match", "if-modified-since", "if-unmodified-since"),
}
_ATTRIBUTES = frozenset({"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadObject:
    """GetObject and HeadObject.

    At most one of `byte_range` and `part_number` is set; `if_range` is what the former depends on, as it was sent.
    `overrides` are headers by canonical name that replace the object's. `checksums` tells that checksum headers were
    asked for; `state` is the digest of the only state of the object that will do.
    """

    byte_range: ByteRange | None = None
    if_range: str | None = None
    part_number: int | None = None
    version_id: str | None = None
    conditions: ReadConditions = NONE
    overrides: Mapping[str, str] = field(default_factory=dict)
    checksums: bool = False
    state: str | None = None

    @property
    def partial(self) -> bool:
        """Tell whether it may well be answered with less than the whole object."""
        return self.byte_range is not None or self.part_number is not None or self.conditions != NONE

    @classmethod
    def parse(cls, http: HttpRequest) -> ReadObject:
        """Read the request; raises `InvalidArgument` or `InvalidRequest`."""
        if not http.query and not http.headers.any_of(_SAID):
            return WHOLE
        query = parameters(http)
        check_customer_keys(http.headers)
        part = part_number(query["partNumber"]) if "partNumber" in query else None
        header = http.headers.get("range")
        if part is not None and header:
            raise InvalidRequest("Cannot specify both Range header and partNumber query parameter")
        return cls(
            byte_range=parse_range(header),
            if_range=http.headers.get("if-range"),
            part_number=part,
            version_id=version_id(query),
            conditions=ReadConditions.parse(http.headers),
            overrides=response_overrides(query.items()) if query else {},
            checksums=(http.headers.get("x-amz-checksum-mode") or "").upper() == "ENABLED",
            state=query.get(STATE_PARAMETER),
        )


WHOLE = ReadObject()
"""What most ask for: all of an object, whatever state it is in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAttributes:
    """GetObjectAttributes. `wanted` holds `ETag`, `Checksum`, `ObjectParts`, `StorageClass`, `ObjectSize`."""

    wanted: frozenset[str]
    max_parts: int = 1000
    part_number_marker: int = 0
    version_id: str | None = None

    @classmethod
    def parse(cls, http: HttpRequest) -> ReadAttributes:
        """Read the request; raises `InvalidArgument`."""
        check_customer_keys(http.headers)
        text = http.headers.get("x-amz-object-attributes") or ""
        wanted = frozenset(filter(None, (one.strip() for one in text.split(","))))
        if not wanted or not wanted <= _ATTRIBUTES:
            raise bad_argument("Invalid attribute name specified.", "x-amz-object-attributes", text)
        marker = integer("x-amz-part-number-marker", http.headers.get("x-amz-part-number-marker"), 0)
        return cls(
            wanted=wanted,
            max_parts=page_size("x-amz-max-parts", http.headers.get("x-amz-max-parts")),
            part_number_marker=marker,
            version_id=version_id(parameters(http)),
        )


def version_id(query: Mapping[str, str]) -> str | None:
    """Return the version asked for, None for the latest; raises `InvalidArgument` for an empty one."""
    version = query.get("versionId")
    if version == "":
        raise bad_argument("Version id cannot be the empty string", "versionId", "")
    return version
