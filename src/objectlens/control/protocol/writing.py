"""A result → the answer, for every protocol."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from botocore.model import OperationModel

from objectlens.control.protocol import scalars, writing_json, writing_xml
from objectlens.control.protocol.model import Model
from objectlens.http import Headers, HttpResponse

Result = Mapping[str, Any]
Written = tuple[str, bytes | AsyncIterator[bytes]]


def write(model: Model, operation: OperationModel, result: Result, request_id: str) -> HttpResponse:
    """Render the result of an operation. A payload that is a blob or a stream of events goes out as it is."""
    if model.protocol == "query":
        body = _query(model, operation, result, request_id)
        return HttpResponse(200, Headers([*request_headers(model, request_id), ("Content-Type", "text/xml")]), body)
    headers = request_headers(model, request_id)
    shape = operation.output_shape
    if shape is None:
        return HttpResponse(_status(operation), Headers(headers))
    content_type, content = _content(model, shape, result)
    headers += _headers(shape, result)
    if content_type and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", content_type))
    return HttpResponse(_stated(shape, result) or _status(operation), Headers(headers), content)


def request_headers(model: Model, request_id: str) -> list[tuple[str, str]]:
    """Return the headers with the request's id. S3's are in a header that the gateway gives every answer."""
    return [] if model.protocol == "rest-xml" else [("x-amzn-RequestId", request_id)]


def _status(operation: OperationModel) -> int:
    return int(operation.http.get("responseCode", 200))


def _stated(shape: Any, result: Result) -> int | None:
    """Return the status that a result gives itself, as Invoke's does."""
    for name, value in result.items():
        if shape.members[name].serialization.get("location") == "statusCode":
            return int(value)
    return None


def _headers(shape: Any, result: Result) -> list[tuple[str, str]]:
    headers = []
    for name, value in result.items():
        member = shape.members[name]
        if value is not None and member.serialization.get("location") == "header":
            headers.append((member.serialization["name"], scalars.write(member, value, "rfc822")))
    return headers


def _content(model: Model, shape: Any, result: Result) -> Written:
    payload = shape.serialization.get("payload")
    if payload is not None:
        return _payload(model, shape.members[payload], payload, result.get(payload))
    inside = [name for name, member in shape.members.items() if "location" not in member.serialization]
    if not inside:
        return "", b""
    if model.protocol == "rest-json":
        return "application/json", json.dumps(writing_json.structure(shape, result)).encode()
    return "application/xml", _xml(model, shape.name, shape, result)


def _payload(model: Model, member: Any, name: str, value: Any) -> Written:
    if value is None:
        return "", b""
    if member.type_name == "blob":
        return "application/json", value
    if getattr(member, "is_eventstream", False) or member.serialization.get("eventstream"):
        return "application/vnd.amazon.eventstream", value
    if model.protocol == "rest-json":
        return "application/json", json.dumps(writing_json.structure(member, value)).encode()
    return "application/xml", _xml(model, member.serialization.get("name", name), member, value)


def _xml(model: Model, tag: str, shape: Any, value: Result) -> bytes:
    root = Element(tag, xmlns=model.namespace)
    writing_xml.structure(root, shape, value, "milliseconds")
    return writing_xml.document(root)


def _query(model: Model, operation: OperationModel, result: Result, request_id: str) -> bytes:
    root = Element(f"{operation.name}Response", xmlns=model.namespace)
    shape = operation.output_shape
    if shape is not None:
        wrapper = shape.serialization.get("resultWrapper", f"{operation.name}Result")
        writing_xml.structure(SubElement(root, wrapper), shape, result, "seconds")
    SubElement(SubElement(root, "ResponseMetadata"), "RequestId").text = request_id
    return writing_xml.document(root)
