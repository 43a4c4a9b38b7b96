"""The condition operators.

Source: "IAM JSON policy elements: Condition operators" in the IAM User Guide.
"""

from __future__ import annotations

import base64
import binascii
import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from objectlens.iam.matching import ArnTemplate, Template
from objectlens.iam.tokens import Context, tokens

Compiler = Callable[[str, bool], Any]
Tester = Callable[[str, Any, Context], bool]


@dataclass(frozen=True, slots=True)
class Operator:
    """One condition operator: how its values are compiled and compared, and whether the outcome is turned round."""

    name: str
    compile: Compiler
    test: Tester
    negated: bool = False


# --- compilers: text of the policy -> what is compared --------------------------------------------------------------


def _template(text: str, variables: bool) -> Template:
    return Template(tokens(text, variables=variables))


def _arn_template(text: str, variables: bool) -> ArnTemplate:
    return ArnTemplate(tokens(text, variables=variables))


def _number(text: str, _variables: bool = False) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{text!r} is not a number")
    return number


def _date(text: str, _variables: bool = False) -> datetime:
    """Read one of the ISO 8601 forms or seconds since 1970."""
    try:
        if text.lstrip("-").isdigit():
            return datetime.fromtimestamp(int(text), UTC)
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text!r} is not a date; write 2026-01-31T12:00:00Z or seconds since 1970") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _boolean(text: str, _variables: bool = False) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _binary(text: str, _variables: bool = False) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"{text!r} is not base64") from None


def _network(text: str, _variables: bool = False) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address or range") from None


# --- testers ----------------------------------------------------------------------------------------------------------


def _equals(value: str, wanted: Template, context: Context) -> bool:
    return value == wanted.text(context)


def _equals_ignoring_case(value: str, wanted: Template, context: Context) -> bool:
    text = wanted.text(context)
    return text is not None and value.lower() == text.lower()


def _like(value: str, wanted: Template | ArnTemplate, context: Context) -> bool:
    return wanted.matches(value, context)


def _within(value: str, wanted: IPv4Network | IPv6Network, _context: Context) -> bool:
    try:
        address = ip_address(value)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address) in wanted


def _compared(compiler: Callable[[str], Any], compare: Callable[[Any, Any], bool]) -> Tester:
    def test(value: str, wanted: Any, _context: Context) -> bool:
        try:
            actual = compiler(value)
        except ValueError:
            return False
        return compare(actual, wanted)

    return test


def _operators() -> dict[str, Operator]:
    table = [
        Operator("StringEquals", _template, _equals),
        Operator("StringEqualsIgnoreCase", _template, _equals_ignoring_case),
        Operator("StringLike", _template, _like),
        Operator("ArnEquals", _arn_template, _like),
        Operator("ArnLike", _arn_template, _like),
        Operator("IpAddress", _network, _within),
        Operator("Bool", _boolean, _compared(_boolean, operator.eq)),
        Operator("BinaryEquals", _binary, _compared(_binary, operator.eq)),
        Operator("Null", _boolean, _compared(_boolean, operator.eq)),
    ]
    compilers: tuple[tuple[str, Callable[..., Any]], ...] = (("Numeric", _number), ("Date", _date))
    for family, compiler in compilers:
        table.extend(
            Operator(f"{family}{name}", compiler, _compared(compiler, compare))
            for name, compare in (
                ("Equals", operator.eq),
                ("LessThan", operator.lt),
                ("LessThanEquals", operator.le),
                ("GreaterThan", operator.gt),
                ("GreaterThanEquals", operator.ge),
            )
        )
    negations = {
        "StringNotEquals": "StringEquals",
        "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
        "StringNotLike": "StringLike",
        "ArnNotEquals": "ArnEquals",
        "ArnNotLike": "ArnLike",
        "NotIpAddress": "IpAddress",
        "NumericNotEquals": "NumericEquals",
        "DateNotEquals": "DateEquals",
    }
    known = {one.name: one for one in table}
    for name, positive in negations.items():
        known[name] = Operator(name, known[positive].compile, known[positive].test, negated=True)
    return known


OPERATORS = _operators()
