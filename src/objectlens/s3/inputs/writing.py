"""PutObject, and what any upload says of the object to be."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as BadBase64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from objectlens.errors import (
    EntityTooLarge,
    InvalidDigest,
    InvalidStorageClass,
    MetadataTooLarge,
)
from objectlens.http import Headers, HttpRequest
from objectlens.s3.checksums import Announced, parse_announced
from objectlens.s3.headers import SYSTEM_HEADERS, repair_text
from objectlens.s3.inputs.arguments import bad_argument
from objectlens.s3.inputs.checks import check_upload
from objectlens.s3.inputs.tagging import parse_tagging_header
from objectlens.s3.preconditions import WriteConditions

MAX_METADATA: Final = 2048
MAX_PUT: Final = 5 * 1024**3
_META: Final = "x-amz-meta-"
# Objects are kept in one tier; a class that S3 has is accepted and kept as STANDARD, so that clients which name one
# keep working. HeadObject then says what is true.
_STORAGE_CLASSES: Final = frozenset(
    {"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is to be kept beside an object's bytes.

    `headers` by canonical name, `Content-Type` only when it was sent; `metadata` names without prefix, in lower case.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, headers: Headers) -> Kept:
        """Read the headers; raises `MetadataTooLarge`, and the errors of tags and of `check_upload`."""
        check_upload(headers)
        storage_class = headers.get("x-amz-storage-class")
        if storage_class and storage_class not in _STORAGE_CLASSES:
            raise InvalidStorageClass(StorageClassRequested=storage_class)
        return cls(headers=_system(headers), metadata=_metadata(headers), tags=parse_tagging_header(headers))


@dataclass(frozen=True, slots=True, kw_only=True)
class PutObject:
    """PutObject. `length` is the payload's, in bytes; `content_md5` the 16 bytes announced."""

    length: int | None
    kept: Kept
    content_md5: bytes | None = None
    checksum: Announced | None = None
    conditions: WriteConditions = field(default_factory=WriteConditions)

    @classmethod
    def parse(cls, http: HttpRequest) -> PutObject:
        """Read the request; raises S3's error for the first thing that is wrong with it."""
        return cls(
            length=payload_length(http),
            kept=Kept.parse(http.headers),
            content_md5=content_md5(http.headers),
            checksum=parse_announced(http.headers),
            conditions=WriteConditions.parse(http.headers),
        )


def payload_length(http: HttpRequest) -> int | None:
    """Return the payload's length without framing, None when only its end will tell; raises `EntityTooLarge`."""
    decoded = http.headers.get("x-amz-decoded-content-length")
    text = decoded if decoded is not None else http.headers.get("content-length")
    if text is None:
        length = http.body.length
    elif text.isascii() and text.isdigit() and len(text) < 20:
        length = int(text)
    else:
        raise bad_argument("The length must be a whole number of bytes", "Content-Length", text)
    if length is not None and length > MAX_PUT:
        raise EntityTooLarge(ProposedSize=str(length), MaxSizeAllowed=str(MAX_PUT))
    return length


def content_md5(headers: Headers) -> bytes | None:
    """Return what `Content-MD5` announces; raises `InvalidDigest`."""
    text = headers.get("content-md5")
    if text is None:
        return None
    try:
        digest = b64decode(text, validate=True)
    except (BadBase64, ValueError):
        digest = b""
    if len(digest) != 16:
        raise InvalidDigest
    return digest


def _system(headers: Headers) -> dict[str, str]:
    found = {}
    for name in SYSTEM_HEADERS:
        value = headers.get(name)
        if value and name == "Content-Encoding" and "aws-chunked" in value.lower():
            # The framing of the upload is not the object's encoding.
            codings = (one.strip() for one in value.split(","))
            value = ",".join(one for one in codings if one.lower() != "aws-chunked")
        if value:
            found[name] = repair_text(value)
    return found


def _metadata(headers: Headers) -> dict[str, str]:
    found = {
        name[len(_META) :]: repair_text(value) for name, value in headers.lower().items() if name.startswith(_META)
    }
    size = sum(len(name.encode()) + len(value.encode()) for name, value in found.items())
    if size > MAX_METADATA:
        raise MetadataTooLarge(Size=str(size), MaxSizeAllowed=str(MAX_METADATA))
    return found
