"""Query parameters and headers as typed arguments, with S3's errors for those that are not."""

from __future__ import annotations

from objectlens.errors import InvalidArgument
from objectlens.http import HttpRequest

# S3 reads numbers as 32-bit integers.
_INTEGER_DIGITS = 10
_INTEGER_LIMIT = 2**31 - 1


def parameters(http: HttpRequest) -> dict[str, str]:
    """Return the query's parameters; of one that is repeated, the first."""
    return dict(reversed(http.parameters())) if http.query else {}


def integer(name: str, value: str | None, default: int, *, low: int = 0, high: int = _INTEGER_LIMIT) -> int:
    """Return a whole number; raises `InvalidArgument` when it is none, or not from `low` to `high`."""
    if value is None or value == "":
        return default
    number = _whole(value)
    if number is None or number > _INTEGER_LIMIT:
        raise bad_argument(f"Provided {name} not an integer or within integer range", name, value)
    if not low <= number <= high:
        raise bad_argument(f"Argument {name} must be an integer between {low} and {high}", name, value)
    return number


def page_size(name: str, value: str | None, default: int = 1000) -> int:
    """Return how many entries a page may have: S3 answers larger wishes with its own maximum."""
    return min(integer(name, value, default), default)


def part_number(value: str) -> int:
    """Return a part number, 1 to 10,000; raises `InvalidArgument`."""
    number = _whole(value)
    if number is None or not 1 <= number <= 10_000:
        raise bad_argument("Part number must be an integer between 1 and 10000, inclusive", "partNumber", value)
    return number


def flag(name: str, value: str | None) -> bool:
    """Return a boolean written `true` or `false`; absent and empty mean false."""
    if value in {None, "", "false"}:
        return False
    if value == "true":
        return True
    raise bad_argument(f"{name} must be true or false", name, value or "")


def encoding_type(value: str | None) -> str | None:
    """Return `url` or None; raises `InvalidArgument` for any other encoding (reference section 4.3)."""
    if value is None or value == "":
        return None
    if value != "url":
        raise bad_argument("Invalid Encoding Method specified in Request", "encoding-type", value)
    return value


def bad_argument(message: str, name: str, value: str) -> InvalidArgument:
    """Make the error for one argument; S3 repeats its name and value."""
    return InvalidArgument(message, ArgumentName=name, ArgumentValue=value)


def _whole(value: str) -> int | None:
    return int(value) if value.isascii() and value.isdigit() and len(value) <= _INTEGER_DIGITS else None
