"""Hiding what is personal: e-mail addresses, telephone and card numbers, and custom patterns."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadArgument
from objectlens.transforms.hints import Bounds

Kind = Literal["email", "phone", "card"]
# Every quantifier is bounded and none is nested, so that no text makes them slow.
_PATTERNS = {
    # An apostrophe only within a word (O'Brien): around it, it is a quotation mark.
    "email": re.compile(r"(?<![\w.+%-])(?<!\w')(?:[\w.+%-]|(?<=\w)'(?=\w)){1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"),
    "card": re.compile(r"(?<![\d+-])\d(?:[ -]?\d){12,18}(?![\d-])"),
    # With the number of a country, groups are as each country writes them; else as most do.
    "phone": re.compile(
        r"(?<![\w+])\+\d(?:[ ()./-]{0,3}\d){6,14}(?!\w)"
        r"|(?<![\w+])(?<!\w-)(?<!\d[.,])(?:1[ .-])?(?:\(\d{1,5}\)[ ./-]?|\d{2,5} ?/ ?)?"
        r"\d{2,4}(?:[ .-]?\d{2,4}){2,4}(?!\w)"
    ),
}
# Digits in groups that are no telephone number: days, the year first (ISO 8601) or last, and addresses of machines.
_NO_PHONE = re.compile(
    r"(?:19|20)\d\d[.-][01]\d[.-][0-3]\d|[0-3]\d[.-][0-3]\d[.-](?:19|20)\d\d|\d{1,3}(?:\.\d{1,3}){3}"
)
_ESCAPES = re.compile(r"\\.", re.DOTALL)
_CLASSES = re.compile(r"\[\^?\]?[^\]]*\]")
_REPEATED = re.compile(r"[*+]|\{(?!0?,?1\})")
_FIXED = re.compile(r"\{\d+\}")
_COUNTS = re.compile(r"\{(\d*),(\d*)\}")
# Ways to part a text between repetitions side by side; three without a bound are as many as are worth having.
_ENDLESS, _WAYS = 32, 2**18


def _check(*, kinds: list[Kind], patterns: dict[str, str], replacement: str) -> None:
    for name, pattern in patterns.items():
        compiled(name, pattern)


@transform(family="text", check=_check)
def redact(
    text: str,
    ctx: Context,
    *,
    kinds: list[Kind] = ["email", "card", "phone"],  # noqa: B006  (read only)
    patterns: dict[str, Annotated[str, Bounds(1, 256)]] = {},  # noqa: B006
    replacement: Annotated[str, Bounds(0, 64)] = "[{kind}]",
) -> str:
    """Replace what the kinds and the custom patterns (name -> regular expression) match; `{kind}` says which.

    Card numbers count only with a right check digit (Luhn); telephone numbers have 7 to 15 digits.
    """
    for name, pattern in patterns.items():
        text = compiled(name, pattern).sub(replacement.replace("{kind}", name).replace("\\", r"\\"), text)
    for kind in ("email", "card", "phone"):
        if kind in kinds:
            text = _PATTERNS[kind].sub(lambda match, kind=kind: _hidden(match[0], kind, replacement), text)  # type: ignore[misc]
    return text


def compiled(name: str, pattern: str) -> re.Pattern[str]:
    """Compile a custom pattern; raises `BadArgument` for one that is wrong or could take exponential time."""
    if _risky(pattern):
        raise BadArgument(
            f"pattern {name!r} repeats a repetition, has many of them side by side, or refers back: some texts would "
            "take forever",
            "patterns",
        )
    try:
        return re.compile(pattern)
    except re.error as error:
        raise BadArgument(f"pattern {name!r} is no regular expression: {error}", "patterns") from error


def _risky(pattern: str) -> bool:
    """Tell whether a backtracking engine could take exponential time: repeated choices, or back-references.

    A group that is repeated may hold no repetition of varying length, nor alternatives.
    """
    plain = _CLASSES.sub("x", _ESCAPES.sub(lambda match: "\\1" if match[0][1] in "123456789" else "x", pattern))
    if "\\1" in plain or "(?P=" in plain or _ways(plain) > _WAYS:
        return True
    choices = [False]
    for index, char in enumerate(plain):
        if char == "(":
            choices.append(False)
        elif char == ")" and len(choices) > 1:
            inside = choices.pop()
            if inside and _REPEATED.match(plain, index + 1):
                return True
            choices[-1] |= inside
        elif char == "|" or (char in "*+?{" and plain[index - 1 : index] != "(" and not _FIXED.match(plain, index)):
            choices[-1] = True
    return False


def _ways(plain: str) -> int:
    """Return in how many ways repetitions that stand side by side could part a text between them, at most."""
    most = ways = 1
    for index, char in enumerate(plain):
        if char in "*+?{" and plain[index - 1 : index] not in ("(", "*", "+", "?", "}", ""):
            ways *= _lengths(plain, index)
            most = max(most, ways)
        elif char == "|" or not (char in "()*+?{}:," or plain[index + 1 : index + 2] in ("*", "+", "?", "{")):
            # Groups are looked through. What stands once parts two repetitions, mostly.
            ways = ways if _within_counts(plain, index) else 1
    return most


def _lengths(plain: str, index: int) -> int:
    """Return how many lengths a repetition has."""
    if plain[index] in "*+":
        return _ENDLESS
    counts = _COUNTS.match(plain, index)
    if counts is None:
        return 2 if plain[index] == "?" else 1
    return int(counts[2]) - int(counts[1] or 0) + 1 if counts[2] else _ENDLESS


def _within_counts(plain: str, index: int) -> bool:
    start = plain.rfind("{", 0, index)
    return start >= 0 and plain[start : index + 1].rstrip("0123456789,") == "{"


def _hidden(found: str, kind: str, replacement: str) -> str:
    digits = [int(one) for one in found if one.isdecimal()]
    if kind == "card" and not _luhn(digits):
        return found
    if kind == "phone" and (not 7 <= len(digits) <= 15 or _NO_PHONE.fullmatch(found)):
        return found
    return replacement.replace("{kind}", kind)


def _luhn(digits: list[int]) -> bool:
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0
