"""Every form of host and path that leads to a bucket."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.config
import pytest

from support.live import LiveServer, start_server, stop_server
from support.wire import Wire, refused


@pytest.fixture
def s3(server: LiveServer) -> Any:
    return server.client("s3", proxies={})


@pytest.fixture
def wire(server: LiveServer) -> Wire:
    return Wire(server)


def _bucket(s3: Any, name: str) -> Iterator[str]:
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
    s3.put_object(Bucket=name, Key="a b/k", Body=name.encode())
    yield name
    for one in s3.list_objects_v2(Bucket=name).get("Contents", []):
        s3.delete_object(Bucket=name, Key=one["Key"])
    s3.delete_bucket(Bucket=name)


# A plain name, one with dots, one that reads like an access point's label, one that reads like a part of our own API.
@pytest.fixture(params=["addr-%s", "dots.in.%s", "x%s-123456789012", "v20180820-%s"])
def bucket(request: pytest.FixtureRequest, s3: Any) -> Iterator[str]:
    yield from _bucket(s3, request.param % uuid.uuid4().hex[:8])


@pytest.fixture
def plain(s3: Any) -> Iterator[str]:
    yield from _bucket(s3, f"plain-{uuid.uuid4().hex[:8]}")


def _port(server: LiveServer) -> int:
    port = urlsplit(server.url).port
    assert port
    return port


def test_path_style(wire: Wire, bucket: str) -> None:
    assert wire.send("GET", f"/{bucket}/a%20b/k").body == bucket.encode()
    for path in (f"/{bucket}", f"/{bucket}/"):
        assert b"<Key>a b/k</Key>" in wire.send("GET", path).body


@pytest.mark.parametrize("domain", ["localhost", "127.0.0.1", "LOCALHOST"])
def test_virtual_host_style(wire: Wire, server: LiveServer, bucket: str, domain: str) -> None:
    host = f"{bucket}.{domain}:{_port(server)}"
    assert wire.send("GET", "/a%20b/k", {"Host": host}, host=host).body == bucket.encode()
    assert b"<Key>a b/k</Key>" in wire.send("GET", "/", {"Host": host}, host=host).body
    assert wire.send("PUT", f"/{bucket}", {"Host": host}, b"nested", host=host).status == 200
    assert wire.send("GET", f"/{bucket}/{bucket}").body == b"nested"


@pytest.mark.parametrize(
    "suffix",
    [
        "s3.us-west-2.amazonaws.com",
        "s3.amazonaws.com",
        "s3-us-west-2.amazonaws.com",
        "s3.dualstack.eu-central-1.amazonaws.com",
        "s3-fips.us-east-1.amazonaws.com",
        "s3.cn-north-1.amazonaws.com.cn",
    ],
)
def test_hosts_of_aws(wire: Wire, bucket: str, suffix: str) -> None:
    host = f"{bucket}.{suffix}"
    assert wire.send("GET", "/a%20b/k", {"Host": host}, host=host).body == bucket.encode()
    assert wire.send("GET", f"/{bucket}/a%20b/k", {"Host": suffix}, host=suffix).body == bucket.encode()


def test_absolute_form(wire: Wire, server: LiveServer, bucket: str) -> None:
    """What a client sends to an HTTP proxy."""
    for host, path in (
        (f"{bucket}.localhost:{_port(server)}", "/a%20b/k"),
        (f"{bucket}.s3.us-west-2.amazonaws.com", "/a%20b/k"),
        (wire.netloc, f"/{bucket}/a%20b/k"),
    ):
        headers = wire.signed("GET", path, {"Host": host}, host=host)
        assert wire.plain("GET", f"http://{host}{path}", headers).body == bucket.encode()


def test_a_tunnel_is_refused(wire: Wire) -> None:
    answer = wire.plain("CONNECT", "example.com:443", {"Host": "example.com:443"}, None)
    assert answer.status in {400, 405, 501}


def test_we_are_a_proxy_to_nobody_else(wire: Wire) -> None:
    answer = wire.plain("GET", "http://example.com/", {"Host": "example.com"}, None)
    assert answer.status == 403


def test_boto3_in_both_styles_through_the_proxy(server: LiveServer, bucket: str) -> None:
    for style in ("path", "virtual"):
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=server.url.replace("127.0.0.1", "localhost"),
            region_name=server.region,
            aws_access_key_id=server.access_key_id,
            aws_secret_access_key=server.secret_access_key,
            config=botocore.config.Config(s3={"addressing_style": style}, proxies={"http": server.url}),
        )
        assert client.get_object(Bucket=bucket, Key="a b/k")["Body"].read() == bucket.encode()
        assert client.list_objects_v2(Bucket=bucket)["Contents"][0]["Key"] == "a b/k"


def test_a_label_of_no_bucket(wire: Wire, server: LiveServer, plain: str) -> None:
    host = f"no-such-bucket-here.localhost:{_port(server)}"
    answer = wire.send("GET", "/a%20b/k", {"Host": host}, host=host)
    assert (answer.status, answer.code) == (404, "NoSuchBucket")


def test_an_unknown_host_is_path_style(wire: Wire, plain: str) -> None:
    for host in ("nas", "nas.example.org:9000", "10.1.2.3:80"):
        assert wire.send("GET", f"/{plain}/a%20b/k", {"Host": host}, host=host).body == plain.encode()


@pytest.mark.parametrize("path", ["/%zz", "/{0}/%", "/{0}/%ff", "/{0}/%C3%28", "/{0}/" + "k" * 1025, "/{0}%00/k"])
def test_paths_that_are_none(wire: Wire, plain: str, path: str) -> None:
    answer = wire.send("GET", path.format(plain))
    assert answer.status in {400, 404}
    assert answer.code in {"InvalidURI", "KeyTooLongError", "NoSuchBucket", "InvalidBucketName"}


def test_two_slashes_name_no_bucket(wire: Wire, plain: str) -> None:
    for method in ("GET", "PUT"):
        answer = wire.send(method, f"//{plain}/k")
        assert (answer.status, answer.code) == (400, "InvalidURI")


def test_the_reserved_prefix_is_no_bucket(wire: Wire) -> None:
    assert wire.plain("GET", "/-/health/live", {}).status == 200
    assert wire.plain("GET", "/-/health/ready", {}).status == 200
    assert wire.plain("GET", "/-/no-such-page", {}).status == 404


def test_below_a_bucket_s_own_host_no_key_is_reserved(wire: Wire, server: LiveServer, bucket: str) -> None:
    host = f"{bucket}.localhost:{_port(server)}"
    assert wire.send("PUT", "/-/health/live", {"Host": host}, b"mine", host=host).status == 200
    assert wire.send("GET", "/-/health/live", {"Host": host}, host=host).body == b"mine"
    assert wire.send("GET", f"/{bucket}/-/health/live").body == b"mine"


def test_a_url_of_one_host_leads_to_no_other_bucket(wire: Wire, server: LiveServer, bucket: str) -> None:
    """Whoever gets URLs presigned for keys of his choice in one bucket must not read another with them."""
    host = f"elsewhere.localhost:{_port(server)}"
    path = f"/{bucket}/a%20b/k"
    headers = wire.signed("GET", path, {"Host": host}, host=host)
    assert wire.plain("GET", path, headers).status == 404
    for target in (f"http://{path}", f"http://?x=1{path}", f"http://@{wire.netloc}{path}"):
        assert wire.plain("GET", target, headers).status == 400
    for other in (wire.netloc, "localhost", "s3.amazonaws.com"):
        assert wire.plain("GET", f"http://{other}{path}", headers).status == 403


def test_domains_and_ipv6(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET6) as free:
        free.bind(("::1", 0))
        port = free.getsockname()[1]
    live = start_server(
        tmp_path / "data", "--listen", f"[::1]:{port}", "--domain", "lens.example.org", "--domain", "example.org"
    )
    try:
        assert live.url == f"http://[::1]:{port}"
        s3 = live.client("s3", proxies={})
        s3.create_bucket(Bucket="pics", CreateBucketConfiguration={"LocationConstraint": live.region})
        s3.put_object(Bucket="pics", Key="k", Body=b"x")
        assert s3.get_object(Bucket="pics", Key="k")["Body"].read() == b"x"
        wire = Wire(live)
        for host in ("pics.lens.example.org", "pics.example.org", f"pics.lens.example.org:{port}"):
            assert wire.send("GET", "/k", {"Host": host}, host=host).body == b"x"
        for host in ("lens.example.org", "example.org", "localhost"):
            assert wire.send("GET", "/pics/k", {"Host": host}, host=host).body == b"x"
        with refused("NoSuchKey", 404):
            s3.get_object(Bucket="pics", Key="none")
    finally:
        assert stop_server(live) == 0
