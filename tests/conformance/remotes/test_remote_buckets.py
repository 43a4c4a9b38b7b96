"""Buckets on a SeaweedFS, used through a server of ours with boto3."""

import asyncio
import io
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from PIL import Image

from objectlens.catalog import Catalog
from objectlens.catalog.entities import Bucket
from objectlens.clock import SystemClock
from objectlens.database import Database, sqlite_url
from support.live import make_lens_on, start_server, stop_server
from support.seaweed import KEY

EXAMPLES = Path(__file__).parents[3] / "examples"
MEGABYTE = 1024 * 1024


def error_of(raised):
    return raised.value.response["Error"]["Code"], raised.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_an_object_is_the_same_on_both_sides(lens_server, seaweed, attached):
    there, here = attached
    ours, theirs = lens_server.client("s3"), seaweed.client()
    kept = {
        "ContentType": "image/png",
        "CacheControl": "no-store",
        "ContentDisposition": "inline",
        "ContentLanguage": "de",
        "ContentEncoding": "identity",
        "Metadata": {"camera": "one", "lens-name": "two"},
    }
    ours.put_object(Bucket=here, Key="images/a.png", Body=b"0123456789", Tagging="split=train", **kept)
    original = theirs.head_object(Bucket=there, Key="images/a.png")
    answer = ours.get_object(Bucket=here, Key="images/a.png")
    assert answer["Body"].read() == b"0123456789"
    for name in (*kept, "ETag", "LastModified", "TagCount"):
        assert answer[name] == original[name], name
    assert ours.get_object_tagging(Bucket=here, Key="images/a.png")["TagSet"] == [{"Key": "split", "Value": "train"}]
    theirs.put_object(Bucket=there, Key="images/b.png", Body=b"theirs", ContentType="image/png")
    assert ours.get_object(Bucket=here, Key="images/b.png")["Body"].read() == b"theirs"
    listed = ours.list_objects_v2(Bucket=here, Prefix="im", Delimiter="/")
    assert [one["Prefix"] for one in listed["CommonPrefixes"]] == ["images/"]
    ours.delete_object(Bucket=here, Key="images/a.png")
    assert [one["Key"] for one in theirs.list_objects_v2(Bucket=there)["Contents"]] == ["images/b.png"]


def test_ranges_and_conditions(lens_server, attached):
    _, here = attached
    s3 = lens_server.client("s3")
    etag = s3.put_object(Bucket=here, Key="k", Body=bytes(range(100)))["ETag"]
    part = s3.get_object(Bucket=here, Key="k", Range="bytes=-10", IfMatch=etag)
    assert (part["Body"].read(), part["ContentRange"]) == (bytes(range(90, 100)), "bytes 90-99/100")
    with pytest.raises(ClientError) as raised:
        s3.get_object(Bucket=here, Key="k", IfNoneMatch=etag)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 304
    with pytest.raises(ClientError) as raised:
        s3.get_object(Bucket=here, Key="k", Range="bytes=100-")
    assert error_of(raised) == ("InvalidRange", 416)
    with pytest.raises(ClientError) as raised:
        s3.put_object(Bucket=here, Key="k", Body=b"x", IfNoneMatch="*")
    assert error_of(raised) == ("PreconditionFailed", 412)
    with pytest.raises(ClientError) as raised:
        s3.put_object(Bucket=here, Key="k", Body=b"x", IfMatch='"other"')
    assert error_of(raised) == ("PreconditionFailed", 412)
    with pytest.raises(ClientError) as raised:
        s3.get_object(Bucket=here, Key="missing")
    assert error_of(raised) == ("NoSuchKey", 404)
    with pytest.raises(ClientError) as raised:
        s3.put_object(Bucket=here, Key="s" * 300, Body=b"x")
    assert error_of(raised)[1] == 501
    assert "KeyTooLong" in raised.value.response["Error"]["Message"]


def test_versions_of_the_store_are_told_and_read(lens_server, seaweed, attached):
    there, here = attached
    ours, theirs = lens_server.client("s3"), seaweed.client()
    theirs.put_bucket_versioning(Bucket=there, VersioningConfiguration={"Status": "Enabled"})
    first = ours.put_object(Bucket=here, Key="k", Body=b"first")["VersionId"]
    second = theirs.put_object(Bucket=there, Key="k", Body=b"second")["VersionId"]
    assert ours.head_object(Bucket=here, Key="k")["VersionId"] == second
    old = ours.get_object(Bucket=here, Key="k", VersionId=first, Range="bytes=1-")
    assert (old["Body"].read(), old["VersionId"]) == (b"irst", first)
    assert ours.head_object(Bucket=here, Key="k", VersionId=first)["ContentLength"] == 5
    with pytest.raises(ClientError) as raised:
        ours.get_object(Bucket=here, Key="k", VersionId="0" * 32)
    assert error_of(raised) == ("NoSuchVersion", 404)


def test_large_objects_go_both_ways_in_parts(lens_server, seaweed, attached, tmp_path):
    there, here = attached
    s3 = lens_server.client("s3", response_checksum_validation="when_required")
    whole = bytes(range(256)) * 4096 * 20
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(whole)
    s3.upload_file(
        str(source), here, "transfer", ExtraArgs={"Metadata": {"a": "b"}}, Config=TransferConfig(8 * MEGABYTE)
    )
    s3.put_object(Bucket=here, Key="one-request", Body=whole, ContentType="text/x", Metadata={"a": "b"})
    for key in ("transfer", "one-request"):
        told = s3.head_object(Bucket=here, Key=key)
        assert (told["ContentLength"], told["Metadata"]) == (len(whole), {"a": "b"})
        assert told["ETag"] == seaweed.client().head_object(Bucket=there, Key=key)["ETag"]
        s3.download_file(here, key, str(back))
        assert back.read_bytes() == whole
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=here)


@pytest.fixture(scope="module")
def upstream(surroundings, tmp_path_factory):
    """Another server of ours, with a bucket `there`."""
    live = start_server(tmp_path_factory.mktemp("upstream") / "data")
    live.client("s3").create_bucket(Bucket="there")
    with Path(surroundings["AWS_SHARED_CREDENTIALS_FILE"]).open("a") as profiles:
        profiles.write(
            f"[upstream]\naws_access_key_id = {live.access_key_id}\naws_secret_access_key = {live.secret_access_key}\n"
        )
    yield live
    assert stop_server(live) == 0


@pytest.fixture
def chosen(lens_server, upstream, command):
    """The name here of the bucket `there`."""
    url = f"s3://there?endpoint={upstream.url}&profile=upstream"
    assert command(lens_server.data, "add", "chosen", "--store", url).exit_code == 0
    yield "chosen"
    assert command(lens_server.data, "remove", "chosen").exit_code == 0


@pytest.fixture
def embedded(lens_server):
    """The name of a bucket of the usual kind."""
    name = f"e{uuid.uuid4().hex[:12]}"
    lens_server.client("s3").create_bucket(Bucket=name)
    return name


def sums(s3, bucket, key, **more):
    """Return what HEAD tells of an object's checksums; GET tells the same."""
    asked = {"Bucket": bucket, "Key": key, "ChecksumMode": "ENABLED"} | more
    head, got = s3.head_object(**asked), s3.get_object(**asked)
    got["Body"].close()
    told = [{name: one[name] for name in one if name.startswith("Checksum")} for one in (head, got)]
    assert told[0] == told[1]
    return told[0]


ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_checksums_are_kept_there(lens_server, chosen, embedded, algorithm):
    s3 = lens_server.client("s3")
    # The second goes there in parts, or in one request: of a hash of all bytes there is no other way.
    for size in (1000, 17 * MEGABYTE):
        for bucket in (chosen, embedded):
            s3.put_object(Bucket=bucket, Key="one", Body=bytes(size), ChecksumAlgorithm=algorithm)
        found = sums(s3, chosen, "one")
        assert found == sums(s3, embedded, "one")
        assert (found["ChecksumType"], f"Checksum{algorithm}" in found) == ("FULL_OBJECT", True)


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [(name, "COMPOSITE") for name in ALGORITHMS if name != "CRC64NVME"]
    + [(name, "FULL_OBJECT") for name in ALGORITHMS if name.startswith("CRC")],
)
def test_checksums_of_parts_are_kept_there(lens_server, chosen, embedded, algorithm, kind):
    s3 = lens_server.client("s3")
    for bucket in (chosen, embedded):
        thing = {"Bucket": bucket, "Key": "parts"}
        begun = s3.create_multipart_upload(**thing, ChecksumAlgorithm=algorithm, ChecksumType=kind)
        assert (begun["ChecksumAlgorithm"], begun["ChecksumType"]) == (algorithm, kind)
        upload = thing | {"UploadId": begun["UploadId"]}
        parts = [
            s3.upload_part(**upload, PartNumber=number, Body=bytes(size), ChecksumAlgorithm=algorithm)
            for number, size in ((1, 5 * MEGABYTE), (2, 1000))
        ]
        name = f"Checksum{algorithm}"
        listed = s3.list_parts(**upload)
        assert listed["ChecksumAlgorithm"] == algorithm
        assert [one[name] for one in listed["Parts"]] == [one[name] for one in parts]
        told = [{"PartNumber": n, "ETag": one["ETag"], name: one[name]} for n, one in enumerate(parts, 1)]
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": told}, ChecksumType=kind)
    found = sums(s3, chosen, "parts")
    assert found == sums(s3, embedded, "parts")
    assert (found["ChecksumType"], f"Checksum{algorithm}" in found) == (kind, True)


def test_a_copy_there_has_the_checksum_that_is_asked_for(lens_server, chosen):
    s3 = lens_server.client("s3")
    s3.put_object(Bucket=chosen, Key="source", Body=b"body", ChecksumAlgorithm="CRC32")
    source = {"Bucket": chosen, "Key": "source"}
    for asked, name in (({}, "ChecksumCRC32"), ({"ChecksumAlgorithm": "SHA256"}, "ChecksumSHA256")):
        answer = s3.copy_object(Bucket=chosen, Key="copy", CopySource=source, **asked)["CopyObjectResult"]
        found = sums(s3, chosen, "copy")
        assert (sorted(found), found[name]) == (sorted([name, "ChecksumType"]), answer[name])


def test_seaweedfs_takes_checksums_that_it_may_not_keep(lens_server, attached):
    _, here = attached
    s3 = lens_server.client("s3")
    for algorithm in ALGORITHMS:
        for size in (1000, 17 * MEGABYTE):
            s3.put_object(Bucket=here, Key="one", Body=bytes(size), ChecksumAlgorithm=algorithm)
            assert s3.head_object(Bucket=here, Key="one")["ContentLength"] == size
        thing = {"Bucket": here, "Key": "parts"}
        upload = thing | {"UploadId": s3.create_multipart_upload(**thing, ChecksumAlgorithm=algorithm)["UploadId"]}
        part = s3.upload_part(**upload, PartNumber=1, Body=b"body", ChecksumAlgorithm=algorithm)
        name = f"Checksum{algorithm}"
        wrong = {"PartNumber": 1, "ETag": part["ETag"], name: part[name][:-4] + "AAA="}
        with pytest.raises(ClientError) as raised:
            s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [wrong]})
        assert error_of(raised)[1] == 400
        told = {"PartNumber": 1, "ETag": part["ETag"], name: part[name]}
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [told]})
        assert s3.get_object(**thing)["Body"].read() == b"body"


def test_transfers_and_parts_that_are_listed_wrongly(lens_server, chosen):
    s3 = lens_server.client("s3")
    s3.upload_fileobj(io.BytesIO(bytes(9 * MEGABYTE)), "chosen", "transfer", Config=TransferConfig(8 * MEGABYTE))
    assert s3.head_object(Bucket="chosen", Key="transfer")["ContentLength"] == 9 * MEGABYTE
    thing = {"Bucket": "chosen", "Key": "k"}
    upload = thing | {"UploadId": s3.create_multipart_upload(**thing, ChecksumAlgorithm="SHA256")["UploadId"]}
    part = s3.upload_part(**upload, PartNumber=1, Body=b"body", ChecksumAlgorithm="SHA256")
    listed = {name: part[name] for name in ("ETag", "ChecksumSHA256")} | {"PartNumber": 1}
    wrong = {"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC64NVME": "AAAAAAAAAAA="}
    with pytest.raises(ClientError) as raised:
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [wrong]})
    assert error_of(raised) == ("InvalidPart", 400)
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [listed]}, ChecksumType="COMPOSITE")
    assert s3.get_object(**thing)["Body"].read() == b"body"


def test_an_upload_outlives_the_server(seaweed, surroundings, command, tmp_path):
    data, there = tmp_path / "data", seaweed.bucket()
    assert (
        command(data, "add", "scans", "--store", f"s3://{there}/2026?endpoint={seaweed.url}&profile=seaweed").exit_code
        == 0
    )
    server = start_server(data, env=surroundings)
    s3 = server.client("s3")
    upload = s3.create_multipart_upload(Bucket="scans", Key="a//b", Metadata={"x": "y"})["UploadId"]
    parts = [
        s3.upload_part(Bucket="scans", Key="a//b", UploadId=upload, PartNumber=1, Body=b"1" * 5 * MEGABYTE)["ETag"]
    ]
    assert stop_server(server) == 0
    server = start_server(data, env=surroundings)
    s3 = server.client("s3")
    assert [one["UploadId"] for one in s3.list_multipart_uploads(Bucket="scans")["Uploads"]] == [upload]
    parts.append(s3.upload_part(Bucket="scans", Key="a//b", UploadId=upload, PartNumber=2, Body=b"2")["ETag"])
    listed = s3.list_parts(Bucket="scans", Key="a//b", UploadId=upload)["Parts"]
    assert [(one["PartNumber"], one["ETag"]) for one in listed] == [(1, parts[0]), (2, parts[1])]
    chosen = {"Parts": [{"PartNumber": number + 1, "ETag": etag} for number, etag in enumerate(parts)]}
    done = s3.complete_multipart_upload(Bucket="scans", Key="a//b", UploadId=upload, MultipartUpload=chosen)
    assert done["ETag"].endswith('-2"')
    told = s3.head_object(Bucket="scans", Key="a//b")
    assert (told["ContentLength"], told["Metadata"], told["ETag"]) == (5 * MEGABYTE + 1, {"x": "y"}, done["ETag"])
    other = s3.create_multipart_upload(Bucket="scans", Key="other")["UploadId"]
    s3.abort_multipart_upload(Bucket="scans", Key="other", UploadId=other)
    with pytest.raises(ClientError) as raised:
        s3.list_parts(Bucket="scans", Key="other", UploadId=other)
    assert error_of(raised) == ("NoSuchUpload", 404)
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="scans")["Contents"]] == ["a//b"]
    assert stop_server(server) == 0


def test_copies_and_tags(lens_server, attached):
    _, here = attached
    s3 = lens_server.client("s3")
    s3.put_object(Bucket=here, Key="a", Body=b"abc", Metadata={"x": "y"}, Tagging="t=1", ContentType="text/x")
    s3.copy_object(Bucket=here, Key="b", CopySource={"Bucket": here, "Key": "a"})
    copied = s3.get_object(Bucket=here, Key="b")
    assert (copied["Body"].read(), copied["Metadata"], copied["ContentType"], copied["TagCount"]) == (
        b"abc",
        {"x": "y"},
        "text/x",
        1,
    )
    s3.copy_object(Bucket=here, Key="b", CopySource={"Bucket": here, "Key": "b"}, MetadataDirective="REPLACE")
    assert s3.head_object(Bucket=here, Key="b")["Metadata"] == {}
    s3.put_object_tagging(Bucket=here, Key="b", Tagging={"TagSet": [{"Key": "new", "Value": "2"}]})
    assert s3.get_object_tagging(Bucket=here, Key="b")["TagSet"] == [{"Key": "new", "Value": "2"}]
    s3.delete_object_tagging(Bucket=here, Key="b")
    assert s3.get_object_tagging(Bucket=here, Key="b")["TagSet"] == []
    done = s3.delete_objects(Bucket=here, Delete={"Objects": [{"Key": "a"}, {"Key": "b"}, {"Key": "none"}]})
    assert len(done["Deleted"]) == 3


UPPER = """
import boto3, urllib.request
def lambda_handler(event, context):
    where = event["getObjectContext"]
    with urllib.request.urlopen(where["inputS3Url"]) as answer:
        body = answer.read().upper()
    boto3.client("s3").write_get_object_response(
        Body=body, RequestRoute=where["outputRoute"], RequestToken=where["outputToken"])
"""


def test_an_access_point_over_a_remote_bucket(lens_server, seaweed, attached):
    there, here = attached
    lens = make_lens_on(lens_server, UPPER, bucket=here)
    seaweed.client().put_object(Bucket=there, Key="k", Body=b"from elsewhere")
    assert lens.read("k") == b"FROM ELSEWHERE"
    assert (
        lens_server.client("s3").get_object(Bucket=lens.access_point_arn, Key="k")["Body"].read() == b"from elsewhere"
    )


def test_managed_answers_over_a_remote_bucket(lens_server, seaweed, attached):
    there, here = attached
    lens = make_lens_on(lens_server, UPPER, bucket=here, tags={"objectlens:answers": "managed"})
    s3 = lens_server.client("s3", max_pool_connections=8)

    def read(number):
        asked = {"Range": "bytes=2-5"} if number % 2 else {}
        return s3.get_object(Bucket=lens.arn, Key="k", **asked)["Body"].read()

    with ThreadPoolExecutor(8) as threads:
        for state in range(10):
            body = b"state %d of it" % state
            seaweed.client().put_object(Bucket=there, Key="k", Body=body)
            # Looks at the store are shared by those who come together, and tell what is there now.
            assert set(threads.map(read, range(16))) == {body.upper(), body.upper()[2:6]}
    head = s3.head_object(Bucket=lens.arn, Key="k")
    assert head["ContentLength"] == len(body)
    (listed,) = s3.list_objects_v2(Bucket=lens.arn)["Contents"]
    assert (listed["ETag"], listed["Size"]) == (head["ETag"], len(body))


def test_a_native_transform_over_a_remote_bucket(lens_server, seaweed, attached):
    there, here = attached
    control, account, region = lens_server.client("s3control"), lens_server.account, lens_server.region
    control.create_access_point(AccountId=account, Name=f"{here}-ap", Bucket=here)
    function = f"arn:aws:lambda:{region}:{account}:function:objectlens-transform"
    payload = (EXAMPLES / "pipelines" / "image-normalizer.json").read_text()
    control.create_access_point_for_object_lambda(
        AccountId=account,
        Name=f"{here}-ol",
        Configuration={
            "SupportingAccessPoint": f"arn:aws:s3:{region}:{account}:accesspoint/{here}-ap",
            "TransformationConfigurations": [
                {
                    "Actions": ["GetObject", "HeadObject"],
                    "ContentTransformation": {"AwsLambda": {"FunctionArn": function, "FunctionPayload": payload}},
                }
            ],
        },
    )
    photograph = EXAMPLES / "photographs" / "china.jpg"
    seaweed.client().put_object(Bucket=there, Key="china.jpg", Body=photograph.read_bytes(), ContentType="image/jpeg")
    arn = f"arn:aws:s3-object-lambda:{region}:{account}:accesspoint/{here}-ol"
    answer = lens_server.client("s3").get_object(Bucket=arn, Key="china.jpg")
    picture = Image.open(io.BytesIO(answer["Body"].read()))
    assert (picture.size, picture.mode) == ((256, 256), "L")


@pytest.mark.parametrize(
    ("url", "reasons"),
    [
        ("s3://{there}?endpoint={url}&profile=wrong", ["SignatureDoesNotMatch", "the profile 'wrong'"]),
        ("s3://{there}?endpoint={url}&profile=nobody", ["nobody", "AWS configuration files"]),
        ("s3://no-such-bucket?endpoint={url}&profile=seaweed", ["NoSuchBucket", "see its name"]),
        ("s3://{there}?endpoint=http://127.0.0.1:1&profile=seaweed", ["Could not connect", "http://127.0.0.1:1"]),
        ("s3://{there}?endpoint={url}&anonymous=true", ["AccessDenied", "no credentials"]),
        (f"s3://{KEY[0]}:{KEY[1]}@bucket", ["holds credentials"]),
        (f"s3://bucket?secret_access_key={KEY[1]}", ["holds credentials"]),
        (f"s3://bucket?endpoint=http://{KEY[0]}:{KEY[1]}@host", ["the endpoint holds credentials"]),
        ("az://container?account=lab&endpoint=http://example.org", ["carry credentials in clear"]),
        ("s3://bucket?colour=red", ["not an option"]),
        ("az://container", ["Account must be specified", "account=NAME", "AZURE_STORAGE_ACCOUNT_NAME"]),
    ],
)
def test_what_cannot_be_attached_is_told_at_once(seaweed, command, tmp_path, url, reasons):
    shown = command(tmp_path, "add", "scans", "--store", url.format(there="ready", url=seaweed.url))
    assert shown.exit_code == 1
    assert shown.output.startswith("Error: ")
    assert all(reason in shown.output for reason in reasons), shown.output
    assert KEY[1] not in shown.output
    assert shown.output.count("\n") == 1
    assert json.loads(command(tmp_path, "list", "--json").output) == []


def test_a_store_that_is_gone_is_named(lens_server):
    async def attach():
        database = await Database.open(sqlite_url(lens_server.data))
        bucket = Bucket(
            name="gone",
            account=lens_server.account,
            region=lens_server.region,
            created_at=SystemClock().now(),
            store="s3://there/some/where?endpoint=http://127.0.0.1:1&profile=seaweed",
        )
        await Catalog(database, SystemClock()).buckets.create(bucket)
        await database.close()

    asyncio.run(attach())
    with pytest.raises(ClientError) as raised:
        lens_server.client("s3").get_object(Bucket="gone", Key="k")
    assert error_of(raised) == ("ServiceUnavailable", 503)
    assert "s3://there/some/where" in raised.value.response["Error"]["Message"]
    assert KEY[1] not in (lens_server.data.parent / "data.log").read_text()
