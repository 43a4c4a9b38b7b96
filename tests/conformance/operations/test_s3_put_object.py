"""PutObject: what is kept, what is refused, and what a condition guards."""

from __future__ import annotations

import base64
import hashlib
import zlib
from datetime import UTC, datetime
from typing import Any

import pytest
from awscrt import checksums as crt

from support.wire import UNSIGNED, Wire, path_of, refused

KEYS = [
    "plain",
    "a//b",
    "../x",
    "x/../../y",
    "./x",
    "x/./y",
    "/lead",
    "//two",
    "trail/",
    "trail//",
    "a",
    "a/b",
    "a/b/c",
    "with space",
    " lead and trail ",
    "plus+plus",
    "%41",
    "%2F",
    "per%cent",
    "ünï/çödé",
    "日本語.jpg",
    "🦊",
    "e\u0301",
    "\u00e9",
    "a&b<c>'\"",
    "query?x=1&y",
    "hash#tag",
    "semi;colon=eq,comma",
    "back\\slash",
    "new\nline",
    "tab\tcr\r",
    "\x01\x1f\x7f",
    "\x00nul",
    ".",
    "..",
    ".hidden",
    "CON",
    "a:b|c*d",
    "-/-",
    "k" * 1024,
    "d/" * 511 + "xx",
    "é" * 512,
    "n" * 300 + "/" + "m" * 300,
]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: ascii(key)[:20])
def test_every_key_comes_back(s3: Any, bucket: str, key: str) -> None:
    body = key.encode()
    answer = s3.put_object(Bucket=bucket, Key=key, Body=body)
    assert answer["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(body)
    s3.delete_object(Bucket=bucket, Key=key)
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key=key)


def test_odd_keys_live_side_by_side(s3: Any, bucket: str) -> None:
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in KEYS] == [key.encode() for key in KEYS]
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == len(KEYS)


def test_a_key_is_at_most_1024_bytes_long(s3: Any, bucket: str) -> None:
    with refused("KeyTooLongError", 400) as found:
        s3.put_object(Bucket=bucket, Key="é" * 512 + "x", Body=b"")
    assert found["Error"]["MaxSizeAllowed"] == "1024"


def test_what_is_kept_beside_the_bytes(s3: Any, bucket: str) -> None:
    kept = {
        "CacheControl": "max-age=3600",
        "ContentDisposition": 'attachment; filename="x.jpg"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de, en",
        "ContentType": "image/jpeg",
    }
    metadata = {"camera": "Leica", "upper-case": "MiXeD", "empty": "", "spaces": "a  b"}
    expires = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    s3.put_object(Bucket=bucket, Key="k", Body=b"abc", Metadata=metadata, Expires=expires, **kept)
    for answer in (s3.get_object(Bucket=bucket, Key="k"), s3.head_object(Bucket=bucket, Key="k")):
        assert {name: answer[name] for name in kept} == kept
        assert answer["Metadata"] == metadata
        assert answer["ExpiresString"] == "Wed, 02 Jan 2030 03:04:05 GMT"
    s3.put_object(Bucket=bucket, Key="k", Body=b"abc")
    answer = s3.get_object(Bucket=bucket, Key="k")
    assert answer["Metadata"] == {}
    assert answer["ContentType"] == "binary/octet-stream"
    assert not {"CacheControl", "ContentEncoding", "ExpiresString"} & answer.keys()


def test_metadata_beyond_ascii_is_told_as_rfc_2047_says(wire: Wire, bucket: str) -> None:
    path = path_of(bucket, "k")
    sent = wire.send("PUT", path, {"x-amz-meta-author": "Jörg ☃"}, b"abc")
    assert sent.status == 200
    value = wire.send("HEAD", path).header("x-amz-meta-author")
    assert value == f"=?UTF-8?B?{base64.b64encode('Jörg ☃'.encode()).decode()}?="


def test_metadata_is_at_most_2_kib(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Metadata={"n": "v" * 2047})
    with refused("MetadataTooLarge", 400):
        s3.put_object(Bucket=bucket, Key="k", Metadata={"n": "v" * 2048})


def test_names_of_metadata_come_back_in_lower_case(wire: Wire, bucket: str) -> None:
    path = path_of(bucket, "k")
    wire.send("PUT", path, {"X-Amz-Meta-CamelCase": "v"}, b"abc")
    assert wire.send("GET", path).header("x-amz-meta-camelcase") == "v"


def _checksums(body: bytes) -> dict[str, str]:
    def encoded(number: int, size: int) -> str:
        return base64.b64encode(number.to_bytes(size, "big")).decode()

    return {
        "CRC32": encoded(zlib.crc32(body), 4),
        "CRC32C": encoded(crt.crc32c(body), 4),
        "CRC64NVME": encoded(crt.crc64nvme(body), 8),
        "SHA1": base64.b64encode(hashlib.sha1(body).digest()).decode(),
        "SHA256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
    }


BODY = b"The quick brown fox"


@pytest.mark.parametrize(("algorithm", "value"), _checksums(BODY).items())
def test_a_checksum_is_kept_and_told_on_request(s3: Any, bucket: str, algorithm: str, value: str) -> None:
    name = f"Checksum{algorithm}"
    answer = s3.put_object(Bucket=bucket, Key="given", Body=BODY, **{name: value})
    assert (answer[name], answer["ChecksumType"]) == (value, "FULL_OBJECT")
    answer = s3.put_object(Bucket=bucket, Key="computed", Body=BODY, ChecksumAlgorithm=algorithm)
    assert answer[name] == value
    for key in ("given", "computed"):
        told = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        assert (told[name], told["ChecksumType"]) == (value, "FULL_OBJECT")
        answer = s3.get_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        assert answer["Body"].read() == BODY
        assert answer[name] == value
        listed = s3.get_object_attributes(Bucket=bucket, Key=key, ObjectAttributes=["Checksum"])
        assert listed["Checksum"] == {name: value, "ChecksumType": "FULL_OBJECT"}


@pytest.mark.parametrize("algorithm", _checksums(b""))
def test_a_wrong_checksum_leaves_nothing(s3: Any, bucket: str, algorithm: str) -> None:
    with refused("BadDigest", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=BODY, **{f"Checksum{algorithm}": _checksums(b"other")[algorithm]})
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


def test_a_checksum_that_is_none(s3: Any, wire: Wire, bucket: str) -> None:
    with refused("BadDigest", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=BODY, ChecksumCRC32="no")
    two = {"x-amz-checksum-crc32": _checksums(BODY)["CRC32"], "x-amz-checksum-sha1": _checksums(BODY)["SHA1"]}
    assert wire.send("PUT", path_of(bucket, "k"), two, BODY).code == "InvalidRequest"


def test_content_md5(wire: Wire, bucket: str) -> None:
    path = path_of(bucket, "k")
    right = base64.b64encode(hashlib.md5(BODY).digest()).decode()
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    bad = wire.send("PUT", path, {"Content-MD5": wrong}, BODY)
    assert (bad.status, bad.code) == (400, "BadDigest")
    invalid = wire.send("PUT", path, {"Content-MD5": "x"}, BODY)
    assert (invalid.status, invalid.code) == (400, "InvalidDigest")
    assert wire.send("GET", path).code == "NoSuchKey"
    assert wire.send("PUT", path, {"Content-MD5": right}, BODY).status == 200


def test_a_payload_other_than_signed_leaves_nothing(wire: Wire, bucket: str) -> None:
    path = path_of(bucket, "k")
    headers = wire.signed("PUT", path, body=BODY)
    answer = wire.plain("PUT", path, headers, b"another body here!!")
    assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch")
    assert wire.send("GET", path).status == 404


def test_an_unsigned_payload_is_taken(wire: Wire, bucket: str) -> None:
    path = path_of(bucket, "k")
    assert wire.send("PUT", path, body=BODY, sha256=UNSIGNED).status == 200
    assert wire.send("GET", path).body == BODY
    refusal = wire.send("PUT", path, body=BODY, sha256="nonsense")
    assert (refusal.status, refusal.code) == (400, "InvalidArgument")


def test_a_body_without_a_length_is_taken(wire: Wire, bucket: str) -> None:
    path = path_of(bucket, "k")
    headers = wire.signed("PUT", path, sha256=UNSIGNED) | {"Transfer-Encoding": "chunked"}
    assert wire.plain("PUT", path, headers, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").status == 200
    assert wire.send("GET", path).body == b"abcde"


def test_only_if_absent(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")
    with refused("PreconditionFailed", 412) as found:
        s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    assert found["Error"]["Condition"] == "If-None-Match"
    etag = s3.head_object(Bucket=bucket, Key="k")["ETag"]
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch=etag)
    s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch='"another"')
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"


def test_only_over_a_known_state(s3: Any, bucket: str) -> None:
    with refused("NoSuchKey", 404):
        s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfMatch='"etag"')
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=etag)
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"3", IfMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"


def test_storage_classes(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", StorageClass="STANDARD_IA")
    assert "StorageClass" not in s3.head_object(Bucket=bucket, Key="k")
    with refused("InvalidStorageClass", 400):
        s3.put_object(Bucket=bucket, Key="k", StorageClass="NONESUCH")


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        ({"ACL": "public-read"}, "AccessControlListNotSupported", 400),
        ({"GrantRead": "id=x"}, "AccessControlListNotSupported", 400),
        ({"ServerSideEncryption": "AES256"}, "NotImplemented", 501),
        ({"WebsiteRedirectLocation": "/x"}, "NotImplemented", 501),
        ({"ObjectLockLegalHoldStatus": "ON"}, "InvalidRequest", 400),
        ({"Tagging": "a=1&a=2"}, "InvalidTag", 400),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_would_not_be_kept_is_refused(
    s3: Any, bucket: str, arguments: dict[str, str], code: str, status: int
) -> None:
    with refused(code, status):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", **arguments)
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize("acl", ["private", "bucket-owner-full-control"])
def test_acls_that_change_nothing_are_taken(s3: Any, bucket: str, acl: str) -> None:
    assert s3.put_object(Bucket=bucket, Key="k", ACL=acl)["ETag"]


def test_a_bucket_that_is_not_there(s3: Any) -> None:
    with refused("NoSuchBucket", 404) as found:
        s3.put_object(Bucket="no-such-bucket-here", Key="k", Body=b"x")
    assert found["Error"]["BucketName"] == "no-such-bucket-here"


def test_the_bucket_must_be_whose_the_caller_expects(s3: Any, server: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ExpectedBucketOwner=server.account)
    with refused("AccessDenied", 403):
        s3.put_object(Bucket=bucket, Key="k", Body=b"y", ExpectedBucketOwner="999999999999")
    with refused("InvalidBucketOwnerAWSAccountID", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"y", ExpectedBucketOwner="me")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    for operation in ("get_object", "head_object", "delete_object", "get_object_tagging"):
        with refused("403" if operation == "head_object" else "AccessDenied", 403):
            getattr(s3, operation)(Bucket=bucket, Key="k", ExpectedBucketOwner="999999999999")
    for operation in ("list_objects_v2", "list_objects", "get_bucket_location", "head_bucket", "delete_bucket"):
        with refused("403" if operation == "head_bucket" else "AccessDenied", 403):
            getattr(s3, operation)(Bucket=bucket, ExpectedBucketOwner="999999999999")


def test_the_answer_on_the_wire(wire: Wire, bucket: str) -> None:
    answer = wire.send("PUT", path_of(bucket, "k"), {}, b"abc")
    names = [name for name, _ in answer.headers]
    assert (answer.status, answer.reason, answer.body) == (200, "OK", b"")
    assert {"x-amz-id-2", "x-amz-request-id", "Date", "ETag", "Content-Length", "Server"} <= set(names)
    assert len(names) == len({name.lower() for name in names})
    assert answer.header("Content-Length") == "0"
