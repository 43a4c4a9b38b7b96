"""The parts of a signature that both carriers have: credential, date, payload hash."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from objectlens.errors import InvalidArgument
from objectlens.sigv4.canonical import UNSIGNED_PAYLOAD
from objectlens.sigv4.chunks import STREAMING, STREAMING_TRAILER, STREAMING_UNSIGNED_TRAILER
from objectlens.sigv4.claim import TERMINAL, Scope

_EXPECTING = '; the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
_MARKERS = frozenset({UNSIGNED_PAYLOAD, STREAMING, STREAMING_TRAILER, STREAMING_UNSIGNED_TRAILER})
_PAYLOAD_RULE = (
    f"x-amz-content-sha256 must be {UNSIGNED_PAYLOAD}, {STREAMING_UNSIGNED_TRAILER}, {STREAMING}, {STREAMING_TRAILER} "
    "or a valid sha256 value."
)
_DIGEST = re.compile("[0-9a-fA-F]{64}")


class Malformed(ValueError):
    """A credential that is none. The text goes on from S3's words about the place where it stood."""


@dataclass(frozen=True, slots=True)
class Credential:
    """`KEY/DATE/REGION/SERVICE/aws4_request`, taken apart."""

    access_key_id: str
    scope: Scope


# Clients send the same again and again.
@lru_cache(maxsize=256)
def credential(text: str) -> Credential:
    """Take a credential apart; raises `Malformed`."""
    # An access key id may hold slashes, as root keys that users choose themselves do; the scope may not.
    parts = text.rsplit("/", 4)
    if len(parts) != 5:
        raise Malformed(_EXPECTING)
    key_id, date, region, service, terminal = parts
    if not key_id:
        raise Malformed("; a non-empty Access Key (AKID) must be provided in the credential.")
    if len(date) != 8 or not (date.isascii() and date.isdigit()):
        rule = 'This date in the credential must be in the format "yyyyMMdd".'
        raise Malformed(f'; incorrect date format "{date}". {rule}')
    if terminal != TERMINAL:
        raise Malformed(f'; incorrect terminal "{terminal}". This endpoint uses "{TERMINAL}".')
    if not (region and service):
        raise Malformed(_EXPECTING)
    return Credential(key_id, Scope(date, region, service))


@lru_cache(maxsize=256)
def long_date(text: str) -> datetime | None:
    """Read `YYYYMMDDTHHMMSSZ`; None for anything else."""
    # strptime would cost more than all the rest of reading.
    if len(text) != 16 or text[8] != "T" or text[15] != "Z" or not text.isascii():
        return None
    day, hour = text[:8], text[9:15]
    if not (day.isdigit() and hour.isdigit()):
        return None
    numbers = (day[:4], day[4:6], day[6:], hour[:2], hour[2:4], hour[4:])
    try:
        year, month, of_month, hours, minutes, seconds = map(int, numbers)
        return datetime(year, month, of_month, hours, minutes, seconds, tzinfo=UTC)
    except ValueError:
        return None


def http_date(text: str) -> datetime | None:
    """Read the date of a `Date` header; None for what is none."""
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def payload_hash(said: str | None) -> str | None:
    """Return a payload hash that is one, None when nothing was said; raises `InvalidArgument`."""
    if said is None or said in _MARKERS:
        return said
    if not _DIGEST.fullmatch(said):
        raise InvalidArgument(_PAYLOAD_RULE, ArgumentName="x-amz-content-sha256", ArgumentValue=said)
    return said
