"""GetBatch: many objects, one request, one archive in order; what goes wrong with one leaves the others alone."""

import http.client
import json
import os
import random
import re
import uuid
from pathlib import Path

import pytest
from botocore.credentials import Credentials
from urllib3.exceptions import ProtocolError

from support.archives import JSON, batch, eventually, members, open_files, post, streaming
from support.live import make_lens_on
from support.wire import Wire

HANDLER = """
import http.client
import time
import urllib.request
from urllib.parse import parse_qs, urlsplit

import boto3

s3 = boto3.client("s3")


def lambda_handler(event, context):
    c, url = event["getObjectContext"], urlsplit(event["userRequest"]["url"])
    where = {"RequestRoute": c["outputRoute"], "RequestToken": c["outputToken"]}
    asked = parse_qs(url.query)
    if "boom" in url.path:
        raise ValueError("secret of the function")
    if "teapot" in url.path:
        s3.write_get_object_response(StatusCode=403, ErrorCode="Teapot", ErrorMessage="no <tea> & no cup", **where)
        return
    if "broken" in url.path:
        target = urlsplit(s3.meta.endpoint_url)
        connection = http.client.HTTPConnection(target.hostname, target.port)
        headers = {"x-amz-request-route": where["RequestRoute"], "x-amz-request-token": where["RequestToken"]}
        connection.putrequest("POST", "/WriteGetObjectResponse")
        for name, value in {**headers, "Content-Length": "3000000"}.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(b"x" * 1000)
        time.sleep(0.2)
        connection.close()
        return
    if "slow" in url.path:
        time.sleep(0.3)
    body = urllib.request.urlopen(c["inputS3Url"]).read().upper() + asked.get("tail", [""])[0].encode()
    s3.write_get_object_response(Body=body, ContentType="text/plain", Metadata={"label": url.path}, **where)
"""


@pytest.fixture(scope="module")
def lens(server):
    found = make_lens_on(server, HANDLER)
    for key in ("a", "b", "slow", "deep/ü b+&?.txt"):
        found.put(key, f"the text of {key}".encode(), ContentType="text/x-source")
    found.put("long", LONG)
    return found


LONG = os.urandom(1024 * 1024).hex().encode() * 2


@pytest.fixture
def user(server):
    """A user without rights, the credentials of one, and how to allow something."""
    iam, name = server.client("iam"), f"u{uuid.uuid4().hex[:12]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]

    def allow(*statements):
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]}
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))

    return Credentials(key["AccessKeyId"], key["SecretAccessKey"]), allow


def test_members_come_in_the_order_that_was_asked_for(lens, server):
    keys = ["slow", "a", "b", "deep/ü b+&?.txt", "a", "slow"] * 5
    random.Random(7).shuffle(keys)
    found = batch(server, bucket=lens.arn, entries=keys)
    assert [one.name for one in found] == keys
    assert [one.body for one in found] == [f"the text of {key}".encode().upper() for key in keys]
    assert [one.facts["index"] for one in found] == [str(number) for number in range(len(keys))]
    assert {one.status for one in found} == {200}
    assert {one.facts["content_type"] for one in found} == {"text/plain"}
    assert {one.facts["meta.label"] for one in found if one.name == "slow"} == {"/slow"}


def test_buckets_access_points_and_aliases_in_one_batch(lens, server):
    control = server.client("s3control")
    alias = control.get_access_point_for_object_lambda(AccountId=server.account, Name=lens.name)["Alias"]["Value"]
    head = lens.s3.head_object(Bucket=lens.bucket, Key="a")
    found = batch(
        server,
        arguments={"tail": "!"},
        entries=[
            {"bucket": lens.bucket, "key": "a", "name": "raw", "arguments": {}},
            {"bucket": lens.access_point_arn, "key": "a"},
            {"bucket": alias, "key": "a", "arguments": {"tail": "?"}},
            {"bucket": lens.arn.replace("accesspoint/", "accesspoint:"), "key": "a"},
            {"bucket": f"arn:aws:s3:::{lens.bucket}", "key": "long"},
        ],
    )
    assert [one.name for one in found] == ["raw", "a", "a", "a", "long"]
    raw = b"the text of a"
    assert [one.body for one in found] == [raw, raw, b"THE TEXT OF A?", b"THE TEXT OF A!", LONG]
    assert (found[0].facts["etag"], found[0].facts["content_type"]) == (head["ETag"], "text/x-source")
    assert found[0].modified == head["LastModified"].timestamp()


def test_errors_are_members_and_the_others_follow(lens, server):
    entries = [
        "a",
        "boom",
        "b",
        "teapot",
        "broken",
        {"key": "gone", "bucket": lens.bucket},
        {"key": "a", "bucket": "no-such"},
    ]
    found = batch(server, bucket=lens.arn, entries=[*entries, "a"])
    assert [one.name for one in found] == [
        "a",
        "boom.error.json",
        "b",
        "teapot.error.json",
        "broken.error.json",
        "gone.error.json",
        "a.error.json",
        "a",
    ]
    told = [one.error for one in found if one.status != 200]
    assert [(one["status"], one["code"], one["key"]) for one in told] == [
        (500, "LambdaRuntimeError", "boom"),
        (403, "Teapot", "teapot"),
        (500, "InternalError", "broken"),
        (404, "NoSuchKey", "gone"),
        (404, "NoSuchBucket", "a"),
    ]
    assert told[1]["message"] == "no <tea> & no cup"
    assert [one["bucket"] for one in told] == [lens.arn, lens.arn, lens.arn, lens.bucket, "no-such"]
    assert all(one["request_id"] for one in told[:2])
    assert [one.facts["code"] for one in found if one.status != 200] == [one["code"] for one in told]
    assert "secret of the function" not in json.dumps(told)


def test_members_without_extended_headers(lens, server):
    keys = ["a", "deep/ü b+&?.txt", "boom", f"{'n' * 300}.txt"]
    lens.put(keys[3], b"a long name")
    with streaming(server, "/-/batch", {"bucket": lens.arn, "entries": keys, "extended_headers": False}) as answer:
        archive = answer.read()
    found = members(archive)
    assert [one.name for one in found] == [*keys[:2], "boom.error.json", keys[3]]
    assert [one.body for one in found if not one.facts.get("code")] == [
        b"THE TEXT OF A",
        "the text of deep/ü b+&?.txt".encode().upper(),
        b"A LONG NAME",
    ]
    # The head and the data of the first; what a name needs, and what an error says, stays.
    assert archive[512:1024].rstrip(b"\0") == b"THE TEXT OF A"
    assert [sorted(one.facts) for one in (found[0], found[1], found[3])] == [[], ["path"], ["path"]]
    assert (found[2].status, found[2].error["code"]) == (500, "LambdaRuntimeError")


def test_long_members_are_whole_whatever_stands_before_them(lens, server):
    entries = ["slow", "long", {"key": "long", "bucket": lens.bucket}, "a", "long"]
    found = batch(server, bucket=lens.arn, entries=entries)
    assert [one.body for one in found[1:]] == [LONG.upper(), LONG, b"THE TEXT OF A", LONG.upper()]
    assert list((server.data / "spool").iterdir()) == []


def test_an_archive_that_ends_early_is_cut(lens, server):
    asked = {"bucket": lens.arn, "entries": ["a", "boom", "b", "a"], "continue_on_error": False}
    with streaming(server, "/-/batch", asked) as answer:
        assert answer.status == 200
        with pytest.raises(http.client.IncompleteRead) as caught:
            answer.read()
    cut = caught.value.partial
    assert not cut.endswith(bytes(1024))
    # What came before the cut says why.
    assert [one.name for one in members(cut + bytes(1024))] == ["a", "boom.error.json"]
    assert [one.name for one in batch(server, **{**asked, "entries": ["a", "b"]})] == ["a", "b"]


def test_a_reader_that_takes_its_time_and_one_that_leaves(lens, server):
    before = open_files(server)
    asked = {"bucket": lens.arn, "entries": ["long"] * 40, "concurrency": 4}
    with streaming(server, "/-/batch", asked) as answer:
        first = answer.read(100_000)
        assert len(first) == 100_000
    # Nothing is held for whom has gone, and what was not begun is not done.
    eventually(lambda: open_files(server) <= before + 2)
    assert list((server.data / "spool").iterdir()) == []
    with streaming(server, "/-/batch", {**asked, "entries": ["long"] * 6}) as answer:
        assert [one.body for one in members(answer)] == [LONG.upper()] * 6


def test_every_member_needs_the_rights_of_its_get(lens, server, user):
    credentials, allow = user
    asked = {"bucket": lens.bucket, "entries": ["a", "b", {"bucket": lens.arn, "key": "a"}]}
    denied = batch(server, credentials, **asked)
    assert [(one.status, one.error["code"]) for one in denied] == [(403, "AccessDenied")] * 3
    allow({"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{lens.bucket}/b"})
    found = batch(server, credentials, **asked)
    assert [one.status for one in found] == [403, 200, 403]
    assert found[1].body == b"the text of b"
    allow(
        {"Action": ["s3-object-lambda:GetObject"], "Resource": lens.arn},
        {"Action": "lambda:InvokeFunction", "Resource": lens.function_arn},
        {"Action": "s3:GetObject", "Resource": "*"},
    )
    assert [one.status for one in batch(server, credentials, **asked)] == [200] * 3


def test_without_a_signature_nothing_is_told(lens, server):
    body = json.dumps({"bucket": lens.bucket, "entries": ["a"]}).encode()
    wire = Wire(server)
    assert wire.plain("POST", "/-/batch", JSON, body).code == "AccessDenied"
    wrong = Credentials(server.access_key_id, "wrong")
    assert wire.send("POST", "/-/batch", JSON, body, credentials=wrong).code == "SignatureDoesNotMatch"
    signed = wire.signed("POST", "/-/batch", JSON, body)
    assert wire.plain("POST", "/-/batch", signed, body.replace(b'"a"', b'"b"')).code == "XAmzContentSHA256Mismatch"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "InvalidRequest"),
        (b"[]", "InvalidRequest"),
        (json.dumps({"bucket": "b", "entries": []}).encode(), "InvalidRequest"),
        (json.dumps({"bucket": "b", "entries": ["k"] * 10_001}).encode(), "InvalidRequest"),
        (json.dumps({"bucket": "b", "entries": ["k" * 1025]}).encode(), "KeyTooLongError"),
        (json.dumps({"bucket": "b", "entries": ["k"], "more": 1}).encode(), "InvalidArgument"),
        (b" " * (16 * 1024 * 1024 + 1), "EntityTooLarge"),
    ],
)
def test_what_is_no_batch_is_refused_as_a_whole(server, body, code):
    answer = Wire(server).send("POST", "/-/batch", JSON, body, sha256="UNSIGNED-PAYLOAD")
    assert (answer.status, answer.code) == (400, code)


def test_an_argument_cannot_ask_for_another_operation(lens, server):
    (one,) = batch(server, bucket=lens.bucket, entries=["a"], arguments={"acl": ""})
    assert one.error["code"] == "InvalidArgument"


def test_an_entry_may_name_a_version(server):
    s3, name = server.client("s3"), f"b{uuid.uuid4().hex[:16]}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": server.region})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=name, Key="k", Body=b"first")["VersionId"]
    s3.put_object(Bucket=name, Key="k", Body=b"second")
    found = batch(server, bucket=name, entries=["k", {"key": "k", "version_id": first, "name": "old"}])
    assert [(one.name, one.body) for one in found] == [("k", b"second"), ("old", b"first")]


def test_only_post_is_answered(server):
    answer = Wire(server).send("GET", "/-/batch")
    assert (answer.status, answer.code, answer.header("Allow")) == (405, "MethodNotAllowed", "POST")


def test_a_bucket_may_have_such_keys(lens, server):
    """`/-/` is reserved for the server's own host: below a bucket it is a key like any other."""
    lens.put("-/batch", b"text")
    assert lens.s3.get_object(Bucket=lens.bucket, Key="-/batch")["Body"].read() == b"text"
    assert post(server, "/-/nothing", {}).status == 405


def test_the_reader_in_the_documentation(lens, server, monkeypatch):
    page = (Path(__file__).resolve().parents[3] / "docs" / "prefetch-and-batch.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    names = {}
    exec(compile(code, "prefetch-and-batch.md", "exec"), names)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_access_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", server.region)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    found = list(names["get_batch"](bucket=lens.arn, entries=["a", "long", "boom"]))
    assert [name for name, _, _ in found] == ["a", "long", "boom.error.json"]
    assert [body for _, body, _ in found[:2]] == [b"THE TEXT OF A", LONG.upper()]
    assert [facts["OBJECTLENS.status"] for _, _, facts in found] == ["200", "200", "500"]
    with pytest.raises(ProtocolError):
        list(names["get_batch"](bucket=lens.arn, entries=["a", "boom", "a"], continue_on_error=False))
