"""Headers of answers, as S3 spells and fills them."""

from datetime import UTC, datetime

import pytest

from objectlens.s3.headers import (
    ObjectFacts,
    canonical,
    encode_value,
    object_headers,
    repair_text,
    response_overrides,
)

FACTS = ObjectFacts(
    etag="abc-2",
    modified=datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
    system={"Cache-Control": "no-store", "Content-Type": "image/png"},
    metadata={"width": "224", "name": "Jörg"},
    checksums={"CRC32": "AAAAAA==-2"},
    checksum_type="COMPOSITE",
    tag_count=2,
    part_count=2,
)


def test_an_object_described():
    assert object_headers(FACTS) == [
        ("Last-Modified", "Tue, 02 Jan 2024 03:04:05 GMT"),
        ("ETag", '"abc-2"'),
        ("Accept-Ranges", "bytes"),
        ("Content-Type", "image/png"),
        ("Cache-Control", "no-store"),
        ("x-amz-meta-width", "224"),
        ("x-amz-meta-name", "=?UTF-8?B?SsO2cmc=?="),
        ("x-amz-tagging-count", "2"),
    ]


def test_what_is_told_only_when_asked():
    asked = dict(object_headers(FACTS, overrides={"Content-Type": "a/b", "Expires": "0"}, checksums=True, parts=True))
    assert (asked["Content-Type"], asked["Expires"]) == ("a/b", "0")
    assert asked["x-amz-mp-parts-count"] == "2"
    assert (asked["x-amz-checksum-crc32"], asked["x-amz-checksum-type"]) == ("AAAAAA==-2", "COMPOSITE")


def test_a_plain_object_has_the_default_type_and_no_counts():
    plain = ObjectFacts(etag="e", modified=FACTS.modified)
    asked = dict(object_headers(plain, checksums=True, parts=True))
    assert asked == {
        "Last-Modified": "Tue, 02 Jan 2024 03:04:05 GMT",
        "ETag": '"e"',
        "Accept-Ranges": "bytes",
        "Content-Type": "binary/octet-stream",
    }


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("etag", "ETag"),
        ("CONTENT-TYPE", "Content-Type"),
        ("last-modified", "Last-Modified"),
        ("X-Amz-Meta-A", "x-amz-meta-a"),
        (
            "X-Amz-Server-Side-Encryption-Customer-Key-Md5",
            "x-amz-server-side-encryption-customer-key-MD5",
        ),
    ],
)
def test_spelling(name, spelling):
    assert canonical(name) == spelling


def test_overrides():
    given = [("response-content-disposition", 'attachment; filename="é.txt"'), ("Response-Expires", "x"), ("a", "b")]
    assert response_overrides(given) == {"Content-Disposition": 'attachment; filename="é.txt"'}


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("abc", "abc"),
        ("J\u00c3\u00b6rg", "Jörg"),
        ("J\u00f6rg", "Jörg"),
        ("日", "日"),
        ("J\udcf6rg", "Jörg"),
        ("\u65e5\udcff", "\u00e6\u0097\u00a5\u00ff"),
    ],
)
def test_repair(given, meant):
    assert repair_text(given) == meant


def test_values_that_are_not_ascii():
    assert encode_value("plain") == "plain"
    assert encode_value("\ud800") == "=?UTF-8?B?Pw==?="
    assert encode_value("日") == "=?UTF-8?B?5pel?="
