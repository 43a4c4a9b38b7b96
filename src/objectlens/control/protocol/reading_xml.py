"""XML → parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from objectlens.control.protocol import scalars
from objectlens.control.protocol.faults import Malformed


def read(body: bytes, shape: Any) -> dict[str, Any]:
    """Read a document whose root is the structure; an empty body has no members.

    The root's name and all namespaces are overlooked, as are unknown elements. Raises `Malformed`.
    """
    if not body.strip():
        return {}
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Malformed(f"the body is not XML that we read: {error}") from error
    result: dict[str, Any] = _structure(shape, root, _local(root))
    return result


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _children(parent: Element, name: str) -> list[Element]:
    return [child for child in parent if _local(child) == name]


def _value(shape: Any, element: Element, where: str) -> Any:
    reader = _READERS.get(shape.type_name)
    if reader is not None:
        return reader(shape, element, where)
    if len(element):
        raise Malformed(f"{where}: text is needed, not elements")
    return scalars.read(shape.type_name, element.text or "", where)


def _structure(shape: Any, element: Element, _where: str) -> Any:
    params = {}
    for name, member in shape.members.items():
        if "location" in member.serialization:
            continue
        tag = member.serialization.get("name", name)
        found = _children(element, tag)
        if not found:
            continue
        if member.serialization.get("flattened"):
            params[name] = [_value(member.member, one, tag) for one in found]
        elif len(found) > 1:
            raise Malformed(f"{tag} is there {len(found)} times")
        else:
            params[name] = _value(member, found[0], tag)
    return params


def _list(shape: Any, element: Element, where: str) -> Any:
    tag = shape.member.serialization.get("name", "member")
    return [_value(shape.member, child, f"{where}/{tag}") for child in _children(element, tag)]


def _map(shape: Any, element: Element, where: str) -> Any:
    key_tag = shape.key.serialization.get("name", "key")
    value_tag = shape.value.serialization.get("name", "value")
    params = {}
    for entry in _children(element, "entry"):
        keys, values = _children(entry, key_tag), _children(entry, value_tag)
        if len(keys) != 1 or len(values) != 1:
            raise Malformed(f"{where}: every entry needs one {key_tag} and one {value_tag}")
        params[keys[0].text or ""] = _value(shape.value, values[0], where)
    return params


_READERS: dict[str, Callable[[Any, Element, str], Any]] = {"structure": _structure, "list": _list, "map": _map}
