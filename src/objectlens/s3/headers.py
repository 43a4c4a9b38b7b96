"""Headers of answers: S3's letter case, the values, and what a request may override.

Functions look header names up in S3's own spelling, case-sensitively, so answers spell them as S3 does.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from objectlens.errors import InvalidArgument
from objectlens.s3.checksums import header_name
from objectlens.s3.dates import http_date

# Headers that S3 keeps with an object as the uploader sent them.
SYSTEM_HEADERS: Final = (
    "Cache-Control",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-Type",
    "Expires",
)
DEFAULT_CONTENT_TYPE: Final = "binary/octet-stream"

# S3's spellings of the names that are not written in lower case throughout.
_SPELLINGS: Final = {
    name.lower(): name
    for name in (
        *SYSTEM_HEADERS,
        "Accept-Ranges",
        "Allow",
        "Connection",
        "Content-Length",
        "Content-Range",
        "Date",
        "ETag",
        "Last-Modified",
        "Location",
        "Retry-After",
        "Server",
        "Transfer-Encoding",
        "x-amz-server-side-encryption-customer-key-MD5",
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectFacts:
    """What the headers of a GetObject or HeadObject answer tell of an object.

    `etag` without quotes; `system` by canonical name; `metadata` names without prefix; `checksums` base64 by algorithm.
    """

    etag: str
    modified: datetime
    system: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)
    checksum_type: str | None = None
    tag_count: int = 0
    part_count: int = 0


def canonical(name: str) -> str:
    """Return a header name as S3 spells it."""
    lower = name.lower()
    return _SPELLINGS.get(lower, lower)


def object_headers(
    facts: ObjectFacts, *, overrides: Mapping[str, str] | None = None, checksums: bool = False, parts: bool = False
) -> list[tuple[str, str]]:
    """Return the headers that describe an object, all but `Content-Length` and `Content-Range`.

    `overrides` come from `response_overrides`. `checksums` is for `x-amz-checksum-mode: ENABLED` on a whole object;
    `parts` adds the number of parts, for requests with `partNumber`.
    """
    system = {"Content-Type": DEFAULT_CONTENT_TYPE, **facts.system, **(overrides or {})}
    found = [
        ("Last-Modified", http_date(facts.modified)),
        ("ETag", f'"{facts.etag}"'),
        ("Accept-Ranges", "bytes"),
        *((name, encode_value(value)) for name, value in system.items()),
        *((f"x-amz-meta-{name}", encode_value(value)) for name, value in facts.metadata.items()),
    ]
    if facts.tag_count:
        found.append(("x-amz-tagging-count", str(facts.tag_count)))
    if parts and facts.part_count:
        found.append(("x-amz-mp-parts-count", str(facts.part_count)))
    if checksums:
        found.extend(checksum_headers(facts.checksums, facts.checksum_type))
    return found


def checksum_headers(checksums: Mapping[str, str], checksum_type: str | None = None) -> list[tuple[str, str]]:
    """Return `x-amz-checksum-*` and `x-amz-checksum-type`; nothing when there are no checksums."""
    found = [(header_name(name), value) for name, value in checksums.items()]
    if found:
        found.append(("x-amz-checksum-type", checksum_type or "FULL_OBJECT"))
    return found


def response_overrides(parameters: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the headers that `response-content-type` and its like ask to replace, by canonical name.

    S3 honours them on signed requests only, and all of ours are. Raises `InvalidArgument` for control characters.
    """
    asked = dict(parameters)
    found = {}
    for name in SYSTEM_HEADERS:
        parameter = f"response-{name.lower()}"
        value = asked.get(parameter)
        if value:
            if any(ord(char) < 32 or ord(char) == 127 for char in value):
                raise InvalidArgument(
                    "Header value cannot be represented using ISO-8859-1.", ArgumentName=parameter, ArgumentValue=value
                )
            found[name] = value
    return found


def encode_value(value: str) -> str:
    """Return a header value that is safe to send: other than ASCII is told as RFC 2047 says, as S3 does."""
    if value.isascii():
        return value
    return f"=?UTF-8?B?{b64encode(value.encode('utf-8', 'replace')).decode()}?="


def repair_text(value: str) -> str:
    """Return a header value as the text it was meant to be.

    SDKs send UTF-8, which some servers read as latin-1; bytes that are no UTF-8 come as halves of surrogate pairs
    (`surrogateescape`) and are read as latin-1, the alphabet of old HTTP.
    """
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return value
    except UnicodeEncodeError:
        data = value.encode("utf-8", "surrogateescape")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
