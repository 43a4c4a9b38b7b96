"""Every operation of the four models: botocore writes what we read, and reads what we write."""

import asyncio
import io
import string
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit

import pytest
from botocore.awsrequest import HeadersDict, prepare_request_dict
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from objectlens.control.protocol import reading, writing
from objectlens.control.protocol.model import Model
from objectlens.control.protocol.routes import Match, Routes
from objectlens.http import Headers, HttpRequest

MODELS = {service: Model(service) for service in ("s3control", "lambda", "iam", "sts")}
ROUTES = {service: Routes(MODELS[service].operations.values()) for service in ("s3control", "lambda")}
OPERATIONS = [(service, name) for service, model in MODELS.items() for name in model.operations]
MOMENT = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
TRICKY = {
    "uri": "arn:aws:lambda:us-west-2:123456789012:function:a b/é%41+",
    "querystring": "a&b=c d/é+%",
    "header": "plain value",
    None: " <&>\"' é\n\u20ac",
}


def sample(shape, location=None, depth=0):
    """Make a value of a shape; with every member, down to a depth at which recursive shapes end."""
    kind = shape.type_name
    if kind == "structure":
        members = shape.members
        if getattr(shape, "is_tagged_union", False):
            members = dict(list(members.items())[:1])
        return {
            name: "123456789012"
            if member.serialization.get("hostLabel")
            else sample(member, member.serialization.get("location"), depth + 1)
            for name, member in members.items()
            if depth < 6 or name in shape.required_members or len(members) == 1
            if not member.serialization.get("eventstream")
        }
    if kind == "list":
        return [] if depth > 6 else [sample(shape.member, location, depth + 1) for _ in range(2)]
    if kind == "map":
        return {} if depth > 6 else {key: sample(shape.value, location, depth + 1) for key in ("k 1", "k/2")}
    if kind == "string":
        enum = shape.metadata.get("enum")
        return enum[-1] if enum else TRICKY.get(location, TRICKY[None])
    return {"integer": 7, "long": 2**40, "double": 0.5, "float": 0.5, "boolean": True, "timestamp": MOMENT}.get(
        kind, b"\x00\xff raw"
    )


def wire(service, name, params):
    """Let botocore write a request and make of it what our server would be given."""
    model = MODELS[service]
    operation = model.operations[name]
    request = create_serializer(model.protocol, include_validation=False).serialize_to_request(params, operation)
    prepare_request_dict(request, "http://localhost:9000")
    body = request["body"]
    if isinstance(body, dict):
        body = urlencode(body)
    if isinstance(body, io.IOBase):
        body = body.read()
    url = urlsplit(request["url"])
    headers = [(key, value) for key, value in request["headers"].items()]
    http = HttpRequest(request["method"], url.path, url.query, Headers(headers), "localhost:9000")
    return http, body.encode() if isinstance(body, str) else body


def read(service, name, http, body):
    model = MODELS[service]
    match = ROUTES[service].match(http) if service in ROUTES else Match(model.operations[name], {})
    assert match is not None
    assert match.operation.name == name
    return reading.read(model.protocol, match, http, body)


@pytest.mark.parametrize(("service", "name"), OPERATIONS)
def test_requests_of_botocore_are_read(service, name):
    shape = MODELS[service].operations[name].input_shape
    params = {} if shape is None else sample(shape)
    http, body = wire(service, name, params)
    assert read(service, name, http, body) == params


@pytest.mark.parametrize(("service", "name"), OPERATIONS)
def test_requests_with_only_what_is_required_are_read(service, name):
    shape = MODELS[service].operations[name].input_shape
    params = {} if shape is None else {k: v for k, v in sample(shape).items() if k in shape.required_members}
    http, body = wire(service, name, params)
    given = read(service, name, http, body)
    payload = shape.serialization.get("payload") if shape else None
    # botocore sends an empty payload, not none.
    assert {k: v for k, v in given.items() if k in params or k != payload or v} == params


@pytest.mark.parametrize(("service", "name"), OPERATIONS)
def test_answers_are_read_by_botocore(service, name):
    model = MODELS[service]
    operation = model.operations[name]
    shape = operation.output_shape
    result = {} if shape is None else sample(shape)
    if shape is not None:
        for key, member in shape.members.items():
            if member.serialization.get("location") == "statusCode":
                result[key] = 202
    response = writing.write(model, operation, result, "the-id")
    if any(member.serialization.get("eventstream") for member in (shape.members.values() if shape else ())):
        assert response.body == b""
        return
    body = io.BytesIO(response.body) if operation.has_streaming_output else response.body
    parsed = create_parser(model.protocol).parse(
        {"status_code": response.status, "headers": HeadersDict(list(response.headers)), "body": body}, shape
    )
    meta = parsed.pop("ResponseMetadata")
    assert meta["HTTPStatusCode"] == response.status
    # S3 Control's is in a header that the gateway gives every answer.
    assert meta.get("RequestId") == (None if service == "s3control" else "the-id")
    if operation.has_streaming_output:
        parsed[shape.serialization["payload"]] = body.read()
    assert parsed == result


def test_every_printable_character_survives_in_a_name():
    name = "".join(c for c in string.printable if c.isprintable()) + "é\u20ac\U0001f600"
    http, body = wire("lambda", "GetFunction", {"FunctionName": name})
    assert read("lambda", "GetFunction", http, body) == {"FunctionName": name}


def test_a_document_keeps_its_carriage_returns():
    operation = MODELS["s3control"].operations["GetAccessPointPolicy"]
    body = writing.write(MODELS["s3control"], operation, {"Policy": "{\r\n}\r"}, "id").body
    response = {"status_code": 200, "headers": {}, "body": body}
    assert create_parser("rest-xml").parse(response, operation.output_shape)["Policy"] == "{\r\n}\r"


def test_a_payload_is_not_touched():
    http, _ = wire("lambda", "Invoke", {"FunctionName": "f", "Payload": b"\xff not json"})
    assert read("lambda", "Invoke", http, b"\xff not json")["Payload"] == b"\xff not json"
    assert asyncio.run(_drained(MODELS["lambda"].operations["Invoke"])) == b"ab"


async def _drained(operation):
    async def stream():
        yield b"a"
        yield b"b"

    response = writing.write(MODELS["lambda"], operation, {"StatusCode": 200, "Payload": stream()}, "id")
    return b"".join([chunk async for chunk in response.body])
