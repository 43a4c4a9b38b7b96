"""Which API a request is for."""

import time

import pytest

from objectlens.gateway.endpoints import access_key_id, which_api
from objectlens.http import Headers, HttpRequest

SCOPE = "AWS4-HMAC-SHA256 Credential=AKIA1/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=00"


def request(path: str = "/", host: str = "localhost:9000", query: str = "", **headers: str) -> HttpRequest:
    items = Headers((name.replace("_", "-"), value) for name, value in headers.items())
    return HttpRequest(method="GET", path=path, host=host, query=query, headers=items)


@pytest.mark.parametrize(
    ("http", "api"),
    [
        (request(authorization=SCOPE.format("s3")), "s3"),
        (request(authorization=SCOPE.format("s3-object-lambda")), "s3"),
        (request(authorization=SCOPE.format("lambda"), path="/2015-03-31/functions/"), "lambda"),
        (request(authorization=SCOPE.format("s3"), path="/2015-03-31/functions/"), "s3"),
        (request(authorization=SCOPE.format("iam")), "iam"),
        (request(authorization=SCOPE.format("sts")), "sts"),
        (request(query="X-Amz-Credential=A%2F20260101%2Fr%2Fsts%2Faws4_request&Action=GetCallerIdentity"), "sts"),
        (request(path="/v20180820/accesspoint/a", x_amz_account_id="1"), "s3control"),
        (request(path="/v20180820/accesspoint/a"), "s3"),
        (request(host="lambda.us-west-2.amazonaws.com"), "lambda"),
        (request(host="sts.amazonaws.com"), "sts"),
        (request(host="123456789012.s3-control.us-west-2.amazonaws.com"), "s3control"),
        (request(host="iam.s3.us-west-2.amazonaws.com"), "s3"),
        (request(host="iam.s3.amazonaws.com"), "s3"),
        (request(host="my.lambda.s3.amazonaws.com"), "s3"),
        (request(host="sts.s3-object-lambda.amazonaws.com"), "s3"),
        (request(host="lambda.localhost:9000"), "s3"),
        (request(), "s3"),
    ],
)
def test_which_api(http: HttpRequest, api: str) -> None:
    assert which_api(http) == api


def test_access_key_id_is_read_from_header_and_query_without_trust() -> None:
    assert access_key_id(request(authorization=SCOPE.format("s3"))) == "AKIA1"
    assert access_key_id(request(query="X-Amz-Credential=ASIA%2F20260101%2Fr%2Fs3%2Faws4_request")) == "ASIA"
    assert access_key_id(request(authorization="AWS key:signature")) == ""
    assert access_key_id(request()) is None


def test_a_hostile_scope_is_read_in_time_in_proportion_to_its_length() -> None:
    began = time.perf_counter()
    assert access_key_id(request(authorization="Credential=" * 6000)) == ""
    assert access_key_id(request(authorization="Credential=" + "/20260101" * 7000)) == ""
    assert time.perf_counter() - began < 0.5


def test_access_key_ids_may_hold_slashes() -> None:
    scope = "AWS4-HMAC-SHA256 Credential=a/b/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0"
    assert access_key_id(request(authorization=scope)) == "a/b"
    assert which_api(request(authorization=scope)) == "iam"
