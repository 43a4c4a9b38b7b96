"""Checksums against botocore's and the standard library's own, and the rules for announcing them."""

import zlib
from base64 import b64encode

import pytest
from botocore import httpchecksum

from objectlens.errors import BadDigest, InvalidRequest
from objectlens.http import Headers
from objectlens.s3 import checksums
from objectlens.s3.checksums import ALGORITHMS, Announced, combined, composite, encode, new, parse_announced

DATA = bytes(range(256)) * 300


def announced(**headers):
    return parse_announced(Headers((name.replace("_", "-"), value) for name, value in headers.items()))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_that_botocore_knows(algorithm):
    reference = httpchecksum._CHECKSUM_CLS.get(algorithm.lower())
    digest = new(algorithm)
    for at in range(0, len(DATA), 7001):
        digest.update(DATA[at : at + 7001])
    ours = encode(digest.digest())
    if reference is None:
        assert algorithm == "MD5"
        return
    theirs = reference()
    theirs.update(DATA)
    assert ours == theirs.b64digest()
    assert checksums.check_value(algorithm, ours) == ours


@pytest.mark.parametrize(
    ("algorithm", "value"),
    [
        # Check values of the CRC catalogue for "123456789", and the digests of RFC test suites.
        ("CRC32", "cbf43926"),
        ("CRC32C", "e3069283"),
        ("CRC64NVME", "ae8b14860a799888"),
        ("SHA1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
        ("MD5", "25f9e794323b453885f5181f1b624d0b"),
    ],
)
def test_known_values(algorithm, value):
    digest = new(algorithm)
    digest.update(b"123456789")
    assert digest.digest().hex() == value


def test_composite_and_full_object():
    parts = [DATA[:5000], DATA[5000:5001], DATA[5001:]]
    values = [b64encode(zlib.crc32(part).to_bytes(4, "big")).decode() for part in parts]
    of_digests = zlib.crc32(b"".join(zlib.crc32(part).to_bytes(4, "big") for part in parts)).to_bytes(4, "big")
    assert composite("CRC32", values) == b64encode(of_digests).decode() + "-3"
    for algorithm in checksums.FULL_OBJECT_ALGORITHMS:
        whole, pieces = new(algorithm), []
        whole.update(DATA)
        for part in parts:
            digest = new(algorithm)
            digest.update(part)
            pieces.append((encode(digest.digest()), len(part)))
        assert combined(algorithm, pieces) == encode(whole.digest())


def test_what_a_request_announces():
    assert announced() is None
    assert announced(x_amz_checksum_mode="ENABLED", x_amz_checksum_type="COMPOSITE") is None
    assert announced(x_amz_checksum_algorithm="CRC32") is None
    assert announced(X_Amz_Checksum_CRC32="NhCmhg==") == Announced("CRC32", "NhCmhg==")
    assert announced(x_amz_checksum_crc32="NhCmhg==", x_amz_sdk_checksum_algorithm="crc32").algorithm == "CRC32"
    assert announced(x_amz_trailer="x-amz-checksum-SHA256") == Announced("SHA256", None)


@pytest.mark.parametrize(
    "headers",
    [
        {"x_amz_checksum_crc32": "NhCmhg==", "x_amz_checksum_crc32c": "NhCmhg=="},
        {"x_amz_checksum_crc32": "NhCmhg==", "x_amz_trailer": "x-amz-checksum-crc32"},
        {"x_amz_trailer": "x-amz-checksum-crc16"},
        {"x_amz_sdk_checksum_algorithm": "CRC32"},
        {"x_amz_sdk_checksum_algorithm": "CRC16", "x_amz_checksum_crc32": "NhCmhg=="},
        {"x_amz_sdk_checksum_algorithm": "SHA1", "x_amz_checksum_crc32": "NhCmhg=="},
    ],
)
def test_what_cannot_be_announced(headers):
    with pytest.raises(InvalidRequest):
        announced(**headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"x_amz_checksum_crc32": ""},
        {"x_amz_checksum_crc32": "no base64"},
        {"x_amz_checksum_crc32": "AAAA"},
        {"x_amz_checksum_sha256": "NhCmhg=="},
    ],
)
def test_values_that_no_bytes_have(headers):
    with pytest.raises(BadDigest):
        announced(**headers)
