"""ListObjects, ListObjectsV2 and ListObjectVersions, held against a naive listing."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from support.wire import Wire, refused

KEYS = sorted(
    [
        "a",
        "a//b",
        "a/",
        "a/b",
        "a/b/c",
        "a/b/d",
        "a-b",
        "a0",
        "../x",
        "..",
        "./y",
        "/lead",
        "//two",
        "trail/",
        "photos/2020/01.jpg",
        "photos/2020/02.jpg",
        "photos/2021/01.jpg",
        "photos/index",
        "photos.txt",
        "photosx",
        "with space/x",
        "plus+/x",
        "%41/x",
        "%2F",
        "ünï/çödé",
        "日本/語",
        "🦊/fox",
        "\uffee",
        "new\nline/x",
        "\x01/x",
        "z" * 1024,
        "é",
        "e\u0301",
        "A",
        "B/c",
        "&<>\"'/x",
    ],
    key=str.encode,
)
PREFIXES = [
    "",
    "a",
    "a/",
    "a//",
    "a/b",
    "photos",
    "photos/",
    "photos/2",
    "nothing",
    "/",
    "//",
    "..",
    "ü",
    "日",
    "🦊",
    "z",
]
DELIMITERS = ["", "/", "//", "b", "0", " ", "é", "日", "hotos"]


@pytest.fixture(scope="module")
def full(server: Any) -> Iterator[str]:
    s3 = server.client("s3", proxies={})
    name = "listing-against-a-model"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": server.region})
    dice = random.Random(5)
    for key in dice.sample(KEYS, len(KEYS)):
        s3.put_object(Bucket=name, Key=key, Body=key.encode())
    yield name
    for key in KEYS:
        s3.delete_object(Bucket=name, Key=key)
    s3.delete_bucket(Bucket=name)


def model(prefix: str, delimiter: str, after: str) -> list[tuple[str, str]]:
    """Return what a listing shows, in order."""
    shown: list[tuple[str, str]] = []
    for key in KEYS:
        if not key.startswith(prefix):
            continue
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        one = ("key", key) if at < 0 else ("prefix", key[: at + len(delimiter)])
        if one not in shown and one[1].encode() > after.encode():
            shown.append(one)
    return shown


def shown(answer: dict[str, Any], contents: str = "Contents") -> list[tuple[str, str]]:
    found = [("key", one["Key"]) for one in answer.get(contents, [])]
    found += [("prefix", one["Prefix"]) for one in answer.get("CommonPrefixes", [])]
    return sorted(found, key=lambda one: one[1].encode())


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_every_prefix_and_delimiter(s3: Any, full: str, delimiter: str) -> None:
    for prefix in PREFIXES:
        expected = model(prefix, delimiter, "")
        for operation in (s3.list_objects_v2, s3.list_objects):
            answer = operation(Bucket=full, Prefix=prefix, Delimiter=delimiter)
            assert shown(answer) == expected, (prefix, operation)
            assert not answer["IsTruncated"]
        answer = s3.list_object_versions(Bucket=full, Prefix=prefix, Delimiter=delimiter)
        assert shown(answer, "Versions") == expected, prefix


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize(("prefix", "delimiter"), [("", ""), ("", "/"), ("a", "/"), ("photos", "0"), ("", "b")])
def test_pages_together_are_the_whole(s3: Any, full: str, prefix: str, delimiter: str, size: int) -> None:
    expected = model(prefix, delimiter, "")
    found: list[tuple[str, str]] = []
    for page in s3.get_paginator("list_objects_v2").paginate(
        Bucket=full, Prefix=prefix, Delimiter=delimiter, PaginationConfig={"PageSize": size}
    ):
        assert page["KeyCount"] == len(shown(page)) <= size
        found += shown(page)
    assert found == expected
    found = []
    for page in s3.get_paginator("list_objects").paginate(
        Bucket=full, Prefix=prefix, Delimiter=delimiter, PaginationConfig={"PageSize": size}
    ):
        assert len(shown(page)) <= size
        found += shown(page)
    assert found == expected
    found = []
    for page in s3.get_paginator("list_object_versions").paginate(
        Bucket=full, Prefix=prefix, Delimiter=delimiter, PaginationConfig={"PageSize": size}
    ):
        found += shown(page, "Versions")
    assert found == expected


@pytest.mark.parametrize("delimiter", ["", "/"])
def test_start_after_and_marker(s3: Any, full: str, delimiter: str) -> None:
    for after in [*KEYS, "b", "photos/", "photos/2", "photos/2020/", "zz"]:
        expected = model("", delimiter, after)
        # A marker inside a common prefix goes on behind one key: the prefix shows again for those that follow.
        inside = [("prefix", one) for one in _rolled_behind(after, delimiter)]
        expected = sorted({*expected, *inside}, key=lambda one: one[1].encode())
        assert shown(s3.list_objects_v2(Bucket=full, StartAfter=after, Delimiter=delimiter)) == expected, after
        if not inside:
            assert shown(s3.list_objects(Bucket=full, Marker=after, Delimiter=delimiter)) == expected, after


def _rolled_behind(after: str, delimiter: str) -> set[str]:
    if not delimiter:
        return set()
    behind = [key for key in KEYS if key.encode() > after.encode() and delimiter in key]
    prefixes = {key[: key.find(delimiter) + len(delimiter)] for key in behind}
    return {one for one in prefixes if after.startswith(one) and one != after}


def test_entries(s3: Any, server: Any, full: str) -> None:
    entry = s3.list_objects_v2(Bucket=full, Prefix="photos/index")["Contents"][0]
    state = s3.head_object(Bucket=full, Key="photos/index")
    assert entry["ETag"] == state["ETag"]
    assert entry["Size"] == state["ContentLength"] == len("photos/index")
    assert entry["LastModified"].replace(microsecond=0) == state["LastModified"]
    assert entry["StorageClass"] == "STANDARD"
    assert "Owner" not in entry
    owned = s3.list_objects_v2(Bucket=full, Prefix="photos/index", FetchOwner=True)["Contents"][0]
    assert len(owned["Owner"]["ID"]) == 64
    assert s3.list_objects(Bucket=full, Prefix="photos/index")["Contents"][0]["Owner"] == owned["Owner"]
    version = s3.list_object_versions(Bucket=full, Prefix="photos/index")["Versions"][0]
    assert (version["VersionId"], version["IsLatest"]) == ("null", True)


def test_what_was_asked_is_repeated(s3: Any, full: str) -> None:
    answer = s3.list_objects_v2(Bucket=full, Prefix="ü/ +", Delimiter="é", StartAfter="a b", MaxKeys=7)
    asked = {"Name": full, "Prefix": "ü/ +", "Delimiter": "é", "StartAfter": "a b", "MaxKeys": 7, "KeyCount": 0}
    assert {name: answer[name] for name in asked} == asked
    # Of version 1, botocore does not decode the prefix.
    answer = s3.list_objects(Bucket=full, Prefix="u", Marker="a b", MaxKeys=7)
    asked = {"Name": full, "Prefix": "u", "Marker": "a b", "MaxKeys": 7}
    assert {name: answer[name] for name in asked} == asked


def test_numbers_of_keys(s3: Any, wire: Wire, full: str) -> None:
    answer = s3.list_objects_v2(Bucket=full, MaxKeys=0)
    assert (answer["KeyCount"], answer["IsTruncated"]) == (0, False)
    assert s3.list_objects_v2(Bucket=full, MaxKeys=5000)["MaxKeys"] == 1000
    for wrong in ("-1", "x", "99999999999"):
        answer = wire.send("GET", f"/{full}?list-type=2&max-keys={wrong}")
        assert (answer.status, answer.code) == (400, "InvalidArgument")
        assert answer.element("ArgumentName") == "max-keys"


def test_a_token_that_is_not_ours(s3: Any, full: str) -> None:
    for token in ("x", "AAAA"):
        with refused("InvalidArgument", 400):
            s3.list_objects_v2(Bucket=full, ContinuationToken=token)


def test_an_encoding_that_is_not_url(wire: Wire, full: str) -> None:
    answer = wire.send("GET", f"/{full}?list-type=2&encoding-type=base64")
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_keys_are_encoded_only_on_request(wire: Wire, full: str) -> None:
    plain = wire.send("GET", f"/{full}?list-type=2&prefix=%C3%BCn").body.decode()
    assert "<Key>ünï/çödé</Key>" in plain
    assert "EncodingType" not in plain
    encoded = wire.send("GET", f"/{full}?list-type=2&prefix=%C3%BCn&encoding-type=url").body.decode()
    assert "<Key>%C3%BCn%C3%AF/%C3%A7%C3%B6d%C3%A9</Key>" in encoded
    assert "<EncodingType>url</EncodingType>" in encoded
    assert "<Prefix>%C3%BCn</Prefix>" in encoded
    assert "<Key>plus%2B/x</Key>" in wire.send("GET", f"/{full}?prefix=plus&encoding-type=url").body.decode()
    assert "<Key>new%0Aline/x</Key>" in wire.send("GET", f"/{full}?prefix=new&encoding-type=url").body.decode()
    assert "<Key>&amp;&lt;&gt;&quot;'/x</Key>" in wire.send("GET", f"/{full}?prefix=%26").body.decode()


def test_the_document(wire: Wire, full: str) -> None:
    answer = wire.send("GET", f"/{full}?list-type=2&max-keys=1&prefix=a")
    assert answer.header("Content-Type") == "application/xml"
    assert answer.header("x-amz-bucket-region") == wire.server.region
    assert answer.body.startswith(
        b'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        b"<Name>listing-against-a-model</Name><Prefix>a</Prefix>"
    )


def test_an_empty_bucket(s3: Any, bucket: str) -> None:
    answer = s3.list_objects_v2(Bucket=bucket)
    assert answer["KeyCount"] == 0
    assert "Contents" not in answer
    with refused("NoSuchBucket", 404):
        s3.list_objects_v2(Bucket="no-such-bucket-here")


def test_a_change_is_listed_at_once(s3: Any, bucket: str) -> None:
    for number in range(30):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x" * number)
        assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["Size"] == number
        s3.delete_object(Bucket=bucket, Key="k")
        assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_an_empty_token_is_a_beginning(s3: Any, full: str) -> None:
    answer = s3.list_objects_v2(Bucket=full, ContinuationToken="")
    assert answer["ContinuationToken"] == ""
    assert answer["Contents"] == s3.list_objects_v2(Bucket=full)["Contents"]


def test_what_was_asked_for_is_repeated_as_it_was(s3: Any, full: str) -> None:
    for prefix in ("\n", "a b/", "ü&<"):
        assert s3.list_objects(Bucket=full, Prefix=prefix)["Prefix"] == prefix
        assert s3.list_objects_v2(Bucket=full, Prefix=prefix)["Prefix"] == prefix
    # Who decodes must find what was sent.
    assert s3.list_objects(Bucket=full, Prefix="100%")["Prefix"] == "100%25"
