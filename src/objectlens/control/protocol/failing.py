"""A `ServiceError` → the error answer of the API."""

from __future__ import annotations

import json
from xml.etree.ElementTree import Element, SubElement

from objectlens.control.protocol import writing_xml
from objectlens.control.protocol.model import Model
from objectlens.control.protocol.writing import request_headers
from objectlens.errors import ServiceError
from objectlens.http import Headers, HttpResponse


def write(model: Model, error: ServiceError, request_id: str) -> HttpResponse:
    """Render an error. What it carries in `detail` is shown as far as the API has a place for it."""
    headers = [*request_headers(model, request_id), *error.headers.items()]
    if model.protocol == "rest-json":
        return _json(model, error, headers)
    root = _nested(error, request_id) if model.protocol == "rest-xml" else _query(model, error, request_id)
    kind = "application/xml" if model.protocol == "rest-xml" else "text/xml"
    return HttpResponse(error.status, Headers([*headers, ("Content-Type", kind)]), writing_xml.document(root))


def _nested(error: ServiceError, request_id: str) -> Element:
    """Make S3 Control's document (reference section 12.1)."""
    root = Element("ErrorResponse")
    inner = SubElement(root, "Error")
    for name, text in {"Code": error.code, "Message": error.message, **error.detail}.items():
        SubElement(inner, name).text = text
    SubElement(root, "RequestId").text = request_id
    return root


def _query(model: Model, error: ServiceError, request_id: str) -> Element:
    root = Element("ErrorResponse", xmlns=model.namespace)
    inner = SubElement(root, "Error")
    SubElement(inner, "Type").text = "Sender" if error.status < 500 else "Receiver"
    SubElement(inner, "Code").text = error.code
    SubElement(inner, "Message").text = error.message
    SubElement(root, "RequestId").text = request_id
    return root


def _json(model: Model, error: ServiceError, headers: list[tuple[str, str]]) -> HttpResponse:
    """Make Lambda's document; the letter case of `message` differs between its exceptions."""
    shape = model.exceptions.get(error.code)
    members = shape.members if shape is not None else {}
    document = {"Type": "User" if error.status < 500 else "Service"}
    document["message" if "message" in members else "Message"] = error.message
    for name, text in error.detail.items():
        where = members[name].serialization if name in members else {}
        if where.get("location") == "header":
            headers.append((where["name"], text))
        else:
            document[name] = text
    headers += [("x-amzn-ErrorType", error.code), ("Content-Type", "application/json")]
    return HttpResponse(error.status, Headers(headers), json.dumps(document).encode())
