"""HEAD and LIST functions: what they are told, and the forms in which they may answer (reference section 10)."""

import json

import pytest
import requests
from botocore.exceptions import ClientError

ALL = ("GetObject", "HeadObject", "ListObjects", "ListObjectsV2")


HANDLER = """
import json, boto3, requests
def lambda_handler(event, context):
    if "headObjectContext" in event:
        return head(event, event["headObjectContext"])
    if "listObjectsContext" in event:
        return listing(event, event["listObjectsContext"])
    if "listObjectsV2Context" in event:
        return listing(event, event["listObjectsV2Context"])
    c = event["getObjectContext"]
    boto3.client("s3").write_get_object_response(
        RequestRoute=c["outputRoute"], RequestToken=c["outputToken"], Body=requests.get(c["inputS3Url"]).content)
def head(event, context):
    {head}
def listing(event, context):
    {listing}
"""


def source(head: str = "return {'statusCode': 500}", listing: str = "return {'statusCode': 500}") -> str:
    return HANDLER.format(head=head.replace("\n", "\n    "), listing=listing.replace("\n", "\n    "))


WHOLE_HEAD = """
answer = requests.head(context["inputS3Url"])
return {"statusCode": answer.status_code, "headers": dict(answer.headers)}
"""
WHOLE_XML = """
answer = requests.get(context["inputS3Url"])
return {"statusCode": answer.status_code, "listResultXml": answer.text}
"""


def test_head_hands_on_the_whole_header_map_of_s3(make_lens) -> None:
    lens = make_lens(source(head=WHOLE_HEAD), actions=ALL)
    lens.put("k", b"x" * 123, ContentType="text/x", Metadata={"a": "b"}, CacheControl="no-store")
    direct, through = (lens.s3.head_object(Bucket=bucket, Key="k") for bucket in (lens.bucket, lens.arn))
    for answer in (direct, through):
        for name in ("date", "x-amz-request-id", "x-amz-id-2"):
            answer["ResponseMetadata"]["HTTPHeaders"].pop(name)
        answer.pop("ResponseMetadata")
    assert through == direct
    with pytest.raises(ClientError) as caught:
        lens.s3.head_object(Bucket=lens.arn, Key="missing")
    assert caught.value.response["Error"]["Code"] == "404"


def test_the_event_of_a_head(make_lens) -> None:
    head = "return {'statusCode': 200, 'headers': {'Content-Length': 1, 'x-amz-meta-event': json.dumps(event)[:2900]}}"
    lens = make_lens(source(head=head), actions=ALL, payload="p")
    event = json.loads(lens.s3.head_object(Bucket=lens.arn, Key="a b")["Metadata"]["event"])
    assert list(event["headObjectContext"]) == ["inputS3Url"]
    assert event["userRequest"]["url"].endswith("/a b")
    assert event["configuration"]["payload"] == "p"


@pytest.mark.parametrize(
    ("returned", "status", "length"),
    [
        ('{"statusCode": 200, "headers": {"Content-Length": 7}}', 200, 7),
        ('{"statusCode": 200, "headers": {"content-length": "7", "Connection": "keep-alive"}}', 200, 7),
        ('{"statusCode": "200", "headers": {"CONTENT-LENGTH": "7", "Content-Type": ""}}', 200, 7),
        ('{"statusCode": 200, "headers": {"Content-Length": 12345678901, "ETag": "\\"x\\""}}', 200, 12345678901),
    ],
)
def test_heads_in_tolerant_forms(make_lens, returned, status, length) -> None:
    lens = make_lens(source(head=f"return json.loads('''{returned}''')".replace('\\"', '\\\\"')), actions=ALL)
    answer = lens.s3.head_object(Bucket=lens.arn, Key="k")
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["ContentLength"]) == (status, length)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("return {'statusCode': 404, 'errorCode': 'NoSuchKey', 'errorMessage': 'no'}", 404),
        ("return {'statusCode': 403, 'errorMessage': 'no', 'ETag': 'x'}", 403),
        ("return {'statusCode': 304, 'headers': {'ETag': '\"x\"'}}", 304),
        ("return {'statusCode': 200, 'headers': {}}", 400),
        ("return {'headers': {'Content-Length': 1}}", 400),
        ("return 'nonsense'", 400),
        ("return None", 400),
        ("raise ValueError('no')", 500),
    ],
)
def test_heads_that_are_errors(make_lens, head, status) -> None:
    lens = make_lens(source(head=head), actions=ALL)
    with pytest.raises(ClientError) as caught:
        lens.s3.head_object(Bucket=lens.arn, Key="k")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"Prefix": "d/"},
        {"Delimiter": "/"},
        {"MaxKeys": 0},
        {"MaxKeys": 1},
        {"EncodingType": "url"},
        {"Prefix": "ü &+"},
    ],
)
def test_xml_is_handed_on_to_the_letter(make_lens, operation, arguments) -> None:
    lens = make_lens(source(listing=WHOLE_XML), actions=ALL)
    for key in ("a", "d/b", "d/c", "ü &+<x>"):
        lens.put(key, b"abc")
    direct, through = (getattr(lens.s3, operation)(Bucket=bucket, **arguments) for bucket in (lens.bucket, lens.arn))
    direct.pop("ResponseMetadata")
    through.pop("ResponseMetadata")
    assert through == direct


@pytest.mark.parametrize("arguments", [{"FetchOwner": True}, {"FetchOwner": False}, {"StartAfter": "a"}])
def test_arguments_of_version_2_reach_the_source(make_lens, arguments) -> None:
    lens = make_lens(source(listing=WHOLE_XML), actions=ALL)
    for key in ("a", "b"):
        lens.put(key)
    direct, through = (lens.s3.list_objects_v2(Bucket=bucket, **arguments) for bucket in (lens.bucket, lens.arn))
    direct.pop("ResponseMetadata")
    through.pop("ResponseMetadata")
    assert through == direct


def test_pages_continue_through_the_function(make_lens) -> None:
    lens = make_lens(source(listing=WHOLE_XML), actions=ALL)
    keys = [f"k{number:02}" for number in range(7)]
    for key in keys:
        lens.put(key)
    for operation in ("list_objects", "list_objects_v2"):
        pages = lens.s3.get_paginator(operation).paginate(Bucket=lens.arn, PaginationConfig={"PageSize": 2})
        assert [entry["Key"] for page in pages for entry in page["Contents"]] == keys


def test_the_event_of_a_list_carries_the_callers_query(make_lens) -> None:
    listing = """
return {"statusCode": 200, "listBucketResult": {"name": json.dumps(event), "maxKeys": 1, "keyCount": 0,
        "isTruncated": False}}
"""
    lens = make_lens(source(listing=listing), actions=ALL)
    event = json.loads(lens.s3.list_objects_v2(Bucket=lens.arn, Prefix="a/b c", MaxKeys=5)["Name"])
    url = event["listObjectsV2Context"]["inputS3Url"]
    assert "/?list-type=2&" in url
    assert "prefix=a%2Fb%20c" in url
    assert "max-keys=5" in url
    event = json.loads(lens.s3.list_objects(Bucket=lens.arn, Prefix="p")["Name"])
    assert "list-type" not in event["listObjectsContext"]["inputS3Url"]


def test_a_listing_as_json(make_lens) -> None:
    listing = """
return {"statusCode": 200, "listBucketResult": {"name": "pics", "prefix": "p/", "maxKeys": "10", "keyCount": "2",
    "isTruncated": "true", "nextContinuationToken": "t", "nextMarker": "m", "delimiter": "/", "@xmlns": "http://x/",
    "contents": {"key": "p/a & b", "size": "3", "eTag": '"e"', "lastModified": "2024-01-02T03:04:05.000Z",
        "storageClass": "STANDARD", "owner": {"displayName": "d", "id": "i"}, "unknown": 1},
    "commonPrefixes": [{"prefix": "p/x/"}]}}
"""
    lens = make_lens(source(listing=listing), actions=ALL)
    answer = lens.s3.list_objects_v2(Bucket=lens.arn)
    assert (answer["Name"], answer["Prefix"], answer["MaxKeys"], answer["KeyCount"]) == ("pics", "p/", 10, 2)
    assert (answer["IsTruncated"], answer["NextContinuationToken"]) == (True, "t")
    [entry] = answer["Contents"]
    assert (entry["Key"], entry["Size"], entry["ETag"], entry["StorageClass"]) == ("p/a & b", 3, '"e"', "STANDARD")
    assert entry["Owner"] == {"DisplayName": "d", "ID": "i"}
    assert answer["CommonPrefixes"] == [{"Prefix": "p/x/"}]
    first = lens.s3.list_objects(Bucket=lens.arn)
    assert first["NextMarker"] == "m"
    assert [one["Key"] for one in first["Contents"]] == ["p/a & b"]


@pytest.mark.parametrize(
    ("listing", "status", "code"),
    [
        ("return {'statusCode': 404, 'errorCode': 'NoSuchBucket', 'errorMessage': 'gone'}", 404, "NoSuchBucket"),
        ("return {'statusCode': 403, 'errorMessage': 'only a message'}", 403, "AccessDenied"),
        ("return {'statusCode': 404, 'listResultXml': '<Error><Code>Mine</Code><Message>m</Message></Error>'}", 404,
         "Mine"),
        ("return {'statusCode': 200, 'listBucketResult': {'name': 'x', 'maxKeys': 'many'}}", 400,
         "LambdaInvalidResponse"),
        ("return {'statusCode': 200, 'listResultXml': '<a/>', 'listBucketResult': {}}", 400, "LambdaInvalidResponse"),
        ("return {'statusCode': 200}", 400, "LambdaInvalidResponse"),
        ("raise ValueError('no')", 500, "LambdaRuntimeError"),
    ],
)  # fmt: skip
def test_listings_that_are_errors(make_lens, listing, status, code) -> None:
    lens = make_lens(source(listing=listing), actions=ALL)
    with pytest.raises(ClientError) as caught:
        lens.s3.list_objects_v2(Bucket=lens.arn)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert caught.value.response["Error"]["Code"] == code


def test_an_unknown_encoding_type_is_refused_by_the_source(make_lens) -> None:
    lens = make_lens(source(listing=WHOLE_XML), actions=ALL)
    url = lens.server.client("s3", signature_version="s3v4").generate_presigned_url(
        "list_objects_v2", Params={"Bucket": lens.arn, "EncodingType": "base64"}
    )
    answer = requests.get(url, proxies={"http": lens.server.url}, timeout=20)
    assert answer.status_code == 400


@pytest.mark.parametrize("arguments", [{"Range": "bytes=0-1"}, {"PartNumber": 1}])
def test_ranged_heads_need_their_feature(make_lens, arguments) -> None:
    head = "return {'statusCode': 206, 'headers': {'Content-Length': 2, 'Content-Range': 'bytes 0-1/9'}}"
    lens = make_lens(source(head=head), actions=ALL)
    with pytest.raises(ClientError) as caught:
        lens.s3.head_object(Bucket=lens.arn, Key="k", **arguments)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    allowed = make_lens(source(head=head), actions=ALL, features=("HeadObject-Range", "HeadObject-PartNumber"))
    assert allowed.s3.head_object(Bucket=allowed.arn, Key="k", **arguments)["ContentLength"] == 2


def test_each_action_may_have_its_own_function_and_payload(make_lens, server) -> None:
    lens = make_lens(source(head="return {'statusCode': 200, 'headers': {'Content-Length': 1}}"), payload="get")
    other = make_lens(
        source(
            head="return {'statusCode': 200, 'headers': {'Content-Length': 2, 'x-amz-meta-p': "
            "event['configuration']['payload']}}"
        )
    )
    control = server.client("s3control")
    configuration = control.get_access_point_configuration_for_object_lambda(AccountId=server.account, Name=lens.name)[
        "Configuration"
    ]
    configuration["TransformationConfigurations"].append(
        {
            "Actions": ["HeadObject"],
            "ContentTransformation": {"AwsLambda": {"FunctionArn": other.function_arn, "FunctionPayload": "head"}},
        }
    )
    control.put_access_point_configuration_for_object_lambda(
        AccountId=server.account, Name=lens.name, Configuration=configuration
    )
    lens.put("k", b"whole")
    answer = lens.s3.head_object(Bucket=lens.arn, Key="k")
    assert (answer["ContentLength"], answer["Metadata"]) == (2, {"p": "head"})
    assert lens.read("k") == b"whole"
