"""Which operations an Object Lambda access point transforms, proxies and refuses (reference section 4)."""

import uuid
from contextlib import contextmanager

import pytest
from botocore.exceptions import ClientError

from support.live import Lens, LiveServer, make_lens_on
from support.wire import Answer, Wire

TELLS = """
import boto3
def lambda_handler(event, context):
    if "getObjectContext" in event:
        c = event["getObjectContext"]
        boto3.client("s3").write_get_object_response(
            RequestRoute=c["outputRoute"], RequestToken=c["outputToken"], Body=b"from the function")
    elif "headObjectContext" in event:
        return {"statusCode": 200, "headers": {"Content-Length": 17, "x-amz-meta-from": "function"}}
    else:
        return {"statusCode": 200, "listResultXml": "<ListBucketResult><Name>function</Name></ListBucketResult>"}
"""
ALL = ("GetObject", "HeadObject", "ListObjects", "ListObjectsV2")


@pytest.fixture(scope="module")
def lens(server: LiveServer) -> Lens:
    """All four actions are transformed."""
    made = make_lens_on(server, TELLS, actions=ALL)
    made.put("k", b"the original", ContentType="text/plain", Tagging="a=1")
    return made


@pytest.fixture(scope="module")
def alias(lens: Lens) -> str:
    control = lens.server.client("s3control")
    return control.get_access_point_for_object_lambda(AccountId=lens.server.account, Name=lens.name)["Alias"]["Value"]


@pytest.fixture(params=["lens-arn", "lens-alias", "access-point"])
def target(request, lens, alias) -> str:
    return {"lens-arn": lens.arn, "lens-alias": alias, "access-point": lens.access_point_arn}[request.param]


@contextmanager
def refused(status: int, code: str):
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response
    assert (error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]) == (status, code)


def test_objects_are_written_copied_tagged_and_deleted(lens, target) -> None:
    """Section 4.2."""
    s3, key = lens.s3, uuid.uuid4().hex
    etag = s3.put_object(Bucket=target, Key=key, Body=b"new", Metadata={"m": "1"}, ContentType="text/x")["ETag"]
    raw = s3.get_object(Bucket=lens.bucket, Key=key)
    assert (raw["Body"].read(), raw["ETag"], raw["Metadata"], raw["ContentType"]) == (
        b"new",
        etag,
        {"m": "1"},
        "text/x",
    )
    s3.put_object_tagging(Bucket=target, Key=key, Tagging={"TagSet": [{"Key": "t", "Value": "v"}]})
    assert s3.get_object_tagging(Bucket=target, Key=key)["TagSet"] == [{"Key": "t", "Value": "v"}]
    s3.delete_object_tagging(Bucket=target, Key=key)
    assert s3.get_object_tagging(Bucket=lens.bucket, Key=key)["TagSet"] == []
    attributes = s3.get_object_attributes(Bucket=target, Key=key, ObjectAttributes=["ETag", "ObjectSize"])
    assert (attributes["ETag"], attributes["ObjectSize"]) == (etag.strip('"'), 3)
    s3.copy_object(Bucket=target, Key=f"{key}-copy", CopySource={"Bucket": lens.bucket, "Key": key})
    assert s3.get_object(Bucket=lens.bucket, Key=f"{key}-copy")["Body"].read() == b"new"
    assert s3.get_object_acl(Bucket=target, Key=key)["Grants"]
    s3.delete_object(Bucket=target, Key=key)
    gone = s3.delete_objects(Bucket=target, Delete={"Objects": [{"Key": f"{key}-copy"}, {"Key": "not-there"}]})
    assert {one["Key"] for one in gone["Deleted"]} == {f"{key}-copy", "not-there"}
    with refused(404, "NoSuchKey"):
        s3.get_object(Bucket=lens.bucket, Key=key)


def test_multipart_uploads(lens, target) -> None:
    """Section 4.2."""
    s3, key = lens.s3, uuid.uuid4().hex
    upload = s3.create_multipart_upload(Bucket=target, Key=key)["UploadId"]
    one = s3.upload_part(Bucket=target, Key=key, UploadId=upload, PartNumber=1, Body=b"x" * 5 * 1024 * 1024)
    two = s3.upload_part_copy(
        Bucket=target, Key=key, UploadId=upload, PartNumber=2, CopySource={"Bucket": lens.bucket, "Key": "k"}
    )
    assert [part["PartNumber"] for part in s3.list_parts(Bucket=target, Key=key, UploadId=upload)["Parts"]] == [1, 2]
    assert upload in {found["UploadId"] for found in s3.list_multipart_uploads(Bucket=target)["Uploads"]}
    s3.complete_multipart_upload(
        Bucket=target,
        Key=key,
        UploadId=upload,
        MultipartUpload={
            "Parts": [
                {"PartNumber": 1, "ETag": one["ETag"]},
                {"PartNumber": 2, "ETag": two["CopyPartResult"]["ETag"]},
            ]
        },
    )
    assert s3.head_object(Bucket=lens.bucket, Key=key)["ContentLength"] == 5 * 1024 * 1024 + 12
    other = s3.create_multipart_upload(Bucket=target, Key=key)["UploadId"]
    s3.abort_multipart_upload(Bucket=target, Key=key, UploadId=other)
    with refused(404, "NoSuchUpload"):
        s3.list_parts(Bucket=target, Key=key, UploadId=other)
    s3.delete_object(Bucket=lens.bucket, Key=key)


def test_the_bucket_behind_is_described(lens, target, alias) -> None:
    """Section 4.2: HeadBucket tells region and whether an alias was used."""
    headers = lens.s3.head_bucket(Bucket=target)["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-bucket-region"] == lens.server.region
    assert headers["x-amz-access-point-alias"] == ("true" if target == alias else "false")
    assert lens.s3.get_bucket_acl(Bucket=target)["Owner"]["ID"]
    if target == alias:
        assert lens.s3.get_bucket_location(Bucket=target)["LocationConstraint"] == lens.server.region
    with refused(404, "NoSuchCORSConfiguration"):
        lens.s3.get_bucket_cors(Bucket=target)
    with refused(404, "NoSuchBucketPolicy"):
        lens.s3.get_bucket_policy(Bucket=target)


def test_an_access_point_is_a_source_of_copies_and_a_lens_is_not(lens, alias) -> None:
    """Sections 2.5, 4.1 and 4.2."""
    s3 = lens.s3
    for source in (f"{lens.access_point_arn}/object/k", {"Bucket": lens.access_point_arn, "Key": "k"}):
        s3.copy_object(Bucket=lens.bucket, Key="copied", CopySource=source)
        assert s3.get_object(Bucket=lens.bucket, Key="copied")["Body"].read() == b"the original"
    upload = s3.create_multipart_upload(Bucket=lens.bucket, Key="m")["UploadId"]
    for source in (f"{lens.arn}/object/k", {"Bucket": alias, "Key": "k"}):
        with refused(400, "InvalidRequest"):
            s3.copy_object(Bucket=lens.bucket, Key="copied", CopySource=source)
        with refused(400, "InvalidRequest"):
            s3.upload_part_copy(Bucket=lens.bucket, Key="m", UploadId=upload, PartNumber=1, CopySource=source)
    s3.abort_multipart_upload(Bucket=lens.bucket, Key="m", UploadId=upload)
    s3.delete_object(Bucket=lens.bucket, Key="copied")


def test_what_access_points_do_not_have_is_refused_by_name(lens, target) -> None:
    """Section 4.1: 405, as for every method that a resource does not have."""
    s3 = lens.s3
    calls = [
        lambda: s3.put_bucket_policy(Bucket=target, Policy="{}"),
        lambda: s3.delete_bucket(Bucket=target),
        lambda: s3.get_bucket_versioning(Bucket=target),
        lambda: s3.get_bucket_tagging(Bucket=target),
        lambda: s3.put_bucket_acl(Bucket=target, ACL="private"),
        lambda: s3.get_bucket_lifecycle_configuration(Bucket=target),
        lambda: s3.get_object_torrent(Bucket=target, Key="k"),
        lambda: s3.select_object_content(
            Bucket=target,
            Key="k",
            ExpressionType="SQL",
            Expression="select 1",
            InputSerialization={"CSV": {}},
            OutputSerialization={"CSV": {}},
        ),
    ]
    for call in calls:
        with refused(405, "MethodNotAllowed"):
            call()


def test_a_browser_form_is_refused(lens, alias) -> None:
    """Section 4.1: POST Object."""
    wire = Wire(lens.server)
    for path in (f"/{alias}", f"/{alias}/"):
        body = b"--b\r\nContent-Disposition: form-data; name=key\r\n\r\nk\r\n--b--\r\n"
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        answer: Answer = wire.send("POST", path, headers, body)
        assert (answer.status, answer.code) == (405, "MethodNotAllowed")


def test_the_four_actions_are_told_apart(lens, target) -> None:
    """Section 4.1: `versionId` keeps the action; subresources are other operations, and proxied."""
    s3, transformed = lens.s3, target != lens.access_point_arn
    body = b"from the function" if transformed else b"the original"
    assert s3.get_object(Bucket=target, Key="k")["Body"].read() == body
    assert s3.get_object(Bucket=target, Key="k", VersionId="null")["Body"].read() == body
    assert s3.head_object(Bucket=target, Key="k")["ContentLength"] == len(body)
    assert s3.head_object(Bucket=target, Key="k", VersionId="null")["ContentLength"] == len(body)
    name = "function" if transformed else lens.bucket
    assert s3.list_objects(Bucket=target)["Name"] == name
    assert s3.list_objects_v2(Bucket=target)["Name"] == name
    assert s3.get_object_tagging(Bucket=target, Key="k")["TagSet"] == [{"Key": "a", "Value": "1"}]


@pytest.mark.parametrize(
    "query", ["width=1", "select=a", "x-id=GetObject", "acls", "policy=1", "list-type=2", "torrents"]
)
def test_queries_of_any_name_leave_a_get_a_get(lens, alias, query) -> None:
    """Sections 2.2 and 5: functions take arguments of any name."""
    answer = Wire(lens.server).send("GET", f"/{alias}/k?{query}")
    assert (answer.status, answer.body) == (200, b"from the function")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", {"Range": "bytes=0-1"}, 501),
        ("?Range=bytes%3D0-1", {}, 501),
        ("?range=bytes%3D0-1", {}, 501),
        ("?partNumber=1", {}, 501),
        ("", {"x-amz-server-side-encryption-customer-algorithm": "AES256"}, 400),
        ("", {"x-amz-server-side-encryption-customer-key-md5": "x"}, 400),
    ],
)
def test_filters_before_the_function(lens, method, query, headers, status) -> None:
    """Section 4.3."""
    target = f"/k{query}"
    host = f"{lens.name}-{lens.server.account}.localhost"
    answer = Wire(lens.server).send(method, target, {"Host": host} | headers, host=host)
    assert answer.status == status
    if method == "GET" and status == 501:
        assert (answer.code, answer.element("Message")) == ("NotImplemented", "Operation Not Implemented.")
    if status == 501:
        assert answer.reason == "Not Implemented"


def test_a_range_of_an_action_that_is_not_configured_is_proxied(server) -> None:
    """Section 9.1: not stated by AWS; what is not transformed is S3's own."""
    lens = make_lens_on(server, TELLS, actions=("HeadObject",))
    lens.put("k", b"0123456789")
    assert lens.get("k", Range="bytes=2-3")["Body"].read() == b"23"
    assert lens.s3.head_object(Bucket=lens.arn, Key="k")["ContentLength"] == 17
    with pytest.raises(ClientError) as caught:
        lens.s3.head_object(Bucket=lens.arn, Key="k", Range="bytes=2-3")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    with refused(404, "NoSuchKey"):
        lens.get("missing")
    with refused(412, "PreconditionFailed"):
        lens.get("k", IfMatch='"other"')
    with pytest.raises(ClientError) as caught:
        lens.get("k", IfNoneMatch=lens.s3.head_object(Bucket=lens.bucket, Key="k")["ETag"])
    assert caught.value.response["Error"]["Code"] == "304"
