"""Cross-origin rules, and what browsers are told by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.live import Lens, LiveServer
from support.wire import Answer, Wire, path_of, refused

PAGE = "https://app.example.com"
RULES = [
    {
        "ID": "app",
        "AllowedOrigins": ["https://*.example.com"],
        "AllowedMethods": ["GET", "PUT"],
        "AllowedHeaders": ["content-type", "x-amz-*"],
        "ExposeHeaders": ["ETag", "x-amz-request-id"],
        "MaxAgeSeconds": 600,
    },
    {"AllowedOrigins": ["*"], "AllowedMethods": ["HEAD"]},
]


@pytest.fixture
def shared(s3: Any, bucket: str) -> str:
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": RULES})
    return bucket


def preflight(wire: Wire, path: str, **headers: str) -> Answer:
    return wire.plain("OPTIONS", path, {name.replace("_", "-"): value for name, value in headers.items()}, None)


def test_rules_are_kept(s3: Any, bucket: str) -> None:
    with refused("NoSuchCORSConfiguration", 404):
        s3.get_bucket_cors(Bucket=bucket)
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": RULES})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == RULES
    s3.delete_bucket_cors(Bucket=bucket)
    with refused("NoSuchCORSConfiguration", 404):
        s3.get_bucket_cors(Bucket=bucket)


def test_rules_that_say_too_much(s3: Any, bucket: str) -> None:
    with refused("InvalidRequest", 400):
        wrong = [{"AllowedOrigins": ["*"], "AllowedMethods": ["PATCH"]}]
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": wrong})
    with refused("InvalidRequest", 400):
        wrong = [{"AllowedOrigins": ["https://*.*"], "AllowedMethods": ["GET"]}]
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": wrong})
    with refused("MalformedXML", 400):
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": []})


def test_a_preflight_that_may(wire: Wire, shared: str) -> None:
    answer = preflight(
        wire,
        path_of(shared, "a b"),
        Origin=PAGE,
        Access_Control_Request_Method="PUT",
        Access_Control_Request_Headers="Content-Type, x-amz-meta-name",
    )
    assert (answer.status, answer.body) == (200, b"")
    assert answer.header("Access-Control-Allow-Origin") == PAGE
    assert answer.header("Access-Control-Allow-Methods") == "GET, PUT"
    assert answer.header("Access-Control-Allow-Headers") == "content-type, x-amz-meta-name"
    assert answer.header("Access-Control-Max-Age") == "600"
    assert answer.header("Access-Control-Allow-Credentials") == "true"
    assert answer.header("Vary") == "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": PAGE, "Access_Control_Request_Method": "DELETE"},
        {"Origin": "https://elsewhere.net", "Access_Control_Request_Method": "GET"},
        {"Origin": PAGE, "Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "authorization"},
    ],
)
def test_a_preflight_that_may_not(wire: Wire, shared: str, headers: dict[str, str]) -> None:
    answer = preflight(wire, path_of(shared), **headers)
    assert (answer.status, answer.code) == (403, "AccessForbidden")
    assert answer.header("Access-Control-Allow-Origin") is None


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": PAGE}, {"Origin": PAGE, "Access_Control_Request_Method": "PATCH"}],
)
def test_what_is_no_preflight(wire: Wire, shared: str, headers: dict[str, str]) -> None:
    answer = preflight(wire, path_of(shared), **headers)
    assert (answer.status, answer.code) == (400, "BadRequest")


def test_without_rules_nobody_may(wire: Wire, bucket: str) -> None:
    for path in (path_of(bucket, "k"), path_of("no-such-bucket-here", "k")):
        answer = preflight(wire, path, Origin=PAGE, Access_Control_Request_Method="GET")
        assert (answer.status, answer.code) == (403, "AccessForbidden")


def test_answers_say_who_may_read_them(wire: Wire, s3: Any, shared: str) -> None:
    s3.put_object(Bucket=shared, Key="k", Body=b"x")
    good = wire.send("GET", path_of(shared, "k"), {"Origin": PAGE})
    assert (good.status, good.body) == (200, b"x")
    assert good.header("Access-Control-Allow-Origin") == PAGE
    assert good.header("Access-Control-Expose-Headers") == "ETag, x-amz-request-id"
    everyone = wire.send("HEAD", path_of(shared, "k"), {"Origin": "https://elsewhere.net"})
    assert everyone.header("Access-Control-Allow-Origin") == "*"
    assert everyone.header("Access-Control-Allow-Credentials") is None
    for headers in ({}, {"Origin": "https://elsewhere.net"}):
        assert wire.send("GET", path_of(shared, "k"), headers).header("Access-Control-Allow-Origin") is None


def test_errors_too(wire: Wire, shared: str) -> None:
    missing = wire.send("GET", path_of(shared, "missing"), {"Origin": PAGE})
    assert (missing.status, missing.header("Access-Control-Allow-Origin")) == (404, PAGE)
    unsigned = wire.plain("GET", path_of(shared, "k"), {"Origin": PAGE}, None)
    assert (unsigned.status, unsigned.header("Access-Control-Allow-Origin")) == (403, PAGE)
    broken = wire.plain("GET", path_of(shared, "k"), {"Origin": PAGE, "Authorization": "nonsense"}, None)
    assert (broken.status, broken.header("Access-Control-Allow-Origin")) == (400, PAGE)


def test_a_presigned_upload_from_a_page(server: LiveServer, wire: Wire, s3: Any, shared: str) -> None:
    url = server.client("s3", proxies={}, signature_version="s3v4").generate_presigned_url(
        "put_object", Params={"Bucket": shared, "Key": "k"}
    )
    path = url.partition(wire.netloc)[2]
    allowed = preflight(wire, path, Origin=PAGE, Access_Control_Request_Method="PUT")
    assert allowed.status == 200
    sent = wire.plain("PUT", path, {"Origin": PAGE}, b"from a page")
    assert (sent.status, sent.header("Access-Control-Allow-Origin")) == (200, PAGE)
    assert s3.get_object(Bucket=shared, Key="k")["Body"].read() == b"from a page"


def test_access_points_have_the_rules_of_their_bucket(make_lens: Callable[..., Lens], wire: Wire) -> None:
    lens = make_lens("def lambda_handler(event, context): pass")
    lens.s3.put_bucket_cors(Bucket=lens.bucket, CORSConfiguration={"CORSRules": RULES})
    control = lens.server.client("s3control")
    plain = control.get_access_point(AccountId=lens.server.account, Name=lens.access_point)["Alias"]
    transforming = control.get_access_point_for_object_lambda(AccountId=lens.server.account, Name=lens.name)["Alias"]
    for alias in (plain, transforming["Value"]):
        answer = preflight(wire, path_of(alias, "k"), Origin=PAGE, Access_Control_Request_Method="GET")
        assert (answer.status, answer.header("Access-Control-Allow-Origin")) == (200, PAGE)
