"""Annotations as data: what a step's keyword arguments may be, checked and told as JSON schema.

Understood are `bool`, `int`, `float`, `str`, `Literal`, `list[...]`, `dict[str, ...]`, unions with None, `Any`, and
`Annotated[..., Bounds(...)]` around any of them. Of other kinds every value is taken: steps of one's own may say more.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

_WORDS = {
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """The smallest and largest number; for text and lists, the least and the greatest length."""

    least: float | None = None
    most: float | None = None

    def check(self, value: Any) -> None:
        """Raise ValueError when `value` is outside."""
        size = value if isinstance(value, int | float) else len(value)
        if (self.least is not None and size < self.least) or (self.most is not None and size > self.most):
            noun = "" if size is value else "of a length "
            raise ValueError(f"must be {noun}{between(self.least, self.most)}, not {size!r:.60}")

    def schema(self, kind: str) -> dict[str, Any]:
        """Return the bounds in JSON schema's words for values of this JSON type."""
        low, high = _WORDS.get(kind, ("minimum", "maximum"))
        return {word: bound for word, bound in ((low, self.least), (high, self.most)) if bound is not None}


@dataclass(frozen=True, slots=True)
class ResourceName:
    """Marks text that names a file of the operator, which is therefore a part of the program's digest."""


@dataclass(frozen=True, slots=True)
class PipelineMap:
    """Marks an object of pipelines by name, whose digests are therefore a part of the program's."""


_OBJECTS = (dict, Mapping)
_PLAIN = {bool: "boolean", int: "integer", float: "number", str: "string"}


def check(hint: Any, value: Any) -> Any:
    """Return `value` as `hint` wants it (an int becomes a float where floats are wanted); raises ValueError."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        value = check(inner[0], value)
        for mark in hint.__metadata__:
            if isinstance(mark, Bounds) and value is not None:
                mark.check(value)
        return value
    if origin is Literal:
        if value not in inner or isinstance(value, bool) is not any(isinstance(one, bool) for one in inner):
            raise ValueError(f"must be one of {', '.join(map(repr, inner))}, not {_short(value)}")
        return value
    if origin in (typing.Union, types.UnionType):
        return _check_union(inner, value)
    if origin is list and inner:
        if not isinstance(value, list | tuple):
            raise ValueError(f"must be a list, not {_short(value)}")
        return [check(inner[0], one) for one in value]
    if origin in _OBJECTS and inner:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise ValueError(f"must be an object, not {_short(value)}")
        return {key: check(inner[1], one) for key, one in value.items()}
    return _check_plain(hint, value)


def _check_plain(hint: Any, value: Any) -> Any:
    if hint not in _PLAIN:
        return value
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return finite(value)
    if type(value) is not hint:
        raise ValueError(f"must be {_article(_PLAIN[hint])}, not {_short(value)}")
    if hint is str and not is_whole(value):
        raise ValueError(f"must be whole characters, not {_short(value)}")
    return value


def finite(value: float) -> float:
    """Return a number as a float; raises ValueError for what is none, or larger than floats are."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    # Zero has one spelling, for what is kept goes by it.
    return number + 0.0


def is_whole(text: str) -> bool:
    """Tell whether text has no half of a pair of surrogates, which JSON can name and nothing else can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_union(options: tuple[Any, ...], value: Any) -> Any:
    if value is None and type(None) in options:
        return None
    reasons = []
    for option in options:
        if option is not type(None):
            try:
                return check(option, value)
            except ValueError as error:
                reasons.append(str(error))
    raise ValueError(" or ".join(reasons))


def schema(hint: Any) -> dict[str, Any]:
    """Return `hint` as JSON schema."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        found = schema(inner[0])
        for mark in hint.__metadata__:
            if isinstance(mark, Bounds):
                for option in found.get("anyOf", [found]):
                    if option.get("type") != "null":
                        option.update(mark.schema(option.get("type", "")))
        return found
    if origin is Literal:
        return {"enum": list(inner)}
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [{"type": "null"} if one is type(None) else schema(one) for one in inner]}
    if origin is list and inner:
        return {"type": "array", "items": schema(inner[0])}
    if origin in _OBJECTS and inner:
        return {"type": "object", "additionalProperties": schema(inner[1])}
    return {"type": _PLAIN[hint]} if hint in _PLAIN else {}


def marked(hint: Any, mark: type) -> bool:
    """Tell whether a hint is annotated with a mark of this type."""
    return any(isinstance(one, mark) for one in getattr(hint, "__metadata__", ()))


def between(least: float | None, most: float | None) -> str:
    """Return bounds in words, of which one may be open."""
    if least is not None and most is not None:
        return f"from {least} to {most}"
    return f"at least {least}" if least is not None else f"at most {most}"


def _article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
