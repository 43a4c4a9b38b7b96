"""What GET and HEAD answer for a function that knows whole objects only."""

from __future__ import annotations

import random
import time
import zlib
from base64 import b64encode
from typing import Any

import pytest
from botocore.exceptions import ClientError

from conformance.managed.conftest import MakeManaged, Managed, new_bucket, update_code, way

BODY = random.Random(3).randbytes(100_000)
HALF = BODY[::2]
LARGE = random.Random(4).randbytes(3_000_001)
CONSTANT = """
import boto3

DATA = b"%s"


def lambda_handler(event, context):
    where = event["getObjectContext"]
    reply = {"RequestRoute": where["outputRoute"], "RequestToken": where["outputToken"]}
    boto3.client("s3").write_get_object_response(**reply, Body=DATA)
"""


def refused(call: Any, *arguments: Any, **members: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **members)
    return caught.value.response


def test_head_tells_of_the_derived_object_and_costs_one_invocation(halves: Managed) -> None:
    halves.put("h", BODY, ContentType="image/x", Metadata={"secret": "of the source"})
    before = halves.invocations()
    head = halves.head("h")
    assert (head["ContentLength"], head["ContentType"], head["Metadata"]) == (50_000, "text/x-half", {"of": "image/x"})
    answer = halves.get("h")
    assert answer["Body"].read() == HALF
    for name in ("ETag", "LastModified", "ContentLength", "ContentType", "Metadata", "AcceptRanges"):
        assert answer[name] == head[name], name
    assert answer["ETag"] != halves.s3.head_object(Bucket=halves.lens.bucket, Key="h")["ETag"]
    assert way(answer) == "hit"
    assert halves.invocations() == before + 1


@pytest.mark.parametrize("key", ["r", "r.unknown-length"])
def test_ranges_and_parts_of_the_derived_object(halves: Managed, key: str) -> None:
    halves.put(key, LARGE)
    half = LARGE[::2]
    size = len(half)
    for asked, start, end in (
        ("bytes=0-0", 0, 1),
        ("bytes=-7", size - 7, size),
        ("bytes=1499990-", 1_499_990, size),
        ("bytes=70000-1400000", 70_000, 1_400_001),
        ("bytes=5-99999999", 5, size),
    ):
        answer = halves.get(key, Range=asked)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert answer["ContentRange"] == f"bytes {start}-{end - 1}/{size}"
        assert answer["Body"].read() == half[start:end], asked
        head = halves.head(key, Range=asked)
        assert (head["ContentLength"], head["ContentRange"]) == (end - start, answer["ContentRange"])
    assert halves.get(key, PartNumber=1)["ContentRange"] == f"bytes 0-{size - 1}/{size}"
    beyond = refused(halves.get, key, Range="bytes=99999999-")
    assert beyond["Error"]["Code"] == "InvalidRange"
    assert beyond["ResponseMetadata"]["HTTPHeaders"]["content-range"] == f"bytes */{size}"
    assert way(beyond) == "hit"
    assert refused(halves.get, key, PartNumber=2)["Error"]["Code"] == "InvalidPart"
    assert refused(halves.get, key, Range="bytes=0-1", PartNumber=1)["Error"]["Code"] == "InvalidRequest"


def test_a_cold_range_is_cut_from_the_whole(halves: Managed) -> None:
    halves.put("cold", LARGE)
    before = halves.invocations()
    beyond = refused(halves.get, "cold", Range="bytes=99999999-")
    assert (beyond["Error"]["Code"], way(beyond)) == ("InvalidRange", "miss")
    assert halves.get("cold", Range="bytes=100-199")["Body"].read() == LARGE[::2][100:200]
    assert halves.get("cold")["Body"].read() == LARGE[::2]
    assert halves.invocations() == before + 1


def test_conditions_are_decided_without_an_invocation(halves: Managed) -> None:
    halves.put("c", BODY)
    etag = halves.head("c")["ETag"]
    modified = halves.head("c")["LastModified"]
    assert etag.startswith('"')
    before = halves.invocations()
    told = refused(halves.get, "c", IfNoneMatch=etag)
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 304
    assert told["ResponseMetadata"]["HTTPHeaders"]["etag"] == etag
    assert told["ResponseMetadata"]["HTTPHeaders"]["x-objectlens-cache"] == "hit"
    assert refused(halves.head, "c", IfNoneMatch=etag)["ResponseMetadata"]["HTTPStatusCode"] == 304
    assert refused(halves.get, "c", IfModifiedSince=modified)["ResponseMetadata"]["HTTPStatusCode"] == 304
    assert refused(halves.get, "c", IfMatch='"other"')["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert refused(halves.get, "c", IfUnmodifiedSince="Sat, 01 Jan 2000 00:00:00 GMT")["Error"]["Code"] == (
        "PreconditionFailed"
    )
    assert halves.get("c", IfMatch=etag, Range="bytes=-3")["Body"].read() == HALF[-3:]
    part = {"If-Range": etag, "Range": "bytes=0-2"}
    assert halves.get("c", headers=part)["Body"].read() == HALF[:3]
    assert halves.get("c", headers=part | {"If-Range": '"other"'})["Body"].read() == HALF
    assert halves.invocations() == before


def test_a_304_of_what_was_never_made_costs_no_invocation(halves: Managed) -> None:
    halves.put("n", BODY)
    etag = halves.head("n")["ETag"]
    halves.put("n", LARGE)
    halves.put("n", BODY)
    before = halves.invocations()
    assert refused(halves.get, "n", IfNoneMatch=etag)["ResponseMetadata"]["HTTPStatusCode"] == 304
    assert halves.invocations() == before


def test_checksums_on_request(halves: Managed) -> None:
    halves.put("k", BODY)
    halves.get("k")["Body"].read()
    wanted = b64encode(zlib.crc32(HALF).to_bytes(4, "big")).decode()
    for answer in (halves.get("k", ChecksumMode="ENABLED"), halves.head("k", ChecksumMode="ENABLED")):
        assert (answer["ChecksumCRC32"], answer["ChecksumType"]) == (wanted, "FULL_OBJECT")


def test_overrides_are_the_gateways(halves: Managed) -> None:
    halves.put("o", BODY)
    before = halves.invocations()
    answer = halves.get("o", ResponseContentType="a/b", ResponseContentDisposition="inline")
    assert (answer["ContentType"], answer["ContentDisposition"]) == ("a/b", "inline")
    assert halves.get("o")["ContentType"] == "text/x-half"
    assert halves.invocations() == before + 1


def test_the_function_sees_the_whole_object_request_and_nobodys_identity(halves: Managed) -> None:
    halves.put("e", BODY)
    extra = {"If-None-Match": '"another"', "x-other": "1", "x-objectlens-args": "a=1"}
    halves.get("e", query="z=1&partNumber=1&b=2&response-expires=x", headers=extra)
    seen = halves.events()[-1]
    assert set(seen["request"]["headers"]) == {"Host", "x-objectlens-args"}
    assert seen["request"]["url"].endswith("/e?b=2&z=1")
    assert (seen["identity"]["type"], seen["identity"]["arn"]) == ("AWSService", "")


def test_arguments_are_canonical(halves: Managed) -> None:
    halves.put("a", BODY)
    answers = {query: halves.get("a", query=query) for query in ("x=1&y=2", "y=2&x=1", "x=1", "")}
    tags = {query: answer["ETag"] for query, answer in answers.items()}
    assert tags["x=1&y=2"] == tags["y=2&x=1"]
    assert len(set(tags.values())) == 3
    told = answers["y=2&x=1"]["ResponseMetadata"]["HTTPHeaders"]["x-objectlens-arguments"]
    assert told == '{"x":"1","y":"2"}'


def test_what_answers_vary_by(make_managed: MakeManaged) -> None:
    managed = make_managed(tags={"objectlens:varies": "X-Kind identity"})
    managed.put("k", BODY)
    one, two = (managed.get("k", headers={"x-kind": kind}) for kind in ("a", "b"))
    assert one["ETag"] != two["ETag"]
    assert [seen["request"]["headers"]["x-kind"] for seen in managed.events()[-2:]] == ["a", "b"]
    assert managed.events()[-1]["identity"]["arn"].endswith(":root")
    assert way(managed.get("k", headers={"x-kind": "a", "x-other": "c"})) == "hit"


def test_lineage(halves: Managed) -> None:
    halves.put("l", BODY)
    first, second = halves.get("l"), halves.get("l")
    source = halves.s3.head_object(Bucket=halves.lens.bucket, Key="l")["ETag"]
    for answer, came in ((first, "miss"), (second, "hit")):
        told = answer["ResponseMetadata"]["HTTPHeaders"]
        assert told["x-objectlens-source-etag"] == source
        assert told["x-objectlens-function"] == f"{halves.lens.function_arn}:$LATEST"
        assert len(told["x-objectlens-function-digest"]) == 64
        assert told["x-objectlens-arguments"] == "{}"
        assert told["x-objectlens-cache"] == came
        assert int(told["x-objectlens-duration-ms"]) >= 0


def test_another_source_or_function_is_another_object(make_managed: MakeManaged) -> None:
    managed = make_managed(CONSTANT % "one")
    lambdas = managed.lens.server.client("lambda")
    managed.put("k", BODY)
    seen = {managed.get("k")["ETag"]}
    managed.put("k", BODY, Metadata={"only": "this changed"})
    seen.add(managed.get("k")["ETag"])
    lambdas.update_function_configuration(FunctionName=managed.lens.function, Environment={"Variables": {"AB": "1"}})
    seen.add(managed.get("k")["ETag"])
    lambdas.update_function_configuration(FunctionName=managed.lens.function, MemorySize=1024)
    assert way(managed.get("k")) == "hit"
    modified = managed.head("k")["LastModified"]
    update_code(managed, CONSTANT % "two")
    answer = managed.get("k")
    assert answer["Body"].read() == b"two"
    assert answer["LastModified"] >= modified
    seen.add(answer["ETag"])
    assert len(seen) == 4
    update_code(managed, CONSTANT % "one")
    assert managed.get("k")["Body"].read() == b"one"


def test_errors_of_the_function_pass_through(halves: Managed) -> None:
    halves.put("x.refused", BODY)
    halves.put("x.raises", BODY)
    told = refused(halves.get, "x.refused")
    assert (told["Error"]["Code"], told["Error"]["Message"]) == ("NoSuchThing", "as the key says")
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert refused(halves.head, "x.refused")["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert refused(halves.get, "x.raises")["Error"]["Code"] == "LambdaRuntimeError"
    assert refused(halves.get, "missing")["Error"]["Code"] == "NoSuchKey"


@pytest.mark.parametrize("status", ["206", "304"])
def test_what_only_the_gateway_may_answer(halves: Managed, status: str) -> None:
    halves.put(f"y.{status}", BODY)
    for call in (halves.get, halves.head):
        assert refused(call, f"y.{status}")["ResponseMetadata"]["HTTPStatusCode"] == 400
    error = refused(halves.get, f"y.{status}", Range="bytes=0-4")["Error"]
    assert (error["Code"], f"answered {status}" in error["Message"]) == ("LambdaInvalidResponse", True)


@pytest.mark.parametrize("key", ["y.raises", "y.refused"])
def test_failures_are_remembered_for_a_moment(halves: Managed, key: str) -> None:
    halves.put(key, BODY)
    before = halves.invocations()
    assert [way(refused(call, key)) for call in (halves.get, halves.get, halves.head)] == ["miss", "hit", "hit"]
    assert halves.invocations() == before + 1
    # Who asks for it anew gets another attempt.
    with pytest.raises(ClientError):
        halves.get(key, headers={"Cache-Control": "no-cache"})
    assert halves.invocations() == before + 2


def test_clients_say_whether_the_cache_is_used(halves: Managed) -> None:
    halves.put("cc", BODY)
    assert way(halves.get("cc", headers={"Cache-Control": "no-store"})) == "bypass"
    assert way(halves.get("cc")) == "miss"
    refreshed = halves.get("cc", headers={"Cache-Control": "no-cache"})
    assert (way(refreshed), refreshed["Body"].read()) == ("miss", HALF)
    bypassed = halves.get("cc", headers={"Cache-Control": "max-age=0, no-store"}, Range="bytes=-5")
    assert (way(bypassed), bypassed["Body"].read()) == ("bypass", HALF[-5:])


@pytest.mark.parametrize("kind", ["tag", "no-store"])
def test_what_changes_each_time_is_never_kept_nor_named(make_managed: MakeManaged, kind: str) -> None:
    managed = make_managed(tags={"objectlens:deterministic": "false"} if kind == "tag" else {})
    key = "k" if kind == "tag" else "k.no-store"
    managed.put(key, BODY)
    for _ in range(2):
        answer = managed.get(key)
        assert answer["Body"].read() == HALF
        assert "ETag" not in answer
        assert (way(answer), answer["AcceptRanges"]) == ("bypass", "none")
    head = managed.head(key)
    assert head["ContentLength"] == len(HALF)
    assert "ETag" not in head
    assert managed.invocations() == 3
    assert refused(managed.get, key, Range="bytes=0-1")["Error"]["Code"] == "NotImplemented"
    assert refused(managed.get, key, IfMatch='"x"')["Error"]["Code"] == "PreconditionFailed"


def test_a_tag_counts_as_long_as_it_is_there(make_managed: MakeManaged) -> None:
    managed = make_managed(tags={"objectlens:deterministic": "false"})
    managed.put("k", BODY)
    assert "ETag" not in managed.get("k")
    lambdas = managed.lens.server.client("lambda")
    lambdas.untag_resource(Resource=managed.lens.function_arn, TagKeys=["objectlens:deterministic"])
    assert [way(managed.get("k")) for _ in range(2)] == ["miss", "hit"]
    assert managed.get("k", Range="bytes=0-1")["Body"].read() == HALF[:2]


def test_strict_is_the_default_and_tags_switch(make_lens: Any, halves: Managed) -> None:
    lens = make_lens("")
    lens.put("k", BODY)
    # Without the tag HEAD is proxied and a range refused, as on AWS.
    assert lens.s3.head_object(Bucket=lens.arn, Key="k")["ContentLength"] == len(BODY)
    assert refused(lens.get, "k", Range="bytes=0-1")["Error"]["Code"] == "NotImplemented"
    lambdas = lens.server.client("lambda")
    lambdas.tag_resource(Resource=lens.function_arn, Tags={"objectlens:answers": "managed"})
    assert refused(lens.get, "k", Range="bytes=0-1")["Error"]["Code"] == "LambdaRuntimeError"
    lambdas.untag_resource(Resource=lens.function_arn, TagKeys=["objectlens:answers"])
    assert refused(lens.get, "k", Range="bytes=0-1")["Error"]["Code"] == "NotImplemented"


def test_rights_are_asked_for_hits_too(halves: Managed) -> None:
    server = halves.lens.server
    halves.put("p", BODY)
    halves.get("p")["Body"].read()
    iam = server.client("iam")
    name = f"reader-{halves.lens.function}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    client = server.client(
        "s3",
        credentials={"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]},
    )
    through = {"Effect": "Allow", "Action": "s3-object-lambda:*", "Resource": "*"}
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    invoke = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}

    def allowed(*statements: dict[str, Any]) -> None:
        document = __import__("json").dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)

    for statements, code in (((through, read), "LambdaPermissionError"), ((through, invoke), "AccessDenied")):
        allowed(*statements)
        assert refused(client.get_object, Bucket=halves.alias, Key="p")["Error"]["Code"] == code
    allowed(through, read, invoke)
    assert way(client.get_object(Bucket=halves.alias, Key="p")) == "hit"


def wait_until_kept(managed: Managed, count: int) -> None:
    """Wait until a listing knows of so many derived objects: they come into place after their bytes have gone out."""
    deadline = time.monotonic() + 20
    told = ""
    while not told.startswith(f"derived={count} "):
        assert time.monotonic() < deadline, told
        page = managed.s3.list_objects_v2(Bucket=managed.alias)
        told = page["ResponseMetadata"]["HTTPHeaders"]["x-objectlens-sizes"]


def test_listings_tell_what_is_known(make_managed: MakeManaged) -> None:
    managed = make_managed()
    managed.put("one", BODY)
    managed.put("two", LARGE)
    managed.get("one")["Body"].read()
    wait_until_kept(managed, 1)
    for call, name in ((managed.s3.list_objects_v2, "v2"), (managed.s3.list_objects, "v1")):
        page = call(Bucket=managed.alias)
        assert page["ResponseMetadata"]["HTTPHeaders"]["x-objectlens-sizes"] == "derived=1 source=1", name
        one, two = page["Contents"]
        assert (one["Size"], two["Size"]) == (len(HALF), len(LARGE))
    assert [one["ETag"], two["ETag"]] == [managed.head(key)["ETag"] for key in ("one", "two")]
    lambdas = managed.lens.server.client("lambda")
    lambdas.tag_resource(Resource=managed.lens.function_arn, Tags={"objectlens:sizes": "exact"})
    managed.put("three", BODY)
    page = managed.s3.list_objects_v2(Bucket=managed.alias)
    assert [entry["Size"] for entry in page["Contents"]] == [len(HALF), len(HALF), len(LARGE[::2])]
    lambdas.tag_resource(Resource=managed.lens.function_arn, Tags={"objectlens:sizes": "source"})
    page = managed.s3.list_objects_v2(Bucket=managed.alias)
    assert [entry["Size"] for entry in page["Contents"]] == [len(BODY), len(BODY), len(LARGE)]
    assert "x-objectlens-sizes" not in page["ResponseMetadata"]["HTTPHeaders"]


def test_listings_of_a_bucket_that_keeps_versions(make_managed: MakeManaged) -> None:
    managed = make_managed()
    managed.s3.put_bucket_versioning(Bucket=managed.lens.bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in ("gone", "kept", "kept"):
        managed.put(key, BODY)
    managed.s3.delete_object(Bucket=managed.lens.bucket, Key="gone")
    derived = managed.head("kept")
    wait_until_kept(managed, 1)
    for call in (managed.s3.list_objects_v2, managed.s3.list_objects):
        (one,) = call(Bucket=managed.alias)["Contents"]
        assert (one["Key"], one["Size"], one["ETag"]) == ("kept", len(HALF), derived["ETag"])


def test_answers_equal_those_of_a_plain_object(halves: Managed) -> None:
    plain = new_bucket(halves.lens.server)
    halves.put("eq", BODY)
    halves.s3.put_object(Bucket=plain, Key="eq", Body=HALF, ContentType="text/x-half")
    for asked in ("bytes=0-1,5-6", "bytes=9-3", "rows=1-2", "bytes=", "bytes=-0", "bytes=50000-", "bytes=49999-"):
        outcomes = []
        for bucket in (halves.alias, plain):
            try:
                answer = halves.s3.get_object(Bucket=bucket, Key="eq", Range=asked)
                told = answer["ResponseMetadata"]["HTTPStatusCode"]
                outcomes.append((told, answer.get("ContentRange"), answer["Body"].read()))
            except ClientError as error:
                outcomes.append((error.response["Error"]["Code"], error.response["Error"]["Message"]))
        assert outcomes[0] == outcomes[1], asked
