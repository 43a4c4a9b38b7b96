"""Results → XML."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from objectlens.control.protocol import scalars

# Section 2.2 of the XML recommendation, the other way round.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'


def document(root: Element) -> bytes:
    """Return the bytes of a document, its declaration first.

    Characters that XML cannot hold become U+FFFD; a carriage return is written so that readers do not take it for a
    line's end.
    """
    text: str = tostring(root, encoding="unicode")
    return DECLARATION + _UNWRITABLE.sub("\ufffd", text).replace("\r", "&#13;").encode()


def structure(parent: Element, shape: Any, value: Mapping[str, Any], style: str) -> None:
    """Add the members of a structure that are not elsewhere in the answer; None is left out.

    Times are written in `style`, see `scalars.write`. Raises `KeyError` for a member that the shape does not have.
    """
    for name, item in value.items():
        member = shape.members[name]
        if item is None or "location" in member.serialization:
            continue
        tag = member.serialization.get("name", name)
        if member.type_name == "list" and member.serialization.get("flattened"):
            for one in item:
                _add(parent, member.member.serialization.get("name", tag), member.member, one, style)
        else:
            _add(parent, tag, member, item, style)


def _add(parent: Element, tag: str, shape: Any, value: Any, style: str) -> None:
    element = SubElement(parent, tag)
    writer = _WRITERS.get(shape.type_name)
    if writer is None:
        element.text = scalars.write(shape, value, style)
    else:
        writer(element, shape, value, style)


def _list(element: Element, shape: Any, value: Any, style: str) -> None:
    for item in value:
        _add(element, shape.member.serialization.get("name", "member"), shape.member, item, style)


def _map(element: Element, shape: Any, value: Any, style: str) -> None:
    for key, item in value.items():
        entry = SubElement(element, "entry")
        _add(entry, shape.key.serialization.get("name", "key"), shape.key, key, style)
        _add(entry, shape.value.serialization.get("name", "value"), shape.value, item, style)


_WRITERS: dict[str, Callable[[Element, Any, Any, str], None]] = {"structure": structure, "list": _list, "map": _map}
