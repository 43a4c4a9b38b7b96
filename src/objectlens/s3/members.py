"""Members of a JSON document that a function returned, read with more tolerance than the schema has.

Numbers and booleans may be strings, and one object may stand for a list of one, because AWS's own example makes them so
(reference section 10.2). What cannot be read raises `LambdaInvalidResponse` with the path of the member.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from objectlens.errors import LambdaInvalidResponse

_LIMIT = 10**19


@dataclass(frozen=True, slots=True)
class Member:
    """A value and where it stands in the document: `contents[0].size`."""

    value: Any
    path: str = ""

    @classmethod
    def document(cls, payload: bytes) -> Member:
        """Read a whole document, which must be an object."""
        try:
            value = json.loads(payload)
            # Some handlers return their answer as JSON text once more.
            value = json.loads(value) if isinstance(value, str) else value
        except (ValueError, RecursionError):
            raise LambdaInvalidResponse("The value that the function returned is not JSON.") from None
        if not isinstance(value, dict):
            raise LambdaInvalidResponse("The function must return a JSON object with the member statusCode.")
        return cls(value)

    @property
    def missing(self) -> bool:
        """Tell whether there is no such member, or it is null."""
        return self.value is None

    def get(self, *names: str) -> Member:
        """Return a member of this object by the first of `names` that it has; it may be missing."""
        fields = self.fields()
        name = next((one for one in names if one in fields), names[0])
        return Member(fields.get(name), f"{self.path}.{name}" if self.path else name)

    def fields(self) -> dict[str, Any]:
        """Return this object as it is."""
        if not isinstance(self.value, dict):
            raise self.invalid("must be an object")
        return self.value

    def items(self) -> Iterator[Member]:
        """Yield the members of this list; one object stands for a list of one, nothing for an empty list."""
        if self.value is None or self.value == "":
            return
        values = self.value if isinstance(self.value, list) else [self.value]
        for at, value in enumerate(values):
            yield Member(value, f"{self.path}[{at}]")

    def text(self) -> str:
        """Return this string."""
        if self.missing:
            raise self.invalid("is required")
        if not isinstance(self.value, str):
            raise self.invalid("must be a string")
        return self.value

    def text_or_none(self) -> str | None:
        """Return this string, None when it is missing or empty."""
        return None if self.missing else self.text() or None

    def integer(self) -> int:
        """Return this whole number, not negative."""
        value = self.value
        if self.missing:
            raise self.invalid("is required")
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LIMIT:
            return value
        raise self.invalid("must be a whole number")

    def boolean(self) -> bool:
        """Return this boolean."""
        if self.missing:
            raise self.invalid("is required")
        if isinstance(self.value, bool):
            return self.value
        if isinstance(self.value, str) and self.value.lower() in {"true", "false"}:
            return self.value.lower() == "true"
        raise self.invalid("must be a boolean")

    def header(self) -> str:
        """Return this value as a header's: strings, numbers and booleans; "" when it is missing."""
        if self.missing:
            return ""
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        if isinstance(self.value, int | float):
            return str(self.integer())
        text = self.text()
        if any(ord(char) < 32 or ord(char) == 127 for char in text):
            raise self.invalid("must not hold control characters")
        return text

    def invalid(self, what: str) -> LambdaInvalidResponse:
        """Make the error about this member."""
        return LambdaInvalidResponse(f"The value that the function returned is not valid: {self.path} {what}.")
