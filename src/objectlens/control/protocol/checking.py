"""Parameters against the constraints of the model, in the words that AWS uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_SHOWN = 1024
_SEPARATORS = r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


@dataclass(frozen=True, slots=True)
class Failed:
    """One value that is not as the model says. `missing` when it is not there at all; `top` is its first member."""

    path: str
    shown: str
    constraint: str
    top: str
    missing: bool = False

    def __str__(self) -> str:
        return f"Value {self.shown}at '{self.path}' failed to satisfy constraint: {self.constraint}"


def message(failures: list[Failed]) -> str:
    """Return AWS's message for all that failed."""
    errors = "error" if len(failures) == 1 else "errors"
    return f"{len(failures)} validation {errors} detected: " + "; ".join(map(str, failures))


def check(shape: Any, params: dict[str, Any]) -> list[Failed]:
    """Return what is wrong with the parameters of an operation; nothing when all is well."""
    return [] if shape is None else list(_structure(shape, params, "", ""))


def _structure(shape: Any, value: dict[str, Any], path: str, top: str) -> Iterator[Failed]:
    for name in shape.required_members:
        if name not in value:
            yield Failed(_below(path, name), "null ", "Member must not be null", top or name, missing=True)
    if getattr(shape, "is_tagged_union", False) and len(value) != 1:
        yield Failed(path, "", f"Member must have exactly one of: {', '.join(shape.members)}", top, missing=True)
    for name, item in value.items():
        yield from _value(shape.members[name], item, _below(path, name), top or name)


def _value(shape: Any, value: Any, path: str, top: str) -> Iterator[Failed]:
    for constraint in _broken(shape, value):
        yield Failed(path, _shown(shape, value), constraint, top)
    match shape.type_name:
        case "structure":
            yield from _structure(shape, value, path, top)
        case "list":
            for number, item in enumerate(value, 1):
                yield from _value(shape.member, item, f"{path}.{number}.member", top)
        case "map":
            for key, item in value.items():
                yield from _value(shape.key, key, f"{path}.{key}", top)
                yield from _value(shape.value, item, f"{path}.{key}.member", top)


def _broken(shape: Any, value: Any) -> Iterator[str]:
    """Say which constraints of its own shape a value does not satisfy."""
    known = shape.metadata
    sized = shape.type_name in {"string", "blob", "list", "map"}
    if sized or shape.type_name in {"integer", "long", "double", "float"}:
        size, what = (len(value), "length") if sized else (value, "value")
        if "max" in known and size > known["max"]:
            yield f"Member must have {what} less than or equal to {known['max']}"
            return
        if "min" in known and size < known["min"]:
            yield f"Member must have {what} greater than or equal to {known['min']}"
    if shape.type_name == "string":
        if known.get("enum") and value not in known["enum"]:
            yield f"Member must satisfy enum value set: [{', '.join(known['enum'])}]"
        # Only lengths that passed come here, so that no expression runs over a megabyte.
        elif "pattern" in known and not re.fullmatch(_in_python(known["pattern"]), value):
            yield f"Member must satisfy regular expression pattern: {known['pattern']}"


def _in_python(pattern: str) -> str:
    """Write a Java expression as Python's `re` reads it: classes of Unicode, and pairs of surrogates."""
    return (
        pattern.replace(r"\p{L}", r"\w")
        .replace(r"\p{N}", r"\d")
        .replace(r"\p{Z}", _SEPARATORS)
        .replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    )


def _below(path: str, name: str) -> str:
    name = name[:1].lower() + name[1:]
    return f"{path}.{name}" if path else name


def _shown(shape: Any, value: Any) -> str:
    if shape.metadata.get("sensitive") or shape.type_name in {"blob", "structure", "map"}:
        return ""
    text = f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)
    return f"'{text[:_SHOWN]}' "
