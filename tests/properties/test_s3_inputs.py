"""Whatever bytes a client sends, parsing ends in a value or in one of S3's own errors."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectlens.errors import LambdaInvalidResponse, ServiceError
from objectlens.http import Headers, HttpRequest
from objectlens.s3 import inputs, operations, xml
from objectlens.s3.address import parse_address
from objectlens.s3.chunked import Framing
from objectlens.s3.forwarded import parse_forwarded
from objectlens.s3.lambda_results import parse_head, parse_list
from objectlens.s3.table import ROWS

# Header values as a server hands them over: bytes read as UTF-8, what is none kept as halves of surrogate pairs.
VALUES = st.binary(max_size=20).map(lambda data: data.decode("utf-8", "surrogateescape")) | st.sampled_from(
    ["", "*", "1", "true", "COPY", "REPLACE", "CRC32", "bytes=0-1", "a=b&a=c", "pics/k", "arn:aws:s3:::x", "ENABLED",
     "x-amz-checksum-crc32", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "404", "NoSuchKey"]
)  # fmt: skip
NAMES = st.sampled_from(
    ["range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "x-amz-checksum-crc32",
     "x-amz-checksum-mode", "x-amz-checksum-type", "x-amz-checksum-algorithm", "x-amz-sdk-checksum-algorithm",
     "x-amz-trailer", "x-amz-tagging", "x-amz-meta-a", "x-amz-acl", "x-amz-storage-class", "x-amz-copy-source",
     "x-amz-copy-source-range", "x-amz-metadata-directive", "x-amz-tagging-directive", "x-amz-object-attributes",
     "x-amz-max-parts", "x-amz-mp-object-size", "content-length", "x-amz-decoded-content-length", "content-md5",
     "content-type", "content-encoding", "expires", "x-amz-content-sha256", "x-amz-request-token", "x-amz-fwd-status",
     "x-amz-fwd-error-code", "x-amz-fwd-error-message", "x-amz-fwd-header-etag", "x-amz-fwd-header-x-amz-tagging-count"]
)  # fmt: skip
LISTING = ["prefix", "delimiter", "marker", "max-keys", "start-after", "continuation-token", "encoding-type"]
OTHERS = ["fetch-owner", "uploadId", "partNumber", "versionId", "max-parts", "response-content-type", "id", "x-id"]
QUERY_NAMES = st.sampled_from([*sorted({row.subresource for row in ROWS} - {""}), *LISTING, *OTHERS])
QUERIES = st.lists(st.tuples(QUERY_NAMES, st.text("ab%01/+é", max_size=6)), max_size=4).map(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)
)
REQUESTS = st.builds(
    HttpRequest,
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "BREW"]),
    path=st.sampled_from(["/", "/pics", "/pics/k", "/pics/%ff", "/WriteGetObjectResponse"]),
    query=QUERIES,
    headers=st.lists(st.tuples(NAMES, VALUES), max_size=4).map(Headers),
    host=st.just("localhost"),
)
BODIES = st.binary(max_size=60) | st.sampled_from(
    [b"<Delete><Object><Key>k</Key></Object></Delete>", b"<Tagging><TagSet/></Tagging>",
     b"<CreateBucketConfiguration/>",
     b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part></CompleteMultipartUpload>"]
)  # fmt: skip
PARSERS = [
    lambda http: operations.match(http, parse_address(http.host, http.path, ["localhost"])),
    inputs.ReadObject.parse,
    inputs.ReadAttributes.parse,
    inputs.PutObject.parse,
    inputs.CopyObject.parse,
    inputs.UploadPart.parse,
    inputs.UploadPartCopy.parse,
    inputs.CreateMultipartUpload.parse,
    inputs.ListObjects.parse,
    inputs.ListVersions.parse,
    inputs.ListUploads.parse,
    inputs.ListParts.parse,
    inputs.ListBuckets.parse,
    inputs.DeleteObject.parse,
    parse_forwarded,
    lambda http: Framing.parse(http.headers),
]
BODY_PARSERS = [
    inputs.DeleteObjects.parse,
    inputs.CompleteMultipartUpload.parse,
    inputs.CreateBucket.parse,
    lambda _, body: inputs.PublicAccessFlags.parse(body),
    lambda _, body: inputs.parse_tagging(body),
]


def error_of(parser, *given):
    try:
        parser(*given)
    except ServiceError as error:
        return error
    return None


def check(error):
    if error is not None:
        assert 400 <= error.status < 600
        assert f"<Code>{error.code}</Code>" in xml.render_error(error, "id", "host").decode()


@pytest.mark.parametrize("parser", PARSERS)
@given(http=REQUESTS)
def test_a_request_is_a_value_or_an_error_that_can_be_sent(parser, http):
    check(error_of(parser, http))


@pytest.mark.parametrize("parser", BODY_PARSERS)
@given(http=REQUESTS, body=BODIES)
def test_a_body_is_a_value_or_an_error_that_can_be_sent(parser, http, body):
    check(error_of(parser, http, body))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["statusCode", "headers", "Content-Length", "listBucketResult", "listResultXml", "name",
                         "contents", "key", "size", "keyCount", "maxKeys", "isTruncated", "errorCode", "owner"]),
        inner, max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@given(JSON | st.dictionaries(st.just("statusCode"), st.sampled_from([200, "404", 500])))
def test_what_a_function_returns_is_an_answer_or_an_invalid_response(value):
    payload = json.dumps(value).encode()
    for parse in (parse_head, lambda data: parse_list(data, 1), lambda data: parse_list(data, 2)):
        try:
            result = parse(payload)
        except LambdaInvalidResponse:
            continue
        assert 200 <= result.status <= 599
