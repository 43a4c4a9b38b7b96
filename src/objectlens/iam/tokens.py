"""Patterns taken apart: text, wildcards and policy variables.

Source: "IAM policy elements: Variables and tags" in the IAM User Guide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

# Condition keys, in lower case, with their value or values.
Context = Mapping[str, str | tuple[str, ...]]


class Wildcard(Enum):
    """What stands for other text: `*` for any run of characters, `?` for one."""

    RUN = "*"
    ONE = "?"


@dataclass(frozen=True, slots=True)
class Variable:
    """`${key}` or `${key, 'default'}`; the key in lower case."""

    key: str
    default: str | None = None

    def value(self, context: Context) -> str | None:
        """Return its value in a request; keys with several values have none here, as on AWS."""
        found = context.get(self.key)
        return found if isinstance(found, str) else self.default


Token = str | Wildcard | Variable

_TOKENS = re.compile(r"\$\{(?P<braced>[^}]*)\}|(?P<wildcard>[*?])|(?P<text>[^$*?]+|\$)", re.DOTALL)
_VARIABLE = re.compile(r"\s*(?P<key>[A-Za-z0-9-]+:[^\s,']+)\s*(?:,\s*'(?P<default>[^']*)'\s*)?")
_ESCAPES = frozenset("*?$")


def tokens(text: str, *, variables: bool) -> tuple[Token, ...]:
    """Take a pattern apart; raises `ValueError` for a `${...}` that is no variable.

    Policies before version 2012-10-17 know no variables: there `${aws:username}` is plain text.
    """
    found: list[Token] = []
    for match in _TOKENS.finditer(text):
        if match["wildcard"]:
            found.append(Wildcard(match["wildcard"]))
        elif match["text"]:
            found.append(match["text"])
        elif not variables:
            found.extend(_plain(match[0]))
        elif match["braced"] in _ESCAPES:
            found.append(match["braced"])
        else:
            found.append(_variable(match["braced"]))
    return tuple(found)


def _plain(text: str) -> list[Token]:
    return [Wildcard(part) if part in {"*", "?"} else part for part in re.split(r"([*?])", text) if part]


def _variable(text: str) -> Variable:
    match = _VARIABLE.fullmatch(text)
    if match is None:
        raise ValueError(f"${{{text}}} is not a policy variable; write ${{prefix:key}} or ${{prefix:key, 'default'}}")
    return Variable(match["key"].lower(), match["default"])
