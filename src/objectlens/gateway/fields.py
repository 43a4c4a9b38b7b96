"""The members of a JSON body, checked one by one; what is left over at the end is refused by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from objectlens.errors import InvalidArgument, InvalidRequest


class Fields:
    """A JSON object that is being read. `where` says in messages which one it is."""

    def __init__(self, values: object, where: str = "the body") -> None:
        if not isinstance(values, dict):
            raise InvalidRequest(f"A JSON object is wanted, and {where} is none.")
        self._values: dict[str, Any] = dict(values)
        self._where = where

    @classmethod
    def parse(cls, body: bytes) -> Fields:
        """Read a body; raises `InvalidRequest` when it is not one JSON object in UTF-8."""
        try:
            return cls(json.loads(body))
        except (ValueError, RecursionError) as error:
            raise InvalidRequest(f"The body is not JSON: {error}.") from None

    def take(self, name: str) -> Any:
        """Return a member as it is, None when it is absent, and count it as read."""
        return self._values.pop(name, None)

    def text(self, name: str) -> str | None:
        """Return a text."""
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            raise self.wrong(name, "is not a text")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, "is neither true nor false")
        return default if value is None else value

    def number(self, name: str, *, default: int, most: int) -> int:
        """Return a whole number from 1 to `most`."""
        value = self.take(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise self.wrong(name, f"is not a whole number from 1 to {most:,}")
        return value

    def texts(self, name: str) -> list[str] | None:
        """Return a list of texts."""
        value = self.take(name)
        if value is not None and not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
            raise self.wrong(name, "is not a list of texts")
        return value

    def arguments(self, name: str) -> Mapping[str, str] | None:
        """Return arguments by name: texts, or numbers and truth values, which become text."""
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.wrong(name, "is not a JSON object")
        return {key: self._argument(f"{name}.{key}", one) for key, one in value.items()}

    def _argument(self, name: str, value: object) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, bool | int | float):
            return json.dumps(value)
        raise self.wrong(name, "is neither a text nor a number nor true nor false")

    def done(self) -> None:
        """Refuse what has not been read."""
        if self._values:
            raise self.wrong(min(self._values), "is not known")

    def wrong(self, name: str, why: str) -> InvalidArgument:
        """Return the refusal of a member."""
        return InvalidArgument(f"{name!r} of {self._where} {why}.", ArgumentName=name)
