"""`warm`, `lineage` and `cache`, and the pages that they ask."""

import json
import os
import sys
import uuid

import pytest
from botocore.credentials import Credentials
from click.testing import CliRunner

from objectlens.cli.main import main
from support.archives import JSON, eventually
from support.live import make_lens_on
from support.terminal import Terminal
from support.usage import total
from support.wire import Wire

HANDLER = """
import urllib.request
from urllib.parse import parse_qs, urlsplit

import boto3


def lambda_handler(event, context):
    c, url = event["getObjectContext"], urlsplit(event["userRequest"]["url"])
    if "boom" in url.path:
        raise ValueError("no")
    tail = parse_qs(url.query).get("tail", [""])[0].encode()
    where = {"RequestRoute": c["outputRoute"], "RequestToken": c["outputToken"]}
    body = urllib.request.urlopen(c["inputS3Url"]).read().upper() + tail
    if "moving" in url.path:
        body += __import__("os").urandom(8)
    boto3.client("s3").write_get_object_response(Body=body, ContentType="text/plain", **where)
"""


@pytest.fixture(scope="module")
def lens(server):
    found = make_lens_on(server, HANDLER)
    server.client("lambda").tag_resource(Resource=found.function_arn, Tags={"objectlens:answers": "managed"})
    for number in range(25):
        found.put(f"k/{number:02}", f"text {number:02}".encode())
    return found


@pytest.fixture
def user(server):
    iam, name = server.client("iam"), f"u{uuid.uuid4().hex[:12]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]

    def allow(action, resource):
        statement = {"Effect": "Allow", "Action": action, "Resource": resource}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))

    return Credentials(key["AccessKeyId"], key["SecretAccessKey"]), allow


def environment(server, credentials=None):
    return os.environ | {
        "AWS_ACCESS_KEY_ID": credentials.access_key if credentials else server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key if credentials else server.secret_access_key,
        "AWS_DEFAULT_REGION": server.region,
        "COLUMNS": "200",
    }


def run(server, *arguments, stdin=None, code=0):
    """Run a command in this process: starting one takes longer than what it does."""
    done = CliRunner().invoke(main, [*arguments, "--endpoint", server.url], input=stdin, env=environment(server))
    assert done.exit_code == code, done.output
    return done


def alias(server, lens):
    control = server.client("s3control")
    return control.get_access_point_for_object_lambda(AccountId=server.account, Name=lens.name)["Alias"]["Value"]


def entries(server, lens):
    answer = Wire(server).send("GET", f"/-/cache/entries?access_point={lens.arn}")
    return {one["key"] for one in json.loads(answer.body)["entries"]}


def test_warm_a_prefix_then_all_is_kept(server, lens):
    found = json.loads(run(server, "warm", lens.arn, "--prefix", "k/1", "--json").stdout)
    assert (found["keys"], found["done"], found["errors"], found["left"], found["reason"]) == (10, 10, 0, 0, None)
    eventually(lambda: {f"k/1{digit}" for digit in range(10)} <= entries(server, lens))
    again = json.loads(run(server, "warm", alias(server, lens), "--prefix", "k/1", "--json").stdout)
    assert again["cache"] == {"hit": 10}


def test_warm_keys_from_arguments_files_and_stdin(server, lens, tmp_path):
    said = run(
        server, "warm", lens.arn, "k/00", "k/01", "--arg", "tail=!", "--concurrency", "2", "--job", "ahead"
    ).stdout
    assert total(server, access_point=lens.arn, job="ahead")["invocations"] == 2
    assert said.startswith("2 of 2 keys in ")
    assert "0 failed" in said
    file = tmp_path / "keys.txt"
    file.write_text("k/02\nk/03\n\n")
    assert json.loads(run(server, "warm", lens.arn, "--keys", str(file), "--json").stdout)["done"] == 2
    assert json.loads(run(server, "warm", lens.arn, "--keys", "-", "--json", stdin="k/04\n").stdout)["done"] == 1


def test_warm_tells_what_failed_and_why_nothing_is_kept(server, lens):
    lens.put("boom", b"x")
    done = run(server, "warm", lens.arn, "k/00", "boom", code=1)
    assert "boom: LambdaRuntimeError" in done.stderr
    assert "1 failed" in done.stdout
    strict = make_lens_on(server, HANDLER)
    strict.put("k", b"x")
    done = run(server, "warm", strict.arn, "k", code=1)
    assert "objectlens:answers=managed" in done.stderr.replace("\n", "")
    assert "say which objects" in run(server, "warm", lens.arn, code=1).stderr
    assert "is not NAME=VALUE" in run(server, "warm", lens.arn, "k/00", "--arg", "tail", code=1).stderr


def test_warm_shows_a_bar(server, lens):
    command = [sys.executable, "-m", "objectlens", "warm", lens.arn, "--prefix", "k/2", "--endpoint", server.url]
    with Terminal(command, environment(server)) as terminal:
        terminal.wait_for(r"5/5.*5 of 5 keys in ")
        assert terminal.end() == 0


def test_lineage_of_what_is_kept(server, lens):
    source = lens.s3.head_object(Bucket=lens.bucket, Key="k/05")
    assert lens.read("k/05") == b"TEXT 05"
    eventually(lambda: "k/05" in entries(server, lens))
    found = json.loads(run(server, "lineage", lens.arn, "k/05", "--verify", "--json").stdout)
    assert found["source_etag"].strip('"') == source["ETag"].strip('"')
    assert lens.function in found["function"]
    assert len(found["function_digest"]) >= 32
    assert (found["cache"], found["bytes"], found["content_type"]) == ("hit", 7, "text/plain")
    assert found["entry"]["size"] == 7
    assert found["entry"]["bucket"] == lens.bucket
    assert found["verified"]["equal"] is True
    shown = run(server, "lineage", lens.arn, "k/05", "--verify").stdout
    assert "the same bytes" in shown
    other = json.loads(run(server, "lineage", alias(server, lens), "k/05", "--arg", "tail=?", "--json").stdout)
    assert (other["bytes"], other["etag"] != found["etag"]) == (8, True)
    assert "tail" in other["arguments"]


def test_lineage_finds_what_would_not_come_out_the_same_again(server, lens):
    lens.put("moving", b"x")
    done = run(server, "lineage", lens.arn, "moving", "--verify", "--json", code=1)
    assert json.loads(done.stdout)["verified"]["equal"] is False


def test_lineage_says_why_there_is_none(server, lens):
    strict = make_lens_on(server, HANDLER, actions=("GetObject",))
    strict.put("k", b"x")
    assert "tells no lineage" in run(server, "lineage", strict.arn, "k", code=1).stderr
    assert "cannot be had" in run(server, "lineage", lens.arn, "none", code=1).stderr


def test_stats_and_top(server, lens):
    for _ in range(5):
        lens.read("k/06")
    eventually(lambda: "k/06" in entries(server, lens))
    lens.read("k/06")
    found = json.loads(run(server, "cache", "stats", "--json").stdout)
    assert found["entries"] > 0
    assert 0 < found["bytes"] <= found["limit"]
    assert found["hits"] > 0
    assert "kept" in run(server, "cache", "stats").stdout
    top = json.loads(run(server, "cache", "top", "--limit", "1000", "--json").stdout)
    assert [one["hits"] for one in top] == sorted((one["hits"] for one in top), reverse=True)
    (one,) = [
        one for one in top if one["key"] == "k/06" and one["access_point"] == lens.arn and one["arguments"] == "{}"
    ]
    assert (one["bucket"], one["size"], one["content_type"]) == (lens.bucket, 7, "text/plain")
    assert not [name for name in one if name.startswith("_")]
    assert "k/06" in run(server, "cache", "top", "--limit", "1000").stdout


def test_purge_by_what_it_was_made_of_and_by_what(server, lens):
    run(server, "warm", lens.arn, "--prefix", "k/")
    everything = {f"k/{number:02}" for number in range(25)}
    eventually(lambda: everything <= entries(server, lens))
    purged = json.loads(run(server, "cache", "purge", "--access-point", lens.arn, "--prefix", "k/0", "--json").stdout)
    assert purged["entries"] >= 10
    assert purged["bytes"] > 0
    assert entries(server, lens) & everything == {key for key in everything if not key.startswith("k/0")}
    assert "forgot" in run(server, "cache", "purge", "--bucket", lens.bucket, "--prefix", "k/1").stdout
    assert entries(server, lens) & everything == {f"k/2{digit}" for digit in range(5)}
    run(server, "cache", "purge", "--function", lens.function_arn + ":7")
    assert entries(server, lens) & everything
    run(server, "cache", "purge", "--function", lens.function_arn)
    assert entries(server, lens) == set()
    assert lens.read("k/00") == b"TEXT 00"


def test_a_purge_of_everything_must_be_said(server):
    assert "say what to purge" in run(server, "cache", "purge", code=1).stderr
    for body in (b"{}", b'{"all": true, "prefix": "p"}'):
        assert Wire(server).send("POST", "/-/cache/purge", JSON, body).status == 400
    assert Wire(server).send("POST", "/-/cache/purge", JSON, b'{"access_point": "no-alias"}').status == 400


@pytest.mark.parametrize(
    ("request_", "action"),
    [
        (("GET", "/-/cache/stats", b""), "objectlens:GetCacheStatistics"),
        (("GET", "/-/cache/top?limit=3", b""), "objectlens:ListCachedObjects"),
        (("GET", "/-/cache/entries?prefix=none", b""), "objectlens:ListCachedObjects"),
        (("POST", "/-/cache/purge", b'{"prefix": "none"}'), "objectlens:PurgeCache"),
    ],
)
def test_who_may_see_and_purge(server, user, request_, action):
    method, path, body = request_
    credentials, allow = user
    wire = Wire(server)
    denied = wire.send(method, path, JSON, body, credentials=credentials)
    assert (denied.status, denied.code) == (403, "AccessDenied")
    assert f"is not authorized to perform: {action}" in denied.element("Message")
    allow("objectlens:*", "arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/other")
    assert wire.send(method, path, JSON, body, credentials=credentials).status == 403
    allow(action, "*")
    assert wire.send(method, path, JSON, body, credentials=credentials).status == 200
    allow("s3:*", "*")
    assert wire.send(method, path, JSON, body, credentials=credentials).status == 403
    assert wire.plain(method, path, {}, body).code == "AccessDenied"


def test_rights_may_be_for_one_access_point(server, lens, user):
    credentials, allow = user
    allow("objectlens:PurgeCache", lens.arn)
    wire = Wire(server)
    own, all_ = (json.dumps(one).encode() for one in ({"access_point": lens.arn, "prefix": "none"}, {"prefix": "none"}))
    assert wire.send("POST", "/-/cache/purge", JSON, own, credentials=credentials).status == 200
    assert wire.send("POST", "/-/cache/purge", JSON, all_, credentials=credentials).status == 403


def test_the_figures_are_told_with_those_of_functions(server, lens):
    lens.read("k/07")
    text = Wire(server).send("GET", "/-/metrics").body.decode()
    values = dict(line.split() for line in text.splitlines() if line.startswith("objectlens_cache_"))
    counted = [f"{name}_total" for name in ("hits", "misses", "joined", "fills", "failures", "evicted")]
    names = ["entries", "bytes", "limit_bytes", *counted, "flights"]
    assert list(values) == [f"objectlens_cache_{name}" for name in names]
    assert int(values["objectlens_cache_fills_total"]) > 0
    assert "# TYPE objectlens_cache_hits_total counter\n" in text
