"""Uploads by browsers' forms, signed by boto3 as pages sign them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.live import LiveServer
from support.wire import Answer, Wire, path_of

BOUNDARY = "----the-boundary"


@pytest.fixture
def s3(server: LiveServer) -> Any:
    return server.client("s3", proxies={}, signature_version="s3v4")


def form(fields: dict[str, str], body: bytes | None = b"the file", filename: str = "cat.jpg") -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    if body is not None:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'
        parts.append(head.encode() + body + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def post(wire: Wire, bucket: str, fields: dict[str, str], body: bytes | None = b"the file", **more: str) -> Answer:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return wire.plain("POST", path_of(bucket), headers, form(fields, body, **more))


def signed(s3: Any, bucket: str, key: str = "k", fields: dict[str, str] | None = None, **more: Any) -> dict[str, str]:
    conditions = [*more.pop("conditions", ()), *({name: value} for name, value in (fields or {}).items())]
    made = s3.generate_presigned_post(bucket, key, Fields=fields, Conditions=conditions, **more)["fields"]
    return dict(made)


def signed_of_old(wire: Wire, bucket: str, key: str) -> dict[str, str]:
    expiration = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    policy = {"expiration": expiration, "conditions": [{"bucket": bucket}, ["starts-with", "$key", key]]}
    text = base64.b64encode(json.dumps(policy).encode()).decode()
    digest = hmac.new(wire.server.secret_access_key.encode(), text.encode(), hashlib.sha1).digest()
    signature = base64.b64encode(digest).decode()
    return {"key": key, "AWSAccessKeyId": wire.server.access_key_id, "policy": text, "signature": signature}


def test_a_form_makes_an_object(wire: Wire, s3: Any, bucket: str) -> None:
    asked = {"Content-Type": "image/jpeg", "Cache-Control": "no-store", "x-amz-meta-from": "a page"}
    tags = "<Tagging><TagSet><Tag><Key>team</Key><Value>m l</Value></Tag></TagSet></Tagging>"
    answer = post(wire, bucket, signed(s3, bucket, "user/${filename}", asked | {"tagging": tags}))
    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("Location") == f"{wire.server.url}/{bucket}/user/cat.jpg"
    got = s3.get_object(Bucket=bucket, Key="user/cat.jpg")
    assert got["Body"].read() == b"the file"
    assert (got["ContentType"], got["CacheControl"], got["Metadata"]) == ("image/jpeg", "no-store", {"from": "a page"})
    assert got["ETag"] == answer.header("ETag")
    assert s3.get_object_tagging(Bucket=bucket, Key="user/cat.jpg")["TagSet"] == [{"Key": "team", "Value": "m l"}]


def test_a_form_signed_as_of_old(server: LiveServer, wire: Wire, s3: Any, bucket: str) -> None:
    # boto3 signs forms so unless it is told otherwise.
    by_default = signed(server.client("s3", proxies={}), bucket)
    assert "AWSAccessKeyId" in by_default
    assert post(wire, bucket, by_default).status == 204
    assert post(wire, bucket, signed_of_old(wire, bucket, "old")).status == 204
    assert s3.get_object(Bucket=bucket, Key="old")["Body"].read() == b"the file"
    wrong = signed_of_old(wire, bucket, "old") | {"signature": "c2lnbmF0dXJl"}
    refusal = post(wire, bucket, wrong)
    assert (refusal.status, refusal.code) == (403, "SignatureDoesNotMatch")


def test_a_large_file_streams(wire: Wire, s3: Any, bucket: str) -> None:
    body = bytes(range(256)) * 20_000
    assert post(wire, bucket, signed(s3, bucket), body).status == 204
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body


@pytest.mark.parametrize(("asked", "status"), [("200", 200), ("201", 201), ("204", 204), ("404", 204), ("", 204)])
def test_the_status_that_is_asked_for(wire: Wire, s3: Any, bucket: str, asked: str, status: int) -> None:
    answer = post(wire, bucket, signed(s3, bucket, fields={"success_action_status": asked}))
    assert answer.status == status
    if status == 201:
        told = [answer.element(name) for name in ("Bucket", "Key", "ETag", "Location")]
        assert told == [bucket, "k", answer.header("ETag"), f"{wire.server.url}/{bucket}/k"]
    else:
        assert answer.body == b""


def test_the_browser_is_sent_on(wire: Wire, s3: Any, bucket: str) -> None:
    answer = post(wire, bucket, signed(s3, bucket, fields={"success_action_redirect": "https://app/done?step=2"}))
    assert answer.status == 303
    etag = (answer.header("ETag") or "").strip('"')
    assert answer.header("Location") == f"https://app/done?step=2&bucket={bucket}&key=k&etag=%22{etag}%22"
    ignored = post(wire, bucket, signed(s3, bucket, fields={"success_action_redirect": "javascript:alert(1)"}))
    assert ignored.status == 204


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"x-amz-meta-more": "1"}, (403, "AccessDenied")),
        ({"key": "other"}, (403, "AccessDenied")),
        ({"policy": "e30="}, (403, "SignatureDoesNotMatch")),
        ({"x-amz-signature": "0" * 64}, (403, "SignatureDoesNotMatch")),
        ({"x-amz-date": "20200101T000000Z"}, (403, "AccessDenied")),
        ({"x-amz-signature": ""}, (400, "InvalidArgument")),
    ],
)
def test_what_the_policy_and_its_signature_do_not_allow(
    wire: Wire, s3: Any, bucket: str, changes: dict[str, str], refusal: tuple[int, str]
) -> None:
    answer = post(wire, bucket, signed(s3, bucket) | changes)
    assert (answer.status, answer.code) == refusal
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_the_length_that_is_allowed(wire: Wire, s3: Any, bucket: str) -> None:
    limits = signed(s3, bucket, conditions=[["content-length-range", 2, 1000]])
    for body, code in ((b"x", "EntityTooSmall"), (b"x" * 1001, "EntityTooLarge")):
        answer = post(wire, bucket, limits, body)
        assert (answer.status, answer.code) == (400, code)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    assert post(wire, bucket, limits, b"x" * 1000).status == 204


def test_a_policy_of_yesterday(wire: Wire, s3: Any, bucket: str) -> None:
    answer = post(wire, bucket, signed(s3, bucket, ExpiresIn=-10))
    assert (answer.status, answer.code) == (403, "AccessDenied")


def test_checksums_of_forms(wire: Wire, s3: Any, bucket: str) -> None:
    sha256 = base64.b64encode(hashlib.sha256(b"the file").digest()).decode()
    assert post(wire, bucket, signed(s3, bucket) | {"x-amz-checksum-sha256": sha256}).status == 204
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"] == sha256
    wrong = base64.b64encode(bytes(32)).decode()
    answer = post(wire, bucket, signed(s3, bucket) | {"x-amz-checksum-sha256": wrong})
    assert (answer.status, answer.code) == (400, "BadDigest")


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"acl": "public-read"}, 400), ({"x-amz-server-side-encryption": "AES256"}, 501), ({"acl": "private"}, 204)],
)
def test_what_a_put_would_refuse_a_form_does_too(
    wire: Wire, s3: Any, bucket: str, fields: dict[str, str], status: int
) -> None:
    assert post(wire, bucket, signed(s3, bucket, fields=fields)).status == status


def test_what_is_no_form(wire: Wire, s3: Any, bucket: str) -> None:
    fields = signed(s3, bucket)
    without_file = post(wire, bucket, fields, None)
    assert (without_file.status, without_file.code) == (400, "InvalidArgument")
    del fields["key"]
    without_key = post(wire, bucket, fields)
    assert without_key.status in {400, 403}
    plain = wire.send("POST", path_of(bucket), {"Content-Type": "text/plain"}, b"x")
    assert (plain.status, plain.code) == (400, "MalformedPOSTRequest")
    cut = wire.plain(
        "POST",
        path_of(bucket),
        {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
        form(signed(s3, bucket))[:-30],
    )
    assert (cut.status, cut.code) == (400, "IncompleteBody")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_without_a_signature_the_public_needs_a_policy(wire: Wire, s3: Any, bucket: str) -> None:
    answer = post(wire, bucket, {"key": "k"})
    assert (answer.status, answer.code) == (403, "AccessDenied")


def test_a_form_of_a_user_who_may_not(wire: Wire, s3: Any, server: Any, bucket: str) -> None:
    iam = server.client("iam")
    iam.create_user(UserName=bucket)
    key = iam.create_access_key(UserName=bucket)["AccessKey"]
    try:
        credentials = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        theirs = server.client("s3", credentials=credentials, proxies={}, cached=False, signature_version="s3v4")
        answer = post(wire, bucket, signed(theirs, bucket))
        assert (answer.status, answer.code) == (403, "AccessDenied")
        grant = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [grant]})
        iam.put_user_policy(UserName=bucket, PolicyName="put", PolicyDocument=document)
        assert post(wire, bucket, signed(theirs, bucket)).status == 204
        tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
        tagged = post(wire, bucket, signed(theirs, bucket, fields={"tagging": tags}))
        assert (tagged.status, tagged.code) == (403, "AccessDenied")
    finally:
        for name in iam.list_user_policies(UserName=bucket)["PolicyNames"]:
            iam.delete_user_policy(UserName=bucket, PolicyName=name)
        iam.delete_access_key(UserName=bucket, AccessKeyId=key["AccessKeyId"])
        iam.delete_user(UserName=bucket)
