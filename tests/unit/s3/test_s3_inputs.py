"""What requests say, and S3's errors for what they cannot say."""

from datetime import UTC, datetime

import pytest

from objectlens import errors
from objectlens.errors import InvalidArgument, InvalidRequest, InvalidTag, MalformedXML
from objectlens.http import Headers, HttpRequest
from objectlens.s3 import inputs
from objectlens.s3.address import Address
from objectlens.s3.checksums import Announced
from objectlens.s3.preconditions import DeleteConditions, ReadConditions, WriteConditions
from objectlens.s3.ranges import ByteRange
from objectlens.streams import BytesBody


def request(query="", length=None, **headers):
    items = Headers((name.replace("_", "-"), value) for name, value in headers.items())
    return HttpRequest(method="GET", path="/pics/k", query=query, headers=items, body=BytesBody(b"x" * (length or 0)))


# --- reading


def test_read_object():
    plain = inputs.ReadObject.parse(request())
    assert plain == inputs.ReadObject()
    full = inputs.ReadObject.parse(
        request(
            "versionId=null&response-content-type=text%2Fplain&response-expires=0&response-x=1&response-cache-control=",
            Range="bytes=0-4", If_Match='"e"', X_Amz_Checksum_Mode="enabled",
        )
    )  # fmt: skip
    assert full.byte_range == ByteRange(0, 4)
    assert full.version_id == "null"
    assert full.conditions == ReadConditions(if_match=("e",))
    assert full.overrides == {"Content-Type": "text/plain", "Expires": "0"}
    assert full.checksums
    assert inputs.ReadObject.parse(request("partNumber=10000")).part_number == 10_000


@pytest.mark.parametrize("value", ["0", "10001", "-1", "x", "", "1.0", "\u0661"])
def test_part_numbers_are_1_to_10000(value):
    with pytest.raises(InvalidArgument, match="Part number must be an integer between 1 and 10000"):
        inputs.ReadObject.parse(request(f"partNumber={value}"))


def test_range_and_part_contradict_each_other():
    with pytest.raises(InvalidRequest):
        inputs.ReadObject.parse(request("partNumber=1", Range="bytes=0-4"))


def test_customer_keys_are_a_400():
    with pytest.raises(InvalidRequest):
        inputs.ReadObject.parse(request(x_amz_server_side_encryption_customer_algorithm="AES256"))


def test_an_override_cannot_split_the_answer():
    with pytest.raises(InvalidArgument):
        inputs.ReadObject.parse(request("response-content-type=a%0d%0ab:c"))


def test_an_empty_version():
    with pytest.raises(InvalidArgument, match="Version id cannot be the empty string"):
        inputs.ReadObject.parse(request("versionId="))


def test_read_attributes():
    found = inputs.ReadAttributes.parse(
        request(x_amz_object_attributes="ETag,ObjectParts, ObjectSize", x_amz_max_parts="5000")
    )
    assert found.wanted == {"ETag", "ObjectParts", "ObjectSize"}
    assert (found.max_parts, found.part_number_marker) == (1000, 0)
    for bad in ({}, {"x_amz_object_attributes": "Size"}, {"x_amz_object_attributes": "ETag", "x_amz_max_parts": "x"}):
        with pytest.raises(InvalidArgument):
            inputs.ReadAttributes.parse(request(**bad))


def test_the_expected_owner():
    check = inputs.check_bucket_owner
    check(Headers(), "123456789012")
    check(Headers([("X-Amz-Expected-Bucket-Owner", "123456789012")]), "123456789012")
    with pytest.raises(errors.AccessDenied):
        check(Headers([("X-Amz-Expected-Bucket-Owner", "999999999999")]), "123456789012")
    with pytest.raises(errors.InvalidBucketOwnerAWSAccountID):
        check(Headers([("X-Amz-Expected-Bucket-Owner", "me")]), "123456789012")


# --- listing


def test_list_objects():
    one = inputs.ListObjects.parse(request("prefix=a%2Fb+c&delimiter=%2F&marker=m&max-keys=5&start-after=ignored"))
    assert (one.version, one.prefix, one.delimiter, one.after, one.max_keys) == (1, "a/b c", "/", "m", 5)
    assert one.fetch_owner
    two = inputs.ListObjects.parse(
        request("list-type=2&start-after=s&marker=ignored&encoding-type=url&fetch-owner=true")
    )
    assert (two.version, two.after, two.start_after, two.encoding_type, two.fetch_owner) == (2, "s", "s", "url", True)
    token = inputs.new_token("ключ\0")
    three = inputs.ListObjects.parse(request(f"list-type=2&start-after=s&continuation-token={token}"))
    assert (three.after, three.continuation_token, three.start_after) == ("ключ\0", token, "s")
    assert not three.fetch_owner
    assert inputs.ListObjects.parse(request("max-keys=100000")).max_keys == 1000
    assert inputs.ListObjects.parse(request("max-keys=0")).max_keys == 0
    assert inputs.ListObjects.parse(request("max-keys=")).max_keys == 1000


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("max-keys=-1", "max-keys"),
        ("max-keys=many", "max-keys"),
        ("max-keys=2147483648", "max-keys"),
        ("max-keys=99999999999999999999", "max-keys"),
        ("encoding-type=base64", "encoding-type"),
        ("list-type=2&continuation-token=abc", "continuation-token"),
        ("list-type=2&continuation-token=%C3%A9", "continuation-token"),
        ("list-type=2&continuation-token=Mv8=", "continuation-token"),
        ("list-type=2&fetch-owner=yes", "fetch-owner"),
    ],
)
def test_arguments_of_listings(query, name):
    with pytest.raises(InvalidArgument) as caught:
        inputs.ListObjects.parse(request(query))
    assert caught.value.detail["ArgumentName"] == name


def test_other_listings():
    versions = inputs.ListVersions.parse(request("versions&key-marker=k&version-id-marker=null"))
    assert (versions.key_marker, versions.version_id_marker) == ("k", "null")
    with pytest.raises(InvalidArgument):
        inputs.ListVersions.parse(request("versions&version-id-marker=null"))
    uploads = inputs.ListUploads.parse(request("uploads&upload-id-marker=u&max-uploads=2"))
    assert (uploads.upload_id_marker, uploads.max_uploads) == ("", 2)
    buckets = inputs.ListBuckets.parse(request(f"prefix=p&max-buckets=3&continuation-token={inputs.new_token('pics')}"))
    assert (buckets.prefix, buckets.max_buckets, buckets.after) == ("p", 3, "pics")
    for bad in ("max-buckets=0", "max-buckets=10001"):
        with pytest.raises(InvalidArgument):
            inputs.ListBuckets.parse(request(bad))


# --- writing


def test_put_object():
    put = inputs.PutObject.parse(
        request(
            length=5, Content_Type="image/png", Cache_Control="no-store", Content_Encoding="gzip, aws-chunked",
            x_amz_meta_Width="224", x_amz_meta_name="J\u00c3\u00b6rg", x_amz_tagging="a=1&b=%C3%A9",
            Content_MD5="XUFAKrxLKna5cZ2REBfFkg==",
            x_amz_checksum_crc32="NhCmhg==", If_None_Match="*", x_amz_storage_class="STANDARD_IA", x_amz_acl="private",
        )
    )  # fmt: skip
    assert put.length == 5
    assert put.kept.headers == {"Cache-Control": "no-store", "Content-Encoding": "gzip", "Content-Type": "image/png"}
    assert put.kept.metadata == {"width": "224", "name": "Jörg"}
    assert put.kept.tags == {"a": "1", "b": "é"}
    assert put.content_md5.hex() == "5d41402abc4b2a76b9719d911017c592"
    assert put.checksum == Announced("CRC32", "NhCmhg==")
    assert put.conditions == WriteConditions(if_none_match=("*",))
    assert inputs.PutObject.parse(request(Content_Encoding="aws-chunked")).kept.headers == {}


def test_the_length_is_that_of_the_payload():
    assert inputs.PutObject.parse(request(Content_Length="99", x_amz_decoded_content_length="5")).length == 5
    assert inputs.PutObject.parse(request(Content_Length="7")).length == 7
    http = HttpRequest(method="PUT", path="/pics/k", body=Endless())
    assert inputs.PutObject.parse(http).length is None
    with pytest.raises(InvalidArgument):
        inputs.PutObject.parse(request(Content_Length="-1"))
    with pytest.raises(errors.EntityTooLarge) as caught:
        inputs.PutObject.parse(request(Content_Length=str(5 * 1024**3 + 1)))
    assert caught.value.detail == {"ProposedSize": "5368709121", "MaxSizeAllowed": "5368709120"}


class Endless:
    length = None


def test_metadata_is_at_most_2_kib():
    name = "x" * 48
    inputs.PutObject.parse(request(**{f"x_amz_meta_{name}": "v" * 2000}))
    with pytest.raises(errors.MetadataTooLarge) as caught:
        inputs.PutObject.parse(request(**{f"x_amz_meta_{name}": "v" * 2001}))
    assert caught.value.detail == {"Size": "2049", "MaxSizeAllowed": "2048"}


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({"Content_MD5": "nonsense"}, errors.InvalidDigest),
        ({"Content_MD5": "AAAA"}, errors.InvalidDigest),
        ({"x_amz_storage_class": "COLD"}, errors.InvalidStorageClass),
        ({"x_amz_server_side_encryption": "AES256"}, errors.NotImplemented),
        ({"x_amz_server_side_encryption_customer_key": "k"}, InvalidRequest),
        ({"x_amz_object_lock_mode": "GOVERNANCE"}, InvalidRequest),
        ({"x_amz_acl": "nonesuch"}, InvalidArgument),
        ({"x_amz_grant_read": "id=1"}, errors.AccessControlListNotSupported),
        ({"x_amz_website_redirect_location": "/x"}, errors.NotImplemented),
    ],
)
def test_what_an_upload_cannot_ask_for(headers, error):
    with pytest.raises(error):
        inputs.PutObject.parse(request(**headers))


# --- tags


def xml_tags(*pairs):
    tags = "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in pairs)
    return f'<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet>{tags}</TagSet></Tagging>'.encode()


def test_tags_in_a_body():
    assert inputs.parse_tagging(xml_tags(("a", "1"), ("b:c/d@e", ""))) == {"a": "1", "b:c/d@e": ""}
    assert inputs.parse_tagging(xml_tags()) == {}
    assert len(inputs.parse_tagging(xml_tags(*((str(one), "x") for one in range(50))), 50)) == 50


@pytest.mark.parametrize(
    ("pairs", "error"),
    [
        ([("a", "1"), ("a", "2")], InvalidTag),
        ([("", "1")], InvalidTag),
        ([("x" * 129, "1")], InvalidTag),
        ([("a", "x" * 257)], InvalidTag),
        ([("aws:a", "1")], InvalidTag),
        ([("a?", "1")], InvalidTag),
        ([(str(one), "x") for one in range(11)], InvalidTag),
    ],
)
def test_tags_against_the_rules(pairs, error):
    with pytest.raises(error):
        inputs.parse_tagging(xml_tags(*pairs))
    with pytest.raises(error):
        inputs.parse_tagging_header(Headers([("x-amz-tagging", "&".join(f"{key}={value}" for key, value in pairs))]))


@pytest.mark.parametrize(
    "body", [b"", b"<Tagging/>", b"<TagSet/>", b"<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>"]
)
def test_tagging_bodies_that_are_none(body):
    with pytest.raises(MalformedXML):
        inputs.parse_tagging(body)


def test_a_tagging_header_that_does_not_decode():
    with pytest.raises(InvalidArgument):
        inputs.parse_tagging_header(Headers([("x-amz-tagging", "a=%ff")]))


# --- deleting


def test_delete_objects():
    body = b"""<?xml version="1.0"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>
        <Object><Key>a&amp;b</Key></Object><Object><Key> x </Key><VersionId>null</VersionId><ETag>"e"</ETag>
        <LastModifiedTime>Tue, 02 Jan 2024 03:04:05 GMT</LastModifiedTime><Size>7</Size></Object></Delete>"""
    found = inputs.DeleteObjects.parse(request("delete", x_amz_checksum_crc32="NhCmhg=="), body)
    assert found.quiet
    conditions = DeleteConditions(if_match=("e",), modified=datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), size=7)
    assert found.objects == (inputs.ObjectName("a&b"), inputs.ObjectName(" x ", "null", conditions))
    assert found.checksum == Announced("CRC32", "NhCmhg==")


@pytest.mark.parametrize("count", [0, 1001])
def test_delete_objects_takes_1_to_1000(count):
    body = "<Delete>" + "<Object><Key>k</Key></Object>" * count + "</Delete>"
    with pytest.raises(MalformedXML):
        inputs.DeleteObjects.parse(request("delete"), body.encode())


@pytest.mark.parametrize("inside", ["<Object/>", "<Object><Key/></Object>", "<Object><Key></Key></Object>"])
def test_objects_to_delete_have_names(inside):
    with pytest.raises(MalformedXML):
        inputs.DeleteObjects.parse(request("delete"), f"<Delete>{inside}</Delete>".encode())


# --- multipart


def test_create_multipart_upload():
    def create(**headers):
        found = inputs.CreateMultipartUpload.parse(request("uploads", **headers))
        return found.algorithm, found.checksum_type

    assert create() == (None, None)
    assert create(x_amz_checksum_algorithm="crc32") == ("CRC32", "COMPOSITE")
    assert create(x_amz_checksum_algorithm="CRC64NVME") == ("CRC64NVME", "FULL_OBJECT")
    assert create(x_amz_checksum_algorithm="CRC32", x_amz_checksum_type="FULL_OBJECT") == ("CRC32", "FULL_OBJECT")
    for algorithm, kind in (
        ("SHA256", "FULL_OBJECT"),
        ("CRC64NVME", "COMPOSITE"),
        ("CRC32", "HALF"),
        ("CRC16", "COMPOSITE"),
    ):
        with pytest.raises(InvalidRequest):
            create(x_amz_checksum_algorithm=algorithm, x_amz_checksum_type=kind)
    with pytest.raises(InvalidRequest):
        create(x_amz_checksum_type="COMPOSITE")


def test_upload_part():
    found = inputs.UploadPart.parse(request("partNumber=7&uploadId=u", length=3, x_amz_trailer="x-amz-checksum-crc32"))
    assert (found.part_number, found.upload_id, found.length) == (7, "u", 3)
    assert found.checksum == Announced("CRC32", None)
    for query in ("partNumber=0&uploadId=u", "partNumber=1&uploadId="):
        with pytest.raises(InvalidArgument):
            inputs.UploadPart.parse(request(query))


def complete(parts, **headers):
    body = "<CompleteMultipartUpload>" + "".join(f"<Part>{one}</Part>" for one in parts) + "</CompleteMultipartUpload>"
    return inputs.CompleteMultipartUpload.parse(request("uploadId=u", **headers), body.encode())


def test_complete_multipart_upload():
    found = complete(
        ['<ETag>"a"</ETag><PartNumber>1</PartNumber><ChecksumCRC32>AAAAAA==</ChecksumCRC32>',
         "<PartNumber>9</PartNumber><ETag>b</ETag>"],
        x_amz_checksum_crc32="AAAAAA==-2", x_amz_mp_object_size="123", x_amz_checksum_type="COMPOSITE", If_Match="e",
    )  # fmt: skip
    assert found.parts == (inputs.CompletedPart(1, "a", {"CRC32": "AAAAAA=="}), inputs.CompletedPart(9, "b"))
    assert (found.algorithm, found.checksum, found.checksum_type, found.size) == (
        "CRC32",
        "AAAAAA==-2",
        "COMPOSITE",
        123,
    )
    assert found.conditions == WriteConditions(if_match=("e",))


@pytest.mark.parametrize(
    ("parts", "headers", "error"),
    [
        ([], {}, MalformedXML),
        (["<ETag>a</ETag>"], {}, MalformedXML),
        (["<PartNumber>1</PartNumber>"], {}, MalformedXML),
        (["<PartNumber>0</PartNumber><ETag>a</ETag>"], {}, InvalidArgument),
        ([f"<PartNumber>{n}</PartNumber><ETag>a</ETag>" for n in (2, 1)], {}, errors.InvalidPartOrder),
        (["<PartNumber>1</PartNumber><ETag>a</ETag>"], {"x_amz_mp_object_size": "-5"}, InvalidArgument),
        (["<PartNumber>1</PartNumber><ETag>a</ETag>"], {"x_amz_checksum_crc32": "x"}, errors.BadDigest),
        (
            ["<PartNumber>1</PartNumber><ETag>a</ETag>"],
            {"x_amz_checksum_crc32": "AAAAAA==", "x_amz_checksum_crc32c": "AAAAAA=="},
            InvalidRequest,
        ),
    ],
)
def test_what_does_not_complete(parts, headers, error):
    with pytest.raises(error):
        complete(parts, **headers)


def test_list_parts():
    found = inputs.ListParts.parse(request("uploadId=u&max-parts=2&part-number-marker=3"))
    assert (found.upload_id, found.max_parts, found.part_number_marker) == ("u", 2, 3)


# --- copying


@pytest.mark.parametrize(
    ("header", "address", "version"),
    [
        ("pics/a/b.txt", Address("object", "pics", "a/b.txt"), None),
        ("/pics/a%20b%3F+c", Address("object", "pics", "a b?+c"), None),
        ("pics//lead", Address("object", "pics", "/lead"), None),
        ("pics/日é", Address("object", "pics", "日é"), None),
        ("pics/k?versionId=null", Address("object", "pics", "k"), "null"),
        (
            "arn%3Aaws%3As3%3Aus-west-2%3A123456789012%3Aaccesspoint/my-ap/object/a/object/b",
            Address("object", "my-ap", "a/object/b", "123456789012", "s3-accesspoint"),
            None,
        ),
        (
            "arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/my-ol/object/k",
            Address("object", "my-ol", "k", "123456789012", "s3-object-lambda"),
            None,
        ),
    ],
)
def test_sources_of_copies(header, address, version):
    source = inputs.CopySource.parse(Headers([("x-amz-copy-source", header)]))
    assert (source.address, source.version_id) == (address, version)


@pytest.mark.parametrize(
    "header",
    ["", "/", "pics", "pics/", "pics/\udcff", "/pics", "%ff/k", "pics/%zz", "arn:aws:s3:::pics/k", "arn:nonsense",
     "arn:aws:s3:r:1:accesspoint/a",
     "arn:aws:lambda:r:123456789012:accesspoint/a/object/k"],
)  # fmt: skip
def test_sources_that_are_none(header):
    with pytest.raises(InvalidArgument):
        inputs.CopySource.parse(Headers([("x-amz-copy-source", header)]))


def test_copy_object():
    found = inputs.CopyObject.parse(
        request(
            x_amz_copy_source="pics/k", x_amz_metadata_directive="REPLACE", x_amz_meta_a="1", Content_Type="a/b",
            x_amz_copy_source_if_modified_since="Tue, 02 Jan 2024 03:04:05 GMT", x_amz_checksum_algorithm="sha256",
        )
    )  # fmt: skip
    assert (found.metadata, found.tagging, found.algorithm) == ("REPLACE", "COPY", "SHA256")
    assert found.kept.metadata == {"a": "1"}
    assert found.source.conditions.if_modified_since == datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert found.changes_something
    assert not inputs.CopyObject.parse(request(x_amz_copy_source="pics/k")).changes_something
    with pytest.raises(InvalidArgument):
        inputs.CopyObject.parse(request(x_amz_copy_source="pics/k", x_amz_tagging_directive="KEEP"))


def test_upload_part_copy():
    query = "partNumber=2&uploadId=u"
    found = inputs.UploadPartCopy.parse(request(query, x_amz_copy_source="pics/k", x_amz_copy_source_range="bytes=0-4"))
    assert (found.part_number, found.upload_id, found.span) == (2, "u", (0, 5))
    assert inputs.UploadPartCopy.parse(request(query, x_amz_copy_source="pics/k")).span is None
    for span in ("bytes=5-4", "bytes=0-", "bytes=-4", "0-4", ""):
        with pytest.raises(InvalidArgument):
            inputs.UploadPartCopy.parse(request(query, x_amz_copy_source="pics/k", x_amz_copy_source_range=span))


# --- buckets


def test_create_bucket():
    assert inputs.CreateBucket.parse(request(), b"") == inputs.CreateBucket()
    body = b"<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>"
    assert inputs.CreateBucket.parse(request(), body).region == "eu-west-1"
    tags = (
        b"<CreateBucketConfiguration><Tags><Tag><Key>a</Key><Value>1</Value></Tag></Tags></CreateBucketConfiguration>"
    )
    assert inputs.CreateBucket.parse(request(), tags).tags == {"a": "1"}
    with pytest.raises(errors.NotImplemented):
        inputs.CreateBucket.parse(request(x_amz_bucket_object_lock_enabled="true"), b"")
    with pytest.raises(errors.NotImplemented):
        inputs.CreateBucket.parse(request(), b"<CreateBucketConfiguration><Bucket/></CreateBucketConfiguration>")
    assert inputs.CreateBucket.parse(request(x_amz_acl="public-read"), b"").acl == "public-read"
    with pytest.raises(errors.InvalidBucketAclWithObjectOwnership):
        inputs.CreateBucket.parse(request(x_amz_grant_read="id=1"), b"")
    assert inputs.CreateBucket.parse(request(x_amz_object_ownership="ObjectWriter"), b"").ownership == "ObjectWriter"
    with pytest.raises(errors.InvalidArgument):
        inputs.CreateBucket.parse(request(x_amz_object_ownership="Mine"), b"")
    with pytest.raises(MalformedXML):
        inputs.CreateBucket.parse(request(), b"<Other/>")


def test_public_access_flags():
    root = "PublicAccessBlockConfiguration"
    body = f"<{root}><BlockPublicAcls>TRUE</BlockPublicAcls><BlockPublicPolicy>false</BlockPublicPolicy></{root}>"
    found = inputs.PublicAccessFlags.parse(body.encode())
    assert found == inputs.PublicAccessFlags(block_public_acls=True)
    with pytest.raises(MalformedXML):
        inputs.PublicAccessFlags.parse(f"<{root}><BlockPublicAcls>1</BlockPublicAcls></{root}>".encode())
