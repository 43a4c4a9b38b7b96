"""Results → JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from objectlens.control.protocol import scalars


def structure(shape: Any, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a structure that are not elsewhere in the answer, as JSON values; None is left out.

    Raises `KeyError` for a member that the shape does not have.
    """
    written = {}
    for name, item in value.items():
        member = shape.members[name]
        if item is not None and "location" not in member.serialization:
            written[member.serialization.get("name", name)] = _value(member, item)
    return written


def _value(shape: Any, value: Any) -> Any:
    match shape.type_name:
        case "structure":
            return structure(shape, value)
        case "list":
            return [_value(shape.member, item) for item in value]
        case "map":
            return {key: _value(shape.value, item) for key, item in value.items()}
        case "timestamp":
            return value.timestamp()
        case "blob":
            return scalars.write(shape, value, "")
        case _:
            return value
