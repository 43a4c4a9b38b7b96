"""XML in and out: the two small tools that everything else here is built from, and the error document.

Coming in, a body is bounded in bytes, elements and depth, and may hold no document type; namespaces are forgotten, as
S3 takes bodies with and without.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from objectlens.errors import MalformedXML, ServiceError

NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
CONTENT_TYPE: Final = "application/xml"
# The longest body S3 takes lists 10,000 parts with their checksums.
MAX_BYTES: Final = 4 * 1024 * 1024
_MAX_ELEMENTS: Final = 150_000
_MAX_DEPTH: Final = 16

_SPECIAL = re.compile(r'[&<>"\r\x00-\x08\x0b\x0c\x0e-\x1f]')
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
# What UTF-8 cannot carry: halves of surrogate pairs.
_UNENCODABLE = re.compile("[\ud800-\udfff]")
# What no XML 1.0 document can hold, not even as a reference (XML 1.0 section 2.2).
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

# The literal that AWS's Object Lambda error documents carry (reference section 8.2).
OBJECT_LAMBDA_HOST_ID: Final = "{host-id}"


def escape(text: str) -> str:
    """Escape text for an element; control characters become references, as S3 writes them."""
    return _SPECIAL.sub(lambda found: _NAMED.get(found[0]) or f"&#x{ord(found[0]):x};", text)


def tag(name: str, value: str | int | bool | None, *, empty: bool = False) -> str:
    """Return `<name>value</name>`; nothing for None, unless `empty` asks for `<name/>`."""
    if value is None:
        return f"<{name}/>" if empty else ""
    if isinstance(value, bool):
        value = "true" if value else "false"
    text = escape(str(value))
    return f"<{name}>{text}</{name}>" if text else f"<{name}/>"


def nest(name: str, parts: Iterable[str]) -> str:
    """Return an element around elements that are written already."""
    inside = "".join(parts)
    return f"<{name}>{inside}</{name}>" if inside else f"<{name}/>"


def document(root: str, parts: Iterable[str], namespace: str | None = NAMESPACE) -> bytes:
    """Return a whole document with S3's declaration line."""
    attribute = f' xmlns="{namespace}"' if namespace else ""
    return _encode(f"{DECLARATION}<{root}{attribute}>{''.join(parts)}</{root}>")


def render_error(error: ServiceError, request_id: str, host_id: str) -> bytes:
    """Return S3's error document: code, message, the error's details, and the two ids."""
    return _encode(DECLARATION + _error(error.code, error.message, error.detail, request_id, host_id))


def render_object_lambda_error(code: str, message: str, request_id: str) -> bytes:
    """Return the error document of an Object Lambda access point: its own host id, no details (8.2, 8.3)."""
    return _encode(DECLARATION + _error(code, message, {}, request_id, OBJECT_LAMBDA_HOST_ID))


def parse(body: bytes, *roots: str) -> Element:
    """Read a request body whose root element is one of `roots`; raises `MalformedXML`."""
    if len(body) > MAX_BYTES:
        raise MalformedXML(f"The body is longer than {MAX_BYTES} bytes.")
    parser = XMLParser(target=_BoundedBuilder(), forbid_dtd=True)
    try:
        parser.feed(body)
        root = parser.close()
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise MalformedXML from None
    if not isinstance(root, Element) or root.tag not in roots:
        raise MalformedXML
    return root


def text_of(element: Element, name: str) -> str | None:
    """Return the text of the child `name`, "" when it is empty, None when there is no such child."""
    child = element.find(name)
    return None if child is None else child.text or ""


def required_text(element: Element, name: str) -> str:
    """Return the text of the child `name`; raises `MalformedXML` when there is none."""
    text = text_of(element, name)
    if text is None:
        raise MalformedXML
    return text


def _error(code: str, message: str, detail: Mapping[str, str], request_id: str, host_id: str) -> str:
    fields = {"Code": code, "Message": message, **detail, "RequestId": request_id, "HostId": host_id}
    # An error repeats what a request said; parsers must still find the code in it.
    return nest("Error", (tag(name, _UNWRITABLE.sub("\ufffd", value)) for name, value in fields.items()))


def _encode(text: str) -> bytes:
    return _UNENCODABLE.sub("\ufffd", text).encode()


class _BoundedBuilder(TreeBuilder):
    """Builds a tree without namespaces, up to a number of elements and a depth."""

    def __init__(self) -> None:
        super().__init__()
        self._elements = 0
        self._depth = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._elements += 1
        self._depth += 1
        if self._elements > _MAX_ELEMENTS or self._depth > _MAX_DEPTH:
            raise MalformedXML("The body has too many elements, or they are nested too deep.")
        return super().start(tag.rpartition("}")[2], attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag.rpartition("}")[2])
