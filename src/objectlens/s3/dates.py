"""Dates as HTTP and as S3's XML write them. All times are aware and in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

# RFC 9110 section 5.6.7: the preferred form, RFC 850's and asctime's; a recipient must understand all three.
_FORMS = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")


@lru_cache(maxsize=4096)
def http_date(moment: datetime) -> str:
    """Return `Tue, 02 Jan 2024 03:04:05 GMT`."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def parse_http_date(text: str) -> datetime | None:
    """Read an HTTP date in any of its three forms, or ISO 8601 as some SDKs send; None when it is none of them."""
    stripped = text.strip()
    for form in _FORMS:
        try:
            return datetime.strptime(stripped, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    try:
        moment = datetime.fromisoformat(stripped)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def xml_date(moment: datetime) -> str:
    """Return `2024-01-02T03:04:05.000Z`."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"
