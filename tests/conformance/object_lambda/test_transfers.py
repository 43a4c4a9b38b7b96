"""What download helpers make of lengths, ranges and broken answers (reference section 18.2)."""

import hashlib

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError, FlexibleChecksumError

from support.live import Lens, LiveServer, make_lens_on

MIB = 1024 * 1024
TRANSFORM = """
import boto3, os, requests, re
s3 = boto3.client("s3")
def lambda_handler(event, context):
    c = event["getObjectContext"]
    reply = {"RequestRoute": c["outputRoute"], "RequestToken": c["outputToken"]}
    body = requests.get(c["inputS3Url"]).content
    mode = event["userRequest"]["url"].rpartition("/")[2]
    headers = {name.lower(): value for name, value in event["userRequest"]["headers"].items()}
    span = re.fullmatch(r"bytes=(\\d+)-(\\d*)", headers.get("range", ""))
    if mode.startswith("longer"):
        body += b"tail"
    if mode == "checksum":
        reply["ChecksumCRC32"] = "AAAAAA=="
    if span:
        first, last = int(span[1]), min(int(span[2] or len(body) - 1), len(body) - 1)
        reply |= {"StatusCode": 206, "ContentRange": f"bytes {first}-{last}/{len(body)}"}
        body = body[first:last + 1]
    s3.write_get_object_response(Body=body, **reply)
"""


@pytest.fixture(scope="module")
def lens(server: LiveServer) -> Lens:
    return make_lens_on(server, TRANSFORM)


@pytest.fixture(scope="module")
def ranged(server: LiveServer) -> Lens:
    return make_lens_on(server, TRANSFORM, features=("GetObject-Range",))


def alias_of(lens: Lens) -> str:
    control = lens.server.client("s3control")
    return control.get_access_point_for_object_lambda(AccountId=lens.server.account, Name=lens.name)["Alias"]["Value"]


def test_a_length_that_differs_from_heads_is_no_fault_of_small_objects(lens, tmp_path) -> None:
    lens.put("longer", b"abc")
    assert lens.s3.head_object(Bucket=lens.arn, Key="longer")["ContentLength"] == 3
    assert lens.read("longer") == b"abctail"
    body = lens.s3.get_object(Bucket=alias_of(lens), Key="longer")["Body"].read()
    assert body == b"abctail"


def test_parallel_ranges_of_a_large_object(lens, ranged, tmp_path) -> None:
    data = bytes(range(256)) * 4 * 1024 * 20
    for one in (lens, ranged):
        one.put("plain", data)
    ranged.s3.download_file(alias_of(ranged), "plain", str(tmp_path / "got"), Config=TransferConfig(max_concurrency=2))
    assert hashlib.sha256((tmp_path / "got").read_bytes()).digest() == hashlib.sha256(data).digest()
    with pytest.raises(ClientError) as caught:
        lens.s3.download_file(alias_of(lens), "plain", str(tmp_path / "not"))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert not (tmp_path / "not").exists()


def test_a_checksum_that_does_not_match_fails_in_the_client(lens) -> None:
    """Section 7.3: it is handed on, and the SDK that asked for checksums finds the fault."""
    lens.put("checksum", b"abc")
    with pytest.raises(FlexibleChecksumError):
        lens.read("checksum")
    s3 = lens.server.client("s3", response_checksum_validation="when_required")
    assert s3.get_object(Bucket=lens.arn, Key="checksum")["Body"].read() == b"abc"
