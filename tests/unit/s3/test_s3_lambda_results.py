"""Return values of HEAD and LIST functions, in the forms that handlers return."""

import json
from datetime import UTC, datetime

import pytest
from botocore.parsers import RestXMLParser
from botocore.session import get_session

from objectlens.errors import LambdaInvalidResponse
from objectlens.s3.lambda_results import parse_head, parse_list

MODEL = get_session().get_service_model("s3")


def head(**members):
    return parse_head(json.dumps(members).encode())


def listing(version=2, **members):
    return parse_list(json.dumps({"statusCode": 200, "listBucketResult": members}).encode(), version)


def parsed(result, operation):
    response = {"status_code": result.status, "headers": {}, "body": result.xml}
    answer = RestXMLParser().parse(response, MODEL.operation_model(operation).output_shape)
    answer.pop("ResponseMetadata")
    return answer


def test_head_as_documented():
    result = head(
        statusCode=200,
        headers={"Content-Length": 1234, "Content-Type": "image/jpeg", "ETag": '"e"', "x-amz-meta-width": "224"},
    )
    assert result.status == 200
    assert result.headers == (
        ("Content-Length", "1234"),
        ("Content-Type", "image/jpeg"),
        ("ETag", '"e"'),
        ("x-amz-meta-width", "224"),
    )


@pytest.mark.parametrize(
    "name", ["x-amz-meta-a: b\r\nSet-Cookie", "x-amz-meta-a b", "x-amz-meta-\u00e9", "x-amz-meta-a:"]
)
def test_a_name_that_could_end_its_header_is_refused(name):
    with pytest.raises(LambdaInvalidResponse, match="no name of a header"):
        head(statusCode=200, headers={"Content-Length": 1, name: "c"})


def test_head_with_the_whole_header_map_of_an_s3_answer():
    result = head(
        statusCode="200",
        headers={
            "x-amz-id-2": "id", "x-amz-request-id": "id", "Date": "now", "Server": "AmazonS3", "Connection": "close",
            "last-modified": "Tue, 02 Jan 2024 03:04:05 GMT", "content-length": "5", "content-type": "",
            "X-Amz-Tagging-Count": 2, "x-amz-delete-marker": False, "x-amz-missing-meta": 1.0, "expires": None,
        },
        body="", extra={"any": "thing"},
    )  # fmt: skip
    assert result.headers == (
        ("Last-Modified", "Tue, 02 Jan 2024 03:04:05 GMT"),
        ("Content-Length", "5"),
        ("x-amz-tagging-count", "2"),
        ("x-amz-delete-marker", "false"),
        ("x-amz-missing-meta", "1"),
    )


@pytest.mark.parametrize(
    ("members", "status", "code", "message"),
    [
        ({"statusCode": 404, "errorCode": "NoSuchKey", "errorMessage": "gone"}, 404, "NoSuchKey", "gone"),
        ({"statusCode": 404}, 404, "NoSuchKey", None),
        ({"statusCode": 403, "errorMessage": "no", "headers": {}}, 403, "AccessDenied", "no"),
        ({"errorMessage": "broken"}, 500, "InternalError", "broken"),
        ({"statusCode": 304, "headers": {"ETag": '"e"'}}, 304, None, None),
    ],
)
def test_head_without_success(members, status, code, message):
    result = head(**members)
    assert (result.status, result.error_code, result.error_message) == (status, code, message)


@pytest.mark.parametrize(
    ("payload", "member"),
    [
        (b"", "not JSON"),
        (b"null", "JSON object"),
        (b"[]", "JSON object"),
        (b'"text"', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff", "not JSON"),
        (b"{}", "statusCode is required"),
        (b'{"statusCode": "OK"}', "statusCode must be a whole number"),
        (b'{"statusCode": true}', "statusCode must be a whole number"),
        (b'{"statusCode": 99}', "statusCode must be a status"),
        (b'{"statusCode": 200}', "headers.Content-Length is required"),
        (b'{"statusCode": 200, "headers": []}', "headers must be an object"),
        (
            b'{"statusCode": 200, "headers": {"Content-Length": "many"}}',
            "headers.Content-Length must be a whole number",
        ),
        (b'{"statusCode": 200, "headers": {"Content-Length": -1}}', "headers.Content-Length must be a whole number"),
        (b'{"statusCode": 200, "headers": {"Content-Length": 1, "ETag": {}}}', "headers.ETag must be a string"),
        (b'{"statusCode": 200, "headers": {"Content-Length": 1, "ETag": "a\\r\\nb: c"}}', "headers.ETag must not hold"),
    ],
)
def test_head_that_cannot_be_read(payload, member):
    with pytest.raises(LambdaInvalidResponse) as caught:
        parse_head(payload)
    assert member in caught.value.message


def test_a_list_as_xml_is_forwarded_to_the_letter():
    xml = '<?xml version="1.0"?><ListBucketResult><Name>é</Name></ListBucketResult>'
    assert parse_list(json.dumps({"statusCode": 200, "listResultXml": xml}).encode(), 2).xml == xml.encode()
    error = "<Error><Code>X</Code></Error>"
    result = parse_list(json.dumps({"statusCode": 400, "listResultXml": error}).encode(), 1)
    assert (result.status, result.xml, result.error_code) == (400, error.encode(), None)


def test_a_list_as_json_version_2():
    result = listing(
        name="pics", prefix="p", startAfter="a", continuationToken="t", nextContinuationToken="n", keyCount=2,
        maxKeys=1000, delimiter="/", encodingType="url", isTruncated=True,
        contents=[
            {"key": "a%20b", "lastModified": "2024-01-02T03:04:05.000Z", "eTag": '"e"', "checksumAlgorithm": "CRC32",
             "size": 3, "owner": {"displayName": "me", "id": "1"}, "storageClass": "STANDARD"},
        ],
        commonPrefixes=[{"prefix": "x/"}],
    )  # fmt: skip
    assert parsed(result, "ListObjectsV2") == {
        "Name": "pics",
        "Prefix": "p",
        "StartAfter": "a",
        "ContinuationToken": "t",
        "NextContinuationToken": "n",
        "KeyCount": 2,
        "MaxKeys": 1000,
        "Delimiter": "/",
        "EncodingType": "url",
        "IsTruncated": True,
        "Contents": [
            {
                "Key": "a%20b",  # not encoded twice
                "LastModified": datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
                "ETag": '"e"',
                "ChecksumAlgorithm": ["CRC32"],
                "Size": 3,
                "Owner": {"DisplayName": "me", "ID": "1"},
                "StorageClass": "STANDARD",
            }
        ],
        "CommonPrefixes": [{"Prefix": "x/"}],
    }


def test_a_list_as_json_version_1_as_the_python_sample_makes_it():
    """The sample lower-cases the first letter of xmltodict's keys: strings, one object for a list, `@xmlns`, `iD`."""
    result = listing(
        1, **{"@xmlns": "http://s3.amazonaws.com/doc/2006-03-01/"}, name="pics", prefix=None, marker=None,
        nextMarker="n", maxKeys="1000", isTruncated="false",
        contents={"key": "k", "lastModified": "2024-01-02T03:04:05.000Z", "eTag": '"e"', "size": "3",
                  "owner": {"iD": "1", "displayName": "me"}, "storageClass": "STANDARD"},
        commonPrefixes={"prefix": "x/"},
    )  # fmt: skip
    answer = parsed(result, "ListObjects")
    assert answer["IsTruncated"] is False
    assert (answer["Marker"], answer["NextMarker"], answer["MaxKeys"]) == ("", "n", 1000)
    assert [(one["Key"], one["Size"], one["Owner"]["ID"]) for one in answer["Contents"]] == [("k", 3, "1")]
    assert answer["CommonPrefixes"] == [{"Prefix": "x/"}]
    assert "KeyCount" not in answer


def test_a_list_may_be_empty():
    result = listing(name="pics", keyCount=0, maxKeys=0, isTruncated=False, contents="")
    assert parsed(result, "ListObjectsV2")["KeyCount"] == 0


@pytest.mark.parametrize(
    ("members", "status", "code", "message"),
    [
        ({"statusCode": 403, "errorCode": "AccessDenied", "errorMessage": "no"}, 403, "AccessDenied", "no"),
        ({"statusCode": 404}, 404, "NoSuchKey", None),
        ({"errorMessage": "broken"}, 500, "InternalError", "broken"),
    ],
)
def test_lists_that_failed(members, status, code, message):
    result = parse_list(json.dumps(members).encode(), 2)
    assert (result.status, result.xml, result.error_code, result.error_message) == (status, b"", code, message)


GOOD = {"name": "pics", "keyCount": 1, "maxKeys": 1, "isTruncated": False, "contents": [{"key": "k", "size": 1}]}


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"name": None}, "listBucketResult.name is required"),
        ({"name": 5}, "listBucketResult.name must be a string"),
        ({"keyCount": None}, "listBucketResult.keyCount is required"),
        ({"maxKeys": "x"}, "listBucketResult.maxKeys must be a whole number"),
        ({"isTruncated": "perhaps"}, "listBucketResult.isTruncated must be a boolean"),
        ({"contents": [{"size": 1}]}, "listBucketResult.contents[0].key is required"),
        ({"contents": [{"key": "k", "size": 1}, 7]}, "listBucketResult.contents[1] must be an object"),
        ({"contents": [{"key": "k"}]}, "listBucketResult.contents[0].size is required"),
        ({"contents": [{"key": "k", "size": 1, "lastModified": "x"}]}, "contents[0].lastModified must be a date"),
        ({"contents": [{"key": "k", "size": 1, "owner": {}}]}, "contents[0].owner.id is required"),
        ({"commonPrefixes": [{}]}, "listBucketResult.commonPrefixes[0].prefix is required"),
    ],
)
def test_lists_that_cannot_be_read(change, member):
    listing(**GOOD)
    with pytest.raises(LambdaInvalidResponse) as caught:
        listing(**GOOD | change)
    assert member in caught.value.message


def test_a_list_is_xml_or_json_but_not_both():
    with pytest.raises(LambdaInvalidResponse, match="must not be set together"):
        parse_list(json.dumps({"statusCode": 200, "listResultXml": "<a/>", "listBucketResult": GOOD}).encode(), 2)
    with pytest.raises(LambdaInvalidResponse, match="listResultXml or listBucketResult is required"):
        parse_list(b'{"statusCode": 200}', 2)
