"""GetObject through an Object Lambda access point: the answer, the event, the headers (reference sections 5 to 8)."""

import hashlib
import http.client
import json
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError

ECHO_EVENT = """
import json, boto3
def lambda_handler(event, context):
    c = event["getObjectContext"]
    boto3.client("s3").write_get_object_response(
        RequestRoute=c["outputRoute"], RequestToken=c["outputToken"],
        Body=json.dumps(event), ContentType="application/json")
    return {"statusCode": 200}
"""

FETCHERS = {
    "requests": "import requests\ndef fetch(url): return requests.get(url).content",
    "urllib3": "import urllib3\nhttp = urllib3.PoolManager()\ndef fetch(url): return http.request('GET', url).data",
    "urllib": "import urllib.request\ndef fetch(url): return urllib.request.urlopen(url).read()",
    "curl": "import subprocess\ndef fetch(url): return subprocess.check_output(['curl', '-sSf', url])",
}

UPPER = """
import boto3
{fetch}
def lambda_handler(event, context):
    c = event["getObjectContext"]
    body = fetch(c["inputS3Url"]).upper()
    boto3.client("s3").write_get_object_response(
        Body=body, RequestRoute=c["outputRoute"], RequestToken=c["outputToken"])
    return {{"status_code": 200}}
"""


@pytest.mark.parametrize("fetcher", sorted(FETCHERS))
def test_the_function_fetches_the_source_and_its_answer_is_the_object(make_lens, fetcher) -> None:
    lens = make_lens(UPPER.format(fetch=FETCHERS[fetcher]))
    lens.put("a b/ü+=&?#%41.txt", b"hello " * 1000)
    assert lens.read("a b/ü+=&?#%41.txt") == b"HELLO " * 1000
    assert lens.s3.get_object(Bucket=lens.bucket, Key="a b/ü+=&?#%41.txt")["Body"].read() == b"hello " * 1000


def test_nothing_of_the_source_is_added(make_lens) -> None:
    lens = make_lens(UPPER.format(fetch=FETCHERS["requests"]))
    lens.put("k", b"abc", ContentType="text/x-source", Metadata={"from": "source"}, CacheControl="no-store")
    answer = lens.get("k")
    assert answer["Body"].read() == b"ABC"
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert set(headers) == {"content-length", "date", "server", "x-amz-id-2", "x-amz-request-id"}
    assert answer["Metadata"] == {}


def test_the_event_has_every_member(make_lens, server) -> None:
    lens = make_lens(ECHO_EVENT, payload='{"width": 224}')
    key = "photos/a b%41.jpg"
    lens.put(key)
    event = json.loads(lens.read(key, ResponseContentType="image/png", IfNoneMatch='"nothing"'))
    assert set(event) == {
        "xAmzRequestId",
        "getObjectContext",
        "configuration",
        "userRequest",
        "userIdentity",
        "protocolVersion",
    }
    assert set(event["getObjectContext"]) == {"inputS3Url", "outputRoute", "outputToken"}
    assert event["configuration"] == {
        "accessPointArn": lens.arn,
        "supportingAccessPointArn": lens.access_point_arn,
        "payload": '{"width": 224}',
    }
    assert event["protocolVersion"] == "1.00"
    host = f"{lens.name}-{server.account}.s3-object-lambda.{server.region}.amazonaws.com"
    assert event["userRequest"]["url"] == f"https://{host}/photos/a b%2541.jpg?response-content-type=image/png"
    headers = event["userRequest"]["headers"]
    assert headers["Host"] == host
    assert headers["If-None-Match"] == '"nothing"'
    assert "User-Agent" in headers
    lower = {name.lower(): value for name, value in headers.items()}
    assert lower["x-amz-content-sha256"] == hashlib.sha256(b"").hexdigest()
    assert not set(lower) & {"authorization", "x-amz-security-token", "x-amz-date"}
    identity = event["userIdentity"]
    assert identity["type"] == "Root"
    assert identity["arn"] == f"arn:aws:iam::{server.account}:root"
    assert identity["accountId"] == identity["principalId"] == server.account
    assert identity["accessKeyId"] == server.access_key_id


def test_the_request_id_of_the_event_is_the_one_the_caller_gets(make_lens) -> None:
    lens = make_lens(ECHO_EVENT)
    answer = lens.get("k")
    assert json.loads(answer["Body"].read())["xAmzRequestId"] == answer["ResponseMetadata"]["RequestId"]


def test_the_input_url_signs_the_host_alone_and_keeps_custom_arguments(make_lens) -> None:
    lens = make_lens(ECHO_EVENT)
    seen = {}

    def add_argument(request, **_) -> None:
        request.url += "?width=10&label=a%20b"

    client = lens.server.client("s3", cached=False)
    client.meta.events.register("before-sign.s3.GetObject", add_argument)
    event = json.loads(client.get_object(Bucket=lens.arn, Key="k", ChecksumMode="ENABLED")["Body"].read())
    url = urlsplit(event["getObjectContext"]["inputS3Url"])
    seen = parse_qs(url.query)
    assert seen["X-Amz-SignedHeaders"] == ["host"]
    assert seen["X-Amz-Expires"] == ["61"]
    assert (seen["width"], seen["label"]) == (["10"], ["a b"])
    assert event["userRequest"]["url"].endswith("/k?width=10&label=a b")


def test_unsigned_range_and_conditions_are_honoured_on_the_input_url(make_lens) -> None:
    lens = make_lens("""
import boto3, json, requests
def lambda_handler(event, context):
    c = event["getObjectContext"]
    ranged = requests.get(c["inputS3Url"], headers={"Range": "bytes=2-4"})
    unmodified = requests.get(c["inputS3Url"], headers={"If-None-Match": ranged.headers["ETag"]})
    boto3.client("s3").write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"],
        Body=json.dumps([ranged.status_code, ranged.text, ranged.headers["Content-Range"], unmodified.status_code]))
""")
    lens.put("k", b"0123456789")
    assert json.loads(lens.read("k")) == [206, "234", "bytes 2-4/10", 304]


def test_every_forwarded_member_reaches_the_caller(make_lens) -> None:
    lens = make_lens("""
import boto3, datetime
def lambda_handler(event, context):
    c = event["getObjectContext"]
    when = datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    boto3.client("s3").write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"],
        Body=b"01234", StatusCode=206, AcceptRanges="bytes", CacheControl="max-age=5", ContentDisposition="inline",
        ContentEncoding="identity", ContentLanguage="en", ContentRange="bytes 0-4/10", ContentType="text/plain",
        ETag='"x"', Expires=when, LastModified=when, ChecksumCRC32="AAAAAA==", DeleteMarker=False, Expiration="e",
        MissingMeta=1, PartsCount=3, TagCount=2, ObjectLockMode="GOVERNANCE", ObjectLockLegalHoldStatus="ON",
        ObjectLockRetainUntilDate=when, ReplicationStatus="COMPLETE", RequestCharged="requester", Restore="r",
        StorageClass="STANDARD", VersionId="v1", ServerSideEncryption="AES256", SSECustomerAlgorithm="AES256",
        SSECustomerKeyMD5="m", SSEKMSKeyId="k", BucketKeyEnabled=True, Metadata={"Width": "224", "name": "a"})
""")
    answer = lens.server.client("s3", response_checksum_validation="when_required").get_object(Bucket=lens.arn, Key="k")
    assert answer["Body"].read() == b"01234"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
    expected = {
        "AcceptRanges": "bytes", "CacheControl": "max-age=5", "ContentDisposition": "inline",
        "ContentEncoding": "identity", "ContentLanguage": "en", "ContentRange": "bytes 0-4/10",
        "ContentType": "text/plain", "ETag": '"x"', "ChecksumCRC32": "AAAAAA==", "DeleteMarker": False,
        "Expiration": "e", "MissingMeta": 1, "PartsCount": 3, "TagCount": 2, "ObjectLockMode": "GOVERNANCE",
        "ObjectLockLegalHoldStatus": "ON", "ReplicationStatus": "COMPLETE", "RequestCharged": "requester",
        "Restore": "r", "StorageClass": "STANDARD", "VersionId": "v1", "ServerSideEncryption": "AES256",
        "SSECustomerAlgorithm": "AES256", "SSECustomerKeyMD5": "m", "SSEKMSKeyId": "k", "BucketKeyEnabled": True,
        "ContentLength": 5,
    }  # fmt: skip
    assert {name: answer.get(name) for name in expected} == expected
    assert {name.lower(): value for name, value in answer["Metadata"].items()} == {"width": "224", "name": "a"}
    assert answer["LastModified"].isoformat() == "2024-01-02T03:04:05+00:00"
    assert answer["ObjectLockRetainUntilDate"].isoformat() == "2024-01-02T03:04:05+00:00"


SLOW_STREAM = """
import boto3, botocore.config, time
class Slow:
    def __init__(self): self.left = 6
    def read(self, n=-1):
        if not self.left: return b""
        self.left -= 1
        time.sleep(0.3)
        return b"x" * 1000
def lambda_handler(event, context):
    c = event["getObjectContext"]
    s3 = boto3.client("s3", config=botocore.config.Config(s3={"payload_signing_enabled": False}))
    s3.write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"], Body=Slow())
"""


def test_a_body_of_unknown_length_streams_from_the_first_byte(make_lens) -> None:
    lens = make_lens(SLOW_STREAM)
    answer = lens.get("k")
    assert "content-length" not in answer["ResponseMetadata"]["HTTPHeaders"]
    first = answer["Body"].read(1000)
    began = time.monotonic()
    rest = answer["Body"].read()
    assert first + rest == b"x" * 6000
    assert time.monotonic() - began > 0.6


def test_a_large_answer_streams_whole(make_lens) -> None:
    lens = make_lens("""
import boto3, requests
def lambda_handler(event, context):
    c = event["getObjectContext"]
    body = requests.get(c["inputS3Url"]).content
    boto3.client("s3").write_get_object_response(RequestRoute=c["outputRoute"], RequestToken=c["outputToken"],
        Body=body * 20)
""")
    lens.put("k", bytes(range(256)) * 4096)
    digest = hashlib.sha256(bytes(range(256)) * 4096 * 20).hexdigest()
    assert hashlib.sha256(lens.read("k")).hexdigest() == digest


@pytest.mark.parametrize("address", ["arn", "colon-arn", "alias", "host", "aws-host"])
def test_every_address_of_the_access_point_reaches_it(make_lens, server, address) -> None:
    lens = make_lens(UPPER.format(fetch=FETCHERS["requests"]))
    lens.put("d/k", b"abc")
    if address in {"arn", "colon-arn", "alias"}:
        control = server.client("s3control")
        alias = control.get_access_point_for_object_lambda(AccountId=server.account, Name=lens.name)["Alias"]["Value"]
        bucket = {"arn": lens.arn, "colon-arn": lens.arn.replace("/", ":"), "alias": alias}[address]
        assert lens.s3.get_object(Bucket=bucket, Key="d/k")["Body"].read() == b"ABC"
        return
    suffix = f"s3-object-lambda.{server.region}.amazonaws.com" if address == "aws-host" else "localhost:1"
    url = server.client("s3", signature_version="s3v4").generate_presigned_url(
        "get_object", Params={"Bucket": lens.arn, "Key": "d/k"}
    )
    # Presigning needs the host that will be asked for; a client made for that endpoint gives it.
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3",
        endpoint_url=None if address == "aws-host" else "http://localhost:1",
        region_name=server.region,
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        config=Config(signature_version="s3v4"),
    )
    url = client.generate_presigned_url("get_object", Params={"Bucket": lens.arn, "Key": "d/k"})
    parts = urlsplit(url)
    assert parts.netloc == f"{lens.name}-{server.account}.{suffix}"
    target = urlsplit(server.url)
    connection = http.client.HTTPConnection(target.hostname, target.port)
    connection.request("GET", f"http://{parts.netloc}{parts.path}?{parts.query}", headers={"Host": parts.netloc})
    assert connection.getresponse().read() == b"ABC"
    connection.close()


def test_a_missing_access_point_or_alias_is_named(server) -> None:
    s3 = server.client("s3")
    arn = f"arn:aws:s3-object-lambda:{server.region}:{server.account}:accesspoint/not-there"
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=arn, Key="k")
    assert caught.value.response["Error"]["Code"] == "InvalidAccessPoint"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket="nope-1a4n8yjrb3kda96f67zwrwiiuse1a--ol-s3", Key="k")
    assert caught.value.response["Error"]["Code"] == "InvalidAccessPointAliasError"
