"""`If-Match`, `If-None-Match`, `If-Modified-Since` and `If-Unmodified-Since`: whether to do it at all; and `If-Range`.

The order of RFC 9110 section 13.2.2 is S3's too: If-Match beats If-Unmodified-Since, If-None-Match beats
If-Modified-Since (S3 API reference, GetObject, "Additional considerations about request headers").
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from objectlens.errors import InvalidArgument, NoSuchKey, NotModified, PreconditionFailed
from objectlens.http import Headers
from objectlens.s3.dates import http_date, parse_http_date

_COPY_SOURCE = "x-amz-copy-source-"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadConditions:
    """Conditions of GetObject, HeadObject and of a copy's source.

    `if_match` and `if_none_match` are ETags without quotes, or `*`; None means no such condition. Dates that do not
    parse and an empty `If-None-Match` count as absent.
    """

    if_match: tuple[str, ...] | None = None
    if_none_match: tuple[str, ...] | None = None
    if_modified_since: datetime | None = None
    if_unmodified_since: datetime | None = None

    @classmethod
    def parse(cls, headers: Headers, prefix: Literal["", "x-amz-copy-source-"] = "") -> ReadConditions:
        """Read the four headers; those of a copy's source carry a prefix."""
        return cls(
            if_match=_etags(headers.get(f"{prefix}if-match")),
            if_none_match=_etags(headers.get(f"{prefix}if-none-match")),
            if_modified_since=_date(headers.get(f"{prefix}if-modified-since")),
            if_unmodified_since=_date(headers.get(f"{prefix}if-unmodified-since")),
        )

    def check(self, etag: str, modified: datetime) -> None:
        """Raise `PreconditionFailed` or `NotModified` (with the headers of a 304) for an object in this state.

        `etag` without quotes; `modified` counts in whole seconds, as HTTP dates do.
        """
        if self is NONE:
            return
        failed = self._failed(etag, modified.replace(microsecond=0))
        if failed in {"If-None-Match", "If-Modified-Since"}:
            raise NotModified(headers={"ETag": f'"{etag}"', "Last-Modified": http_date(modified)})
        if failed is not None:
            raise PreconditionFailed(Condition=failed)

    def check_source(self, etag: str, modified: datetime) -> None:
        """Raise `PreconditionFailed` when a copy's source in this state does not meet the conditions."""
        failed = self._failed(etag, modified.replace(microsecond=0))
        if failed is not None:
            raise PreconditionFailed(Condition=_COPY_SOURCE + failed)

    def _failed(self, etag: str, modified: datetime) -> str | None:
        if self.if_match is not None:
            if not _matches(self.if_match, etag):
                return "If-Match"
        elif self.if_unmodified_since is not None and modified > self.if_unmodified_since:
            return "If-Unmodified-Since"
        if self.if_none_match is not None:
            if _matches(self.if_none_match, etag):
                return "If-None-Match"
        elif self.if_modified_since is not None and modified <= self.if_modified_since:
            return "If-Modified-Since"
        return None


NONE = ReadConditions()
"""What most requests depend on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteConditions:
    """Conditions of PutObject, CompleteMultipartUpload and CopyObject, on what the key holds by then.

    S3 knows `If-None-Match: *` (only if there is nothing yet) and `If-Match: ETAG` (only over this state).
    `If-None-Match` with an ETag, only over another state than this, is ours besides.
    """

    if_match: tuple[str, ...] | None = None
    if_none_match: tuple[str, ...] | None = None

    @classmethod
    def parse(cls, headers: Headers) -> WriteConditions:
        """Read the two headers."""
        return cls(if_match=_etags(headers.get("if-match")), if_none_match=_etags(headers.get("if-none-match")))

    def check(self, etag: str | None) -> None:
        """Raise `PreconditionFailed` or `NoSuchKey` for what the key holds now: an ETag without quotes, or nothing."""
        if self.if_none_match is not None and etag is not None and _matches(self.if_none_match, etag):
            raise PreconditionFailed(Condition="If-None-Match")
        if self.if_match is not None:
            if etag is None:
                raise NoSuchKey
            if not _matches(self.if_match, etag):
                raise PreconditionFailed(Condition="If-Match")

    def __bool__(self) -> bool:
        return self.if_none_match is not None or self.if_match is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteConditions:
    """Conditions of DeleteObject, and of one key of DeleteObjects. What is gone already meets all of them.

    `modified` counts in whole seconds, `size` in bytes; S3 knows these two for directory buckets.
    """

    if_match: tuple[str, ...] | None = None
    modified: datetime | None = None
    size: int | None = None

    @classmethod
    def parse(cls, etag: str | None, modified: str | None, size: str | None) -> DeleteConditions:
        """Read what the headers, or the elements, say; raises `InvalidArgument` for what is no date or no size."""
        return cls(if_match=_etags(etag), modified=_required_date(modified), size=_size(size))

    def check(self, etag: str, modified: datetime, size: int) -> None:
        """Raise `PreconditionFailed` for an object in another state; `etag` without quotes."""
        if self.if_match is not None and not _matches(self.if_match, etag):
            raise PreconditionFailed(Condition="If-Match")
        if self.modified is not None and self.modified.replace(microsecond=0) != modified.replace(microsecond=0):
            raise PreconditionFailed(Condition="x-amz-if-match-last-modified-time")
        if self.size is not None and self.size != size:
            raise PreconditionFailed(Condition="x-amz-if-match-size")

    def __bool__(self) -> bool:
        return self.if_match is not None or self.modified is not None or self.size is not None


def range_applies(if_range: str | None, etag: str, modified: datetime) -> bool:
    """Tell whether a `Range` counts under this `If-Range`: only of the very state that the client has a part of.

    Without it, the rest of a new object would be put behind the start of an old one. Weak ETags never match, and a
    date must be the object's own (RFC 9110 section 13.1.5).
    """
    if if_range is None:
        return True
    text = if_range.strip()
    return text.strip('"') == etag or parse_http_date(text) == modified.replace(microsecond=0)


def _etags(header: str | None) -> tuple[str, ...] | None:
    if header is None:
        return None
    tags = tuple(filter(None, (_bare(one) for one in header.split(","))))
    return tags or None


def _bare(etag: str) -> str:
    return etag.strip().removeprefix("W/").strip('"')


def _matches(tags: tuple[str, ...], etag: str) -> bool:
    return "*" in tags or etag in tags


def _date(header: str | None) -> datetime | None:
    return parse_http_date(header) if header else None


def _required_date(text: str | None) -> datetime | None:
    found = _date(text)
    if text and found is None:
        raise InvalidArgument("The time of the last modification is no date.", ArgumentValue=text)
    return found


def _size(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise InvalidArgument("The size must be a whole number of bytes.", ArgumentValue=text)
    return int(text)
