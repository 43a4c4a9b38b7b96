"""WriteGetObjectResponse: what real botocore sends, member by member, and the value rules."""

import datetime as dt

import botocore.session
import pytest
from botocore.config import Config

from objectlens.errors import ValidationError
from objectlens.http import Headers, HttpRequest
from objectlens.s3.forwarded import STATUSES, parse_forwarded, reply_token

SESSION = botocore.session.get_session()


class Captured(Exception):
    def __init__(self, request):
        super().__init__(request.url)
        self.request = request


@pytest.fixture(scope="module")
def write():
    client = SESSION.create_client(
        "s3",
        region_name="us-west-2",
        endpoint_url="http://localhost:9000",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
        config=Config(retries={"max_attempts": 0}),
    )

    def capture(request, **_):
        raise Captured(request)

    client.meta.events.register("before-send.s3", capture)

    def call(**members):
        with pytest.raises(Captured) as caught:
            client.write_get_object_response(RequestRoute="io-1", RequestToken="TOK", **members)
        request = caught.value.request
        items = [
            (name, value.decode("latin-1") if isinstance(value, bytes) else value)
            for name, value in request.headers.items()
        ]
        return parse_forwarded(HttpRequest(method="POST", path="/WriteGetObjectResponse", headers=Headers(items)))

    return call


def forwarded(**headers):
    items = {"x-amz-request-route": "io-1", "x-amz-request-token": "TOK"}
    items |= {name.replace("_", "-"): value for name, value in headers.items()}
    return parse_forwarded(HttpRequest(method="POST", path="/WriteGetObjectResponse", headers=Headers(items.items())))


def test_every_member_arrives(write):
    moment = dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    answer = write(
        StatusCode=206,
        Body=b"hello",
        Metadata={"K1": "v"},
        BucketKeyEnabled=True,
        VersionId="v1",
        TagCount=2,
        StorageClass="STANDARD_IA",
        SSEKMSKeyId="key",
        SSECustomerKeyMD5="md5",
        SSECustomerAlgorithm="AES256",
        ServerSideEncryption="aws:kms",
        Restore='ongoing-request="false"',
        RequestCharged="requester",
        ReplicationStatus="COMPLETE",
        ObjectLockRetainUntilDate=moment,
        ObjectLockLegalHoldStatus="ON",
        ObjectLockMode="GOVERNANCE",
        PartsCount=3,
        MissingMeta=1,
        Expiration="never",
        DeleteMarker=False,
        ChecksumCRC32="AAAAAA==",
        LastModified=moment,
        Expires=moment,
        ETag='"x"',
        ContentType="text/plain",
        ContentRange="bytes 0-4/10",
        ContentLanguage="en",
        ContentEncoding="identity",
        ContentDisposition="inline",
        CacheControl="no-store",
        AcceptRanges="bytes",
    )
    assert (answer.route, answer.token, answer.status, answer.content_length) == ("io-1", "TOK", 206, 5)
    assert answer.metadata == {"k1": "v"}
    assert answer.headers == (
        ("Accept-Ranges", "bytes"),
        ("Cache-Control", "no-store"),
        ("Content-Disposition", "inline"),
        ("Content-Encoding", "identity"),
        ("Content-Language", "en"),
        ("Content-Range", "bytes 0-4/10"),
        ("Content-Type", "text/plain"),
        ("ETag", '"x"'),
        ("Expires", "Tue, 02 Jan 2024 03:04:05 GMT"),
        ("Last-Modified", "Tue, 02 Jan 2024 03:04:05 GMT"),
        ("x-amz-checksum-crc32", "AAAAAA=="),
        ("x-amz-delete-marker", "false"),
        ("x-amz-expiration", "never"),
        ("x-amz-missing-meta", "1"),
        ("x-amz-mp-parts-count", "3"),
        ("x-amz-tagging-count", "2"),
        ("x-amz-object-lock-mode", "GOVERNANCE"),
        ("x-amz-object-lock-legal-hold", "ON"),
        ("x-amz-object-lock-retain-until-date", "2024-01-02T03:04:05Z"),
        ("x-amz-replication-status", "COMPLETE"),
        ("x-amz-request-charged", "requester"),
        ("x-amz-restore", 'ongoing-request="false"'),
        ("x-amz-storage-class", "STANDARD_IA"),
        ("x-amz-version-id", "v1"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        ("x-amz-server-side-encryption-customer-key-MD5", "md5"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "key"),
        ("x-amz-server-side-encryption-bucket-key-enabled", "true"),
    )


def test_no_member_of_the_model_is_forgotten(write):
    model = SESSION.get_service_model("s3").operation_model("WriteGetObjectResponse").input_shape
    plain = {"integer": 1, "boolean": True, "timestamp": dt.datetime(2024, 1, 2, tzinfo=dt.UTC)}
    for name, shape in model.members.items():
        header = shape.serialization.get("name", "")
        if header.startswith("x-amz-fwd-header-"):
            answer = write(**{name: plain.get(shape.type_name, "value")})
            assert [one.lower() for one, _ in answer.headers] == [header.removeprefix("x-amz-fwd-header-").lower()]


def test_a_bare_body_is_a_200(write):
    answer = write(Body=b"abc")
    assert (answer.status, answer.headers, answer.metadata) == (200, (), {})
    assert (answer.error_code, answer.error_message) == (None, None)


@pytest.mark.parametrize("status", sorted(STATUSES))
def test_statuses(write, status):
    assert write(StatusCode=status).status == status


@pytest.mark.parametrize("status", ["100", "201", "204", "301", "418", "502", "0", "-200", "2OO", "", "200.0"])
def test_other_statuses_are_refused(status):
    with pytest.raises(ValidationError, match="'statusCode'"):
        forwarded(x_amz_fwd_status=status)


def test_errors(write):
    answer = write(StatusCode=404, ErrorCode="NoSuchThing", ErrorMessage="Nö thing")
    assert (answer.status, answer.error_code, answer.error_message) == (404, "NoSuchThing", "Nö thing")
    answer = write(StatusCode=404, ErrorCode="NoSuchThing")
    assert (answer.error_code, answer.error_message) == ("NoSuchThing", None)
    answer = write(StatusCode=404, ErrorMessage="gone")
    assert (answer.error_code, answer.error_message) == ("NoSuchKey", "gone")
    assert forwarded(x_amz_fwd_error_message="").error_code is None
    assert write(StatusCode=403, ErrorMessage="no").error_code == "AccessDenied"
    assert write(StatusCode=500, ErrorMessage="no", Body=b"", ContentLength=0).error_code == "InternalError"


@pytest.mark.parametrize(
    "headers",
    [
        {"x_amz_fwd_error_code": "Oops"},
        {"x_amz_fwd_error_message": "oops"},
        {"x_amz_fwd_status": "200", "x_amz_fwd_error_code": "Oops"},
        {"x_amz_fwd_status": "206", "x_amz_fwd_error_message": "oops"},
        {"x_amz_fwd_status": "404", "x_amz_fwd_error_code": "oops"},
        {"x_amz_fwd_status": "404", "x_amz_fwd_error_code": ""},
        {"x_amz_fwd_status": "404", "x_amz_fwd_error_code": "Oops!"},
        {"x_amz_fwd_status": "404", "x_amz_fwd_error_code": "O"},
        {"x_amz_fwd_status": "404", "x_amz_fwd_error_code": "Oops", "content_length": "5"},
        {"x_amz_fwd_header_x_amz_checksum_crc32": "a", "x_amz_fwd_header_x_amz_checksum_sha1": "b"},
        {"x_amz_fwd_header_content_type": "x" * 3001},
        {"x_amz_fwd_header_x_amz_tagging_count": "many"},
        {"x_amz_fwd_header_x_amz_delete_marker": "maybe"},
        {"content_length": "ten"},
    ],
)
def test_what_is_refused(headers):
    with pytest.raises(ValidationError) as caught:
        forwarded(**headers)
    assert caught.value.message.startswith("1 validation error detected: Value '")


@pytest.mark.parametrize("name", ["x_amz_fwd_header_content_type", "x_amz_meta_a"])
def test_empty_values_are_refused_in_the_words_of_aws(name):
    with pytest.raises(ValidationError) as caught:
        forwarded(**{name: ""})
    header = name.replace("_", "-").removeprefix("x-amz-fwd-header-")
    assert caught.value.message == (
        f"1 validation error detected: Value '{{{header}=}}' at 'metadata' failed to satisfy constraint: Map value "
        "must satisfy constraint: [Member must have length less than or equal to 3000, Member must have length "
        "greater than or equal to 1]"
    )


def test_names_compare_in_any_case_and_the_unknown_stay_out():
    answer = forwarded(
        **{"X-AMZ-FWD-HEADER-CONTENT-TYPE": "a/b", "x-amz-fwd-header-connection": "close", "Server": "me"}
    )
    assert answer.headers == (("Content-Type", "a/b"),)


def test_lengths():
    assert forwarded(transfer_encoding="chunked").content_length is None
    word = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    framed = forwarded(content_length="99", x_amz_decoded_content_length="5", x_amz_content_sha256=word)
    assert framed.content_length == 5
    # Without the framing nothing would prove the smaller number, and the rest would be taken for a further answer.
    assert forwarded(content_length="99", x_amz_decoded_content_length="5").content_length == 99


def test_a_reply_needs_a_token():
    assert reply_token(Headers([("X-Amz-Request-Token", "t")])) == ("", "t")
    with pytest.raises(ValidationError, match="'requestToken'"):
        reply_token(Headers([("X-Amz-Request-Token", "t\udcff")]))
    with pytest.raises(ValidationError, match="'requestToken'"):
        parse_forwarded(HttpRequest(method="POST", path="/WriteGetObjectResponse"))
