"""The policy that a browser's form brings along: what its fields and its file must be like.

Source: "POST Policy" in the S3 API reference. Names of fields know no case there.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from objectlens.errors import AccessDenied, EntityTooLarge, EntityTooSmall, InvalidPolicyDocument

_EXPIRATION = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z")
# What a policy need not speak of: the reference names the first four; checksums only bind the form closer.
_FREE: Final = frozenset({"file", "policy", "x-amz-signature", "signature", "awsaccesskeyid"})
_FREE_PREFIXES: Final = ("x-ignore-", "x-amz-checksum-")
_MAX_SIZE: Final = 10**15


@dataclass(frozen=True, slots=True)
class Condition:
    """`eq` or `starts-with`, of one field by lower-case name."""

    kind: Literal["eq", "starts-with"]
    field: str
    value: str

    def holds(self, fields: Mapping[str, str]) -> bool:
        """Tell whether the form meets it; a field that is not there meets none."""
        found = fields.get(self.field)
        if found is None:
            return False
        if self.kind == "eq":
            return found == self.value
        # Of several content types, each must begin so.
        values = found.split(",") if self.field == "content-type" else [found]
        return all(one.startswith(self.value) for one in values)

    def __str__(self) -> str:
        return json.dumps([self.kind, f"${self.field}", self.value])


@dataclass(frozen=True, slots=True)
class FormPolicy:
    """One policy. `sizes` are the least and the greatest length of the file in bytes, None when any will do."""

    expiration: datetime
    conditions: tuple[Condition, ...]
    sizes: tuple[int, int] | None = None

    @classmethod
    def parse(cls, text: str) -> FormPolicy:
        """Read the field `policy`; raises `InvalidPolicyDocument`."""
        try:
            document = json.loads(b64decode(text, validate=True))
        except (binascii.Error, ValueError, RecursionError):
            raise _invalid("Invalid JSON.") from None
        if not isinstance(document, dict):
            raise _invalid("Invalid JSON.")
        listed = document.get("conditions")
        if not isinstance(listed, list):
            raise _invalid("Policy missing conditions.")
        conditions, sizes = [], None
        for one in listed:
            if isinstance(one, list) and one and str(one[0]).lower() == "content-length-range":
                sizes = _sizes(one[1:])
            else:
                conditions.append(_condition(one))
        return cls(_moment(document.get("expiration")), tuple(conditions), sizes)

    def check(self, fields: Mapping[str, str], now: datetime) -> None:
        """Raise `AccessDenied` for a form, `bucket` among its fields, that the policy does not allow now."""
        if now > self.expiration:
            raise _denied("Policy expired.")
        for condition in self.conditions:
            if not condition.holds(fields):
                raise _denied(f"Policy Condition failed: {condition}")
        named = {condition.field for condition in self.conditions}
        extra = sorted(name for name in fields if name not in named | _FREE and not name.startswith(_FREE_PREFIXES))
        if extra:
            raise _denied(f"Extra input fields: {', '.join(extra)}")

    def check_size(self, size: int, *, ended: bool) -> None:
        """Raise `EntityTooLarge` or, once it has ended, `EntityTooSmall` for a file of so many bytes."""
        least, greatest = self.sizes or (0, _MAX_SIZE)
        if size > greatest:
            raise EntityTooLarge(ProposedSize=str(size), MaxSizeAllowed=str(greatest))
        if ended and size < least:
            raise EntityTooSmall(ProposedSize=str(size), MinSizeAllowed=str(least))


def _condition(value: Any) -> Condition:
    if isinstance(value, dict):
        if len(value) != 1:
            raise _invalid("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
        name, text = next(iter(value.items()))
        return Condition("eq", str(name).lower(), _text(text))
    if not isinstance(value, list) or len(value) != 3:
        raise _invalid("Invalid Condition: a condition is an object of one member or a list of three.")
    kind, name = _text(value[0]).lower(), _text(value[1])
    if not name.startswith("$"):
        raise _invalid("Invalid Condition: the name of a field begins with $.")
    if kind == "eq":
        return Condition("eq", name[1:].lower(), _text(value[2]))
    if kind == "starts-with":
        return Condition("starts-with", name[1:].lower(), _text(value[2]))
    raise _invalid(f"Invalid Condition: unknown operation '{kind}'.")


def _text(value: Any) -> str:
    # Pages write numbers without quotes, as in {"success_action_status": 201}.
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _invalid("Invalid Condition: names and values are strings.")


def _sizes(values: list[Any]) -> tuple[int, int]:
    texts = [str(value) for value in values]
    if len(texts) != 2 or not all(text.isascii() and text.isdigit() and len(text) < 16 for text in texts):
        raise _invalid("Invalid content-length-range: it takes two whole numbers, least and greatest.")
    return int(texts[0]), int(texts[1])


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise _invalid("Policy missing expiration.")
    if not _EXPIRATION.fullmatch(value):
        raise _invalid(f"Invalid 'expiration' value: '{value}'")
    try:
        return datetime.fromisoformat(value[:19]).replace(tzinfo=UTC)
    except ValueError:
        raise _invalid(f"Invalid 'expiration' value: '{value}'") from None


def _invalid(what: str) -> InvalidPolicyDocument:
    return InvalidPolicyDocument(f"Invalid Policy: {what}")


def _denied(what: str) -> AccessDenied:
    return AccessDenied(f"Invalid according to Policy: {what}")
