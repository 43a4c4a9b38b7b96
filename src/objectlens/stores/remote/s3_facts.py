"""Objects as S3's API tells of them, and as stores do."""

from __future__ import annotations

import email.header
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from objectlens.s3.checksums import FULL_OBJECT_ALGORITHMS
from objectlens.s3.headers import DEFAULT_CONTENT_TYPE, encode_value
from objectlens.stores.protocols import ALGORITHM, NULL, TYPE, Attributes, Entry, Stat

_HEADERS: Final = {
    "Cache-Control": "CacheControl",
    "Content-Disposition": "ContentDisposition",
    "Content-Encoding": "ContentEncoding",
    "Content-Language": "ContentLanguage",
    "Content-Type": "ContentType",
}
FULL: Final = "FULL_OBJECT"
_CHECKSUMS: Final = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")


def stat_of(key: str, answer: Mapping[str, Any], tags: Mapping[str, str]) -> Stat:
    """Read the answer of HeadObject or GetObject."""
    return Stat(
        key=key,
        size=_whole_size(answer),
        etag=bare(answer["ETag"]),
        modified=moment(answer["LastModified"]),
        attributes=Attributes(
            headers=_headers(answer),
            metadata={name.lower(): decoded(value) for name, value in answer.get("Metadata", {}).items()},
            tags=tags,
            **checksums_kept(answer),
        ),
        version=answer.get("VersionId") or NULL,
    )


def entry_of(key: str, found: Mapping[str, Any]) -> Entry:
    """Read one object of a listing."""
    return Entry(
        key=key, size=found.get("Size", 0), etag=bare(found.get("ETag", "")), modified=moment(found["LastModified"])
    )


def kept(attributes: Attributes) -> dict[str, Any]:
    """Return the arguments that say what shall stand beside an object."""
    found: dict[str, Any] = {
        argument: encode_value(attributes.headers[name])
        for name, argument in _HEADERS.items()
        if name in attributes.headers
    }
    # Some servers guess one of their own.
    found.setdefault("ContentType", DEFAULT_CONTENT_TYPE)
    if "Expires" in attributes.headers:
        found["Expires"] = attributes.headers["Expires"]
    if attributes.metadata:
        found["Metadata"] = {name: encode_value(value) for name, value in attributes.metadata.items()}
    if attributes.tags:
        found["Tagging"] = urlencode(attributes.tags)
    return found


def checksum_argument(checksums: Mapping[str, str]) -> dict[str, str]:
    """Return the argument that gives the store a checksum, to compare and to keep; it takes one."""
    known = {f"Checksum{name}": value for name, value in checksums.items() if name in _CHECKSUMS}
    return known if len(known) == 1 else {}


def noted(note: Mapping[str, str]) -> dict[str, str]:
    """Return the arguments that say which checksums an upload's parts and its object shall have."""
    if note.get(ALGORITHM) not in _CHECKSUMS:
        return {}
    return {"ChecksumAlgorithm": note[ALGORITHM], **({"ChecksumType": note[TYPE]} if note.get(TYPE) else {})}


def note_of(answer: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Return what an upload was noted with, as far as the store tells; None where that may be the store's own choice.

    S3 itself tells of CRC64NVME where nobody asked for anything.
    """
    algorithm, kind = answer.get("ChecksumAlgorithm"), answer.get("ChecksumType")
    return {ALGORITHM: algorithm, TYPE: kind} if algorithm not in {None, "CRC64NVME"} and kind else None


def can_full(algorithm: str | None) -> bool:
    """Tell whether the checksum of an object that is sent in parts can be that of all its bytes, or need not be."""
    return algorithm not in _CHECKSUMS or algorithm in FULL_OBJECT_ALGORITHMS


def checksums_of(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return the checksums that an answer has."""
    return {name: answer[f"Checksum{name}"] for name in _CHECKSUMS if answer.get(f"Checksum{name}")}


def checksums_kept(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of `Attributes` about checksums."""
    found = checksums_of(answer)
    # Not all servers tell the type; a checksum of checksums ends in the number of parts.
    composite = any("-" in value for value in found.values())
    kind = answer.get("ChecksumType") or ("COMPOSITE" if composite else FULL)
    return {"checksums": found, "checksum_type": kind if found else None}


def bare(etag: str) -> str:
    """Return an ETag without quotes."""
    return etag.strip().removeprefix("W/").strip('"')


def moment(when: datetime) -> datetime:
    """Return a time in whole seconds of UTC."""
    return when.astimezone(UTC).replace(microsecond=0)


def decoded(value: str) -> str:
    """Return a value as it was before `encode_value`: S3 gives back, and keeps, what RFC 2047 makes of it."""
    if not value.startswith("=?"):
        return value
    try:
        return str(email.header.make_header(email.header.decode_header(value)))
    except (ValueError, LookupError):
        return value


def _headers(answer: Mapping[str, Any]) -> dict[str, str]:
    found = {name: decoded(answer[argument]) for name, argument in _HEADERS.items() if answer.get(argument)}
    if answer.get("ExpiresString"):
        found["Expires"] = answer["ExpiresString"]
    return found


def _whole_size(answer: Mapping[str, Any]) -> int:
    whole: str = answer.get("ContentRange", "").rpartition("/")[2]
    return int(whole) if whole.isdigit() else int(answer["ContentLength"])
