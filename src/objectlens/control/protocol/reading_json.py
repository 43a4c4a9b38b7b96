"""JSON → parameters."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from objectlens.control.protocol import scalars
from objectlens.control.protocol.faults import Malformed


class NotJson(Malformed):
    """A body that is no JSON at all."""


def read(body: bytes, shape: Any) -> dict[str, Any]:
    """Read a JSON document as the members of a structure; an empty body has none.

    Unknown members are skipped and `null` means absent. Raises `NotJson`, or `Malformed` for another shape.
    """
    if not body.strip():
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotJson(f"Could not parse request body into json: {error}") from error
    result: dict[str, Any] = _structure(shape, document, "the body")
    return result


def _value(shape: Any, value: Any, where: str) -> Any:
    return _READERS.get(shape.type_name, _scalar)(shape, value, where)


def _structure(shape: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise Malformed(f"{where}: a JSON object is needed")
    params = {}
    for name, member in shape.members.items():
        if "location" in member.serialization:
            continue
        given = value.get(member.serialization.get("name", name))
        if given is not None:
            params[name] = _value(member, given, name)
    return params


def _list(shape: Any, value: Any, where: str) -> Any:
    if not isinstance(value, list):
        raise Malformed(f"{where}: a JSON array is needed")
    return [_value(shape.member, item, where) for item in value if item is not None]


def _map(shape: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise Malformed(f"{where}: a JSON object is needed")
    return {key: _value(shape.value, item, f"{where}.{key}") for key, item in value.items() if item is not None}


def _scalar(shape: Any, value: Any, where: str) -> Any:
    if shape.type_name in {"string", "blob"}:
        if not isinstance(value, str):
            raise Malformed(f"{where}: a JSON string is needed, not {json.dumps(value)[:100]}")
        return scalars.read(shape.type_name, value, where)
    if shape.type_name == "boolean":
        if not isinstance(value, bool):
            raise Malformed(f"{where}: true or false is needed, not {json.dumps(value)[:100]}")
        return value
    return _number(shape, value, where)


def _number(shape: Any, value: Any, where: str) -> Any:
    if isinstance(value, str) and shape.type_name == "timestamp":
        return scalars.read("timestamp", value, where)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole and (not isinstance(value, float) or shape.type_name in {"integer", "long"}):
        raise Malformed(f"{where}: a JSON number is needed, not {json.dumps(value)[:100]}")
    if shape.type_name == "timestamp":
        try:
            return datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise Malformed(f"{where}: {value} is not a time") from error
    return value


_READERS: dict[str, Callable[[Any, Any, str], Any]] = {"structure": _structure, "list": _list, "map": _map}
