"""A whole request → parameters, for every protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from objectlens.control.protocol import reading_json, reading_query, reading_xml, scalars
from objectlens.control.protocol.faults import Malformed
from objectlens.control.protocol.model import Protocol
from objectlens.control.protocol.routes import Match
from objectlens.http import HttpRequest, parse_query

Params = dict[str, Any]


def read(protocol: Protocol, match: Match, http: HttpRequest, body: bytes) -> Params:
    """Return the parameters of a request; raises `Malformed` for what cannot be read."""
    shape = match.operation.input_shape
    if shape is None:
        return {}
    if protocol == "query":
        return reading_query.read(form(http, body), shape)
    return _located(shape, match.labels, http) | _body(_BODIES[protocol], shape, body)


def form(http: HttpRequest, body: bytes) -> list[tuple[str, str]]:
    """Return the parameters of a `query` request, from its form or, without one, from its query."""
    if not body:
        return http.parameters()
    try:
        return parse_query(body.decode("ascii"))
    except UnicodeDecodeError as error:
        raise Malformed("the form is not percent-encoded") from error


def _located(shape: Any, labels: Mapping[str, str], http: HttpRequest) -> Params:
    """Read the members that are in the path, the query and the headers."""
    query: dict[str, list[str]] = {}
    for name, value in http.parameters():
        query.setdefault(name, []).append(value)
    params = {}
    for name, member in shape.members.items():
        given = _texts(member.serialization, labels, query, http)
        if not given:
            continue
        if member.type_name == "list":
            params[name] = [scalars.read(member.member.type_name, text, name) for text in given]
        else:
            params[name] = scalars.read(member.type_name, given[0], name)
    return params


def _texts(
    serialization: Mapping[str, Any], labels: Mapping[str, str], query: Mapping[str, list[str]], http: HttpRequest
) -> list[str]:
    name = serialization.get("name", "")
    match serialization.get("location"):
        case "uri":
            return [labels[name]]
        case "querystring":
            return query.get(name, [])
        case "header":
            value = http.headers.get(name)
            return [] if value is None else [value]
        case _:
            return []


def _body(reader: Callable[[bytes, Any], Params], shape: Any, body: bytes) -> Params:
    payload = shape.serialization.get("payload")
    if payload is None:
        return reader(body, shape)
    member = shape.members[payload]
    if member.type_name == "blob":
        # As it came: what a function is invoked with is nobody's business here.
        return {payload: body}
    if not body.strip():
        return {}
    return {payload: reader(body, member)}


_BODIES: dict[str, Callable[[bytes, Any], Params]] = {"rest-xml": reading_xml.read, "rest-json": reading_json.read}
