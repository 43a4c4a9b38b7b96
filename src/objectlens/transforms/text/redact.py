"""Hiding what is personal: e-mail addresses, telephone and card numbers, and custom patterns."""

from __future__ import annotations

import re
import time
from typing import Annotated, Literal

import regex

from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadArgument, BadInput, LimitExceeded
from objectlens.transforms.hints import Bounds

Kind = Literal["email", "phone", "card"]
# What pages and typesetters put between groups of digits so that no line ends there: spaces, and hyphens.
_SPACE, _HYPHEN = " \u00a0\u2007\u2009\u202f", "\u2010\u2011-"
_GAP = f"[{_SPACE}.{_HYPHEN}]"
_CARD_GAP = rf"[{_SPACE}\u2012\u2013{_HYPHEN}]"
# A day, the year first (ISO 8601) or last, of which no more digits follow: what is behind it is a time of day, mostly.
_DAY = rf"(?:(?:19|20)\d\d[.-][01]\d[.-][0-3]\d|[0-3]\d[.-][0-3]\d[.-](?:19|20)\d\d)(?![.{_HYPHEN}]?\d)"
# Every quantifier is bounded and none is nested, so that no text makes them slow.
_PATTERNS = {
    # An apostrophe only within a word (O'Brien): around it, it is a quotation mark.
    "email": re.compile(r"(?<![\w.+%-])(?<!\w')(?:[\w.+%-]|(?<=\w)'(?=\w)){1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"),
    "card": re.compile(rf"(?<![\d+-])\d(?:{_CARD_GAP}?\d){{12,18}}(?![\d-])"),
    # With the number of a country, groups are as each country writes them; else as most do.
    "phone": re.compile(
        rf"(?<![\w+])\+\d(?:[{_SPACE}()./{_HYPHEN}]{{0,3}}\d){{6,14}}(?!\w)"
        rf"|(?<![\w+])(?<!\w[{_HYPHEN}])(?<!\d[.,])(?:1{_GAP})?"
        rf"(?:\(\d{{1,5}}\)[{_SPACE}./{_HYPHEN}]?|\d{{2,5}}[{_SPACE}]?/[{_SPACE}]?)?"
        rf"(?!{_DAY})\d{{2,4}}(?:{_GAP}?(?!{_DAY})\d{{2,4}}){{2,4}}(?!\w)"
    ),
}
# Cards as they are printed, or all digits in one: an expiry date or another number may stand beside them.
_CARD = re.compile(
    rf"(?<!\d)(?:\d{{13,19}}|\d{{4}}(?:{_CARD_GAP}\d{{4}}){{3}}|\d{{4}}{_CARD_GAP}\d{{6}}{_CARD_GAP}\d{{4,5}})(?!\d)"
)
# Digits in groups that are no telephone number: addresses of machines, and degrees as coordinates have them.
_NO_PHONE = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|(?:1[0-7]\d|[1-9]?\d)\.\d{5,}")
# What is repeated so many times at least is written out as often when a pattern is compiled.
_LONGEST = 5_000
_PIECES = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(\d+)(?:,\d*)?\}|.", re.DOTALL)
# What may stand between an atom and how often it is repeated.
_ESCAPES = re.compile(r"\\.", re.DOTALL)
_REMARKS = re.compile(r"\(\?#|\(\?[a-zA-Z]*x[a-zA-Z]*[-:)]")


def _check(*, kinds: list[Kind], patterns: dict[str, str], replacement: str) -> None:
    for name, pattern in patterns.items():
        _compiled(name, pattern)


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
    clock = _Clock(ctx.limits.pattern_seconds)
    for name, pattern in patterns.items():
        text = _replaced(text, name, pattern, replacement.replace("{kind}", name), clock)
    for kind in ("email", "card", "phone"):
        if kind in kinds:
            text = _PATTERNS[kind].sub(lambda match, kind=kind: _hidden(match[0], kind, replacement), text)  # type: ignore[misc]
    return text


def _compiled(name: str, pattern: str) -> regex.Pattern[str]:
    if _REMARKS.search(_ESCAPES.sub("-", pattern)) or _least(pattern) > _LONGEST:
        raise BadArgument(
            f"pattern {name!r} matches nothing shorter than {_LONGEST:,} characters, or has remarks in it", "patterns"
        )
    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise BadArgument(f"pattern {name!r} is no regular expression: {error}", "patterns") from error


def _least(pattern: str) -> int:
    """Return how many characters a match has at least, or some more: alternatives count together, each group as one."""
    done, last = [0], 0
    for piece in _PIECES.finditer(pattern):
        if piece[1]:
            last *= int(piece[1])
        elif piece[0] == "(":
            done[-1] += last
            done.append(0)
            last = 0
        elif piece[0] == ")" and len(done) > 1:
            last += done.pop() + 1
        elif piece[0] not in {"*", "+", "?"}:
            done[-1] += last
            last = 1
    return sum(done) + last


class _Clock:
    """The time that all patterns have together: no look at a pattern tells which texts it takes forever on."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """How many seconds are left; never none, which would mean no bound."""
        return max(0.001, self._end - time.monotonic())


def _replaced(text: str, name: str, pattern: str, by: str, clock: _Clock) -> str:
    try:
        return _compiled(name, pattern).sub(by.replace("\\", r"\\"), text, timeout=clock.left)
    except TimeoutError:
        took = f"the time that pattern {name!r} takes, in seconds,"
        raise LimitExceeded("pattern_seconds", took, clock.seconds) from None
    except MemoryError:
        raise BadInput(
            f"pattern {name!r} needs too much memory on this text: let repeated groups keep nothing, (?:...), and let "
            "it not call itself without end"
        ) from None


def _hidden(found: str, kind: str, replacement: str) -> str:
    by = replacement.replace("{kind}", kind)
    if kind == "card" and not _luhn(found):
        return _CARD.sub(lambda card: by if _luhn(card[0]) else card[0], found)
    if kind == "phone" and (not 7 <= len(_digits(found)) <= 15 or _NO_PHONE.fullmatch(found)):
        return found
    return by


def _digits(found: str) -> list[int]:
    return [int(one) for one in found if one.isdecimal()]


def _luhn(found: str) -> bool:
    digits = _digits(found)
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0
