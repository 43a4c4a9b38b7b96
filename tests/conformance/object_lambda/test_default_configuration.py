"""What AWS's tests of a default-configuration function expect, case by case (reference section 19).

The function is an identity for all four actions: it reads the supporting access point with the caller's conditions and
maps ranges and parts of the transformed object itself, as functions on AWS must.
"""

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

FUNCTION = """
import boto3, requests
from urllib.parse import urlsplit, parse_qs
import xml.etree.ElementTree as ET
PART = 5 * 1024 * 1024
CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
FORWARDED = {"Content-Type": "ContentType", "Cache-Control": "CacheControl", "Last-Modified": "LastModified",
             "ETag": "ETag"}
def read(method, event, url):
    signed = parse_qs(urlsplit(url).query)["X-Amz-SignedHeaders"][0].split(";")
    headers = {name: value for name, value in event["userRequest"]["headers"].items()
               if name.lower() in CONDITIONS or (name.lower() in signed and name.lower() != "host")}
    return requests.request(method, url, headers={"Accept-Encoding": "identity", **headers})
def asked(event):
    headers = {name.lower(): value for name, value in event["userRequest"]["headers"].items()}
    query = parse_qs(urlsplit(event["userRequest"]["url"]).query)
    return headers.get("range") or query.get("Range", [None])[0], query.get("partNumber", [None])[0]
def span(event, size):
    ranged, part = asked(event)
    if ranged:
        first, last = ranged.removeprefix("bytes=").split("-")
        if not first:
            return max(0, size - int(last)), size
        return int(first), min(size, int(last) + 1 if last else size)
    if part:
        start = (int(part) - 1) * PART
        return start, min(size, start + PART)
    return None
def lambda_handler(event, context):
    if "getObjectContext" in event:
        return get(event, event["getObjectContext"])
    if "headObjectContext" in event:
        return head(event, event["headObjectContext"]["inputS3Url"])
    url = event.get("listObjectsContext", event.get("listObjectsV2Context"))["inputS3Url"]
    answer = read("GET", event, url)
    return {"statusCode": answer.status_code, "listResultXml": answer.text}
def get(event, context):
    s3 = boto3.client("s3")
    route = {"RequestRoute": context["outputRoute"], "RequestToken": context["outputToken"]}
    answer = read("GET", event, context["inputS3Url"])
    if answer.status_code == 304:
        return s3.write_get_object_response(StatusCode=304, **route)
    if answer.status_code >= 400:
        code = ET.fromstring(answer.text).findtext("Code")
        return s3.write_get_object_response(StatusCode=answer.status_code, ErrorCode=code,
            ErrorMessage=f"Received {code} from the supporting Access Point.", **route)
    body = answer.content
    run = span(event, len(body))
    metadata = {name[len("x-amz-meta-"):]: value for name, value in answer.headers.items()
                if name.lower().startswith("x-amz-meta-")}
    more = {"ContentType": answer.headers["Content-Type"], "Metadata": metadata}
    if run is not None:
        start, end = run
        more |= {"StatusCode": 206, "ContentRange": f"bytes {start}-{end - 1}/{len(body)}"}
        body = body[start:end]
    s3.write_get_object_response(Body=body, **more, **route)
def head(event, url):
    answer = read("HEAD", event, url)
    headers = dict(answer.headers)
    if answer.ok and answer.status_code != 304:
        run = span(event, int(headers["Content-Length"]))
        if run is not None:
            headers["Content-Length"] = run[1] - run[0]
    return {"statusCode": answer.status_code, "headers": headers}
"""

FEATURES = ("GetObject-Range", "GetObject-PartNumber", "HeadObject-Range", "HeadObject-PartNumber")
ACTIONS = ("GetObject", "HeadObject", "ListObjects", "ListObjectsV2")
KEYS = ("a", "dir/b", "dir/c d", "ü+&=?#%41<>", "z//double", "-._~()'!*")


@pytest.fixture
def lens(make_lens):
    return make_lens(FUNCTION, actions=ACTIONS, features=FEATURES, memory=1024, timeout=60)


def status_of(call) -> int:
    try:
        return call()["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]


def test_1_and_2_existing_and_missing_keys(lens) -> None:
    for key in KEYS:
        lens.put(key, key.encode(), Metadata={"k": "v"})
        answer = lens.get(key)
        assert answer["Body"].read() == key.encode()
        assert answer["Metadata"] == {"k": "v"}
    assert status_of(lambda: lens.get("missing")) == 404
    assert status_of(lambda: lens.s3.head_object(Bucket=lens.arn, Key="missing")) == 404


def test_3_to_5_conditions(lens) -> None:
    etag = lens.put("k")["ETag"]
    modified = lens.s3.head_object(Bucket=lens.bucket, Key="k")["LastModified"]
    second = timedelta(seconds=1)
    cases = [
        ({"IfMatch": etag}, 200),
        ({"IfMatch": '"wrong"'}, 412),
        ({"IfNoneMatch": '"wrong"'}, 200),
        ({"IfNoneMatch": etag}, 304),
        ({"IfModifiedSince": modified - second}, 200),
        ({"IfModifiedSince": modified + second}, 304),
        ({"IfUnmodifiedSince": modified}, 200),
        ({"IfUnmodifiedSince": modified - 20 * second}, 412),
    ]
    for operation in (lens.s3.get_object, lens.s3.head_object):
        for arguments, status in cases:
            found = status_of(lambda arguments=arguments, operation=operation: operation(
                Bucket=lens.arn, Key="k", **arguments))  # fmt: skip
            assert found == status, (operation, arguments)
    assert status_of(lambda: lens.s3.get_object(Bucket=lens.arn, Key="k", IfNoneMatch="")) == 200


def test_6_and_7_parts_and_ranges_of_15_mib(lens) -> None:
    body = bytes(range(256)) * (15 * 4096)
    lens.put("big", body)
    part = lens.get("big", PartNumber=1)
    assert part["Body"].read() == body[:5242880]
    assert lens.s3.head_object(Bucket=lens.arn, Key="big", PartNumber=1)["ContentLength"] == 5242880
    ranged = lens.get("big", Range="bytes=1024-10240")
    assert ranged["Body"].read() == body[1024:10241]
    assert ranged["ContentRange"] == f"bytes 1024-10240/{len(body)}"
    assert lens.s3.head_object(Bucket=lens.arn, Key="big", Range="bytes=1024-10240")["ContentLength"] == 9217
    assert lens.get("big", Range="bytes=-5")["Body"].read() == body[-5:]


def test_8_and_9_owner_payer_and_version(lens, server) -> None:
    lens.put("k")
    for operation in (lens.s3.get_object, lens.s3.head_object):
        right = status_of(lambda operation=operation: operation(
            Bucket=lens.arn, Key="k", ExpectedBucketOwner=server.account))  # fmt: skip
        wrong = status_of(lambda operation=operation: operation(
            Bucket=lens.arn, Key="k", ExpectedBucketOwner="999999999999"))  # fmt: skip
        assert (right, wrong) == (200, 403)
    assert status_of(lambda: lens.get("k", RequestPayer="requester")) == 200
    assert status_of(lambda: lens.get("k", VersionId="null")) == 200
    assert status_of(lambda: lens.get("k", VersionId="no-such-version")) in {400, 404}


def test_10_customer_keys_are_refused(lens) -> None:
    lens.put("k")
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "0" * 32}
    for operation in (lens.s3.get_object, lens.s3.head_object):
        assert status_of(lambda operation=operation: operation(Bucket=lens.arn, Key="k", **key)) == 400


def test_11_a_head_equals_the_buckets(lens) -> None:
    lens.put("k", b"abc", ContentType="text/x", ContentLanguage="en", Metadata={"a": "b"}, ContentDisposition="inline")
    direct, through = (lens.s3.head_object(Bucket=bucket, Key="k") for bucket in (lens.bucket, lens.arn))
    direct.pop("ResponseMetadata")
    through.pop("ResponseMetadata")
    assert through == direct


LISTS = [
    {},
    {"MaxKeys": 0},
    {"MaxKeys": 1},
    {"Delimiter": "/"},
    {"Prefix": "dir/"},
    {"Prefix": "none"},
    {"EncodingType": "url"},
]


@pytest.mark.parametrize("empty", [True, False], ids=["empty", "full"])
def test_12_lists_equal_the_buckets(lens, empty) -> None:
    if not empty:
        for key in KEYS:
            lens.put(key)
    cases = [("list_objects", arguments) for arguments in [*LISTS, {"Marker": "dir/b"}]]
    cases += [
        ("list_objects_v2", arguments)
        for arguments in [*LISTS, {"StartAfter": "dir/b"}, {"FetchOwner": True}, {"FetchOwner": False}]
    ]
    for operation, arguments in cases:
        direct, through = (getattr(lens.s3, operation)(Bucket=one, **arguments) for one in (lens.bucket, lens.arn))
        direct.pop("ResponseMetadata")
        through.pop("ResponseMetadata")
        for answer in (direct, through):
            # A token is opaque and may differ from one answer to the next.
            answer.pop("NextContinuationToken", None)
        assert through == direct, (operation, arguments)
        assert through["Name"] == lens.bucket


def test_13_an_unknown_encoding_type_is_400(lens) -> None:
    for operation in (lens.s3.list_objects, lens.s3.list_objects_v2):
        assert status_of(lambda operation=operation: operation(Bucket=lens.arn, EncodingType="base64")) == 400
