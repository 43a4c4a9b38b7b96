"""What stands in the event, by action and by how the caller came (reference sections 5 and 6)."""

import http.client
import json
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from botocore.exceptions import ClientError

from support.live import Lens, LiveServer, make_lens_on, zipped
from support.wire import Wire

ECHO = """
import boto3, json
def lambda_handler(event, context):
    if "getObjectContext" in event:
        c = event["getObjectContext"]
        boto3.client("s3").write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"],
            Body=json.dumps(event))
    elif "headObjectContext" in event:
        return {"statusCode": 200, "headers": {"Content-Length": 1, "x-amz-meta-event": json.dumps(event)[:2999]}}
    else:
        return {"statusCode": 200, "listResultXml": json.dumps(event)}
"""
ALL = ("GetObject", "HeadObject", "ListObjects", "ListObjectsV2")
FEATURES = ("GetObject-Range", "GetObject-PartNumber", "HeadObject-Range", "HeadObject-PartNumber")
SIGNING = {"Security-Token", "Algorithm", "Date", "SignedHeaders", "Expires", "Credential", "Signature"}


@pytest.fixture(scope="module")
def lens(server: LiveServer) -> Lens:
    return make_lens_on(server, ECHO, actions=ALL, features=FEATURES)


@pytest.fixture(scope="module")
def alias(lens: Lens) -> str:
    control = lens.server.client("s3control")
    return control.get_access_point_for_object_lambda(AccountId=lens.server.account, Name=lens.name)["Alias"]["Value"]


def events(lens: Lens, alias: str, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> dict:
    answer = Wire(lens.server).send(method, f"/{alias}{path}", headers)
    assert answer.status == 200, answer.body
    return json.loads(answer.body if method == "GET" else answer.header("x-amz-meta-event") or "")


def source(event: dict) -> tuple[str, list[tuple[str, str]]]:
    """Return path and query of `inputS3Url` without what signs."""
    context = next(value for name, value in event.items() if name.endswith("Context"))
    parts = urlsplit(context["inputS3Url"])
    query = parse_qsl(parts.query, keep_blank_values=True)
    return parts.path, [(name, value) for name, value in query if not name.startswith("X-Amz-")]


def test_exactly_one_context_with_its_members(lens, alias) -> None:
    """Section 5: only GetObject has a route and a token; the rest have the URL alone."""
    for path, method, name in (
        ("/k", "GET", "getObjectContext"),
        ("/k", "HEAD", "headObjectContext"),
        ("/", "GET", "listObjectsContext"),
        ("", "GET", "listObjectsContext"),
        ("/?list-type=2", "GET", "listObjectsV2Context"),
        ("?prefix=&list-type=2&delimiter=%2F", "GET", "listObjectsV2Context"),
    ):
        event = events(lens, alias, path, method=method)
        assert [one for one in event if one.endswith("Context")] == [name]
        assert next(iter(event)) == "xAmzRequestId"
        members = {"inputS3Url"} | ({"outputRoute", "outputToken"} if name == "getObjectContext" else set())
        assert set(event[name]) == members


def test_the_url_of_the_source_by_action(lens, alias) -> None:
    """Section 6: what is carried into it, and for how long it holds."""
    key = "/d/a%20b%2B.jpg"
    path, query = source(events(lens, alias, f"{key}?versionId=null&partNumber=1&width=1&x-id=GetObject"))
    assert path.endswith(key)
    assert query == [("versionId", "null"), ("width", "1")]
    path, query = source(events(lens, alias, f"{key}?versionId=null&Range=bytes%3D0-1", method="HEAD"))
    assert query == [("versionId", "null")]
    path, query = source(events(lens, alias, "/?prefix=a%2Fb&marker=c&encoding-type=url&max-keys=7&mine=1"))
    assert path.endswith("/")
    assert query == [("prefix", "a/b"), ("marker", "c"), ("encoding-type", "url"), ("max-keys", "7"), ("mine", "1")]
    path, query = source(events(lens, alias, "/?prefix=a&list-type=2&fetch-owner=true"))
    assert query == [("list-type", "2"), ("prefix", "a"), ("fetch-owner", "true")]
    context = events(lens, alias, "/k")["getObjectContext"]
    names = [piece.partition("=")[0] for piece in urlsplit(context["inputS3Url"]).query.split("&")]
    assert set(names) == {f"X-Amz-{name}" for name in SIGNING}
    assert names[-1] == "X-Amz-Signature"
    assert parse_qs(urlsplit(context["inputS3Url"]).query)["X-Amz-Expires"] == ["61"]


def test_ranges_reach_the_function_in_header_and_query(lens, alias) -> None:
    """Section 9.2."""
    event = events(lens, alias, "/k?partNumber=3&Range=bytes%3D1-2", {"Range": "bytes=0-9"})
    assert event["userRequest"]["headers"]["Range"] == "bytes=0-9"
    query = parse_qs(urlsplit(event["userRequest"]["url"]).query)
    assert query == {"partNumber": ["3"], "Range": ["bytes=1-2"]}
    event = events(lens, alias, "/k", {"range": "bytes=-5"}, "HEAD")
    assert event["userRequest"]["headers"]["range"] == "bytes=-5"


def test_headers_repeated_and_spelled(lens, alias) -> None:
    """Section 5: the caller's letter case, repeated ones joined with commas."""
    wire = Wire(lens.server)
    signed = wire.signed("GET", f"/{alias}/k")
    connection = http.client.HTTPConnection(wire.netloc, timeout=30)
    connection.putrequest("GET", f"/{alias}/k", skip_host=True, skip_accept_encoding=True)
    for name, value in [*signed.items(), ("X-Tag", "a"), ("x-tag", "b"), ("x-lower", "1"), ("X-UPPER", "2")]:
        connection.putheader(name, value)
    connection.putheader("Cookie", "c=1")
    connection.putheader("Connection", "close")
    connection.endheaders()
    headers = json.loads(connection.getresponse().read())["userRequest"]["headers"]
    connection.close()
    assert (headers["X-Tag"], headers["x-lower"], headers["X-UPPER"], headers["Cookie"]) == ("a,b", "1", "2", "c=1")
    assert not {name.lower() for name in headers} & {"authorization", "x-amz-date", "connection", "content-length"}


def test_a_presigned_call_shows_no_authorisation(lens) -> None:
    """Section 5: authorisation leaves the query; the caller's own arguments stay."""
    server = lens.server
    s3 = server.client("s3", cached=False, signature_version="s3v4")
    s3.meta.events.register("before-sign.s3.GetObject", lambda request, **_: add(request, "width=10"))
    url = s3.generate_presigned_url("get_object", Params={"Bucket": lens.arn, "Key": "k"})
    parts = urlsplit(url)
    answer = Wire(server).plain("GET", f"{parts.path}?{parts.query}", {"Host": parts.netloc}, None)
    event = json.loads(answer.body)
    assert event["userRequest"]["url"].partition("?")[2] == "width=10"
    assert "Signature" not in json.dumps(event["userRequest"])
    assert event["userIdentity"]["arn"] == f"arn:aws:iam::{server.account}:root"


def add(request, query: str) -> None:
    request.url += ("&" if "?" in request.url else "?") + query


def test_without_a_signature_nobody_reaches_the_function(lens, alias) -> None:
    """Section 1.3: no anonymous use."""
    for path in (f"/{alias}/k", f"/{alias}"):
        answer = Wire(lens.server).plain("GET", path, {}, None)
        assert (answer.status, answer.code) == (403, "AccessDenied")


def test_the_url_of_the_source_is_for_its_method_and_bytes_alone(lens, alias) -> None:
    """Section 6: changed in any signed part, it is refused."""
    context = events(lens, alias, "/k")["getObjectContext"]
    lens.put("k", b"abc")
    url = urlsplit(context["inputS3Url"])
    wire, target = Wire(lens.server), f"{url.path}?{url.query}"
    assert wire.plain("GET", target, {"Host": url.netloc}, None).body == b"abc"
    assert wire.plain("GET", target, {"Host": url.netloc, "Range": "bytes=1-"}, None).body == b"bc"
    assert wire.plain("GET", f"{target}&width=2", {"Host": url.netloc}, None).code == "SignatureDoesNotMatch"
    assert wire.plain("HEAD", target, {"Host": url.netloc}, None).status == 403
    assert wire.plain("PUT", target, {"Host": url.netloc}, b"evil").status == 403
    assert wire.plain("DELETE", target, {"Host": url.netloc}, None).status == 403
    other = target.replace("/k?", "/other?")
    assert wire.plain("GET", other, {"Host": url.netloc}, None).code == "SignatureDoesNotMatch"
    assert lens.s3.get_object(Bucket=lens.bucket, Key="k")["Body"].read() == b"abc"


def test_versions_and_aliases_of_functions(server) -> None:
    """Sections 1 and 12.4: `FunctionArn` with a qualifier, and a configuration that is replaced."""
    code = (
        "import boto3\ndef lambda_handler(event, context):\n    c = event['getObjectContext']\n    boto3.client('s3')"
    )
    code += ".write_get_object_response(RequestRoute=c['outputRoute'], RequestToken=c['outputToken'],"
    code += " Body=('{} ' + event['configuration']['payload'] + ' ' + context.invoked_function_arn).encode())"
    lens = make_lens_on(server, code.format("one"))
    lambdas, control = server.client("lambda"), server.client("s3control")
    first = lambdas.publish_version(FunctionName=lens.function)["Version"]
    lambdas.create_alias(FunctionName=lens.function, Name="live", FunctionVersion=first)
    lambdas.update_function_code(FunctionName=lens.function, ZipFile=zipped(code.format("two")))

    def configure(qualifier: str, payload: str) -> None:
        described = control.get_access_point_configuration_for_object_lambda(AccountId=server.account, Name=lens.name)[
            "Configuration"
        ]
        described["TransformationConfigurations"][0]["ContentTransformation"] = {
            "AwsLambda": {"FunctionArn": f"{lens.function_arn}{qualifier}", "FunctionPayload": payload}
        }
        control.put_access_point_configuration_for_object_lambda(
            AccountId=server.account, Name=lens.name, Configuration=described
        )

    for qualifier, expected in (("", "two"), (":$LATEST", "two"), (f":{first}", "one"), (":live", "one")):
        configure(qualifier, qualifier or "none")
        told = lens.read("k").decode()
        assert told == f"{expected} {qualifier or 'none'} {lens.function_arn}{qualifier}"
    configure(":nobody", "x")
    with pytest.raises(ClientError) as caught:
        lens.get("k")
    error = caught.value.response
    assert (error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]) == (404, "LambdaNotFound")


def test_what_functions_read_is_spelled_as_s3_spells_it(lens, alias) -> None:
    """Sections 2.5 and 8.1: functions look headers up as S3 writes them; checksums come to who asks for them."""
    key = "spelled"
    lens.put(key, b"abc", ContentType="text/plain", Metadata={"Some": "x"}, CacheControl="no-store")
    url = urlsplit(events(lens, alias, f"/{key}")["getObjectContext"]["inputS3Url"])
    wire, target = Wire(lens.server), f"{url.path}?{url.query}"
    answer = wire.plain("GET", target, {"Host": url.netloc}, None)
    assert (answer.status, answer.reason) == (200, "OK")
    names = {name for name, _ in answer.headers}
    expected = {"Content-Type", "ETag", "Last-Modified", "Content-Length", "Accept-Ranges", "Cache-Control", "Date"}
    assert expected | {"Server", "x-amz-request-id", "x-amz-id-2", "x-amz-meta-some"} <= names
    assert not any("checksum" in name for name in names)
    asked = wire.plain("GET", target, {"Host": url.netloc, "x-amz-checksum-mode": "ENABLED"}, None)
    assert any(name.startswith("x-amz-checksum-") for name, _ in asked.headers)
    ranged = wire.plain("GET", target, {"Host": url.netloc, "Range": "bytes=0-0"}, None)
    assert (ranged.status, ranged.reason, ranged.header("Content-Range")) == (206, "Partial Content", "bytes 0-0/3")
    wrong = wire.plain("GET", target, {"Host": url.netloc, "Range": "bytes=9-"}, None)
    assert (wrong.status, wrong.reason, wrong.code) == (416, "Requested Range Not Satisfiable", "InvalidRange")
    same = wire.plain("GET", target, {"Host": url.netloc, "If-None-Match": answer.header("ETag") or ""}, None)
    assert (same.status, same.reason, same.body, same.header("ETag")) == (
        304,
        "Not Modified",
        b"",
        answer.header("ETag"),
    )
    other = wire.plain("GET", target, {"Host": url.netloc, "If-Match": '"other"'}, None)
    assert (other.status, other.reason, other.code) == (412, "Precondition Failed", "PreconditionFailed")
    missing = urlsplit(events(lens, alias, "/none")["getObjectContext"]["inputS3Url"])
    gone = wire.plain("GET", f"{missing.path}?{missing.query}", {"Host": missing.netloc}, None)
    assert (gone.status, gone.reason, gone.code) == (404, "Not Found", "NoSuchKey")
    assert gone.header("Content-Type") == "application/xml"
    assert gone.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>')
