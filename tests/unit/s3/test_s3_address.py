"""Host and path → address: every row of the addressing tables."""

import pytest

from objectlens.errors import InvalidURI, KeyTooLongError
from objectlens.s3.address import Address, parse_address, valid_bucket_name

DOMAINS = ("localhost", "127.0.0.1", "[::1]", "s3.example.com", "example.com")
ALIAS = "my-object-lambda-acc-1a4n8yjrb3kda96f67zwrwiiuse1a--ol-s3"
LABEL = "my-ap-123456789012"
ACCESS_POINT, OBJECT_LAMBDA = "s3-accesspoint", "s3-object-lambda"


def ap(key=None, service="s3"):
    level = "bucket" if key is None else "object"
    return Address(level, "my-ap", key, "123456789012", service, LABEL if service == "s3" else None)


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        # Path style.
        ("localhost:9000", "/", Address("service")),
        ("localhost:9000", "", Address("service")),
        ("localhost:9000", "/pics", Address("bucket", "pics")),
        ("localhost:9000", "/pics/", Address("bucket", "pics")),
        ("127.0.0.1", "/pics/a%20b/c.txt", Address("object", "pics", "a b/c.txt")),
        ("[::1]:9000", "/pics/k", Address("object", "pics", "k")),
        ("LOCALHOST:9000", "/pics/K", Address("object", "pics", "K")),
        ("localhost:9000", f"/{ALIAS}", Address("bucket", ALIAS)),
        ("localhost:9000", f"/{ALIAS}/k", Address("object", ALIAS, "k")),
        # Virtual hosts: the longest domain wins, labels may have dots.
        ("pics.localhost:9000", "/", Address("bucket", "pics")),
        ("pics.localhost:9000", "/a/b", Address("object", "pics", "a/b")),
        ("my.dotted.bucket.localhost", "/k", Address("object", "my.dotted.bucket", "k")),
        ("pics.s3.example.com", "/k", Address("object", "pics", "k")),
        ("s3.example.com", "/pics/k", Address("object", "pics", "k")),
        ("pics.127.0.0.1:9000", "/k", Address("object", "pics", "k")),
        ("pics.[::1]:9000", "/k", Address("object", "pics", "k")),
        (f"{ALIAS}.localhost", "/k", Address("object", ALIAS, "k")),
        # Access points: the last dash parts the account; the label may be a bucket's name too.
        (f"{LABEL}.localhost:9000", "/", ap()),
        (f"{LABEL}.localhost:9000", "/k", ap("k")),
        (
            "a-1-999999999999-123456789012.localhost",
            "/",
            Address("bucket", "a-1-999999999999", account="123456789012", bucket_label="a-1-999999999999-123456789012"),
        ),
        ("a-12345678901.localhost", "/", Address("bucket", "a-12345678901")),
        ("123456789012.localhost", "/", Address("bucket", "123456789012")),
        (f"{LABEL}.127.0.0.1:9000", "/", ap()),
        # AWS's own hosts.
        (f"{LABEL}.s3-accesspoint.us-west-2.amazonaws.com", "/k", ap("k", ACCESS_POINT)),
        (f"{LABEL}.s3-accesspoint-fips.us-west-2.amazonaws.com", "/", ap(service=ACCESS_POINT)),
        (f"{LABEL}.s3-accesspoint.dualstack.us-west-2.amazonaws.com", "/", ap(service=ACCESS_POINT)),
        (f"{LABEL}.s3-accesspoint-fips.dualstack.us-west-2.amazonaws.com", "/", ap(service=ACCESS_POINT)),
        (f"{LABEL}.s3-object-lambda.us-west-2.amazonaws.com", "/k", ap("k", OBJECT_LAMBDA)),
        (f"{LABEL}.s3-object-lambda-fips.us-west-2.amazonaws.com", "/", ap(service=OBJECT_LAMBDA)),
        (f"{LABEL}.s3-object-lambda.cn-north-1.amazonaws.com.cn", "/", ap(service=OBJECT_LAMBDA)),
        ("io-1.s3-object-lambda.us-west-2.amazonaws.com", "/x", Address("object", "io-1", "x", service=OBJECT_LAMBDA)),
        ("s3.us-west-2.amazonaws.com", "/pics/k", Address("object", "pics", "k")),
        ("s3.amazonaws.com:443", "/pics", Address("bucket", "pics")),
        ("s3-us-west-2.amazonaws.com", "/pics", Address("bucket", "pics")),
        ("s3.dualstack.us-west-2.amazonaws.com", "/pics", Address("bucket", "pics")),
        ("pics.s3.us-west-2.amazonaws.com", "/k", Address("object", "pics", "k")),
        ("pics.s3.amazonaws.com", "/k", Address("object", "pics", "k")),
        ("pics.s3.local-1.amazonaws.com", "/k", Address("object", "pics", "k")),
        ("a.s3.b.s3.us-west-2.amazonaws.com", "/k", Address("object", "a.s3.b", "k")),
        ("logs-123456789012.s3.us-west-2.amazonaws.com", "/k", Address("object", "logs-123456789012", "k")),
        # Hosts that nobody told us of.
        ("gateway.internal:9000", "/pics/k", Address("object", "pics", "k")),
        (f"{LABEL}.gateway.internal", "/k", ap("k")),
        ("", "/pics/k", Address("object", "pics", "k")),
    ],
)  # fmt: skip
def test_addresses(host, path, expected):
    assert parse_address(host, path, DOMAINS) == expected


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ("a%2Fb", "a/b"),
        ("a+b", "a+b"),
        ("a%2Bb", "a+b"),
        ("//lead", "//lead"),
        ("../../etc/passwd", "../../etc/passwd"),
        ("a/./b/../c/", "a/./b/../c/"),
        ("%C3%A9", "é"),
        ("\u00c3\u00a9", "é"),  # raw UTF-8 that a server read as latin-1
        ("日", "日"),
        ("a%00b", "a\0b"),
        ("x" * 1024, "x" * 1024),
    ],
)
def test_keys_are_kept_to_the_letter(raw, key):
    assert parse_address("localhost", f"/pics/{raw}", DOMAINS).key == key
    assert parse_address("pics.localhost", f"/{raw}", DOMAINS).key == key


@pytest.mark.parametrize("path", ["/pics/%", "/pics/a%2", "/pics/%zz", "/pics/%ff", "/%ff/k", "/pics/%ED%A0%80"])
def test_a_path_that_does_not_decode_is_an_invalid_uri(path):
    with pytest.raises(InvalidURI):
        parse_address("localhost", path, DOMAINS)


def test_a_key_is_too_long_by_its_bytes_not_its_characters():
    with pytest.raises(KeyTooLongError) as caught:
        parse_address("localhost", "/pics/" + "%C3%A9" * 513, DOMAINS)
    assert caught.value.detail == {"Size": "1026", "MaxSizeAllowed": "1024"}
    assert parse_address("localhost", "/pics/" + "%C3%A9" * 512, DOMAINS).key == "é" * 512


@pytest.mark.parametrize("name", ["abc", "a-b", "a.b.c", "1abc", "x" * 63, "my-ap-123456789012"])
def test_legal_bucket_names(name):
    assert valid_bucket_name(name)


@pytest.mark.parametrize(
    "name",
    ["ab", "x" * 64, "Abc", "a_b", "-ab", "ab-", ".ab", "ab.", "a..b", "a.-b", "a-.b", "10.0.0.1", "xn--abc",
     "sthree-x", "x-s3alias", "x--ol-s3", "x--x-s3", "a/b", "é-bucket", ""],
)  # fmt: skip
def test_illegal_bucket_names(name):
    assert not valid_bucket_name(name)


def test_two_slashes_name_no_bucket():
    with pytest.raises(InvalidURI):
        parse_address("localhost", "//b/k", ("localhost",))
    assert parse_address("localhost", "//", ("localhost",)).level == "service"
    assert parse_address("b.localhost", "//k", ("localhost",)).key == "/k"
