"""Requests that are wrong, hostile or unusual, and how each API says so."""

import asyncio
import base64
import json
from xml.etree import ElementTree as ET

import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser

from objectlens.control.protocol import ControlApi, Handler, Permission
from objectlens.errors import AccessDenied, ServiceError, TooManyRequestsException
from objectlens.http import Headers, HttpRequest
from support.direct import ROOT

CREATE = "/v20180820/accesspoint/my-ap"
ACCOUNT = ("x-amz-account-id", "123456789012")


class Bench:
    """An API whose handlers return what they are given, and a gate that notes what is asked."""

    def __init__(self, service, *names, result=None, **options):
        self.seen = []
        self.asked = []
        self.result = result or {}
        handlers = {name: Handler(self.run, self.needs) for name in names}
        self.api = ControlApi(service, handlers, self, self.authorize, **options)

    async def run(self, context, request):
        assert context is self
        self.seen.append(request)
        if isinstance(self.result, ServiceError):
            raise self.result
        return self.result

    async def needs(self, context, request):
        return (Permission(action=f"x:{request.operation}", resource="arn", context={"k": "v"}),)

    async def authorize(self, caller, action, resource, *, context, http):
        self.asked.append((caller, action, resource, context))

    def ask(self, method, target, body=b"", headers=()):
        path, _, query = target.partition("?")
        http = HttpRequest(method, path, query, Headers(headers), "localhost:9000")
        return asyncio.run(self._serve(http, body))

    async def _serve(self, http, body):
        try:
            return await self.api.serve(http, ROOT, body, "the-id")
        except ServiceError as error:
            return self.api.render_error(error, "the-id")


def s3control(**options):
    return Bench("s3control", "CreateAccessPoint", "GetAccessPoint", "ListAccessPoints", "TagResource", **options)


def awslambda(**options):
    names = ("CreateFunction", "GetFunction", "Invoke", "ListFunctions", "UpdateFunctionConfiguration", "TagResource")
    return Bench("lambda", *names, "GetLayerVersionByArn", "ListLayers", **options)


def iam(**options):
    return Bench("iam", "CreateUser", "ListUsers", "SimulateCustomPolicy", "ListAccountAliases", **options)


def error_of(response, protocol):
    parsed = create_parser(protocol).parse(
        {"status_code": response.status, "headers": HeadersDict(list(response.headers)), "body": response.body}, None
    )
    return response.status, parsed["Error"]["Code"], parsed["Error"]["Message"]


def xml_body(inner, root="CreateAccessPointRequest"):
    return f'<{root} xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/">{inner}</{root}>'.encode()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "bucket"),
        (xml_body(""), "'bucket'"),
        (b"<Create", "the body is not XML"),
        (b"not xml", "the body is not XML"),
        (b"\x00", "the body is not XML"),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', "the body is not XML"),
        (xml_body("<Bucket>pics</Bucket><Bucket>two</Bucket>"), "Bucket is there 2 times"),
        (xml_body("<Bucket><b>pics</b></Bucket>"), "text is needed"),
        (
            xml_body(
                "<Bucket>pics</Bucket><PublicAccessBlockConfiguration><BlockPublicAcls>maybe</BlockPublicAcls>"
                "</PublicAccessBlockConfiguration>"
            ),
            "'maybe' is not a boolean",
        ),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a><Bucket>&b;</Bucket></a>', "the body is not XML"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a><Bucket>pics</Bucket></a>', "the body is not XML"),
    ],
)
def test_bodies_that_are_not_the_documents_xml(body, words):
    bench = s3control()
    status, code, message = error_of(bench.ask("PUT", CREATE, body, [ACCOUNT]), "rest-xml")
    assert (status, code) == (400, "MalformedXML")
    assert words in message
    assert bench.asked == []


def test_xml_is_read_whatever_its_root_and_prefixes():
    bench = s3control(result={"AccessPointArn": "arn:x"})
    body = b'<x:Any xmlns:x="urn:other"><x:Bucket>a&amp;b</x:Bucket><Unknown><deep/></Unknown></x:Any>'
    assert bench.ask("PUT", CREATE, body, [ACCOUNT]).status == 200
    assert bench.seen[0].params == {"AccountId": "123456789012", "Name": "my-ap", "Bucket": "a&b"}
    caller, action, resource, context = bench.asked[0]
    assert (caller, action, resource, context) == (ROOT, "x:CreateAccessPoint", "arn", {"k": "v"})


def test_an_s3_control_error_is_nested_and_shows_its_details():
    bench = s3control(result=AccessDenied("no \x00\x1f & <never>", BucketName="pics"))
    response = bench.ask("GET", CREATE, headers=[ACCOUNT])
    assert response.headers.get("content-type") == "application/xml"
    assert response.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<ErrorResponse>')
    root = ET.fromstring(response.body)
    assert root.findtext("Error/Code") == "AccessDenied"
    assert root.findtext("Error/Message") == "no \ufffd\ufffd & <never>"
    assert root.findtext("Error/BucketName") == "pics"
    assert root.findtext("RequestId") == "the-id"


@pytest.mark.parametrize(
    ("method", "target", "headers", "expected"),
    [
        ("GET", "/v20180820/nothing", [ACCOUNT], (400, "InvalidURI")),
        ("PATCH", CREATE, [ACCOUNT], (400, "InvalidURI")),
        ("GET", "/v20180820/accesspoint/%FF", [ACCOUNT], (400, "MalformedXML")),
        ("GET", CREATE, [], (400, "InvalidRequest")),
        ("GET", "/v20180820/accesspoint?maxResults=x", [ACCOUNT], (400, "MalformedXML")),
        ("GET", "/v20180820/accesspoint?maxResults=1001", [ACCOUNT], (400, "InvalidRequest")),
        ("GET", "/v20180820/accesspoint?maxResults=-1", [ACCOUNT], (400, "InvalidRequest")),
        ("DELETE", CREATE, [ACCOUNT], (501, "NotImplemented")),
    ],
)
def test_requests_that_s3_control_refuses(method, target, headers, expected):
    bench = s3control()
    assert error_of(bench.ask(method, target, headers=headers), "rest-xml")[:2] == expected
    assert bench.seen == []


def test_arns_in_paths_are_one_label_whether_their_slashes_are_encoded_or_not():
    for arn in ("arn%3Aaws%3As3%3Aus-west-2%3A1%3Aaccesspoint/my-ap", "arn:aws:s3:us-west-2:1:accesspoint%2Fmy-ap"):
        bench = s3control()
        body = xml_body("<Tags><Tag><Key>k</Key><Value/></Tag></Tags>", "TagResourceRequest")
        assert bench.ask("POST", f"/v20180820/tags/{arn}", body, [ACCOUNT]).status == 204
        assert bench.seen[0].params["ResourceArn"] == "arn:aws:s3:us-west-2:1:accesspoint/my-ap"
        assert bench.seen[0].params["Tags"] == [{"Key": "k", "Value": ""}]


@pytest.mark.parametrize("path", ["/2015-03-31/functions/", "/2015-03-31/functions"])
def test_a_slash_at_the_end_changes_nothing(path):
    bench = awslambda(result={"Functions": []})
    response = bench.ask("GET", f"{path}?MaxItems=5")
    assert (response.status, response.body) == (200, b'{"Functions": []}')
    assert response.headers.get("x-amzn-requestid") == "the-id"
    assert bench.seen[0].params == {"MaxItems": 5}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("f", "f"),
        ("f:prod", "f:prod"),
        ("f%3Aprod", "f:prod"),
        ("123456789012%3Afunction%3Af", "123456789012:function:f"),
        ("arn%3Aaws%3Alambda%3Aus-west-2%3A123456789012%3Afunction%3Af%3A%24LATEST",) * 1
        + ("arn:aws:lambda:us-west-2:123456789012:function:f:$LATEST",),
    ],
)
def test_functions_are_named_in_every_form(text, name):
    bench = awslambda(result={"StatusCode": 202})
    headers = [("X-Amz-Invocation-Type", "Event"), ("X-Amz-Client-Context", "e30=")]
    response = bench.ask("POST", f"/2015-03-31/functions/{text}/invocations?Qualifier=1", b"\xff raw", headers)
    assert (response.status, response.body) == (202, b"")
    assert bench.seen[0].params == {
        "FunctionName": name,
        "InvocationType": "Event",
        "ClientContext": "e30=",
        "Qualifier": "1",
        "Payload": b"\xff raw",
    }


def test_operations_of_one_path_are_told_apart_by_their_query():
    bench = awslambda()
    arn = "arn%3Aaws%3Alambda%3Aus-west-2%3A123456789012%3Alayer%3Al%3A1"
    assert bench.ask("GET", f"/2018-10-31/layers?find=LayerVersion&Arn={arn}").status == 200
    assert bench.ask("GET", "/2018-10-31/layers?MaxItems=3").status == 200
    assert [one.operation for one in bench.seen] == ["GetLayerVersionByArn", "ListLayers"]


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b"{", "InvalidRequestContentException", "Could not parse request body into json"),
        (b"\xff\xfe", "InvalidRequestContentException", "Could not parse request body into json"),
        (b"[" * 100_000, "InvalidRequestContentException", "Could not parse request body into json"),
        (b"[1]", "SerializationException", "a JSON object is needed"),
        (b'{"Timeout": "3"}', "SerializationException", "Timeout: a JSON number is needed"),
        (b'{"Timeout": 3.5}', "SerializationException", "Timeout: a JSON number is needed"),
        (b'{"Timeout": true}', "SerializationException", "Timeout: a JSON number is needed"),
        (b'{"Publish": 1, "Environment": []}', "SerializationException", "a JSON object is needed"),
        (b'{"Description": 5}', "SerializationException", "a JSON string is needed"),
        (b'{"Layers": {}}', "SerializationException", "a JSON array is needed"),
        (b'{"Environment": {"Variables": {"A": 1}}}', "SerializationException", "Variables.A: a JSON string is needed"),
        (b'{"Description": "\\ud800"}', "SerializationException", "is not a string"),
        (b'{"Description": "a\\u0000b"}', "SerializationException", "is not a string"),
    ],
)
def test_bodies_that_are_not_the_operations_json(body, code, words):
    response = awslambda().ask("PUT", "/2015-03-31/functions/f/configuration", body)
    assert response.headers.get("x-amzn-errortype") == code
    status, _, message = error_of(response, "rest-json")
    assert status == 400
    assert words in message


def test_null_and_unknown_members_are_as_if_they_were_not_there():
    bench = awslambda()
    body = b'{"Timeout": null, "Nonsense": {"a": [1]}, "Layers": [null], "MemorySize": 256}'
    assert bench.ask("PUT", "/2015-03-31/functions/f/configuration", body).status == 200
    assert bench.seen[0].params == {"FunctionName": "f", "Layers": [], "MemorySize": 256}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"FunctionName": "a b"},
            "'a b' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: (",
        ),
        (
            {"Timeout": 0},
            "'0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            {"Timeout": 0, "Runtime": "cobol"},
            "'cobol' at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [nodejs, ",
        ),
        (
            {"Role": None},
            "null at 'role' failed to satisfy constraint: Member must not be null",
        ),
        (
            {"Description": "x" * 257},
            "x' at 'description' failed to satisfy constraint: Member must have length less than or equal to 256",
        ),
        (
            {"Environment": {"Variables": {"1A": "secret"}}},
            "Value at 'environment.variables.1A' failed to satisfy constraint: Member must satisfy regular expression",
        ),
        (
            {"Layers": ["nonsense"]},
            "'nonsense' at 'layers.1.member' failed to satisfy constraint: Member must satisfy regular expression",
        ),
    ],
)
def test_values_outside_their_constraints_are_told_in_awss_words(params, message):
    good = {
        "FunctionName": "f",
        "Role": "arn:aws:iam::123456789012:role/r",
        "Runtime": "python3.11",
        "Handler": "app.handler",
        "Code": {"ZipFile": "UEs="},
    }
    response = awslambda().ask("POST", "/2015-03-31/functions", json.dumps(good | params).encode())
    assert response.headers.get("x-amzn-errortype") == "ValidationException"
    status, _, text = error_of(response, "rest-json")
    assert status == 400
    count = 2 if "Runtime" in params else 1
    assert text.startswith(f"{count} validation error{'s' * (count > 1)} detected: Value ")
    assert message in text
    assert "secret" not in text


def test_a_lambda_error_says_all_that_its_shape_has_room_for():
    bench = awslambda(
        result=TooManyRequestsException(
            "Rate Exceeded.", Reason="ConcurrentInvocationLimitExceeded", retryAfterSeconds="7"
        )
    )
    response = bench.ask("GET", "/2015-03-31/functions/f")
    assert response.status == 429
    assert response.headers.get("retry-after") == "7"
    assert response.headers.get("x-amzn-errortype") == "TooManyRequestsException"
    document = json.loads(response.body)
    assert document == {"Type": "User", "message": "Rate Exceeded.", "Reason": "ConcurrentInvocationLimitExceeded"}


def test_a_lambda_path_that_is_no_operation():
    response = awslambda().ask("GET", "/2015-03-31/nothing")
    assert error_of(response, "rest-json")[:2] == (404, "UnknownOperationException")


def test_a_large_package_arrives_whole():
    bench = awslambda()
    package = bytes(range(256)) * 4096
    good = {"FunctionName": "f", "Role": "arn:aws:iam::123456789012:role/r"}
    body = json.dumps(good | {"Code": {"ZipFile": base64.b64encode(package).decode()}}).encode()
    assert bench.ask("POST", "/2015-03-31/functions", body).status == 201
    assert bench.seen[0].params["Code"]["ZipFile"] == package
    refused = bench.ask("POST", "/2015-03-31/functions", json.dumps(good | {"Code": {"ZipFile": "%%"}}).encode())
    assert refused.headers.get("x-amzn-errortype") == "SerializationException"


def form(**pairs):
    return "&".join(f"{name}={value}" for name, value in pairs.items()).encode()


def test_forms_and_queries_are_read_alike():
    for target, body in (
        ("/", b"Action=CreateUser&Version=2010-05-08&UserName=a%2Bb+c"),
        ("/?Action=CreateUser&UserName=a%2Bb+c", b""),
    ):
        bench = iam()
        response = bench.ask("POST", target, body)
        assert error_of(response, "query")[1] == "ValidationError"  # a space is not for names
        assert "'a+b c'" in error_of(response, "query")[2]


def test_a_query_answer_has_its_envelope():
    bench = iam(result={"AccountAliases": ["one", "two"], "IsTruncated": False})
    response = bench.ask("POST", "/", b"Action=ListAccountAliases&Version=2010-05-08")
    assert response.headers.get("content-type") == "text/xml"
    assert response.body == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<ListAccountAliasesResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListAccountAliasesResult>'
        b"<AccountAliases><member>one</member><member>two</member></AccountAliases><IsTruncated>false</IsTruncated>"
        b"</ListAccountAliasesResult><ResponseMetadata><RequestId>the-id</RequestId></ResponseMetadata>"
        b"</ListAccountAliasesResponse>"
    )


def test_a_query_error_has_its_envelope():
    bench = iam(result=AccessDenied("no"))
    response = bench.ask("POST", "/", b"Action=ListUsers")
    assert response.status == 403
    assert response.body == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type>'
        b"<Code>AccessDenied</Code><Message>no</Message></Error><RequestId>the-id</RequestId></ErrorResponse>"
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MissingAction"),
        (b"Action=", "MissingAction"),
        (b"Action=Nonsense", "InvalidAction"),
        (b"Action=CreateUser", "ValidationError"),
        (b"Action=CreateUser&UserName.x=a", "MalformedQueryString"),
        (b"Action=CreateUser&UserName=a&Tags.member.x.Key=k", "MalformedQueryString"),
        (b"Action=CreateUser&UserName=a&Tags.member.1.Key=k", "ValidationError"),
        (b"Action=CreateUser&UserName=%00", "MalformedQueryString"),
        (b"Action=CreateUser&UserName=\xff", "MalformedQueryString"),
        (b"Action=CreateUser&UserName=a&" + b".".join([b"a"] * 13) + b"=1", "MalformedQueryString"),
        (b"Action=CreateUser&UserName=a" + b"&a=1" * 10_000, "MalformedQueryString"),
        (b"Action=ListUsers&MaxItems=x", "MalformedQueryString"),
        (b"Action=ListUsers&MaxItems=0", "ValidationError"),
        (b"Action=ListUsers&MaxItems=" + b"9" * 5000, "MalformedQueryString"),
    ],
)
def test_requests_that_iam_refuses(body, code):
    bench = iam()
    assert error_of(bench.ask("POST", "/", body), "query")[:2] == (400, code)
    assert bench.seen == []


def test_lists_keep_the_order_of_their_numbers():
    bench = iam()
    body = (
        "Action=SimulateCustomPolicy&PolicyInputList.member.10=j&PolicyInputList.member.2=b&PolicyInputList.member.1=a"
    )
    body += "&ActionNames.member.1=s3:GetObject&ResourceArns="
    bench.ask("POST", "/", body.encode())
    assert bench.seen[0].params["PolicyInputList"] == ["a", "b", "j"]
    assert bench.seen[0].params["ResourceArns"] == []


def test_a_declined_operation_is_matched_with_its_reason():
    bench = iam(declined=[("*MFA*", "it has no devices"), ("*", "anything else")])
    http = HttpRequest("POST", "/")
    found = bench.api.match(http, b"Action=ListMFADevices")
    assert (found.name, found.action, found.declined) == ("ListMFADevices", "iam:ListMFADevices", "it has no devices")
    assert bench.api.match(http, b"Action=ListUsers").declined is None
    status, code, text = error_of(bench.ask("POST", "/", b"Action=ListMFADevices"), "query")
    assert (status, code) == (501, "NotImplemented")
    assert text == "objectlens does not serve ListMFADevices: it has no devices."


def test_a_refusal_of_admission_comes_before_any_permission():
    def admit(request):
        raise AccessDenied("not you")

    bench = s3control(admit=admit)
    assert error_of(bench.ask("GET", CREATE, headers=[ACCOUNT]), "rest-xml") == (403, "AccessDenied", "not you")
    assert bench.asked == []


def test_values_that_the_service_checks_itself_are_let_through():
    bench = s3control(unchecked=["AccountId"])
    assert bench.ask("GET", CREATE, headers=[("x-amz-account-id", "12345678901")]).status == 200
    assert bench.ask("GET", CREATE).status == 400


def test_a_result_with_a_member_that_the_shape_lacks_is_our_fault():
    bench = s3control(result={"Nonsense": 1})
    with pytest.raises(KeyError):
        bench.ask("GET", CREATE, headers=[ACCOUNT])
