"""What a HEAD or LIST function returned → the answer to its caller (reference section 10).

Handlers in the field return more forms than the schema has: whole header maps of an S3 answer, members that nobody
knows, a message without a code. Those are accepted; what is left out of a form that must be there raises
`LambdaInvalidResponse` with the name of the member.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from objectlens.s3.dates import parse_http_date
from objectlens.s3.forwarded import FORWARDABLE, default_error_code
from objectlens.s3.headers import canonical
from objectlens.s3.members import Member
from objectlens.s3.outputs import Item, ListBucketResult, Owner

_META: Final = "x-amz-meta-"
# What a header's name may consist of (RFC 9110 section 5.6.2).
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_HEAD_HEADERS: Final = frozenset(FORWARDABLE) | {"content-length", "x-amz-archive-status", "x-amz-checksum-type"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadResult:
    """The answer to a HeadObject: a status and headers in S3's letter case. There is no body to carry an error."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    error_code: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListResult:
    """The answer to a listing: a status and XML, or an error that is to be rendered when `error_code` is set."""

    status: int
    xml: bytes = b""
    error_code: str | None = None
    error_message: str | None = None


def parse_head(payload: bytes) -> HeadResult:
    """Read the return value of a HeadObject function; raises `LambdaInvalidResponse`."""
    answer = Member.document(payload)
    status = _status(answer)
    headers = _headers(answer.get("headers"))
    if status < 300 and not any(name == "Content-Length" for name, _ in headers):
        raise Member(None, "headers.Content-Length").invalid("is required")
    code, message = _error(answer, status)
    return HeadResult(status=status, headers=headers, error_code=code, error_message=message)


def parse_list(payload: bytes, version: Literal[1, 2]) -> ListResult:
    """Read the return value of a ListObjects (1) or ListObjectsV2 (2) function; raises `LambdaInvalidResponse`."""
    answer = Member.document(payload)
    status = _status(answer)
    xml, listing = answer.get("listResultXml"), answer.get("listBucketResult")
    if not xml.missing and not listing.missing:
        raise xml.invalid("and listBucketResult must not be set together")
    if not xml.missing:
        # Forwarded to the letter; it may be an error document (section 10.2).
        return ListResult(status=status, xml=xml.text().encode("utf-8", "replace"))
    if not listing.missing:
        return ListResult(status=status, xml=_listing(listing, version).xml())
    code, message = _error(answer, status)
    if code is None:
        raise xml.invalid("or listBucketResult is required")
    return ListResult(status=status, error_code=code, error_message=message)


def _status(answer: Member) -> int:
    status = answer.get("statusCode")
    if status.missing and not (answer.get("errorCode").missing and answer.get("errorMessage").missing):
        # The Node sample answers a failed read with a message alone.
        return 500
    number = status.integer()
    if not 200 <= number <= 599:
        raise status.invalid("must be a status from 200 to 599")
    return number


def _error(answer: Member, status: int) -> tuple[str | None, str | None]:
    if status < 300:
        return None, None
    code, message = answer.get("errorCode").text_or_none(), answer.get("errorMessage").text_or_none()
    if code is None and message is None and status < 400:
        return None, None
    return code or default_error_code(status), message


def _headers(headers: Member) -> tuple[tuple[str, str], ...]:
    if headers.missing:
        return ()
    found: dict[str, str] = {}
    for name in headers.fields():
        lower = name.lower()
        if lower in _HEAD_HEADERS or lower.startswith(_META):
            if not _NAME.fullmatch(lower):
                raise Member(None, f"headers.{name[:100]}").invalid("is no name of a header")
            value = headers.get(name)
            text = str(value.integer()) if lower == "content-length" else value.header()
            # An empty value tells nothing; one of AWS's examples has an empty Content-Type.
            if text:
                found[lower] = text
    return tuple((canonical(name), text) for name, text in found.items())


def _listing(listing: Member, version: Literal[1, 2]) -> ListBucketResult:
    def text(name: str) -> str | None:
        return listing.get(name).text_or_none()

    return ListBucketResult(
        version=version,
        name=listing.get("name").text(),
        prefix=text("prefix") or "",
        delimiter=text("delimiter") or "",
        max_keys=listing.get("maxKeys").integer(),
        encoding_type=text("encodingType"),
        # A function that passes S3's own listing on has keys that S3 encoded.
        encoded=True,
        truncated=listing.get("isTruncated").boolean(),
        items=tuple(_item(one) for one in listing.get("contents").items()),
        common_prefixes=tuple(one.get("prefix").text() for one in listing.get("commonPrefixes").items()),
        marker=text("marker") or "",
        next_marker=text("nextMarker"),
        start_after=text("startAfter"),
        continuation_token=text("continuationToken"),
        next_continuation_token=text("nextContinuationToken"),
        key_count=listing.get("keyCount").integer() if version == 2 else None,
    )


def _item(entry: Member) -> Item:
    etag = entry.get("eTag", "etag", "ETag").text_or_none()
    return Item(
        key=entry.get("key").text(),
        modified=_moment(entry.get("lastModified")),
        etag=None if etag is None else etag.strip('"'),
        size=entry.get("size").integer(),
        storage_class=entry.get("storageClass").text_or_none(),
        owner=_owner(entry.get("owner")),
        checksum_algorithms=tuple(one.text() for one in entry.get("checksumAlgorithm").items()),
    )


def _owner(owner: Member) -> Owner | None:
    if owner.missing:
        return None
    # Lower-casing the first letter of S3's `ID` makes `iD`.
    return Owner(owner.get("id", "iD").text(), owner.get("displayName").text_or_none())


def _moment(member: Member) -> datetime | None:
    text = member.text_or_none()
    moment = parse_http_date(text) if text else None
    if text and moment is None:
        raise member.invalid("must be a date such as 2024-01-02T03:04:05.000Z")
    return moment
