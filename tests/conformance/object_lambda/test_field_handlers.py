"""Handlers as people write them, unchanged: what they read of the event, how they fetch, what they send back.

Reference sections 5, 6, 7.3, 7.4, 8.3 and 8.4.
"""

import gzip
import io
import json
import uuid
import zipfile
import zlib

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from support.live import Lens, LiveServer, make_lens_on


@pytest.fixture(scope="module")
def shared(server: LiveServer):
    """Return a `make_lens` that makes one for each source."""
    made: dict[str, Lens] = {}

    def make(source: str, **more) -> Lens:
        if source not in made:
            made[source] = make_lens_on(server, source, **more)
        return made[source]

    return make


REDACT = r"""
import logging, os, re
import boto3
from urllib import request
from urllib.error import HTTPError

logger = logging.getLogger()
logger.setLevel(logging.INFO)
s3 = boto3.client("s3")
RULES = {
    "ssn": re.compile(r"\b\d{3}-\d{2}-\d{4}\b"),
    "card": re.compile(r"\b(?:\d[ -]?){15}\d\b"),
    "email": re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+"),
}

def lambda_handler(event, context):
    logger.info("request %s", event["xAmzRequestId"])
    ctx = event["getObjectContext"]
    reply = {"RequestRoute": ctx["outputRoute"], "RequestToken": ctx["outputToken"]}
    try:
        with request.urlopen(ctx["inputS3Url"]) as source:
            text = source.read().decode("utf-8")
            kind = source.headers["Content-Type"]
    except HTTPError as error:
        reply |= {"StatusCode": error.code, "ErrorCode": "SourceFailed", "ErrorMessage": error.reason}
        s3.write_get_object_response(**reply)
        return {"status_code": error.code}
    hits = 0
    for name, rule in RULES.items():
        text, count = rule.subn("[" + name.upper() + "]", text)
        hits += count
    s3.write_get_object_response(Body=text, ContentType=kind, Metadata={"Redactions": str(hits)}, **reply)
    return {"status_code": 200}
"""


def test_redaction_with_urllib(make_lens) -> None:
    lens = make_lens(REDACT)
    lens.put("mail/ada.txt", b"Ada <ada@example.org>, 078-05-1120, 4111 1111 1111 1111.", ContentType="text/plain")
    answer = lens.get("mail/ada.txt")
    assert answer["Body"].read() == b"Ada <[EMAIL]>, [SSN], [CARD]."
    assert answer["ContentType"] == "text/plain"
    assert answer["Metadata"] == {"redactions": "3"}
    with pytest.raises(ClientError) as caught:
        lens.get("mail/none.txt")
    error = caught.value.response
    assert (error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]) == (404, "SourceFailed")
    assert error["Error"]["Message"] == "Not Found"


REPLAY = r"""
from urllib.parse import urlparse, parse_qs, unquote
import boto3, json
{client}

def signed_headers(event):
    user = {{name.lower(): value for name, value in event["userRequest"]["headers"].items()}}
    query = parse_qs(urlparse(event["getObjectContext"]["inputS3Url"]).query)
    names = query.get("X-Amz-SignedHeaders", query.get("x-amz-signedheaders"))[0].split(";")
    return {{name: user[name] for name in names if name != "host"}}

def lambda_handler(event, context):
    ctx = event["getObjectContext"]
    headers = signed_headers(event)
    for name, value in event["userRequest"]["headers"].items():
        if name.lower() in ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since"):
            headers[name] = value
    status, body, code = fetch(ctx["inputS3Url"], headers)
    boto3.client("s3").write_get_object_response(RequestRoute=ctx["outputRoute"], RequestToken=ctx["outputToken"],
        StatusCode=status, **({{"Body": body}} if status == 200 else {{"ErrorCode": code, "ErrorMessage": "as told"}}))
    return {{"sent": sorted(headers)}}
"""
CLIENTS = {
    "requests": r"""
import requests, re
def fetch(url, headers):
    answer = requests.get(url, headers=headers, timeout=10)
    return answer.status_code, answer.content, (re.findall("<Code>(.*?)</Code>", answer.text) or ["None"])[0]
""",
    "urllib3": r"""
import urllib3, re
pool = urllib3.PoolManager()
def fetch(url, headers):
    answer = pool.request("GET", url, headers=headers, preload_content=False)
    body = b"".join(answer.stream(1024))
    return answer.status, body, (re.findall("<Code>(.*?)</Code>", body.decode("utf8", "replace")) or ["None"])[0]
""",
    "http.client": r"""
import http.client, re
from urllib.parse import urlsplit
def fetch(url, headers):
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    connection = (http.client.HTTPSConnection if secure else http.client.HTTPConnection)(parts.hostname, parts.port)
    connection.request("GET", parts.path + "?" + parts.query, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    return answer.status, body, (re.findall("<Code>(.*?)</Code>", body.decode("utf8", "replace")) or ["None"])[0]
""",
}


@pytest.mark.parametrize("client", sorted(CLIENTS))
def test_readers_that_replay_the_signed_headers(make_lens, server, client) -> None:
    """Section 6: every header of `X-Amz-SignedHeaders` comes from `userRequest.headers`; `If-*` are free."""
    lens = make_lens(REPLAY.format(client=CLIENTS[client]))
    etag = lens.put("k", b"abc" * 5000)["ETag"]
    asked = {"ChecksumMode": "ENABLED", "RequestPayer": "requester", "ExpectedBucketOwner": server.account}
    assert lens.get("k", IfMatch=etag, **asked)["Body"].read() == b"abc" * 5000
    for wrong, status, code in (
        ({"IfMatch": '"other"'}, 412, "PreconditionFailed"),
        ({"ExpectedBucketOwner": "999999999999"}, 403, "AccessDenied"),
    ):
        with pytest.raises(ClientError) as caught:
            lens.get("k", **(asked | wrong))
        error = caught.value.response
        assert (error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]) == (status, code)


HEADERS_TOO = r"""
import boto3, requests
def lambda_handler(event, context):
    c = event["getObjectContext"]
    {choose}
    source = requests.get(c["inputS3Url"], headers=headers)
    boto3.client("s3").write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"],
        Body=f"{{source.status_code}} {{source.text[:300]}}")
"""
CHOICES = {
    "always": "headers = {'x-amz-checksum-mode': 'ENABLED'}",
    "by name": "headers = {n: v for n, v in event['userRequest']['headers'].items() if 'x-amz-c' in n.lower()}",
    "all but the host": "headers = {n: v for n, v in event['userRequest']['headers'].items() if n != 'Host'}",
}


@pytest.mark.parametrize("choice", sorted(CHOICES))
@pytest.mark.parametrize("asked", [{}, {"ChecksumMode": "ENABLED"}, {"RequestPayer": "requester"}])
def test_readers_that_send_headers_that_were_not_signed(shared, choice, asked) -> None:
    """Section 18.1: what people wrote when SDKs began to ask for checksums, and functions failed."""
    lens = shared(HEADERS_TOO.format(choose=CHOICES[choice]))
    lens.put("k", b"abc")
    if choice != "all but the host" and "RequestPayer" in asked:
        # On AWS, too, a signed header that is not sent again is a wrong signature.
        assert lens.read("k", **asked).startswith(b"403 ")
    else:
        assert lens.read("k", **asked) == b"200 abc"


ARGUMENTS = r"""
import boto3, json
from urllib.parse import urlparse, parse_qs, parse_qsl, unquote

def lambda_handler(event, context):
    ctx, user = event["getObjectContext"], event["userRequest"]
    url = urlparse(user["url"])
    query = parse_qs(url.query)
    answer = {
        "key": url.path[1:], "width": query.get("width"), "tags": query.get("tag"), "note": query.get("note"),
        "token": user["headers"].get("token"), "X-Team": user["headers"].get("X-Team"),
        "accept": user["headers"].get("Accept-Encoding"),
        "names": sorted(user["headers"]),
        "scheme": url.scheme, "host": url.netloc, "same": url.netloc == user["headers"]["Host"],
    }
    boto3.client("s3").write_get_object_response(RequestRoute=ctx["outputRoute"], RequestToken=ctx["outputToken"],
        Body=json.dumps(answer).encode(), ContentType="application/json")
"""


def test_custom_headers_and_query_arguments(make_lens, server) -> None:
    """Section 5: the URL is absolute with the caller's query; header names keep the caller's letter case."""
    lens = make_lens(ARGUMENTS)
    client = server.client("s3", cached=False)

    def decorate(request, **_) -> None:
        request.url += ("&" if "?" in request.url else "?") + "width=10&tag=a&tag=b%26c&note=%C3%BCber%20alles"
        request.headers["token"] = "s3cr3t=="
        request.headers["X-Team"] = "vision"

    client.meta.events.register("before-sign.s3.GetObject", decorate)
    answer = json.loads(client.get_object(Bucket=lens.arn, Key="shots/été 1.jpg")["Body"].read())
    assert answer["key"] == "shots/été 1.jpg"
    assert (answer["width"], answer["tags"], answer["note"]) == (["10"], ["a", "b&c"], ["über alles"])
    assert (answer["token"], answer["X-Team"], answer["accept"]) == ("s3cr3t==", "vision", "identity")
    assert (answer["scheme"], answer["same"]) == ("https", True)
    assert answer["host"] == f"{lens.name}-{server.account}.s3-object-lambda.{server.region}.amazonaws.com"
    names = {name.lower() for name in answer["names"]}
    assert {"User-Agent", "Host", "Accept-Encoding"} <= set(answer["names"])
    assert "x-amz-content-sha256" in names
    assert not {"authorization", "x-amz-date", "x-amz-security-token"} & names


GATE = r"""
import boto3, requests
ALLOWED = {"let-me-in"}
def lambda_handler(event, context):
    s3 = boto3.client("s3")
    c = event["getObjectContext"]
    token = event["userRequest"]["headers"].get("token")
    if token is None:
        s3.write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"],
            StatusCode=401, ErrorCode="MissingRequiredToken", ErrorMessage="The required token was not sent.")
    elif token not in ALLOWED:
        s3.write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"], StatusCode=403)
    else:
        s3.write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"],
            Body=requests.get(c["inputS3Url"]).content)
"""


def test_a_token_header_decides(make_lens, server) -> None:
    lens = make_lens(GATE)
    lens.put("k", b"inside")

    def get(token: str | None):
        client = server.client("s3", cached=False)
        if token is not None:
            client.meta.events.register(
                "before-sign.s3.GetObject", lambda request, **_: request.headers.add_header("token", token)
            )
        return client.get_object(Bucket=lens.arn, Key="k")["Body"].read()

    assert get("let-me-in") == b"inside"
    for token, status, code, message in (
        (None, 401, "MissingRequiredToken", "The required token was not sent."),
        ("no", 403, "403", "Forbidden"),
    ):
        with pytest.raises(ClientError) as caught:
            get(token)
        error = caught.value.response
        assert error["ResponseMetadata"]["HTTPStatusCode"] == status
        assert (error["Error"]["Code"], error["Error"]["Message"]) == (code, message)


CONVERT = r"""
import boto3, csv, io, json, os, requests, xml.etree.ElementTree as ET, gzip, zlib, zipfile

def to_json(raw):
    return json.dumps(list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))), "application/json", None

def to_xml(raw):
    root = ET.Element("rows")
    for row in csv.DictReader(io.StringIO(raw.decode())):
        item = ET.SubElement(root, "row")
        for name, value in row.items():
            ET.SubElement(item, name).text = value
    return ET.tostring(root, encoding="utf-8", xml_declaration=True), "application/xml", None

def to_gzip(raw):
    return gzip.compress(raw), "text/csv", "gzip"

def to_deflate(raw):
    return io.BytesIO(zlib.compress(raw)), "text/csv", "deflate"

def to_zip(raw):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv", raw)
    packed.seek(0)
    return packed, "application/zip", None

def lambda_handler(event, context):
    config = json.loads(event["configuration"]["payload"])
    ctx = event["getObjectContext"]
    raw = requests.get(ctx["inputS3Url"]).content
    body, kind, encoding = globals()["to_" + config["to"]](raw)
    more = {"ContentEncoding": encoding} if encoding else {}
    boto3.client("s3").write_get_object_response(RequestRoute=ctx["outputRoute"], RequestToken=ctx["outputToken"],
        Body=body, ContentType=kind, ContentDisposition='attachment; filename="rows"', **more)
    return {"statusCode": 200}
"""


@pytest.mark.parametrize("to", ["json", "xml", "gzip", "deflate", "zip"])
def test_formats_are_converted(make_lens, to) -> None:
    lens = make_lens(CONVERT, payload=json.dumps({"to": to}))
    source = "name,age\nAda,36\nJürgen,41\n".encode()
    lens.put("rows.csv", source)
    answer = lens.get("rows.csv")
    body = answer["Body"].read()
    assert answer["ContentDisposition"] == 'attachment; filename="rows"'
    if to == "json":
        assert json.loads(body) == [{"name": "Ada", "age": "36"}, {"name": "Jürgen", "age": "41"}]
    elif to == "xml":
        assert body.startswith(b"<?xml")
        assert "<name>Jürgen</name>".encode() in body
    elif to == "zip":
        assert zipfile.ZipFile(io.BytesIO(body)).read("rows.csv") == source
    else:
        # boto3 hands the encoded bytes over as they are: the encoding is told, not undone.
        assert answer["ContentEncoding"] == to
        assert {"gzip": gzip.decompress, "deflate": zlib.decompress}[to](body) == source


WATERMARK = r"""
import boto3, io, requests
from PIL import Image, ImageDraw, ImageFont

def lambda_handler(event, context):
    ctx = event["getObjectContext"]
    source = requests.get(ctx["inputS3Url"], stream=True)
    picture = Image.open(source.raw).convert("RGBA")
    layer = Image.new("RGBA", picture.size, (255, 255, 255, 0))
    draw = ImageDraw.Draw(layer)
    draw.text((4, 4), "SAMPLE", font=ImageFont.load_default(), fill=(255, 0, 0, 255))
    out = io.BytesIO()
    Image.alpha_composite(picture, layer).convert("RGB").save(out, "PNG")
    out.seek(0)
    boto3.resource("s3").meta.client.write_get_object_response(
        Body=out, RequestRoute=ctx["outputRoute"], RequestToken=ctx["outputToken"], ContentType="image/png")
"""


def test_a_watermark_with_pillow(make_lens) -> None:
    lens = make_lens(WATERMARK)
    raw = io.BytesIO()
    Image.new("RGB", (80, 40), (255, 255, 255)).save(raw, "JPEG")
    lens.put("white.jpg", raw.getvalue(), ContentType="image/jpeg")
    answer = lens.get("white.jpg")
    picture = Image.open(io.BytesIO(answer["Body"].read()))
    assert (answer["ContentType"], picture.format, picture.size) == ("image/png", "PNG", (80, 40))
    assert any(red > 200 and green < 100 for red, green, _ in set(picture.get_flattened_data()))


POWERTOOLS = r"""
import boto3, requests
from aws_lambda_powertools.utilities.data_classes.s3_object_event import S3ObjectLambdaEvent

session = boto3.session.Session()
s3 = session.client("s3")

def lambda_handler(event, context):
    event = S3ObjectLambdaEvent(event)
    source = requests.get(event.input_s3_url).content.decode("utf-8")
    identity = event.user_identity
    more = {}
    if identity.session_context is not None:
        more = {"role": identity.session_context.session_issuer.user_name,
                "mfa": identity.session_context.attributes.mfa_authenticated}
    s3.write_get_object_response(
        Body=source.upper(), RequestRoute=event.request_route, RequestToken=event.request_token,
        Metadata={"who": identity.arn, "kind": identity.get_type, "payload": event.configuration.payload,
                  "ap": event.configuration.supporting_access_point_arn, "lens": event.configuration.access_point_arn,
                  "url": event.user_request.url, "version": event.protocol_version, "id": event.request_id,
                  "agent": event.user_request.headers["User-Agent"][:5], **more})
    return {"status_code": 200}
"""


def test_powertools_reads_the_event(make_lens, server) -> None:
    """Section 5: AWS Powertools finds the members by name."""
    lens = make_lens(POWERTOOLS, payload='{"w":1}')
    lens.put("k.txt", b"quiet")
    answer = lens.get("k.txt")
    assert answer["Body"].read() == b"QUIET"
    told = answer["Metadata"]
    assert told["id"] == answer["ResponseMetadata"]["RequestId"]
    assert (told["payload"], told["version"], told["kind"], told["agent"]) == ('{"w":1}', "1.00", "Root", "Boto3")
    assert (told["ap"], told["lens"]) == (lens.access_point_arn, lens.arn)
    assert told["who"] == f"arn:aws:iam::{server.account}:root"
    assert told["url"].endswith(f".s3-object-lambda.{server.region}.amazonaws.com/k.txt")


MASK = r"""
import boto3, json, requests
FULL = {"Doctors"}
def lambda_handler(event, context):
    identity, ctx = event["userIdentity"], event["getObjectContext"]
    if identity["type"] == "AssumedRole":
        group = identity["sessionContext"]["sessionIssuer"]["userName"].rpartition("-")[2]
        who = identity["arn"].split("/")[-1]
    else:
        group, who = identity["type"], identity.get("userName", "root")
    rows = json.loads(requests.get(ctx["inputS3Url"]).text)
    if group not in FULL:
        rows = [{**row, "diagnosis": "***"} for row in rows]
    boto3.client("s3").write_get_object_response(RequestRoute=ctx["outputRoute"], RequestToken=ctx["outputToken"],
        Body=json.dumps({"for": who, "rows": rows}))
"""


def test_each_user_sees_their_own_masking(make_lens, server) -> None:
    """Section 5: `userIdentity` by kind of caller: root, user, role session."""
    lens = make_lens(MASK)
    rows = [{"name": "P", "diagnosis": "flu"}]
    lens.put("ward.json", json.dumps(rows).encode())
    masked = [{"name": "P", "diagnosis": "***"}]
    assert json.loads(lens.read("ward.json")) == {"for": "root", "rows": masked}
    clerk, doctor = clerk_and_doctor(server, lens.name)
    for client, who, seen in ((clerk, f"{lens.name}-clerk", masked), (doctor, "house", rows)):
        assert json.loads(client.get_object(Bucket=lens.arn, Key="ward.json")["Body"].read()) == {
            "for": who,
            "rows": seen,
        }


def clerk_and_doctor(server: LiveServer, name: str) -> tuple:
    """Return S3 clients of a user and of a role session."""
    iam = server.client("iam")
    everything = json.dumps(document({"Effect": "Allow", "Action": "*", "Resource": "*"}))
    user = iam.create_user(UserName=f"{name}-clerk")["User"]["Arn"]
    iam.put_user_policy(UserName=f"{name}-clerk", PolicyName="all", PolicyDocument=everything)
    key = iam.create_access_key(UserName=f"{name}-clerk")["AccessKey"]
    clerk = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    trust = document({"Effect": "Allow", "Principal": {"AWS": user}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName=f"{name}-Doctors", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=f"{name}-Doctors", PolicyName="all", PolicyDocument=everything)
    sts = server.client("sts", cached=False, credentials=clerk)
    given = sts.assume_role(RoleArn=role, RoleSessionName="house")["Credentials"]
    doctor = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    return tuple(server.client("s3", cached=False, credentials=one) for one in (clerk, doctor))


def document(*statements: dict) -> dict:
    return {"Version": "2012-10-17", "Statement": list(statements)}


STREAM = r"""
import boto3, urllib3
from botocore.config import Config
s3 = boto3.client("s3", config=Config(signature_version="s3v4", s3={"payload_signing_enabled": False}))
pool = urllib3.PoolManager()

class Upper:
    def __init__(self, source): self.source = source
    def read(self, size=-1): return self.source.read(65536 if size is None or size < 0 else size).upper()

def lambda_handler(event, context):
    c = event["getObjectContext"]
    source = pool.request("GET", c["inputS3Url"], preload_content=False)
    reply = {"RequestRoute": c["outputRoute"], "RequestToken": c["outputToken"], "Body": Upper(source)}
    if event["userRequest"]["url"].endswith("/sized"):
        reply["ContentLength"] = int(source.headers["Content-Length"])
    s3.write_get_object_response(**reply)
    source.release_conn()
"""


@pytest.mark.parametrize("key", ["sized", "unsized"])
def test_streams_from_source_to_answer(make_lens, key) -> None:
    """Section 7.4: a stream that cannot be rewound, with and without a known length."""
    lens = make_lens(STREAM)
    lens.put(key, b"abcdefgh" * 400_000)
    answer = lens.get(key)
    assert answer["Body"].read() == b"ABCDEFGH" * 400_000
    assert answer["ResponseMetadata"]["HTTPHeaders"].get("content-length") == ("3200000" if key == "sized" else None)


RETURNS = r"""
import boto3, requests
def lambda_handler(event, context):
    c = event["getObjectContext"]
    {before}
    response = boto3.client("s3").write_get_object_response(RequestRoute=c["outputRoute"],
        RequestToken=c["outputToken"], Body=requests.get(c["inputS3Url"]).content)
    {after}
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "return response"),
        ("", "return None"),
        ("", "return {'statusCode': 500, 'body': 'ignored'}"),
        ("", "return 'a string'"),
        ("", "return float('nan')"),
        ("print('héllo', flush=True)", "return [1, 2, 3]"),
    ],
)
def test_what_a_get_handler_returns_is_ignored(make_lens, before, after) -> None:
    """Section 8.4: handlers return the answer of WriteGetObjectResponse, or anything."""
    lens = make_lens(RETURNS.format(before=before, after=after))
    lens.put("k", b"as it was")
    assert lens.read("k") == b"as it was"


BY_ARN = r"""
import boto3, json
from urllib.parse import urlparse, unquote
s3 = boto3.client("s3")
def lambda_handler(event, context):
    c = event["getObjectContext"]
    arn = event["configuration"]["supportingAccessPointArn"]
    partition, service, region, account, resource = arn.split(":", 5)[1:]
    assert (partition, service, resource.split("/")[0]) == ("aws", "s3", "accesspoint"), arn
    key = unquote(urlparse(event["userRequest"]["url"]).path.lstrip("/"))
    bucket = {bucket}
    head = s3.head_object(Bucket=bucket, Key=key)
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    names = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    s3.write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"],
        Body=json.dumps([head["ContentLength"], body.decode(), names]), Metadata=head["Metadata"])
"""


@pytest.mark.parametrize("kind", ["arn", "alias", "bucket"])
def test_handlers_that_read_with_their_own_credentials(make_lens, server, kind) -> None:
    """Section 6: a function need not use `inputS3Url`; it may address the access point by ARN or alias."""
    role = f"reader-{kind}-{uuid.uuid4().hex[:8]}"
    described = "boto3.client('s3control').get_access_point(AccountId=account, Name=resource.split('/')[1])"
    bucket = {"arn": "arn", "alias": f"{described}['Alias']", "bucket": f"{described}['Bucket']"}[kind]
    lens = make_lens(BY_ARN.format(bucket=bucket), role=allowed_role(server, role))
    lens.put("a b/k", b"raw", Metadata={"from": "source"})
    answer = lens.get("a b/k")
    assert json.loads(answer["Body"].read()) == [3, "raw", ["a b/k"]]
    assert answer["Metadata"] == {"from": "source"}


def allowed_role(server, name: str) -> str:
    """Make a role that functions may have and that may do anything; returns its ARN."""
    iam = server.client("iam")
    service = {"Service": "lambda.amazonaws.com"}
    trust = json.dumps(document({"Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole"}))
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    policy = document({"Effect": "Allow", "Action": ["s3:*", "s3-object-lambda:*"], "Resource": "*"})
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(policy))
    return arn


FAILURES = r"""
import boto3, json
def lambda_handler(event, context):
    c = event["getObjectContext"]
    boto3.client("s3").write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"],
        **json.loads(event["userRequest"]["headers"]["X-Answer"]))
"""


@pytest.mark.parametrize(
    ("members", "status", "code", "message"),
    [
        ({"StatusCode": 404, "ErrorMessage": "gone fishing"}, 404, "NoSuchKey", "gone fishing"),
        ({"StatusCode": 403, "ErrorMessage": "nein: ümläut ☂"}, 403, "AccessDenied", "nein: ümläut ☂"),
        ({"StatusCode": 500, "ErrorCode": "MyOwnTrouble"}, 500, "MyOwnTrouble", ""),
        ({"StatusCode": 416, "ErrorCode": "InvalidRange", "ErrorMessage": "<&>"}, 416, "InvalidRange", "<&>"),
        ({"StatusCode": 400, "ErrorCode": "BadArg", "ErrorMessage": "x", "Body": ""}, 400, "BadArg", "x"),
        ({"StatusCode": 400, "ErrorCode": "BadArg", "ErrorMessage": "x", "ContentLength": 0}, 400, "BadArg", "x"),
        ({"StatusCode": 503, "ErrorCode": "SlowDown", "ErrorMessage": "later"}, 503, "SlowDown", "later"),
        ({"StatusCode": 304}, 304, "304", "Not Modified"),
    ],
)
def test_errors_in_every_form(shared, members, status, code, message) -> None:
    """Sections 7.3 and 8.3: codes without messages, messages without codes, zero-length bodies beside codes."""
    lens = shared(FAILURES)
    client = lens.server.client("s3", cached=False)
    client.meta.events.register(
        "before-sign.s3.GetObject", lambda request, **_: request.headers.add_header("X-Answer", json.dumps(members))
    )
    with pytest.raises(ClientError) as caught:
        client.get_object(Bucket=lens.arn, Key="k")
    error = caught.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == status
    assert (error["Error"]["Code"], error["Error"].get("Message") or "") == (code, message)


HEAD = r"""
import urllib3
pool = urllib3.PoolManager()
def lambda_handler(event, context):
    response = pool.request("HEAD", event["headObjectContext"]["inputS3Url"])
    return {"statusCode": response.status, "headers": dict(response.headers) | {"x-amz-meta-seen": "yes"}}
"""


def test_a_head_handler_with_urllib3(make_lens) -> None:
    """Section 10.1: the whole header map is taken, the known ones are forwarded."""
    lens = make_lens(HEAD, actions=("HeadObject",))
    lens.put("k", b"12345", ContentType="text/x-y", Metadata={"a": "b"})
    head = lens.s3.head_object(Bucket=lens.arn, Key="k")
    assert (head["ContentLength"], head["ContentType"]) == (5, "text/x-y")
    assert head["Metadata"] == {"a": "b", "seen": "yes"}
    raw = lens.s3.head_object(Bucket=lens.bucket, Key="k")
    assert (head["ETag"], head["LastModified"]) == (raw["ETag"], raw["LastModified"])
    with pytest.raises(ClientError) as caught:
        lens.s3.head_object(Bucket=lens.arn, Key="missing")
    assert caught.value.response["Error"]["Code"] == "404"


LIST = r"""
import json, requests, re
import xml.etree.ElementTree as ET

def lambda_handler(event, context):
    context_name = next(name for name in event if name.startswith("listObjects"))
    response = requests.get(event[context_name]["inputS3Url"])
    if response.status_code != 200:
        error = ET.fromstring(response.content)
        return {"statusCode": response.status_code, "errorCode": error.findtext("Code"),
                "errorMessage": error.findtext("Message")}
    return {"statusCode": 200, "listResultXml": re.sub("<Contents><Key>secret.*?</Contents>", "", response.text)}
"""


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_a_list_handler_hides_keys(make_lens, operation) -> None:
    """Section 10.2."""
    lens = make_lens(LIST, actions=("ListObjects", "ListObjectsV2"))
    for key in ("open/1", "secret/1", "tail"):
        lens.put(key)
    listing = getattr(lens.s3, operation)(Bucket=lens.arn)
    assert [one["Key"] for one in listing["Contents"]] == ["open/1", "tail"]
    assert listing["Name"] == lens.bucket


AS_DICTIONARY = r"""
import requests
import xml.etree.ElementTree as ET

def lower(name): return name[:1].lower() + name[1:]

def as_dictionary(node):
    children = list(node)
    if not children:
        return node.text
    found = {}
    for child in children:
        name, value = lower(child.tag.rpartition("}")[2]), as_dictionary(child)
        if name not in found: found[name] = value
        elif isinstance(found[name], list): found[name].append(value)
        else: found[name] = [found[name], value]
    return found

def lambda_handler(event, context):
    source = event.get("listObjectsContext") or event["listObjectsV2Context"]
    answer = requests.get(source["inputS3Url"])
    if answer.status_code != 200:
        error = ET.fromstring(answer.content)
        return {"statusCode": answer.status_code, "errorMessage": error.findtext("Message")}
    listing = as_dictionary(ET.fromstring(answer.content))
    listing["@xmlns"] = "http://s3.amazonaws.com/doc/2006-03-01/"
    return {"statusCode": 200, "listBucketResult": listing}
"""


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("arguments", [{}, {"MaxKeys": 1}, {"Delimiter": "/"}, {"Prefix": "none"}, {"Prefix": "ü &"}])
def test_a_list_handler_that_turns_xml_into_json(shared, operation, arguments) -> None:
    """Section 10.2: everything a string, one entry an object, names with their first letter in lower case."""
    lens = shared(AS_DICTIONARY, actions=("ListObjects", "ListObjectsV2"))
    for key in ("a", "d/b", "d/c", "ü &+<x>"):
        lens.put(key, b"abc")
    owner = {"FetchOwner": True} if operation == "list_objects_v2" else {}
    direct, through = (
        getattr(lens.s3, operation)(Bucket=bucket, **arguments, **owner) for bucket in (lens.bucket, lens.arn)
    )
    for listing in (direct, through):
        listing.pop("ResponseMetadata")
        for entry in listing.get("Contents", []):
            # The JSON has no member for it.
            entry.pop("ChecksumType", None)
    assert through == direct
