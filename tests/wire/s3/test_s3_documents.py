"""Every document that S3 answers with, byte for byte against a golden file, and read back by botocore.

A golden is the answer's body, `documents/NAME.xml`. After a deliberate change, write `MADE[name]()` there and look at
what changed.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.parsers import RestXMLParser
from botocore.session import get_session

from objectlens import errors
from objectlens.s3 import outputs, outputs_bucket, outputs_multipart, xml

DOCUMENTS = Path(__file__).parent / "documents"
MODEL = get_session().get_service_model("s3")
MOMENT = datetime(2024, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
OWNER = outputs.Owner("75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a", "me")
REQUEST_ID = "0d7f2a9e-6b0e-4c1c-9a53-0a2f6f0c1f11"


def item(key, **members):
    return outputs.Item(key=key, modified=MOMENT, etag="9b2cf535f27731c974343645a3985328", size=5, **members)


def list_v1():
    return outputs.ListBucketResult(
        version=1, name="pics", prefix="a", delimiter="/", max_keys=2, truncated=True, next_marker="a/", marker="A",
        items=(item("a&b <c>", owner=OWNER),), common_prefixes=("a/",),
    ).xml()  # fmt: skip


def list_v2():
    return outputs.ListBucketResult(
        version=2, name="pics", start_after="A b", encoding_type="url", truncated=True, next_continuation_token="MWE=",
        items=(item("a b+c/é\x01", checksum_algorithms=("CRC32",), checksum_type="FULL_OBJECT"), item("z")),
        common_prefixes=("p q/",), delimiter="/",
    ).xml()  # fmt: skip


MADE = {
    "ListObjects": list_v1,
    "ListObjectsV2": list_v2,
    "ListObjectsV2-empty": lambda: outputs.ListBucketResult(version=2, name="pics").xml(),
    "ListObjectVersions": lambda: outputs.ListVersionsResult(
        name="pics",
        items=(
            outputs.VersionItem(key="k", version="v2", latest=True, modified=MOMENT, owner=OWNER),
            outputs.VersionItem(key="k", version="v1", latest=False, modified=MOMENT, owner=OWNER, etag="abc", size=5),
        ),
        common_prefixes=("p/",), next_key_marker="k", next_version_id_marker="v1", truncated=True,
    ).xml(),
    "ListBuckets": lambda: outputs.list_buckets_result(
        [outputs.BucketItem(name="pics", created_at=MOMENT, region="us-east-1")], OWNER, continuation_token="MXBpY3M="
    ),
    "DeleteObjects": lambda: outputs.delete_result(
        [
            outputs.Deleted(key="a&b"), outputs.Deleted(key="v", version_id="null"),
            outputs.Deleted(key="m", marker="v1"), outputs.Deleted(key="m", version_id="v1", marker="v1"),
        ],
        [outputs.DeleteFailure(key="x", code="AccessDenied", message="Access Denied")]
    ),
    "CopyObject": lambda: outputs.copy_result("CopyObjectResult", "abc-2", MOMENT, {"CRC32": "AAAAAA=="}, "COMPOSITE"),
    "UploadPartCopy": lambda: outputs.copy_result("CopyPartResult", "abc", MOMENT),
    "GetObjectTagging": lambda: outputs.tagging({"a": "1", "b": ""}),
    "GetObjectAttributes": lambda: outputs.ObjectAttributes(
        etag="abc-3", checksums={"CRC32": "AAAAAA==-3"}, checksum_type="COMPOSITE", parts=(5, 5, 2), max_parts=2,
        storage_class="STANDARD", size=12, part_checksums=({"CRC32": "AAAAAA=="},) * 3,
    ).xml(),
    "CreateMultipartUpload": lambda: outputs_multipart.initiate_result("pics", "a b", "upload-1"),
    "CompleteMultipartUpload": lambda: outputs_multipart.complete_result(
        location="http://localhost:9000/pics/k", bucket="pics", key="k", etag="abc-2",
        checksums={"CRC64NVME": "AAAAAAAAAAA="}, checksum_type="FULL_OBJECT",
    ),
    "ListParts": lambda: outputs_multipart.ListPartsResult(
        bucket="pics", key="k", upload_id="upload-1", owner=OWNER, max_parts=1, truncated=True,
        checksum_algorithm="CRC32", checksum_type="COMPOSITE",
        parts=(
            outputs_multipart.PartItem(number=3, modified=MOMENT, etag="abc", size=5, checksums={"CRC32": "AAAAAA=="}),
        ),
    ).xml(),
    "ListMultipartUploads": lambda: outputs_multipart.ListUploadsResult(
        bucket="pics", owner=OWNER, prefix="a", delimiter="/", common_prefixes=("a/",),
        uploads=(outputs_multipart.UploadItem(key="a b", upload_id="upload-1", initiated=MOMENT),),
    ).xml(),
    "GetBucketLocation": lambda: outputs_bucket.location_constraint("us-west-2"),
    "GetBucketLocation-us-east-1": lambda: outputs_bucket.location_constraint("us-east-1"),
    "GetBucketPolicyStatus": lambda: outputs_bucket.policy_status(public=False),
    "GetPublicAccessBlock": lambda: outputs_bucket.public_access_block(
        block_public_acls=True, ignore_public_acls=True, block_public_policy=False, restrict_public_buckets=False
    ),
    "GetBucketAcl": lambda: outputs_bucket.owner_acl(OWNER),
    "GetBucketOwnershipControls": lambda: outputs_bucket.unset("GetBucketOwnershipControls", "pics"),
    "GetBucketRequestPayment": lambda: outputs_bucket.unset("GetBucketRequestPayment", "pics"),
    "GetBucketVersioning": lambda: outputs_bucket.versioning_configuration("Enabled"),
    "GetBucketVersioning-unset": lambda: outputs_bucket.versioning_configuration(None),
    "Error": lambda: xml.render_error(errors.NoSuchKey(Key="a<b>\x01.jpg"), REQUEST_ID, "host"),
    "Error-object-lambda": lambda: xml.render_object_lambda_error(
        "LambdaResponseNotReceived", errors.LambdaResponseNotReceived.text, REQUEST_ID
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(MADE))
def test_the_document_is_the_golden_one(name):
    assert MADE[name]() == (DOCUMENTS / f"{name}.xml").read_bytes()


def test_every_golden_is_compared():
    assert {one.stem for one in DOCUMENTS.glob("*.xml")} == set(MADE)


@pytest.mark.parametrize("name", sorted(set(MADE) - {"Error", "Error-object-lambda"}))
def test_botocore_understands_every_element(name):
    operation = MODEL.operation_model(name.split("-")[0])
    body = MADE[name]()
    answer = RestXMLParser().parse({"status_code": 200, "headers": {}, "body": body}, operation.output_shape)
    answer.pop("ResponseMetadata")
    # botocore drops what it does not know; writing what it read must leave no text of ours over.
    if name in {"GetBucketLocation", "GetBucketVersioning-unset"}:
        return
    assert leaves(body) == sum(count(one) for one in answer.values())


def leaves(body):
    root = xml.parse(body, *ROOTS)
    return sum(1 for one in root.iter() if one is not root and len(one) == 0)


def count(value):
    if isinstance(value, dict):
        # A type that botocore keeps as a member is an attribute in the document.
        return sum(count(one) for name, one in value.items() if (name, one) != ("Type", "CanonicalUser"))
    if isinstance(value, list):
        return sum(count(one) for one in value)
    return 1


ROOTS = (
    "ListBucketResult", "ListVersionsResult", "ListAllMyBucketsResult", "DeleteResult", "CopyObjectResult",
    "CopyPartResult", "Tagging", "GetObjectAttributesResponse", "InitiateMultipartUploadResult",
    "CompleteMultipartUploadResult", "ListPartsResult", "ListMultipartUploadsResult", "LocationConstraint",
    "PolicyStatus", "PublicAccessBlockConfiguration", "AccessControlPolicy", "OwnershipControls",
    "RequestPaymentConfiguration", "VersioningConfiguration",
)  # fmt: skip


def test_botocore_reads_errors():
    for name, code in (("Error", "NoSuchKey"), ("Error-object-lambda", "LambdaResponseNotReceived")):
        body = MADE[name]().replace(b"&#x1;", b"")
        answer = RestXMLParser().parse({"status_code": 404, "headers": {}, "body": body}, None)
        assert answer["Error"]["Code"] == code
        assert answer["Error"]["Message"] == getattr(errors, code).text


@pytest.mark.parametrize("operation", sorted(outputs_bucket._UNSET))
def test_what_was_never_set_has_an_empty_answer(operation):
    body = outputs_bucket.unset(operation, "pics")
    shape = MODEL.operation_model(operation).output_shape
    answer = RestXMLParser().parse({"status_code": 200, "headers": {}, "body": body}, shape)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize("operation", sorted(outputs_bucket._REFUSED))
def test_or_an_error(operation):
    with pytest.raises(errors.ServiceError) as caught:
        outputs_bucket.unset(operation, "pics")
    assert 400 <= caught.value.status < 500
    assert caught.value.detail == {"BucketName": "pics"}


def test_both_kinds_are_listed():
    assert set(outputs_bucket._UNSET) | set(outputs_bucket._REFUSED) == outputs_bucket.UNSET_OPERATIONS
