"""What `match` makes of requests that no SDK builds."""

import pytest

from objectlens.errors import AccessForbidden, InvalidArgument, MethodNotAllowed
from objectlens.http import Headers, HttpRequest
from objectlens.s3 import operations
from objectlens.s3.address import Address

SERVICE, BUCKET, OBJECT = Address("service"), Address("bucket", "pics"), Address("object", "pics", "k")


def match(method, address, query="", path="/pics/k", **headers):
    items = Headers((name.replace("_", "-"), value) for name, value in headers.items())
    return operations.match(HttpRequest(method=method, path=path, query=query, headers=items), address)


@pytest.mark.parametrize(
    ("method", "address", "query", "name"),
    [
        ("GET", SERVICE, "x-id=ListBuckets", "ListBuckets"),
        ("GET", BUCKET, "", "ListObjects"),
        ("GET", BUCKET, "list-type=2&prefix=&delimiter=%2F&encoding-type=url", "ListObjectsV2"),
        ("GET", BUCKET, "list-type=1", "ListObjects"),
        ("GET", BUCKET, "max-keys=0&marker=x&width=10", "ListObjects"),
        ("GET", OBJECT, "x-id=GetObject", "GetObject"),
        ("GET", OBJECT, "width=100&height=20&location=paris&policy=strict&versions=2", "GetObject"),
        ("GET", OBJECT, "partNumber=1", "GetObject"),
        ("GET", OBJECT, "select=a,b&encryption=none&restore=1&uploads", "GetObject"),
        ("HEAD", OBJECT, "partNumber=1", "HeadObject"),
        ("HEAD", OBJECT, "tagging&acl", "HeadObject"),
        ("GET", OBJECT, "tagging=", "GetObjectTagging"),
        ("GET", OBJECT, "uploadId=u&max-parts=1", "ListParts"),
        ("PUT", OBJECT, "partNumber=1&uploadId=u", "UploadPart"),
        ("DELETE", OBJECT, "versionId=null", "DeleteObject"),
        ("GET", BUCKET, "analytics&id=", "GetBucketAnalyticsConfiguration"),
    ],
)
def test_matches(method, address, query, name):
    assert match(method, address, query).name == name


def test_a_copy_is_told_by_its_header():
    assert match("PUT", OBJECT, x_amz_copy_source="a/b").name == "CopyObject"
    assert match("PUT", OBJECT, "partNumber=1&uploadId=u", x_amz_copy_source="a/b").name == "UploadPartCopy"


@pytest.mark.parametrize(
    ("method", "address", "query"),
    [
        ("PATCH", OBJECT, ""),
        ("POST", OBJECT, ""),
        ("POST", SERVICE, ""),
        ("HEAD", SERVICE, ""),
        ("PUT", BUCKET, "location"),
        ("DELETE", OBJECT, "acl"),
        ("PUT", OBJECT, "torrent"),
        ("get", OBJECT, ""),
    ],
)
def test_a_method_that_the_resource_does_not_have(method, address, query):
    with pytest.raises(MethodNotAllowed):
        match(method, address, query)


@pytest.mark.parametrize("query", ["acl&tagging", "uploadId=u&retention", "tagging&tagging&torrent"])
def test_two_subresources_contradict_each_other(query):
    with pytest.raises(InvalidArgument, match="Conflicting query string parameters"):
        match("GET", OBJECT, query)


@pytest.mark.parametrize("query", ["partNumber=1", "uploadId=u"])
def test_half_a_part_is_not_written_as_a_whole_object(query):
    with pytest.raises(InvalidArgument):
        match("PUT", OBJECT, query)


def test_preflight_is_forbidden_as_on_a_bucket_without_cors():
    with pytest.raises(AccessForbidden):
        match("OPTIONS", OBJECT)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/WriteGetObjectResponse", {}),
        ("/WriteGetObjectResponse", {"x_amz_request_token": "t"}),
        ("/base/path/WriteGetObjectResponse", {"x_amz_request_token": "t"}),
    ],
)
@pytest.mark.parametrize("address", [BUCKET, OBJECT])
def test_a_reply_is_told_on_any_host(path, headers, address):
    operation = match("POST", address, "x-id=WriteGetObjectResponse", path, **headers)
    assert operation == operations.WRITE_GET_OBJECT_RESPONSE
    assert operation.action == "s3-object-lambda:WriteGetObjectResponse"


def test_an_object_of_that_name_is_an_object():
    assert match("GET", OBJECT, path="/pics/WriteGetObjectResponse").name == "GetObject"
    assert match("POST", OBJECT, "uploads", path="/pics/WriteGetObjectResponse").name == "CreateMultipartUpload"


@pytest.mark.parametrize(
    ("query", "method", "action", "on_object_lambda"),
    [
        ("", "GET", "s3:GetObject", "s3-object-lambda:GetObject"),
        ("versionId=x", "GET", "s3:GetObjectVersion", "s3-object-lambda:GetObjectVersion"),
        ("versionId=x", "HEAD", "s3:GetObjectVersion", "s3-object-lambda:GetObjectVersion"),
        ("tagging&versionId=x", "PUT", "s3:PutObjectVersionTagging", "s3-object-lambda:PutObjectVersionTagging"),
        ("uploadId=u", "GET", "s3:ListMultipartUploadParts", "s3-object-lambda:ListMultipartUploadParts"),
        ("uploadId=u&versionId=x", "GET", "s3:ListMultipartUploadParts", "s3-object-lambda:ListMultipartUploadParts"),
    ],
)
def test_actions(query, method, action, on_object_lambda):
    operation = match(method, OBJECT, query)
    assert operation.action == action
    assert operations.object_lambda_action(operation) == on_object_lambda


def test_extra_actions():
    def extra(method, query="", **headers):
        items = Headers((name.replace("_", "-"), value) for name, value in headers.items())
        http = HttpRequest(method=method, path="/pics/k", query=query, headers=items)
        return operations.extra_actions(operations.match(http, OBJECT), http)

    assert extra("GET") == ()
    assert extra("GET", "attributes") == ("s3:GetObject",)
    assert extra("GET", "attributes&versionId=x") == ("s3:GetObjectVersion",)
    assert extra("PUT") == ()
    assert extra("PUT", x_amz_tagging="a=b") == ("s3:PutObjectTagging",)
    assert extra("GET", x_amz_tagging="a=b") == ()


def test_what_a_new_bucket_with_acls_needs():
    def extra(**headers):
        items = Headers((name.replace("_", "-"), value) for name, value in headers.items())
        return operations.extra_actions(
            operations.OPERATIONS["CreateBucket"], HttpRequest(method="PUT", path="/pics", query="", headers=items)
        )

    assert extra() == extra(x_amz_acl="private") == extra(x_amz_acl="bucket-owner-full-control") == ()
    assert extra(x_amz_object_ownership="ObjectWriter") == ("s3:PutBucketOwnershipControls",)
    assert extra(x_amz_acl="public-read") == (
        "s3:PutBucketOwnershipControls",
        "s3:PutBucketAcl",
        "s3:PutBucketPublicAccessBlock",
    )
