"""GetObject and HeadObject: ranges, conditions, overrides, and one set of headers for both."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.wire import Wire, path_of, refused

BODY = bytes(range(256)) * 4
BIG = random.Random(7).randbytes(3 * 1024 * 1024 + 17)


@pytest.fixture
def thing(s3: Any, bucket: str) -> dict[str, str]:
    s3.put_object(Bucket=bucket, Key="thing", Body=BODY, ContentType="image/png", Metadata={"a": "b"})
    return {"Bucket": bucket, "Key": "thing"}


RANGES = [
    ("bytes=0-0", 0, 1),
    ("bytes=0-99", 0, 100),
    ("bytes=100-", 100, 1024),
    ("bytes=-10", 1014, 1024),
    ("bytes=-5000", 0, 1024),
    ("bytes=1000-5000", 1000, 1024),
    ("bytes=1023-1023", 1023, 1024),
    ("bytes=0-99999999999999", 0, 1024),
]


@pytest.mark.parametrize(("asked", "start", "end"), RANGES)
def test_a_range(s3: Any, thing: dict[str, str], asked: str, start: int, end: int) -> None:
    answer = s3.get_object(**thing, Range=asked)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert answer["ContentRange"] == f"bytes {start}-{end - 1}/1024"
    assert answer["ContentLength"] == end - start
    assert answer["Body"].read() == BODY[start:end]
    told = s3.head_object(**thing, Range=asked)
    assert (told["ResponseMetadata"]["HTTPStatusCode"], told["ContentLength"]) == (206, end - start)
    assert told["ContentRange"] == f"bytes {start}-{end - 1}/1024"


@pytest.mark.parametrize("asked", ["bytes=1024-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_beyond_the_object(s3: Any, wire: Wire, thing: dict[str, str], asked: str) -> None:
    with refused("InvalidRange", 416) as found:
        s3.get_object(**thing, Range=asked)
    assert found["Error"]["ActualObjectSize"] == "1024"
    assert found["Error"]["RangeRequested"] == asked
    assert wire.send("GET", path_of(**_lower(thing)), {"Range": asked}).header("Content-Range") == "bytes */1024"
    with refused("416", 416):
        s3.head_object(**thing, Range=asked)


@pytest.mark.parametrize("asked", ["bytes=9-3", "bytes=0-1,4-5", "items=0-1", "bytes=a-b", "bytes", "bytes=-", "0-5"])
def test_what_is_no_range_gets_all(s3: Any, thing: dict[str, str], asked: str) -> None:
    answer = s3.get_object(**thing, Range=asked)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert answer["Body"].read() == BODY


def test_a_range_only_of_the_same_object(s3: Any, wire: Wire, thing: dict[str, str]) -> None:
    state = s3.head_object(**thing)
    date = state["LastModified"].strftime("%a, %d %b %Y %H:%M:%S GMT")
    for if_range, status in (
        (state["ETag"], 206),
        (date, 206),
        ('"other"', 200),
        (f"W/{state['ETag']}", 200),
        ("Sat, 01 Jan 2000 00:00:00 GMT", 200),
        ("nonsense", 200),
    ):
        answer = wire.send("GET", path_of(**_lower(thing)), {"Range": "bytes=5-9", "If-Range": if_range})
        assert answer.status == status, if_range
        assert answer.body == (BODY[5:10] if status == 206 else BODY)


def test_ranges_of_a_large_object(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="big", Body=BIG)
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == BIG
    dice = random.Random(1)
    for _ in range(40):
        start = dice.randrange(len(BIG))
        end = dice.randrange(start, len(BIG) + 10)
        assert (
            s3.get_object(Bucket=bucket, Key="big", Range=f"bytes={start}-{end}")["Body"].read() == BIG[start : end + 1]
        )


def test_an_empty_object(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    answer = s3.get_object(Bucket=bucket, Key="empty")
    assert (answer["ContentLength"], answer["Body"].read()) == (0, b"")
    with refused("InvalidRange", 416):
        s3.get_object(Bucket=bucket, Key="empty", Range="bytes=0-")
    with refused("InvalidRange", 416):
        s3.get_object(Bucket=bucket, Key="empty", Range="bytes=-5")


def _conditions(etag: str, modified: datetime) -> list[tuple[dict[str, Any], int]]:
    before, after = modified - timedelta(hours=1), modified + timedelta(hours=1)
    return [
        ({"IfMatch": etag}, 200),
        ({"IfMatch": etag.strip('"')}, 200),
        ({"IfMatch": "*"}, 200),
        ({"IfMatch": f'"x", {etag}'}, 200),
        ({"IfMatch": '"x"'}, 412),
        ({"IfNoneMatch": etag}, 304),
        ({"IfNoneMatch": "*"}, 304),
        ({"IfNoneMatch": f'"x", {etag}'}, 304),
        ({"IfNoneMatch": '"x"'}, 200),
        ({"IfModifiedSince": before}, 200),
        ({"IfModifiedSince": modified}, 304),
        ({"IfUnmodifiedSince": modified}, 200),
        ({"IfUnmodifiedSince": before}, 412),
        ({"IfUnmodifiedSince": after}, 200),
        ({"IfMatch": etag, "IfUnmodifiedSince": before}, 200),
        ({"IfNoneMatch": etag, "IfModifiedSince": before}, 304),
        ({"IfNoneMatch": '"x"', "IfModifiedSince": modified}, 200),
        ({"IfMatch": '"x"', "IfNoneMatch": etag}, 412),
        ({"IfMatch": etag, "IfNoneMatch": etag}, 304),
        ({"IfMatch": etag, "Range": "bytes=0-9"}, 206),
        ({"IfMatch": '"x"', "Range": "bytes=0-9"}, 412),
        ({"IfMatch": '"x"', "Range": "bytes=9999-"}, 412),
    ]


def test_conditions(s3: Any, thing: dict[str, str]) -> None:
    state = s3.head_object(**thing)
    for arguments, status in _conditions(state["ETag"], state["LastModified"]):
        for operation in (s3.get_object, s3.head_object):
            if status < 300:
                assert operation(**thing, **arguments)["ResponseMetadata"]["HTTPStatusCode"] == status, arguments
                continue
            code = "PreconditionFailed" if status == 412 and operation == s3.get_object else str(status)
            with refused(code, status) as found:
                operation(**thing, **arguments)
            if status == 304:
                headers = found["ResponseMetadata"]["HTTPHeaders"]
                assert headers["etag"] == state["ETag"]
                assert "content-length" not in headers


def test_not_modified_on_the_wire(wire: Wire, thing: dict[str, str]) -> None:
    answer = wire.send("GET", path_of(**_lower(thing)), {"If-None-Match": "*"})
    assert (answer.status, answer.reason, answer.body) == (304, "Not Modified", b"")
    assert answer.header("Last-Modified")
    assert answer.header("ETag")
    assert answer.header("Content-Type") is None


def test_headers_are_spelled_as_s3_spells_them(wire: Wire, thing: dict[str, str]) -> None:
    answer = wire.send("GET", path_of(**_lower(thing)))
    assert (answer.status, answer.reason) == (200, "OK")
    names = {name for name, _ in answer.headers}
    assert names - {"Connection"} == {
        "x-amz-id-2",
        "x-amz-request-id",
        "Date",
        "Last-Modified",
        "ETag",
        "x-amz-meta-a",
        "Accept-Ranges",
        "Content-Type",
        "Content-Length",
        "Server",
    }
    partial = wire.send("GET", path_of(**_lower(thing)), {"Range": "bytes=0-1"})
    assert (partial.status, partial.reason) == (206, "Partial Content")
    assert partial.header("Content-Range") == "bytes 0-1/1024"


@pytest.mark.parametrize(
    "headers",
    [{}, {"Range": "bytes=2-9"}, {"x-amz-checksum-mode": "ENABLED"}, {"If-None-Match": '"x"'}],
    ids=["plain", "range", "checksum", "condition"],
)
def test_head_tells_what_get_tells(wire: Wire, thing: dict[str, str], headers: dict[str, str]) -> None:
    path = path_of(**_lower(thing)) + "?response-content-language=fr"
    changing = {"x-amz-id-2", "x-amz-request-id", "Date"}
    told = wire.send("HEAD", path, headers)
    got = wire.send("GET", path, headers)
    assert told.status == got.status
    assert [one for one in told.headers if one[0] not in changing] == [
        one for one in got.headers if one[0] not in changing
    ]
    assert told.body == b""


def test_checksums_only_where_the_request_asks_and_the_whole_is_sent(wire: Wire, thing: dict[str, str]) -> None:
    path = path_of(**_lower(thing))

    def told(headers: dict[str, str]) -> set[str]:
        return {name for name, _ in wire.send("GET", path, headers).headers if name.startswith("x-amz-checksum")}

    assert told({}) == set()
    assert told({"x-amz-checksum-mode": "ENABLED"}) == {"x-amz-checksum-crc32", "x-amz-checksum-type"}
    assert told({"x-amz-checksum-mode": "ENABLED", "Range": "bytes=0-1"}) == set()


OVERRIDES = {
    "ResponseCacheControl": ("CacheControl", "no-store"),
    "ResponseContentDisposition": ("ContentDisposition", 'attachment; filename="a b.txt"'),
    "ResponseContentEncoding": ("ContentEncoding", "identity"),
    "ResponseContentLanguage": ("ContentLanguage", "fr"),
    "ResponseContentType": ("ContentType", "text/plain; charset=utf-8"),
    "ResponseExpires": ("ExpiresString", "Wed, 02 Jan 2030 03:04:05 GMT"),
}


def test_response_overrides(s3: Any, thing: dict[str, str]) -> None:
    arguments: dict[str, Any] = {name: value for name, (_, value) in OVERRIDES.items()}
    arguments["ResponseExpires"] = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    for operation in (s3.get_object, s3.head_object):
        answer = operation(**thing, **arguments)
        assert {name: answer[name] for name, _ in OVERRIDES.values()} == dict(OVERRIDES.values())
    assert s3.get_object(**thing)["ContentType"] == "image/png"


@pytest.mark.parametrize("value", ["a%0d%0ax-injected:%201", "a%00b"])
def test_an_override_cannot_bring_headers_in(wire: Wire, thing: dict[str, str], value: str) -> None:
    answer = wire.send("GET", f"{path_of(**_lower(thing))}?response-content-type={value}")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert answer.header("x-injected") is None


def test_what_is_not_there(s3: Any, wire: Wire, bucket: str) -> None:
    with refused("NoSuchKey", 404) as found:
        s3.get_object(Bucket=bucket, Key="no/such key")
    assert found["Error"]["Key"] == "no/such key"
    with refused("NoSuchBucket", 404):
        s3.get_object(Bucket="no-such-bucket-here", Key="k")
    answer = wire.send("GET", path_of(bucket, "none"))
    assert answer.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>')
    assert answer.header("Content-Type") == "application/xml"
    assert answer.element("RequestId") == answer.header("x-amz-request-id")
    assert answer.element("HostId") == answer.header("x-amz-id-2")
    assert answer.reason == "Not Found"
    head = wire.send("HEAD", path_of(bucket, "none"))
    assert (head.status, head.body) == (404, b"")


def test_versions_there_are_none(s3: Any, thing: dict[str, str]) -> None:
    assert s3.get_object(**thing, VersionId="null")["Body"].read() == BODY
    with refused("InvalidArgument", 400):
        s3.get_object(**thing, VersionId="none")
    with refused("NoSuchVersion", 404):
        s3.get_object(**thing, VersionId="3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo")


def test_part_numbers_of_an_object_without_parts(s3: Any, thing: dict[str, str]) -> None:
    answer = s3.get_object(**thing, PartNumber=1)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert answer["Body"].read() == BODY
    with refused("InvalidPart", 400):
        s3.get_object(**thing, PartNumber=2)
    with refused("InvalidArgument", 400):
        s3.get_object(**thing, PartNumber=0)
    with refused("InvalidRequest", 400):
        s3.get_object(**thing, PartNumber=1, Range="bytes=0-1")


def _lower(thing: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in thing.items()}
