"""Wildcards, policy variables and ARNs.

Source: "IAM policy elements: Variables and tags" and "... Resource" in the IAM User Guide. Matching takes time
proportional to pattern times text whatever the pattern is, because policies come from users.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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


class Template:
    """Text with wildcards and variables, ready to be compared."""

    __slots__ = ("_exact", "_glob", "_tokens", "has_variables")

    def __init__(self, parts: Sequence[Token]) -> None:
        self._tokens = tuple(parts)
        self.has_variables = any(isinstance(token, Variable) for token in parts)
        fixed = not any(isinstance(token, Wildcard | Variable) for token in parts)
        self._exact = "".join([str(token) for token in parts]) if fixed else None
        self._glob = None if fixed or self.has_variables else _segments(parts)

    @property
    def is_fixed(self) -> bool:
        """Tell whether it has neither wildcards nor variables."""
        return self._exact is not None

    def matches(self, text: str, context: Context) -> bool:
        """Compare with wildcards; a variable without a value matches nothing."""
        if self._exact is not None:
            return text == self._exact
        if self._glob is not None:
            return _fits(self._glob, text)
        resolved = self._resolved(context)
        return resolved is not None and _fits(_segments(resolved), text)

    def text(self, context: Context) -> str | None:
        """Return the text with its variables filled in and its wildcards as they are written; None without a value."""
        if self._exact is not None:
            return self._exact
        resolved = self._resolved(context)
        if resolved is None:
            return None
        return "".join([token.value if isinstance(token, Wildcard) else str(token) for token in resolved])

    def _resolved(self, context: Context) -> list[Token] | None:
        resolved: list[Token] = []
        for token in self._tokens:
            value = token.value(context) if isinstance(token, Variable) else token
            if value is None:
                return None
            resolved.append(value)
        return resolved


@dataclass(frozen=True, slots=True)
class _Segment:
    """What stands between two `*`: pieces of text at their offsets, with one-character gaps for `?`."""

    length: int
    pieces: tuple[tuple[int, str], ...]

    def at(self, text: str, position: int) -> bool:
        return position + self.length <= len(text) and all(
            text.startswith(piece, position + offset) for offset, piece in self.pieces
        )

    def find(self, text: str, start: int) -> int:
        """Return the first place from `start` on where it fits, -1 when there is none."""
        if not self.pieces:
            return start if start + self.length <= len(text) else -1
        offset, piece = self.pieces[0]
        position = text.find(piece, start + offset)
        while position >= 0 and not self.at(text, position - offset):
            position = text.find(piece, position + 1)
        return position - offset if position >= 0 else -1


def _segments(parts: Sequence[Token]) -> tuple[_Segment, ...]:
    segments: list[_Segment] = []
    pieces: list[tuple[int, str]] = []
    length = 0
    for token in parts:
        if token is Wildcard.RUN:
            segments.append(_Segment(length, tuple(pieces)))
            pieces, length = [], 0
        elif token is Wildcard.ONE:
            length += 1
        else:
            text = str(token)
            pieces.append((length, text))
            length += len(text)
    segments.append(_Segment(length, tuple(pieces)))
    return tuple(segments)


def _fits(segments: tuple[_Segment, ...], text: str) -> bool:
    first, last = segments[0], segments[-1]
    if len(segments) == 1:
        return len(text) == first.length and first.at(text, 0)
    end = len(text) - last.length
    if end < first.length or not first.at(text, 0) or not last.at(text, end):
        return False
    position = first.length
    for segment in segments[1:-1]:
        # The leftmost place leaves most room for the rest, so there is never a reason to go back.
        position = segment.find(text, position)
        if position < 0 or position + segment.length > end:
            return False
        position += segment.length
    return True


class ArnTemplate:
    """A pattern for ARNs: its first five parts match part by part, so no wildcard reaches over their colons.

    A pattern that is not written in six parts, as `*`, is compared with the whole text.
    """

    __slots__ = ("_parts", "_whole")

    def __init__(self, parts: Sequence[Token]) -> None:
        split = _split_at_colons(parts)
        self._whole = Template(parts) if len(split) < 6 else None
        self._parts = tuple(Template(part) for part in split)

    @property
    def is_fixed(self) -> bool:
        """Tell whether it has neither wildcards nor variables."""
        return all(part.is_fixed for part in self._parts)

    @property
    def fixes_account(self) -> bool:
        """Tell whether it names one account."""
        return self._whole is None and self._parts[4].is_fixed and self._parts[4].text({}) != ""

    @property
    def has_variables(self) -> bool:
        """Tell whether its meaning depends on the request."""
        return any(part.has_variables for part in self._parts)

    def matches(self, arn: str, context: Context) -> bool:
        """Compare with an ARN."""
        if self._whole is not None:
            return self._whole.matches(arn, context)
        values = arn.split(":", 5)
        return len(values) == 6 and all(
            part.matches(value, context) for part, value in zip(self._parts, values, strict=True)
        )


def _split_at_colons(parts: Sequence[Token]) -> list[list[Token]]:
    """Split at the first five colons of the plain text; those inside a variable's value are not separators."""
    split: list[list[Token]] = [[]]
    for token in parts:
        if not isinstance(token, str):
            split[-1].append(token)
            continue
        first, *others = token.split(":", 6 - len(split))
        split[-1].append(first)
        split.extend([other] for other in others)
    return [[token for token in part if token != ""] for part in split]
