"""Single values between text and Python: booleans, numbers, times, blobs and strings."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from objectlens.control.protocol.faults import Malformed


def read(kind: str, text: str, where: str) -> Any:
    """Return the value of type `kind` that `text` writes; raises `Malformed` that names `where`."""
    try:
        return _READERS[kind](text)
    except (ValueError, OverflowError, binascii.Error) as error:
        raise Malformed(f"{where}: {text[:100]!r} is not a {kind}") from error


def write(shape: Any, value: Any, style: str) -> str:
    """Write a value as text; times in the model's format or else in `style`: `rfc822`, `seconds` or `milliseconds`."""
    kind = shape.type_name
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "timestamp":
        return _time(value, shape.serialization.get("timestampFormat", style))
    if kind == "blob":
        return base64.b64encode(value).decode()
    return str(value)


def read_time(text: str) -> datetime:
    """Read a time in ISO 8601, in the form of HTTP headers, or in seconds since 1970; raises `ValueError`."""
    if text[:1].isalpha():
        moment = parsedate_to_datetime(text)
    elif "-" in text[1:]:
        moment = datetime.fromisoformat(text)
    else:
        moment = datetime.fromtimestamp(float(text), UTC)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _time(value: datetime, style: str) -> str:
    value = value.astimezone(UTC)
    if style == "rfc822":
        return format_datetime(value, usegmt=True)
    if style == "unixTimestamp":
        return str(int(value.timestamp()))
    text = value.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{value.microsecond // 1000:03d}Z" if style == "milliseconds" else f"{text}Z"


def _string(text: str) -> str:
    # Neither can be kept in every database, and neither means anything in a name or a document.
    text.encode()
    if "\0" in text:
        raise ValueError("NUL")
    return text


def _boolean(text: str) -> bool:
    lower = text.strip().lower()
    if lower not in {"true", "false"}:
        raise ValueError(text)
    return lower == "true"


_READERS: dict[str, Callable[[str], Any]] = {
    "string": _string,
    "boolean": _boolean,
    "integer": int,
    "long": int,
    "double": float,
    "float": float,
    "timestamp": read_time,
    "blob": lambda text: base64.b64decode(text, validate=True),
}
