"""The event, member by member (reference section 5)."""

import json
from datetime import UTC, datetime

import pytest

from objectlens.access import Caller, Session
from objectlens.call import Call
from objectlens.catalog.entities import ObjectLambdaAccessPoint, ObjectLambdaConfiguration
from objectlens.http import Headers, HttpRequest
from objectlens.objectlambda import event
from objectlens.operation import Operation
from objectlens.s3.address import Address

HOST = "resize-ol-123456789012.s3-object-lambda.us-west-2.amazonaws.com"
ACCESS_POINT = ObjectLambdaAccessPoint(
    name="resize-ol",
    account="123456789012",
    region="us-west-2",
    alias="resize-ol-x--ol-s3",
    created_at=datetime(2026, 1, 2, tzinfo=UTC),
    configuration=ObjectLambdaConfiguration(
        supporting_access_point="arn:aws:s3:us-west-2:123456789012:accesspoint/my-ap"
    ),
)
ROOT = Caller(
    kind="Root",
    account="123456789012",
    arn="arn:aws:iam::123456789012:root",
    principal_id="123456789012",
    access_key_id="AKIAEXAMPLE",
)


def call(http: HttpRequest, key: str = "k", caller: Caller = ROOT) -> Call:
    return Call(
        request_id="0d7f2a9e-6b0e-4c1c-9a53-0a2f6f0c1f11",
        http=http,
        operation=Operation("s3", "GetObject", "s3:GetObject"),
        caller=caller,
        address=Address("object", name="resize-ol", account="123456789012", key=key),
        resource=ACCESS_POINT,
        bucket=None,
        body=http.body,
    )


@pytest.mark.parametrize(
    ("key", "query", "url"),
    [
        ("images/cat.jpg", "", "/images/cat.jpg"),
        ("a b/ü.txt", "", "/a b/ü.txt"),
        ("100%?#.txt", "", "/100%25%3F%23.txt"),
        ("a//b/../c", "", "/a//b/../c"),
        ("k", "width=10&label=a%20b%2Fc", "/k?width=10&label=a b/c"),
        ("k", "q=a%26b%3Dc%2B%23&r=a+b", "/k?q=a%26b%3Dc%2B%23&r=a b"),
        ("k", "flag&x-id=GetObject&partNumber=1&versionId=v", "/k?flag&x-id=GetObject&partNumber=1&versionId=v"),
        (
            "k",
            "a=1&X-Amz-Algorithm=x&X-Amz-Credential=x&X-Amz-Date=x&X-Amz-Expires=1&x-amz-signature=s&b=2",
            "/k?a=1&b=2",
        ),
    ],
)
def test_user_url_is_absolute_decoded_and_without_authorisation(key: str, query: str, url: str) -> None:
    http = HttpRequest(method="GET", path="/whatever", query=query, host="localhost:9000")
    assert event.user_url(http, ACCESS_POINT, key) == f"https://{HOST}{url}"


def test_the_forwarded_query_is_strictly_encoded_and_has_no_range() -> None:
    query = "width=1+0&name=a/b&Range=bytes%3D0-1&partNumber=2&x-id=GetObject&X-Amz-Signature=s&flag"
    assert event.forwarded_query(query) == "width=1%200&name=a%2Fb&flag="


def test_headers_keep_their_case_and_lose_their_secrets() -> None:
    headers = Headers(
        [
            ("host", "localhost:9000"),
            ("X-Function-Params", "a"),
            ("x-function-params", "b"),
            ("AUTHORIZATION", "AWS4-HMAC-SHA256 secret"),
            ("X-Amz-Security-Token", "secret"),
            ("X-Amz-Date", "20260101T000000Z"),
            ("Connection", "keep-alive"),
            ("range", "bytes=0-1"),
            ("token", "mine"),
        ]
    )
    assert event.user_headers(HttpRequest(method="GET", path="/k", headers=headers), ACCESS_POINT) == {
        "Host": HOST,
        "X-Function-Params": "a,b",
        "range": "bytes=0-1",
        "token": "mine",
    }


def test_identity_of_a_role_session() -> None:
    caller = Caller(
        kind="AssumedRole",
        account="123456789012",
        arn="arn:aws:sts::123456789012:assumed-role/Trainer/trainer",
        principal_id="AROAEXAMPLE:trainer",
        access_key_id="ASIAEXAMPLE",
        session=Session(
            role_name="Trainer",
            role_id="AROAEXAMPLE",
            role_arn="arn:aws:iam::123456789012:role/Trainer",
            session_name="trainer",
            created_at=datetime(2026, 1, 2, 3, 0, tzinfo=UTC),
        ),
    )
    assert event.user_identity(caller) == {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLE:trainer",
        "arn": "arn:aws:sts::123456789012:assumed-role/Trainer/trainer",
        "accountId": "123456789012",
        "accessKeyId": "ASIAEXAMPLE",
        "sessionContext": {
            "attributes": {"mfaAuthenticated": "false", "creationDate": "Fri Jan 02 03:00:00 UTC 2026"},
            "sessionIssuer": {
                "type": "Role",
                "principalId": "AROAEXAMPLE",
                "arn": "arn:aws:iam::123456789012:role/Trainer",
                "accountId": "123456789012",
                "userName": "Trainer",
            },
        },
    }


def test_the_whole_event() -> None:
    http = HttpRequest(method="GET", path="/resize-ol/k", headers=Headers([("Host", "h")]), host="h")
    text = event.render(
        call(http),
        ACCESS_POINT,
        supporting="arn:aws:s3:us-west-2:123456789012:accesspoint/my-ap",
        context=("headObjectContext", {"inputS3Url": "http://127.0.0.1:9000/alias/k"}),
        payload=None,
    )
    assert json.loads(text) == {
        "xAmzRequestId": "0d7f2a9e-6b0e-4c1c-9a53-0a2f6f0c1f11",
        "headObjectContext": {"inputS3Url": "http://127.0.0.1:9000/alias/k"},
        "configuration": {
            "accessPointArn": "arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/resize-ol",
            "supportingAccessPointArn": "arn:aws:s3:us-west-2:123456789012:accesspoint/my-ap",
            "payload": "",
        },
        "userRequest": {"url": f"https://{HOST}/k", "headers": {"Host": HOST}},
        "userIdentity": {
            "type": "Root",
            "principalId": "123456789012",
            "arn": "arn:aws:iam::123456789012:root",
            "accountId": "123456789012",
            "accessKeyId": "AKIAEXAMPLE",
        },
        "protocolVersion": "1.00",
    }
